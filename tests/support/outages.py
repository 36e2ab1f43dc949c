"""Stores that are stopped, and parts of them that are missing."""

from __future__ import annotations

from tests.support.store_inspector import StoreInspector

from expunge_demo.dev_servers.server import Server

SERVERS = {"main": "postgres", "recordings": "s3", "cache": "valkey"}


def server_of(inspector: StoreInspector, store: str) -> Server:
    server: Server = getattr(inspector.calltrack.stack, SERVERS[store])
    return server


def rename(inspector: StoreInspector, table: str, to: str) -> None:
    inspector.sql(f'ALTER TABLE public."{table}" RENAME TO "{to}"')
