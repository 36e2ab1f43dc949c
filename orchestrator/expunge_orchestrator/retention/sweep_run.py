"""Sweep run: carries out a sweep, collection by collection, and takes up one that was interrupted (ADR 30)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from expunge_connectors.contract import DeletesByAge, Keeping, SweptPiece, no_beat
from expunge_connectors.errors import ConnectorError, TerminalError
from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import sweep_stops, sweeps
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.sweeps import Arming, Sweep, SweepPlace, SweepState
from expunge_orchestrator.retention import age_plan, holds_in_force, runaway_monitor
from expunge_orchestrator.retention.backlog import OpenWindow
from expunge_orchestrator.retention.errors import NotArmedError, RunawayError
from expunge_orchestrator.retention.holds_in_force import HoldsInForce
from expunge_orchestrator.retention.sweep_statements import state_begun, state_done
from expunge_orchestrator.retention.sweep_view import sweep_view
from expunge_orchestrator.workspace import Workspace
from expunge_reports.statement import new_series

ANOTHER_MAP = "the data map became another one before it was done: nothing more is stated of it"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a sweep goes.

    Attributes:
        busy: The share of the time, at most, in which a store is at work for it.
        until: No piece begins after this; None: until it is done.
    """

    busy: float = 0.2
    until: datetime | None = None


