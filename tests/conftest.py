"""What every test may ask for; the fixtures themselves are in tests/support/."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("tests.support")  # before it is imported: its assertions explain themselves too

from tests.support.fork_server import fork_server  # noqa: E402 - see above
from tests.support.host_state import in_memory  # noqa: E402 - as above
from tests.support.servers import bucket, database, docker_compose_file, keyspace, s3, servers  # noqa: E402 - see above

__all__ = ["bucket", "database", "docker_compose_file", "fork_server", "keyspace", "s3", "servers"]

if (memory := in_memory()) is not None:
    # Ledgers and logs, too, are flushed to the disk at every step.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of servers."""
    parser.addoption(
        "--servers",
        choices=("embedded", "docker"),
        default="embedded",
        help="where Postgres, Valkey and S3 come from, unless EXPUNGE_TEST_* variables name them",
    )
    parser.addoption(
        "--fresh-inspections",
        action="store_true",
        help="inspect the stores before every plan and batch, instead of sharing one inspection a session",
    )
