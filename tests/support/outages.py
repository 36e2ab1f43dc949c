"""Stores that are stopped, and parts of them that are missing."""

from __future__ import annotations

from tests.support.store_inspector import Probe

from expunge_orchestrator.dev_servers.server import Server

SERVERS = {"main": "postgres", "recordings": "s3", "cache": "valkey"}


def server_of(probe: Probe, store: str) -> Server:
    server: Server = getattr(probe.town.stack, SERVERS[store])
    return server


def rename(probe: Probe, table: str, to: str) -> None:
    probe.sql(f'ALTER TABLE public."{table}" RENAME TO "{to}"')
