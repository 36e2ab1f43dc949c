"""The example company and an installation beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.faster_runs import shared_s3_clients
from tests.support.installation import (
    CompanyStack,
    Installation,
    calltrack,
    fresh_inspections,
    fresh_installation,
    installation,
)
from tests.support.ledgers import KINDS, ledger_template, ledgers, postgres_ledger, tests_own_ledgers
from tests.support.store_inspector import inspector

__all__ = [
    "calltrack",
    "fresh_inspections",
    "inspector",
    "installation",
    "ledger_template",
    "ledgers",
    "module_installation",
    "postgres_ledger",
    "shared_s3_clients",
    "tests_own_ledgers",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a case for each kind of ledger of every test that does not say which one it has."""
    has_one = {"calltrack", "fork_server"} & set(metafunc.fixturenames)
    if has_one and "postgres_ledger" not in metafunc.fixturenames:
        metafunc.parametrize("ledgers", KINDS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def module_installation(
    calltrack: CompanyStack, ledgers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation for all tests of a module: for those that count the statements of their own batch only."""
    with fresh_installation(calltrack, tmp_path_factory.mktemp("module_installation") / "expunge") as made:
        yield made
