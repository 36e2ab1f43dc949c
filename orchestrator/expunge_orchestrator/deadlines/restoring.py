"""The clocks again, from the document of when the request was taken in: what was told stays what counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from expunge_config.datamap import DeadlineSpec
from expunge_orchestrator.clock import parse
from expunge_orchestrator.deadlines.business_days import DayOff
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension, Kind


def restore(document: Mapping[str, Any], closed: Iterable[str] = ()) -> Deadlines:
    """Read what `document` wrote.

    Args:
        document: As it was written; it holds the days that were not counted, and not the rule by which more of them
            would be left out.
        closed: The closing days of the controller as the data map has them now, for a promise that is moved.
    """
    clocks = {Kind(one["clock"]): _deadline(one) for one in document["clocks"]}
    calendar = document["calendar"]
    promised = document.get("businessDays")
    earlier = document.get("controllerReceivedAt")
    return Deadlines(
        spec=DeadlineSpec.model_validate(
            {
                "time_zone": document["timeZone"],
                "calendar": {"country": calendar["country"], "subdivision": calendar.get("subdivision")},
                "business_days": promised,
                "closed": () if promised is None else tuple(closed),
                "statute": document.get("statute"),
            }
        ),
        received_at=parse(document["receivedAt"]),
        controller_received_at=None if earlier is None else parse(earlier),
        promise=clocks.get(Kind.PROMISE),
        statute=clocks.get(Kind.STATUTE),
        confirmation=clocks.get(Kind.CONFIRMATION),
    )


def _deadline(told: Mapping[str, Any]) -> Deadline:
    moved, longer, extension = told.get("movedFrom"), told.get("extendedTo"), told.get("extension")
    return Deadline(
        kind=Kind(told["clock"]),
        received_at=parse(told["receivedAt"]),
        last_day=date.fromisoformat(told["lastDay"]),
        due_at=parse(told["dueAt"]),
        ground=told["ground"],
        fell_on=None if moved is None else date.fromisoformat(moved),
        off=tuple(DayOff(date.fromisoformat(one["day"]), one["name"]) for one in told.get("notCounted", ())),
        extended_to=None if longer is None else parse(longer),
        extension=None
        if extension is None
        else Extension(
            at=parse(extension["at"]),
            reason=extension["reason"],
            last_day=date.fromisoformat(extension["lastDay"]),
        ),
    )
