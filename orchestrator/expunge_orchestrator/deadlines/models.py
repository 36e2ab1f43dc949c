"""Deadline models: the deadlines of a request and their extensions, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from expunge_config.datamap import DeadlineSpec
from expunge_orchestrator.deadlines.business_days import DayOff


class Kind(StrEnum):
    """What is to have happened by a deadline."""

    PROMISE = "promise"
    """Answered, as was promised in business days."""
    STATUTE = "statute"
    """Answered, as the law wants it."""
    CONFIRMATION = "confirmation"
    """Receipt confirmed, where the law wants that by a day of its own."""


@dataclass(frozen=True, slots=True)
class Extension:
    """That a deadline was moved, when and why.

    Attributes:
        at: When the person was told, or the client where the promise was moved (UTC).
        reason: In the controller's words. It stands on the receipt: it names no person.
        last_day: The new last day, in the controller's zone.
    """

    at: datetime
    reason: str
    last_day: date


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline.

    Attributes:
        received_at: The instant that started it (UTC).
        last_day: The last day in time, in the controller's zone.
        due_at: When that day is over (UTC): in time is what happens before it.
        ground: The rule and its source, in words.
        fell_on: For a law that moves the end away from a holiday or weekend: the day from which it was moved.
        off: Holidays and closing days within the period that were not counted.
        extended_to: The end after its one extension (UTC), beside `extension`; None without.
    """

    kind: Kind
    received_at: datetime
    last_day: date
    due_at: datetime
    ground: str
    fell_on: date | None = None
    off: tuple[DayOff, ...] = ()
    extended_to: datetime | None = None
    extension: Extension | None = None

    @property
    def ends_at(self) -> datetime:
        """The end that counts now (UTC)."""
        return self.due_at if self.extended_to is None else self.extended_to

    @property
    def ends_on(self) -> date:
        """The last day that counts now."""
        return self.last_day if self.extension is None else self.extension.last_day


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All deadlines of one request side by side.

    Attributes:
        spec: The map's decision that they follow.
        received_at: When the request reached the operator (UTC): the promise runs from here.
        controller_received_at: When it reached the controller, if that is known (UTC): the law's clock runs from here,
            else from `received_at`.
    """

    spec: DeadlineSpec
    received_at: datetime
    controller_received_at: datetime | None
    promise: Deadline | None = None
    statute: Deadline | None = None
    confirmation: Deadline | None = None

    @property
    def all(self) -> tuple[Deadline, ...]:
        """Those that run, in the order in which a reader is told of them."""
        return tuple(one for one in (self.promise, self.statute, self.confirmation) if one is not None)

    @property
    def first(self) -> Deadline:
        """The one by which the request is answered: what ends first; the law where both end at once."""
        answers = [one for one in (self.statute, self.promise) if one is not None]
        return min(answers, key=lambda one: one.ends_at)
