"""The example company on real servers, and an installation of Expunge beside it, for acceptance and chaos tests."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.support import ledgers
from tests.support.host_state import in_memory
from tests.support.inspections import HOLDS, SHARED_IN, SharedInspectionCache, SharedInspections

from expunge_config.settings import Settings
from expunge_connectors.contract import Adoptable, StoreConnector
from expunge_connectors.registry import Registry, installed
from expunge_demo import dev_servers, loader, scenario
from expunge_demo.calltrack import Company
from expunge_orchestrator.cli.erase import carry_out
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import settling_search, settling_time
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import initialise, open_log
from expunge_orchestrator.ledger import batch_status
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import open_ledger, reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.planning import planner
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import Workspace, load_map, opened


@dataclass(slots=True)
class CompanyStack:
    """A loaded company on running servers. Tests take different people, so that one load serves many."""

    stack: dev_servers.Stack
    company: Company
    loaded: loader.Loaded
    registry: Registry = field(default_factory=installed)
    inspections: SharedInspections = field(default_factory=SharedInspections)
    _taken: int = 0
    _blank_ledger: bytes = b""

    def environment(self, home: Path) -> dict[str, str]:
        """The settings of an installation in `home`, for subprocesses."""
        settings = scenario.settings_for(self.stack.endpoints, self.loaded, home)
        if (ledger := ledgers.url_for(home)) is not None:
            settings["EXPUNGE_LEDGER_URL"] = ledger
        if self.inspections.fresh or self.inspections.directory is None:
            return settings
        return {**settings, SHARED_IN: str(self.inspections.directory)}

    def settings(self, home: Path, **overrides: Any) -> Settings:
        """The same for this process; nothing is read from the environment."""
        stores: dict[str, dict[str, SecretStr]] = {}
        values = {name.removeprefix("EXPUNGE_"): value for name, value in self.environment(home).items()}
        for name, value in values.items():
            if name.startswith("STORES__"):
                _, store, option = name.split("__")
                stores.setdefault(store.lower(), {})[option.lower()] = SecretStr(value)
        stores["main"]["verification_wait_seconds"] = SecretStr("10")
        defaults: dict[str, Any] = {
            "home": home,
            "data_map": Path(values["DATA_MAP"]),
            "stores": stores,
            "settling": timedelta(0),
            "inspection_holds": HOLDS,
            "retry_pause": timedelta(milliseconds=20),
            "max_attempts": 3,
        }
        if "LEDGER_URL" in values:
            defaults["ledger_url"] = SecretStr(values["LEDGER_URL"])
        return Settings(**(defaults | overrides))

    def new_ledger(self, url: str) -> None:
        """Put a ledger of SQLite where an installation expects its own: migrating one takes longer than most tests."""
        if not self._blank_ledger:
            with TemporaryDirectory() as directory:
                path = Path(directory, "ledger")
                open_ledger(f"sqlite:///{path}").dispose()
                self._blank_ledger = path.read_bytes()
        target = Path(str(sa.make_url(url).database))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.touch(mode=0o600, exist_ok=False)
        target.write_bytes(self._blank_ledger)

    def take_holders(self, number: int = 1) -> list[int]:
        """Ids of account holders that no other test has touched; nobody shares their phone."""
        found = []
        for holder in self.company.holders():
            if holder.user.id > self._taken and not holder.shares_phone:
                found.append(holder.user.id)
                if len(found) == number:
                    self._taken = holder.user.id
                    return found
        raise AssertionError("the company is too small for this many tests: make it larger")


@pytest.fixture(scope="session")
def calltrack(pytestconfig: pytest.Config) -> Iterator[CompanyStack]:
    """One loaded company for the session."""
    with build_company_stack(people=600) as made, TemporaryDirectory(prefix="inspections-") as directory:
        made.inspections.fresh = pytestconfig.getoption("--fresh-inspections")
        made.inspections.directory = Path(directory)
        yield made


@pytest.fixture
def fresh_inspections(calltrack: CompanyStack) -> Iterator[None]:
    """Every step of this test that inspects the stores looks, instead of taking over what an earlier test saw."""
    before, calltrack.inspections.fresh = calltrack.inspections.fresh, True
    yield
    calltrack.inspections.fresh = before


@contextmanager
def build_company_stack(people: int, seed: int = 11) -> Iterator[CompanyStack]:
    """A company of this size on a stack of its own."""
    with dev_servers.stack(in_memory()) as stack:
        company = Company(seed=seed, people=people, now=datetime.now(UTC))
        loaded = loader.load(company, stack.endpoints, stack.programs.postgres / "pg_dump")
        yield CompanyStack(stack, company, loaded)


@dataclass(slots=True)
class Installation:
    """An installation of Expunge: its own ledger, keys and log. Opens a workspace when it is first needed."""

    calltrack: CompanyStack
    home: Path
    settings: Settings
    _stack: ExitStack = field(default_factory=ExitStack)
    _workspace: Workspace | None = None

    @property
    def workspace(self) -> Workspace:
        """The open workspace."""
        if self._workspace is None:
            fresh = self._stack.enter_context(opened(self.settings, self.calltrack.registry))
            stores = {name: frozenset(options.items()) for name, options in self.settings.stores.items()}
            shared = SharedInspectionCache(
                shared=self.calltrack.inspections, key=(fresh.map_digest, frozenset(stores.items()))
            )
            self._workspace = replace(fresh, inspection=shared)
        return self._workspace

    def found(self) -> None:
        """Make keys and log; adopt what needs adopting."""
        initialise(self.settings, load_map(self.settings, self.calltrack.registry).operator, now())
        if self.settings.ledger.startswith("sqlite:"):
            self.calltrack.new_ledger(self.settings.ledger)
        for store in self.workspace.stores.values():
            if isinstance(store, Adoptable):
                store.adopt()

    def with_stores(self, replaced: Mapping[str, StoreConnector]) -> Workspace:
        """The workspace with some connectors replaced."""
        return replace(self.workspace, stores={**self.workspace.stores, **replaced})

    def plan(
        self,
        csv: str,
        controller: str = "calltrack",
        workspace: Workspace | None = None,
        data_types: Iterable[str] | None = None,
    ) -> Batch:
        """Plan a list."""
        types = None if data_types is None else frozenset(data_types)
        chosen = workspace or self.workspace
        people = read_people(io.BytesIO(csv.encode()), chosen.data_map)
        return planner.create_plan(chosen, people, parse_scope(controller, chosen.data_map), lambda _done: None, types)

    def erase(self, batch: Batch, workspace: Workspace | None = None) -> Batch:
        """Carry a plan out, or take it up again; returns the batch as it is then."""
        carry_out(workspace or self.workspace, self.again(batch))
        return self.again(batch)

    def settle(self, workspace: Workspace | None = None) -> None:
        """Do the settling checks that are due."""
        chosen = workspace or self.workspace
        settling_search.search_due(chosen)
        settling_time.start_due(chosen)
        with open_log(chosen.settings, chosen.data_map.operator, chosen.keys) as writer:
            run(chosen, writer, RunObserver())

    def again(self, batch: Batch) -> Batch:
        """Read the batch again."""
        with reading(self.workspace.ledger) as connection:
            return batch_by_uid(connection, batch.uid)

    def outcomes(self, batch: Batch) -> dict[str, int]:
        """Outcome -> number of people."""
        with reading(self.workspace.ledger) as connection:
            return dict(batch_status.outcomes_of(connection, batch))

    def reasons(self, batch: Batch) -> dict[str, int]:
        """Reason -> number of people."""
        with reading(self.workspace.ledger) as connection:
            return dict(BatchSums().people(connection, [batch])[batch.id].reasons)

    def failures(self, batch: Batch) -> str:
        """What the failed chunks say."""
        with reading(self.workspace.ledger) as connection:
            return "; ".join(
                str(one["failure"]) for one in batch_status.chunk_states(connection, batch) if one["failure"]
            )

    def events(self, batch: Batch) -> list[list[str]]:
        """For each person of the batch, in order, the statements issued about them."""
        with reading(self.workspace.ledger) as connection:
            found = receipt_export.series_of(connection, batch.uid, None, Tagger(self.workspace.keys.suppression))
        return [list(one.events) for one in found]

    def close(self) -> None:
        """Close the workspace."""
        self._workspace = None
        self._stack.close()


@contextmanager
def fresh_installation(calltrack: CompanyStack, home: Path, **overrides: Any) -> Iterator[Installation]:
    """A fresh installation beside a company; `overrides` are settings."""
    made = Installation(calltrack, home, calltrack.settings(home, **overrides))
    try:
        made.found()
        yield made
    finally:
        made.close()


@pytest.fixture
def installation(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    """A fresh installation beside the session's company."""
    with fresh_installation(calltrack, tmp_path / "expunge") as made:
        yield made
