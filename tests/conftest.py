"""What every test may ask for; the fixtures themselves are in tests/support/."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support")  # before it is imported: its assertions explain themselves too

from tests.support.servers import bucket, database, docker_compose_file, keyspace, s3, servers  # noqa: E402 - see above

__all__ = ["bucket", "database", "docker_compose_file", "keyspace", "s3", "servers"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of servers."""
    parser.addoption(
        "--servers",
        choices=("embedded", "docker"),
        default="embedded",
        help="where Postgres, Valkey and S3 come from, unless EXPUNGE_TEST_* variables name them",
    )
