"""An installation of Expunge over the database of a world that grows older: holds, requests and sweeps of its own.

Its ledger, keys and log are real. Findings of the map block nothing: which maps `check` refuses is no matter here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr
from tests.support.data_map_text import write_document

from expunge_config.settings import Settings
from expunge_connectors.contract import SubjectKey, no_beat
from expunge_connectors.postgres.connector import PostgresStore
from expunge_connectors.registry import installed
from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.data_map_check import InspectionCache
from expunge_orchestrator.execution import batch_lifecycle, hold_enforcement
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.holds import hold_placement
from expunge_orchestrator.holds.hold_placement import HoldRequest
from expunge_orchestrator.installation_setup import initialise, open_log
from expunge_orchestrator.ledger import sweeps
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import planner
from expunge_orchestrator.retention import age_plan, sweep_run
from expunge_orchestrator.retention.sweep_run import Pace, SweepRun
from expunge_orchestrator.rules.restrictions import RESTRICTION
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import read_people
from expunge_orchestrator.workspace import Workspace, load_map, opened


class _LooksAndBlocksNothing(InspectionCache):
    def refuse_errors(self, _map: object, stores: Mapping[str, Any], *_others: object) -> None:  # type: ignore[override]
        for store in stores.values():
            store.inspect()


@dataclass
class AgeInstallation:
    """What operators do with it.

    Args:
        workspace: Its own.
    """

    workspace: Workspace

    def place(
        self,
        kind: str,
        person: int | None = None,
        *,
        data_type: str | None = None,
        controller: str | None = None,
        member: str | None = None,
    ) -> str:
        """Place a hold; returns its name."""
        people = [] if person is None else [frozenset([SubjectKey("user_id", str(person))])]
        wanted = HoldRequest(kind, people, data_type, controller, member, "4711", None, undisclosed=False)
        workspace = self.workspace
        with workspace.ledger.begin() as connection:
            placed = hold_placement.place(connection, wanted, workspace.keys, "officer", workspace.data_map)
        return placed.hold.uid

    def lift(self, hold: str, kind: str) -> None:
        """Lift it, and go on with who waited."""
        informed_on = now().date() if kind == RESTRICTION else None
        with self.workspace.ledger.begin() as connection:
            hold_placement.lift(connection, hold, "officer", informed_on)
        hold_enforcement.release(self.workspace.ledger)
        self._run()

    def request(self, person: int, scope: str) -> str:
        """Have somebody erased; returns the batch's name."""
        workspace = self.workspace
        people = read_people(io.BytesIO(f"user_id\n{person}\n".encode()), workspace.data_map)
        batch = planner.create_plan(workspace, people, parse_scope(scope, workspace.data_map), lambda _done: None, None)
        batch_lifecycle.start(workspace, batch)
        self._run()
        return batch.uid

    def state(self, batch: str) -> BatchState:
        """How far it is."""
        with reading(self.workspace.ledger) as connection:
            return batch_by_uid(connection, batch).state

    def sweep(self, today: date) -> None:
        """Look at what is due on a day, give leave for it, and let it go."""
        at = datetime.combine(today, time(12), UTC)
        workspace = self.workspace
        with (
            patch.object(sweep_run, "now", lambda: at),
            patch.object(age_plan, "now", lambda: at),
            patch.object(store_calls, "now", lambda: at),
            patch.object(PostgresStore, "now", lambda _: at),
            patch.object(PostgresStore, "identity_at", lambda store: (store.identity(), at)),
        ):
            plan = age_plan.age_plan(workspace, today, no_beat)
            with workspace.ledger.begin() as connection:
                kept = age_plan.keep(connection, workspace, plan)
                sweeps.arm(connection, kept, 1_000_000, "officer", at)
            list(SweepRun(workspace, Pace(busy=1.0), lambda _: None).run())

    def _run(self) -> None:
        workspace = self.workspace
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(workspace, writer, RunObserver())


@contextmanager
def age_installation(url: str, document: Mapping[str, Any]) -> Iterator[AgeInstallation]:
    """One over this database, by this map."""
    with TemporaryDirectory(prefix="ages-") as home:
        connection = {
            "url": SecretStr(url),
            "verification_wait_seconds": SecretStr("5"),
            "lock_timeout": SecretStr("2s"),
        }
        settings = Settings(
            home=Path(home),
            data_map=write_document(Path(home, "map.yaml"), document),
            stores={"main": connection},
            settling=timedelta(days=1000),
            max_attempts=1,
            retry_pause=timedelta(milliseconds=20),
        )
        initialise(settings, load_map(settings, installed()).operator, now())
        with opened(settings, installed()) as workspace:
            yield AgeInstallation(replace(workspace, inspection=_LooksAndBlocksNothing()))
