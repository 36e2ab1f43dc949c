"""Ledgers on both databases: a test that may have either is a case for each, and does not see which it has.

`ledgers` is the fixture; installations and commands ask `url_for` where the ledger of their home is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from tests.support.servers import fresh_database

from expunge_demo.dev_servers import Endpoints
from expunge_orchestrator.ledger.database import open_ledger

KINDS = ("sqlite", "postgres")


@dataclass(slots=True)
class _Postgres:
    """Where ledgers are made on Postgres, and those that are there: home -> its database."""

    server: str
    template: str
    made: dict[Path, tuple[str, ExitStack]] = field(default_factory=dict)

    def drop(self, homes: set[Path]) -> None:
        """Drop what was made for these."""
        for home in homes:
            self.made.pop(home)[1].close()


_in_use: list[_Postgres] = []


def url_for(home: Path) -> str | None:
    """The ledger of an installation in `home`; None: its own file."""
    if not _in_use:
        return None
    [postgres] = _in_use
    if home not in postgres.made:
        database = ExitStack()
        url = database.enter_context(fresh_database(postgres.server, postgres.template))
        postgres.made[home] = (for_sqlalchemy(url), database)
    return postgres.made[home][0]


def for_sqlalchemy(url: str) -> str:
    """A database's URL as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(scope="session")
def ledger_template(servers: Endpoints) -> Iterator[str]:
    """The name of a database with an empty ledger, to be copied: migrating one takes longer than most tests."""
    with fresh_database(servers.postgres_url) as url:
        open_ledger(for_sqlalchemy(url)).dispose()
        yield urlsplit(url).path[1:]


@pytest.fixture
def postgres_ledger(servers: Endpoints, ledger_template: str) -> Iterator[SecretStr]:
    """The setting `ledger_url` of a fresh ledger on Postgres."""
    with fresh_database(servers.postgres_url, ledger_template) as url:
        yield SecretStr(for_sqlalchemy(url))


@pytest.fixture(scope="module", autouse=True)
def ledgers(request: pytest.FixtureRequest, servers: Endpoints, ledger_template: str) -> Iterator[str]:
    """The kind of ledger that this module's tests have for now."""
    kind: str = getattr(request, "param", KINDS[0])
    if kind == "postgres":
        _in_use.append(_Postgres(servers.postgres_url, ledger_template))
    yield kind
    if kind == "postgres":
        postgres = _in_use.pop()
        postgres.drop(set(postgres.made))


@pytest.fixture(autouse=True)
def tests_own_ledgers(ledgers: str) -> Iterator[None]:
    """Drop a test's own ledgers with it: there are hundreds, and the module's is one of them."""
    before = {home for postgres in _in_use for home in postgres.made}
    yield
    for postgres in _in_use:
        postgres.drop(set(postgres.made) - before)
