"""What was erased stays erased when the server is killed, whatever the database says of its commits."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.support.postgres.company import ACCOUNT, CUTOFF, actions, data_map, due, opened, populate, resolved, subject
from tests.support.postgres.own_servers import own_servers

from expunge_connectors.contract import no_beat
from expunge_demo.dev_servers.postgres import Postgres
from expunge_demo.dev_servers.server import Server


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    """A server of its own, whose log of commits reaches the disk late; and the address of its database."""
    with own_servers() as start:
        recipe, made = start(Postgres, "single")
        url = recipe.url(made.port)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
            admin.execute("ALTER SYSTEM SET synchronous_commit = off")
        made.stop()
        made.start()
        yield made, recipe.url(made.port)


def test_a_commit_that_was_reported_outlives_the_server(server: tuple[Server, str]) -> None:
    running, url = server
    populate(url)
    running.stop()
    running.start()
    with opened(url) as store:
        ada = resolved(store, [subject(1, email="ada@mail.example")], ACCOUNT)
        assert store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11
        running.kill()
        running.start()
    with opened(url) as store:
        assert due(store.count(ada, ACCOUNT, CUTOFF)) == {}