@dataclass
class SweepRun:
    """One sweep, from beginning to end or to where it stopped.

    Args:
        workspace: Map, stores, ledger and keys.
        pace: How fast.
        beat: Called after each piece, with how many records went so far.
        measured: What went in this run.
    """

    workspace: Workspace
    pace: Pace
    beat: Callable[[int], None]
    measured: OpenWindow = field(default_factory=OpenWindow)
    _holds: HoldsInForce | None = field(default=None, repr=False)
    _gone: int = 0

    def run(self) -> Iterator[Sweep]:
        """Go on with the sweep that was begun, and begin one of today, while there is time. Each as far as it came.

        Raises:
            NotArmedError: Nobody gave leave under this data map.
            RunawayError: More would go than leave was given for.
            ConnectorError: A store cannot be worked on; what went before is noted, and the same command goes on. Or a
                clock is wrong by days: of what day it is and which holds are in force nothing is known.
        """
        while True:
            sweep = self._one()
            yield sweep
            if sweep.state is not SweepState.DONE or sweep.day >= now().date():
                return
            if self.pace.until is not None and now() >= self.pace.until:
                self.measured.full = True
                return

    def _one(self) -> Sweep:
        """Begin a sweep, or go on with the one that was begun."""
        arming = self._armed()
        self.workspace.refuse_errors()
        store_calls.require_clocks(self.workspace.stores, self.workspace.settings.stores_at_once)
        with reading(self.workspace.ledger) as connection:
            sweep = sweeps.unfinished(connection)
        if sweep is None:
            sweep = self._begun(arming)
        elif self._of_another_map(sweep):
            with self.workspace.ledger.begin() as connection:
                sweeps.change(connection, sweep.id, SweepState.DONE, now(), ANOTHER_MAP)
            sweep = self._begun(arming)
        elif sweep.arming_id != arming.id:
            with self.workspace.ledger.begin() as connection:  # somebody looked at what it stopped at, and armed anew
                sweeps.rearm(connection, sweep.id, arming.id)
        self.measured.swept = True
        with self.workspace.ledger.begin() as connection:
            sweep_stops.end(connection, now())
        with reading(self.workspace.ledger) as connection:
            places = sweeps.places(connection, sweep.id)
        self._gone = sum(one.swept for one in places)
        failures: list[ConnectorError] = []
        for place in places:
            if place.state is not SweepState.DONE:
                try:
                    if not self._swept(sweep, place, arming):
                        self.measured.full = True
                        return self._stopped(sweep, SweepState.RUNNING, "its time was over")
                except (NotArmedError, RunawayError) as error:
                    self._stopped(sweep, SweepState.STOPPED, error.message)
                    raise
                except ConnectorError as error:
                    self._note(sweep, place, failure=error.message)
                    failures.append(error)
        if failures:
            self._stopped(sweep, SweepState.RUNNING, failures[0].message)
            raise failures[0]
        return self._done(sweep)

    def _of_another_map(self, sweep: Sweep) -> bool:
        with reading(self.workspace.ledger) as connection:
            return sweeps.plan_of(connection, sweep.age_plan_id).map_digest != self.workspace.map_digest

    def _armed(self) -> Arming:
        with reading(self.workspace.ledger) as connection:
            arming = sweeps.armed(connection)
        if arming is None:
            raise NotArmedError(
                "Nothing is deleted by age: retention is not armed.",
                remedy="Look at `expunge retention plan`, then: expunge retention arm PLAN",
            )
        if arming.plan.map_digest != self.workspace.map_digest:
            raise NotArmedError(
                "The data map is another one than retention was armed under: nothing was deleted.",
                remedy="Look at `expunge retention plan` under this map, then: expunge retention arm PLAN",
            )
        return arming

    def _begun(self, arming: Arming) -> Sweep:
        today = now().date()
        try:
            plan = runaway_monitor.planned(self.workspace, arming, today, lambda: self.beat(0))
        except RunawayError as error:
            with self.workspace.ledger.begin() as connection:
                sweep_stops.stop(connection, now(), error.message)
            raise
        controllers = sorted({one["controller"] for one in age_plan.document(plan) if "due" in one})
        with self.workspace.ledger.begin() as connection:
            kept = age_plan.keep(connection, self.workspace, plan)
            sweep = sweeps.begin(
                connection, arming, kept, day=today, at=now(), series={name: new_series() for name in controllers}
            )
            state_begun(connection, self.workspace, sweep, kept, now())
        return sweep

    def _swept(self, sweep: Sweep, place: SweepPlace, arming: Arming) -> bool:
        """Sweep one collection; False: the time is over."""
        store = self.workspace.stores[place.store]
        if not isinstance(store, DeletesByAge):
            raise TerminalError(f"store {place.store}: nothing can be deleted by age there any more.")
        place = self._settled(sweep, place, store)
        together = self._together(sweep, place)
        at_work = _AtWork(place, time.monotonic())

        def before() -> Keeping | None:
            at_work.began = time.monotonic()
            with reading(self.workspace.ledger) as connection:
                still = sweeps.armed(connection)
            if still is None or still.id != arming.id:
                raise NotArmedError(
                    "Retention was disarmed, or armed anew, while it swept: the sweep stopped.",
                    remedy="expunge retention run goes on with it once it is armed.",
                )
            if self.pace.until is not None and now() >= self.pace.until:
                return None
            self._holds = holds_in_force.in_force(self.workspace, now().date(), self._holds, no_beat)
            if self._holds.whole(self.workspace, place.store, together, place.controller):
                at_work.whole = True
                return None
            if at_work.keeping is None or at_work.holds is not self._holds:
                at_work.holds = self._holds
                at_work.keeping = self._holds.keeping(
                    self.workspace, place.store, together, place.controller, place.data_type
                )
            return at_work.keeping

        def notice(piece: SweptPiece) -> None:
            at_work.place = known = self._settled(sweep, at_work.place, store)
            self._count_gone(sweep)
            if self._gone + piece.gone.get(place.collection, 0) > arming.at_most:
                raise RunawayError(
                    f"More would go than leave was given for ({arming.at_most}): the sweep stopped before it.",
                    remedy="Look at `expunge retention plan`, then: expunge retention arm PLAN --at-most NUMBER",
                )
            told = {
                "after": piece.after,
                "gone": dict(piece.gone),
                "held": piece.held,
                "mark": piece.mark,
                "begins": piece.begins,
            }
            at_work.place = self._note(sweep, known, piece=told, seconds=time.monotonic() - at_work.began)

        complete = store.delete_due(
            place.collection, sweep.day, before, notice, lambda: self.beat(self._gone), place.after, self.pace.busy
        )
        place = self._settled(sweep, at_work.place, store)
        self._count_gone(sweep)
        if complete or at_work.whole:
            seen = now()
            left = store.due_left(place.collection, sweep.day, no_beat)
            held = left.records if at_work.whole else min(place.held, left.records)
            self._note(
                sweep,
                place,
                state=SweepState.DONE.value,
                failure=None,
                held=held,
                left=[left.records, left.oldest and left.oldest.isoformat(), stamp(seen)],
            )
        return complete or at_work.whole

    def _count_gone(self, sweep: Sweep) -> None:
        with reading(self.workspace.ledger) as connection:
            self._gone = sum(one.swept for one in sweeps.places(connection, sweep.id))

    def _settled(self, sweep: Sweep, place: SweepPlace, store: DeletesByAge) -> SweepPlace:
        """Take what was told of the last piece for true, if its transaction was committed."""
        piece = place.piece
        if piece is None:
            return place
        if piece["mark"] is not None and not store.committed(piece["mark"]):
            return self._note(sweep, place, piece=None)
        gone = {name: place.gone.get(name, 0) + piece["gone"].get(name, 0) for name in {**place.gone, **piece["gone"]}}
        held = piece["held"] + (0 if piece["begins"] else place.held)
        self.measured.take(place.data_type, piece["gone"].get(place.collection, 0))
        return self._note(sweep, place, piece=None, gone=gone, held=held, after=piece["after"])

    def _note(self, sweep: Sweep, place: SweepPlace, *, seconds: float = 0.0, **values: Any) -> SweepPlace:  # noqa: ANN401
        with self.workspace.ledger.begin() as connection:
            sweeps.write_place(connection, sweep.id, place.number, **values)
            if seconds:
                sweeps.add_seconds(connection, sweep.id, seconds)
        if "state" in values:
            values["state"] = SweepState(values["state"])
        return replace(place, **values)

    def _together(self, sweep: Sweep, place: SweepPlace) -> frozenset[str]:
        with reading(self.workspace.ledger) as connection:
            plan = sweeps.plan_of(connection, sweep.age_plan_id)
        along = (
            one["collection"]
            for one in plan.places
            if one["store"] == place.store and one.get("goes_with") == place.collection
        )
        return frozenset({place.collection, *along})

    def _stopped(self, sweep: Sweep, state: SweepState, why: str) -> Sweep:
        with self.workspace.ledger.begin() as connection:
            sweeps.change(connection, sweep.id, state, now(), why)
            if state is SweepState.STOPPED:
                sweep_stops.stop(connection, now(), why)
        return replace(sweep, state=state, why=why)

    def _done(self, sweep: Sweep) -> Sweep:
        with self.workspace.ledger.begin() as connection:
            sweeps.change(connection, sweep.id, SweepState.DONE, now())
            state_done(connection, self.workspace, sweep, now())
            done = replace(sweep, state=SweepState.DONE)
            self.measured.stuck |= sweep_view(connection, done).stuck
        return done


@dataclass
class _AtWork:
    """Where the sweep of a collection is.

    Attributes:
        began: When the piece at work began.
        whole: A hold came to keep all of it.
        holds: Those that were in force before the piece at work.
        keeping: What they keep of the collection: the same object as long as they are the same.
    """

    place: SweepPlace
    began: float
    whole: bool = False
    holds: HoldsInForce | None = field(default=None, repr=False)
    keeping: Keeping | None = field(default=None, repr=False)
