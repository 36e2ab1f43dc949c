"""The fixtures of the world that is killed in, for tests here and for the sample in tests/acceptance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.chaos import company, scenarios
from tests.support.chaos.ledger_backends import ledger_server
from tests.support.chaos.scenarios import Chaos


@pytest.fixture(scope="session")
def chaos(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Servers, a small company, a driver, and the undisturbed runs."""
    directory = tmp_path_factory.mktemp("chaos")
    with company.built(directory) as built, scenarios.driving(directory, pytestconfig.rootpath) as driver:
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
