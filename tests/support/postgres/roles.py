"""Roles with few rights."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


@contextmanager
def role(url: str, *grants: str) -> Iterator[str]:
    """A role with the grants given (`{role}` stands for its name); yields its URL and drops it at the end."""
    name, password = f"role_{secrets.token_hex(6)}", secrets.token_hex(12)
    identifier = sql.Identifier(name)
    with psycopg.connect(url) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(identifier, sql.Literal(password)))
        for grant in grants:
            admin.execute(sql.SQL(grant).format(role=identifier))  # type: ignore[arg-type]
    parts = urlsplit(url)
    try:
        yield parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()
    finally:
        with psycopg.connect(url) as admin:
            admin.execute(sql.SQL("DROP OWNED BY {}").format(identifier))
            admin.execute(sql.SQL("DROP ROLE {}").format(identifier))
