"""Servers live as long as their block and keep port and data through a restart or a kill."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.support.host_state import processes_below, reachable_directory
from tests.support.servers import s3_client, wait_until

from expunge_demo import dev_servers
from expunge_demo.dev_servers import server


@pytest.fixture
def reachable() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def stack() -> Iterator[dev_servers.Stack]:
    with dev_servers.stack(postgres_settings={"wal_level": "logical"}) as running:
        yield running


def test_settings_reach_postgres(stack: dev_servers.Stack) -> None:
    with psycopg.connect(stack.endpoints.postgres_url) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("wal_level", "max_prepared_transactions", "server_encoding", "password_encryption")
        }
    assert shown == {
        "wal_level": ("logical",),
        "max_prepared_transactions": ("10",),
        "server_encoding": ("UTF8",),
        "password_encryption": ("scram-sha-256",),
    }


def test_wrong_passwords_are_refused(stack: dev_servers.Stack) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(f"postgresql://postgres:wrong@127.0.0.1:{stack.postgres.port}/postgres")
    with (
        redis.Redis(port=stack.valkey.port, retry=Retry(NoBackoff(), 0)) as nobody,
        pytest.raises(redis.AuthenticationError),
    ):
        nobody.ping()


def test_ports_are_on_loopback_only(stack: dev_servers.Stack) -> None:
    ours = {
        port
        for one in (stack.postgres, stack.valkey, stack.s3)
        for first in one.ports
        for port in (first, first + 10000)
    }

    def listening() -> set[tuple[str, int]]:
        return {(address, port) for address, port in _listeners() if port in ours}

    # One, one, and five with their companions; the last of these comes a moment after the server answers.
    wait_until(lambda: len(listening()) == 12)
    assert {address for address, _ in listening()} == {"0100007F"}


def _listeners() -> Iterator[tuple[str, int]]:
    """Yield (hexadecimal address, port) of listening TCP sockets, as the kernel writes them."""
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A":
                address, _, port = local.partition(":")
                yield address, int(port, 16)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_port_and_data(stack: dev_servers.Stack, end: str) -> None:
    key = f"kept-{end}"
    table = f"kept_{end}"
    with psycopg.connect(stack.endpoints.postgres_url) as connection:
        connection.execute(f"CREATE TABLE {table} AS SELECT 7 AS number")
    with redis.Redis.from_url(stack.endpoints.redis_url) as client:
        client.set(key, "seven")
    with s3_client(stack.endpoints) as s3:
        s3.create_bucket(Bucket=key)
        s3.put_object(Bucket=key, Key="seven", Body=b"7")
    ports = {one.name: one.ports for one in (stack.postgres, stack.valkey, stack.s3)}

    for one in (stack.postgres, stack.valkey, stack.s3):
        getattr(one, end)()
        assert not one.running
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", one.port))
        one.start()
        assert one.running

    assert ports == {one.name: one.ports for one in (stack.postgres, stack.valkey, stack.s3)}
    with psycopg.connect(stack.endpoints.postgres_url) as connection:
        assert connection.execute(f"SELECT number FROM {table}").fetchone() == (7,)
    with redis.Redis.from_url(stack.endpoints.redis_url) as client:
        assert client.get(key) == b"seven"
    with s3_client(stack.endpoints) as s3:
        assert s3.get_object(Bucket=key, Key="seven")["Body"].read() == b"7"


def test_a_busy_postgres_is_killed_with_its_backends(stack: dev_servers.Stack) -> None:
    with psycopg.connect(stack.endpoints.postgres_url) as connection:
        backend = connection.info.backend_pid
        stack.postgres.kill()
        assert not Path("/proc", str(backend)).exists()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    stack.postgres.start()


def test_starting_twice_and_stopping_twice_are_harmless(stack: dev_servers.Stack) -> None:
    process = stack.valkey.pid
    stack.valkey.start()
    assert stack.valkey.pid == process
    stack.valkey.stop()
    stack.valkey.stop()
    stack.valkey.kill()
    stack.valkey.start()


def test_logs_can_be_read_while_it_runs(stack: dev_servers.Stack) -> None:
    with psycopg.connect(stack.endpoints.postgres_url) as connection, pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")
    text = {path.name: path.read_text() for path in stack.endpoints.log_files}
    assert "division by zero" in text["postgres.log"]
    assert "Ready to accept connections" in text["valkey.log"]
    assert "SeaweedFS" in text["seaweedfs.log"]


def test_a_start_that_fails_says_so_and_leaves_nothing(reachable: Path) -> None:
    with (
        pytest.raises(dev_servers.EmbeddedError, match=r"postgres ended before it was ready(?s:.*)no_such_setting"),
        dev_servers.stack(reachable, postgres_settings={"no_such_setting": "1"}),
    ):
        pytest.fail("it started")
    assert list(reachable.iterdir()) == []
    assert processes_below(reachable) == []


def test_a_taken_port_is_chosen_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    original = server.free_ports
    (taken,) = original(1)
    given: list[tuple[int, ...]] = []

    def taken_at_first(count: int, *, also_offset: int = 0) -> tuple[int, ...]:
        ports = original(count, also_offset=also_offset)
        given.append((taken, *ports[1:]) if len(given) < 3 else ports)
        return given[-1]

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as `free_ports` looks
        squatter.bind(("127.0.0.1", taken))
        squatter.listen()
        monkeypatch.setattr(server, "free_ports", taken_at_first)
        with dev_servers.stack() as stack:
            assert len(given) == 6
            for one in (stack.postgres, stack.valkey, stack.s3):
                assert one.port != taken
                assert one.running


def test_a_directory_that_nobody_can_reach_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if os.geteuid() == 0:
        with pytest.raises(dev_servers.EmbeddedError, match="cannot reach"), dev_servers.stack(closed):
            pytest.fail("it started")
    else:
        with dev_servers.stack(closed) as stack:
            assert stack.postgres.running
    assert list(closed.iterdir()) == []
    assert closed.stat().st_mode & 0o777 == 0o700


def test_ended_servers_cannot_be_started() -> None:
    with dev_servers.stack() as stack:
        pass
    with pytest.raises(dev_servers.EmbeddedError, match="have ended"):
        stack.postgres.start()
