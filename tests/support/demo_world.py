"""A loaded company before and after an honest erasure, and throw-away copies of its database."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from tests.support.demo_erasure import ByHand

from expunge_demo.calltrack import Company
from expunge_demo.dev_servers import Endpoints
from expunge_demo.ground_truth import Erased, Snapshot
from expunge_demo.loader import Loaded


@dataclass(frozen=True)
class World:
    """A loaded company.

    Attributes:
        places: The stores; the database is the untouched one.
        erased_url: A copy of the database in which `erased` was carried out by hand, as in the other two stores.
        before / after: Snapshots around that erasure.
    """

    company: Company
    places: Endpoints
    loaded: Loaded
    erased: Erased
    erased_url: str
    before: Snapshot
    after: Snapshot
    by_hand: ByHand

    @contextmanager
    def copy(self, url: str) -> Iterator[Endpoints]:
        """Yield the places with a throw-away copy of a database."""
        name = f"copy_{secrets.token_hex(6)}"
        copied = clone(self.admin_url, url, name)
        try:
            yield replace(self.places, postgres_url=copied)
        finally:
            drop(self.admin_url, name)

    @property
    def admin_url(self) -> str:
        return urlsplit(self.places.postgres_url)._replace(path="/postgres").geturl()


def clone(admin_url: str, url: str, name: str) -> str:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        source = sql.Identifier(urlsplit(url).path.lstrip("/"))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def drop(admin_url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
