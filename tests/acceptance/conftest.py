"""The example company and an installation beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.faster_runs import shared_s3_clients
from tests.support.installation import (
    CompanyStack,
    Installation,
    calltrack,
    either_ledger,
    fresh_inspections,
    fresh_installation,
    installation,
    ledger_template,
    postgres_ledger,
)
from tests.support.store_inspector import inspector

__all__ = [
    "calltrack",
    "either_ledger",
    "fresh_inspections",
    "inspector",
    "installation",
    "ledger_template",
    "module_installation",
    "postgres_ledger",
    "shared_s3_clients",
]


@pytest.fixture(scope="module")
def module_installation(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for all tests of a module: for those that count the statements of their own batch only."""
    with fresh_installation(calltrack, tmp_path_factory.mktemp("module_installation") / "expunge") as made:
        yield made
