"""Deadlines document: the JSON that statements cite, parsed back, and as text. No identifier in either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from expunge_config import calendars
from expunge_config.datamap import DeadlineSpec
from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.deadlines.business_days import DayOff
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension, Kind
from expunge_orchestrator.deadlines.status import warning
from expunge_orchestrator.deadlines.statutes import RULES

KIND = "deadlines"
_NAMES = {
    Kind.PROMISE: "Answer, as promised",
    Kind.STATUTE: "Answer, by law",
    Kind.CONFIRMATION: "Confirmation of receipt, by law",
}


def document(deadlines: Deadlines) -> dict[str, object]:
    """The deadlines as plain data: strings and integers, names of members in ASCII (docs/deadlines.md has its form).

    It names what was not counted, day by day, and what produced the calendar: it can be checked without either.
    """
    calendar = deadlines.spec.calendar
    warned = warning(deadlines)
    return {
        "kind": KIND,
        "receivedAt": stamp(deadlines.received_at),
        **_given("controllerReceivedAt", deadlines.controller_received_at),
        "timeZone": deadlines.spec.time_zone,
        "calendar": {
            "country": calendar.country,
            **_given("subdivision", calendar.subdivision),
            "source": calendars.source(),
        },
        **_given("businessDays", deadlines.spec.business_days),
        **_given("statute", deadlines.spec.statute),
        "clocks": [_clock(deadlines, one) for one in deadlines.all],
        "first": deadlines.first.kind.value,
        "answerBy": stamp(deadlines.first.ends_at),
        **_given("warning", None if warned is None else str(warned)),
    }


def as_text(deadlines: Deadlines) -> list[str]:
    """The deadlines in words, one line each, what ends first marked; then the warning, if there is one."""
    lines = []
    for one in deadlines.all:
        moved = f" (moved from {one.fell_on})" if one.fell_on and one.extension is None else ""
        longer = f", extended from {one.last_day}: {one.extension.reason}" if one.extension else ""
        first = "  <- first" if one is deadlines.first and len(deadlines.all) > 1 else ""
        lines.append(
            f"{_NAMES[one.kind]}: {one.ends_on}{moved}{longer} ({deadlines.spec.time_zone}). {one.ground}{first}"
        )
    warned = warning(deadlines)
    return [*lines, *([] if warned is None else [str(warned)])]


def _clock(deadlines: Deadlines, one: Deadline) -> dict[str, object]:
    return {
        "clock": one.kind.value,
        "ground": one.ground,
        "receivedAt": stamp(one.received_at),
        "lastDay": one.last_day.isoformat(),
        "dueAt": stamp(one.due_at),
        **_given("movedFrom", one.fell_on),
        **({"notCounted": [{"day": off.day.isoformat(), "name": off.name} for off in one.off]} if one.off else {}),
        **_extension(deadlines, one),
    }


def _extension(deadlines: Deadlines, one: Deadline) -> dict[str, object]:
    if one.extension is None or one.extended_to is None:
        return {}
    statute = deadlines.spec.statute
    ground = RULES[statute].extension_ground if one.kind is Kind.STATUTE and statute is not None else None
    return {
        "extendedTo": stamp(one.extended_to),
        "extension": {
            "at": stamp(one.extension.at),
            "reason": one.extension.reason,
            "lastDay": one.extension.last_day.isoformat(),
            **_given("ground", ground),
        },
    }


def _given(name: str, value: str | int | date | datetime | None) -> dict[str, object]:
    match value:
        case None:
            return {}
        case datetime():
            return {name: stamp(value)}
        case date():
            return {name: value.isoformat()}
        case int():
            return {name: value}
        case _:
            return {name: str(value)}  # an enum's member becomes the plain text that canonical JSON wants


def restore(stated: Mapping[str, Any], closed: Iterable[str] = ()) -> Deadlines:
    """Read what `document` wrote when the request was taken in: what was promised then stays what counts.

    Args:
        stated: As it was written; it holds the days that were not counted, and not the rule by which more of them
            would be left out.
        closed: The closing days of the controller as the data map has them now, for a promise that is moved.
    """
    deadlines = {Kind(one["clock"]): _deadline(one) for one in stated["clocks"]}
    calendar = stated["calendar"]
    promised = stated.get("businessDays")
    earlier = stated.get("controllerReceivedAt")
    return Deadlines(
        spec=DeadlineSpec.model_validate(
            {
                "time_zone": stated["timeZone"],
                "calendar": {"country": calendar["country"], "subdivision": calendar.get("subdivision")},
                "business_days": promised,
                "closed": () if promised is None else tuple(closed),
                "statute": stated.get("statute"),
            }
        ),
        received_at=parse(stated["receivedAt"]),
        controller_received_at=None if earlier is None else parse(earlier),
        promise=deadlines.get(Kind.PROMISE),
        statute=deadlines.get(Kind.STATUTE),
        confirmation=deadlines.get(Kind.CONFIRMATION),
    )


def _deadline(stated: Mapping[str, Any]) -> Deadline:
    moved, longer, extension = stated.get("movedFrom"), stated.get("extendedTo"), stated.get("extension")
    return Deadline(
        kind=Kind(stated["clock"]),
        received_at=parse(stated["receivedAt"]),
        last_day=date.fromisoformat(stated["lastDay"]),
        due_at=parse(stated["dueAt"]),
        ground=stated["ground"],
        fell_on=None if moved is None else date.fromisoformat(moved),
        off=tuple(DayOff(date.fromisoformat(one["day"]), one["name"]) for one in stated.get("notCounted", ())),
        extended_to=None if longer is None else parse(longer),
        extension=None
        if extension is None
        else Extension(
            at=parse(extension["at"]),
            reason=extension["reason"],
            last_day=date.fromisoformat(extension["lastDay"]),
        ),
    )
