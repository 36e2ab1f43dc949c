"""Sweep view: a sweep as people and machines are told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Transaction, sweeps
from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace, SweepState


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep and its collections.

    Attributes:
        goes: How many records could go as it began.
        series: Controller -> the series of what is stated of it.
    """

    sweep: Sweep
    places: Sequence[SweepPlace]
    goes: int
    series: Mapping[str, str]

    @property
    def gone(self) -> int:
        """Records that went by their own age."""
        return sum(one.swept for one in self.places)

    @property
    def along(self) -> int:
        """Records that went with them."""
        return sum(sum(one.gone.values()) for one in self.places) - self.gone

    @property
    def stuck(self) -> bool:
        """It is done, something could go, and nothing went."""
        held = sum(one.held for one in self.places)
        return self.sweep.state is SweepState.DONE and self.goes > held and self.gone == 0

    @staticmethod
    def left_of(place: SweepPlace) -> tuple[object, object, object]:
        """What is left, of it on hold, and the earliest start of it."""
        if place.left is None:
            return "not looked at yet", "", ""
        return place.left[0], place.held, place.left[1] or ""

    @property
    def document(self) -> dict[str, Any]:
        """As machines are told."""
        return {
            "id": self.sweep.uid,
            "day": self.sweep.day.isoformat(),
            "state": self.sweep.state.value,
            "why": self.sweep.why,
            "begun_at": stamp(self.sweep.begun_at),
            "ended_at": self.sweep.ended_at and stamp(self.sweep.ended_at),
            "seconds": round(self.sweep.seconds, 3),
            "gone": self.gone,
            "along": self.along,
            "series": dict(self.series),
            "places": [
                {
                    "store": one.store,
                    "collection": one.collection,
                    "data_type": one.data_type,
                    "controller": one.controller,
                    "state": one.state.value,
                    "due": one.due,
                    "gone": dict(one.gone),
                    "left": None if one.left is None else one.left[0],
                    "held": one.held,
                    "oldest_left": None if one.left is None else one.left[1],
                    "failure": one.failure,
                }
                for one in self.places
            ],
        }


def sweep_view(connection: Transaction, sweep: Sweep) -> SweepView:
    """A view of a sweep, with what could go as it began."""
    plan = sweeps.plan_of(connection, sweep.age_plan_id)
    return SweepView(sweep, sweeps.places(connection, sweep.id), plan.goes, sweeps.series(connection, sweep.id))
