"""Sweep bodies: what is stated of a sweep by age, for one controller. Counts alone: of nobody in particular."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.sweeps import Sweep, SweepPlace


def sweep_begun(
    sweep: Sweep, controller: str, map_digest: str, planned: Iterable[Mapping[str, Any]]
) -> dict[str, object]:
    """Body of `sweep-begun`: what is due, by which rule, in the order of the sweep; and what goes by no age."""
    ours = sorted((one for one in planned if one["controller"] == controller), key=lambda one: int(one["number"]))
    return {
        "controller": controller,
        "day": sweep.day.isoformat(),
        "dataMap": f"sha256:{map_digest}",
        "places": [
            {
                "store": one["store"],
                "collection": one["collection"],
                "dataType": one["data_type"],
                "startEvent": one["start_event"],
                "period": one["period"],
                "due": one["due"],
                "undated": one["undated"],
            }
            for one in ours
            if "due" in one
        ],
        "notByAge": sorted(f"{one['store']}.{one['collection']}" for one in ours if "no_age" in one),
        "context": [],
    }


def swept(sweep: Sweep, controller: str, places: Iterable[SweepPlace], at: datetime) -> dict[str, object]:
    """Body of `swept`: what is gone, and what of that which was due is there still, by statements of their own.

    Verified it is as of the earliest of these looks: each place was looked at when its own sweep ended. Where the clock
    was set back meanwhile, that was when the sweep was begun.
    """
    ours = [(one, one.left) for one in places if one.controller == controller and one.left is not None]
    return {
        "controller": controller,
        "day": sweep.day.isoformat(),
        "verifiedAt": max(min((left[2] for _, left in ours), default=stamp(at)), stamp(sweep.begun_at)),
        "places": [
            {
                "store": one.store,
                "collection": one.collection,
                "dataType": one.data_type,
                "gone": one.swept,
                "goneAlong": sum(one.gone.values()) - one.swept,
                "left": left[0],
                "held": one.held,
                "oldestLeft": left[1],
            }
            for one, left in ours
        ],
        "context": [],
    }
