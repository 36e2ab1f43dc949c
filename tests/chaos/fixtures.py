"""The fixtures of the world that is killed in, for tests here and for the sample in tests/acceptance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.chaos import runs, world
from tests.chaos.ledgers import ledger_server
from tests.chaos.runs import Chaos


@pytest.fixture(scope="session")
def chaos(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Servers, a small company, a driver, and the undisturbed runs."""
    directory = tmp_path_factory.mktemp("chaos")
    with world.built(directory) as built, runs.driving(directory, pytestconfig.rootpath) as driver:
        made = Chaos(built, driver, directory)
        made.rehearse()
        yield made


@pytest.fixture(scope="session")
def fleet(chaos: Chaos, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """The same stores, company and driver, with ledgers on a Postgres of their own."""
    directory = tmp_path_factory.mktemp("fleet")
    with ledger_server(chaos.world.stack) as ledger:
        chaos.fresh(chaos.scenes[0].start)
        made = Chaos(replace(chaos.world, ledger=ledger, directory=directory), chaos.driver, directory)
        made.rehearse()
        yield made
