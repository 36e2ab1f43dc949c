"""The example company and an installation beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.support.cli import start_fork_server
from tests.support.installation import CompanyStack, Installation, calltrack, fresh_installation, installation
from tests.support.store_inspector import inspector

__all__ = ["calltrack", "inspector", "installation", "module_installation"]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[subprocess.Popen[str]]:
    """What the command line is forked from: it knows no installation, so that one serves all."""
    with start_fork_server() as made:
        yield made


@pytest.fixture(scope="module")
def module_installation(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for all tests of a module: for those that count the statements of their own batch only."""
    with fresh_installation(calltrack, tmp_path_factory.mktemp("module_installation") / "expunge") as made:
        yield made
