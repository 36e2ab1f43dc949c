"""The example company and an installation beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.support.cli import forking
from tests.support.installation import Office, Town, founded, office, town
from tests.support.store_inspector import probe

__all__ = ["office", "probe", "town", "workshop"]


@pytest.fixture(scope="session")
def forker() -> Iterator[subprocess.Popen[str]]:
    """What a desk forks its commands from: it knows no installation, so that one serves all."""
    with forking() as made:
        yield made


@pytest.fixture(scope="module")
def workshop(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An installation for all tests of a module: for those that count the statements of their own batch only."""
    with founded(town, tmp_path_factory.mktemp("workshop") / "expunge") as made:
        yield made
