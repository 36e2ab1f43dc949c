"""The fixture of the world that is killed in, for tests here and for the sample in tests/acceptance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.chaos import runs, world
from tests.chaos.runs import Chaos


@pytest.fixture(scope="session")
def chaos(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Servers, a small company, a driver, and the undisturbed runs."""
    directory = tmp_path_factory.mktemp("chaos")
    with world.built(directory) as built, runs.driving(directory, pytestconfig.rootpath) as driver:
        made = Chaos(built, driver, directory)
        made.rehearse()
        yield made
