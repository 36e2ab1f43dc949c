"""What every test may ask for; the fixtures themselves are in tests/support/."""

from __future__ import annotations

import os

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.support")  # before it is imported: its assertions explain themselves too

from tests.support import case_sampling  # noqa: E402 - see above
from tests.support.compiled_statements import share_compiled_statements  # noqa: E402 - see above
from tests.support.faster_runs import collect_garbage_seldom  # noqa: E402 - see above
from tests.support.fork_server import fork_server, remembered_inspections  # noqa: E402 - see above
from tests.support.host_state import in_memory  # noqa: E402 - as above
from tests.support.servers import bucket, database, docker_compose_file, keyspace, ready_buckets, s3, servers  # noqa: E402 - see above

__all__ = [
    "bucket",
    "database",
    "docker_compose_file",
    "fork_server",
    "keyspace",
    "ready_buckets",
    "remembered_inspections",
    "s3",
    "servers",
]

# A test holds on a loaded machine, however long an example takes.
hypothesis.settings.register_profile("loaded", deadline=None)
hypothesis.settings.load_profile("loaded")

if (memory := in_memory()) is not None:
    # Ledgers and logs, too, are flushed to the disk at every step; TMPDIR is where commands start servers.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    os.environ.setdefault("TMPDIR", str(memory))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of servers."""
    parser.addoption(
        "--servers",
        choices=("embedded", "docker"),
        default="embedded",
        help="where Postgres, Valkey and S3 come from, unless EXPUNGE_TEST_* variables name them",
    )
    parser.addoption(
        "--cases",
        choices=("all", "sample", "others"),
        default="all",
        help="all; the laws' tests and a seeded fifth of the others with servers (make test); or the rest (make chaos)",
    )
    parser.addoption(
        "--fresh-inspections",
        action="store_true",
        help="inspect the stores before every plan and batch, instead of sharing one inspection a session",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and draw the seed once for all workers."""
    config.addinivalue_line("markers", "heavy: takes many seconds; not in `make test`, but in `make chaos`")
    config.addinivalue_line("markers", "matrix(n): one case in n is in `make test`, the others are in `make chaos`")
    case_sampling.seed()
    share_compiled_statements()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which cases are taken, so that the same can be taken again."""
    return f"--cases={config.getoption('--cases')}, EXPUNGE_CHAOS_SEED={case_sampling.seed()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what another run takes; EXPUNGE_CHAOS_SAMPLE bounds the others."""
    chosen = config.getoption("--cases")
    if chosen == "all":
        return
    sampled, others = case_sampling.split(items, case_sampling.seed())
    kept = sampled
    if chosen == "others":
        bound = os.environ.get("EXPUNGE_CHAOS_SAMPLE")
        kept = others if bound is None else case_sampling.some(others, int(bound), case_sampling.seed())
    names = {item.nodeid for item in kept}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in names])
    items[:] = kept


def pytest_collection_finish() -> None:
    """Begin with as little to walk through as there is."""
    collect_garbage_seldom()
