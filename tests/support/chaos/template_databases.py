"""Databases copied whole, as templates: the fastest way back to an earlier state."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
from psycopg import sql


def named(url: str, name: str) -> str:
    """The same server's other database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def copy(admin: psycopg.Connection, source: str, target: str, oid: int | None = None) -> None:
    """Put a copy of one database in the place of another one, whoever is in them. `oid`: the copy's number."""
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (source,))
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} {}").format(
            sql.Identifier(target), sql.Identifier(source), sql.SQL("" if oid is None else f"OID {oid}")
        )
    )
