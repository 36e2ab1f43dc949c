"""The document about deadlines as typed rows, or None for a form that is not known."""

from dataclasses import dataclass
from typing import Final

from expunge_reports.page.members import Members, Reader, UnknownFormError


@dataclass(frozen=True, slots=True)
class Extension:
    """That a clock was extended, once."""

    last_day: str
    at: str | None
    reason: str | None
    ground: str | None


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock; `off` holds days that were not counted, with their names."""

    name: str
    ground: str | None
    started: str | None
    last_day: str
    due: str | None
    moved_from: str | None
    off: tuple[tuple[str, str], ...]
    extended_to: str | None
    extension: Extension | None
    further: Members


@dataclass(frozen=True, slots=True)
class Deadlines:
    """By when the request is to be answered."""

    received: str | None
    controller_received: str | None
    time_zone: str | None
    country: str | None
    subdivision: str | None
    source: str | None
    business_days: int | None
    statute: str | None
    clocks: tuple[Clock, ...]
    first: str | None
    answer_by: str | None
    warning: str | None
    further: Members


DEADLINES: Final = "deadlines"


def read(document: object) -> Deadlines | None:
    """Read the document about deadlines."""
    try:
        reader = Reader(document)
        reader.text("kind")
        calendar = reader.part("calendar")
        return Deadlines(
            received=reader.text_or_none("receivedAt"),
            controller_received=reader.text_or_none("controllerReceivedAt"),
            time_zone=reader.text_or_none("timeZone"),
            country=calendar.text_or_none("country"),
            subdivision=calendar.text_or_none("subdivision"),
            source=calendar.text_or_none("source"),
            business_days=reader.count_or_none("businessDays"),
            statute=reader.text_or_none("statute"),
            clocks=reader.rows("clocks", _clock),
            first=reader.text_or_none("first"),
            answer_by=reader.text_or_none("answerBy"),
            warning=reader.text_or_none("warning"),
            further=calendar.rest_in(reader.further, "calendar"),
        )
    except UnknownFormError:
        return None


def _clock(value: object) -> Clock:
    reader = Reader(value)
    extension = reader.part("extension")
    last_day = extension.text_or_none("lastDay")
    return Clock(
        name=reader.text("clock"),
        ground=reader.text_or_none("ground"),
        started=reader.text_or_none("receivedAt"),
        last_day=reader.text("lastDay"),
        due=reader.text_or_none("dueAt"),
        moved_from=reader.text_or_none("movedFrom"),
        off=reader.rows("notCounted", _day_off, required=False),
        extended_to=reader.text_or_none("extendedTo"),
        extension=None
        if last_day is None
        else Extension(
            last_day=last_day,
            at=extension.text_or_none("at"),
            reason=extension.text_or_none("reason"),
            ground=extension.text_or_none("ground"),
        ),
        further=extension.rest_in(reader.further, "extension"),
    )


def _day_off(value: object) -> tuple[str, str]:
    reader = Reader(value)
    day = reader.text("day"), reader.text("name")
    if reader.further:
        raise UnknownFormError
    return day
