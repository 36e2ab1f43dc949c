"""What was erased stays erased when the server is killed, whatever the database says of its commits."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.support.postgres.company import ACCOUNT, CUTOFF, actions, data_map, due, opened, populate, resolved, subject

from expunge_connectors.contract import no_beat
from expunge_orchestrator.dev_servers import binaries, configurations
from expunge_orchestrator.dev_servers.processes import Processes
from expunge_orchestrator.dev_servers.server import Server
from expunge_orchestrator.dev_servers.unprivileged_user import private_directory, scratch_parent, server_user


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    """A server of its own, whose log of commits reaches the disk late; and the address of its database."""
    user = server_user()
    programs = binaries.locate()
    with Processes(scratch_parent(user, None)) as processes:
        base = processes.directory
        if not binaries.usable_by(programs, user):
            copies = base / "programs"
            copies.mkdir(mode=0o755)
            programs = binaries.aside(programs, copies)
        recipe = configurations.Postgres(
            programs.postgres, private_directory(base / "single", user), user, "pass", name="single"
        )
        made = Server(recipe, processes, user, base / "single.log")
        made.launch()
        made.await_ready(first=True)
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
