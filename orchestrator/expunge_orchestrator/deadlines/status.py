"""Deadline status at an instant: what is due first, how much time is left, what is overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from expunge_orchestrator.deadlines.business_days import BusinessCalendar
from expunge_orchestrator.deadlines.models import Deadlines, Kind


@dataclass(frozen=True, slots=True)
class Warned:
    """That the law's clock ends before the promise: whoever trusts the promise would be late.

    Attributes:
        statute_ends_on: The law's last day.
        promise_ends_on: The promise's last day, which is later.
        days: How many calendar days lie between them.
    """

    statute_ends_on: date
    promise_ends_on: date
    days: int

    def __str__(self) -> str:
        between = f"{self.days} day{'' if self.days == 1 else 's'}"
        return (
            f"The statutory clock ends on {self.statute_ends_on}, {between} before the promise "
            f"({self.promise_ends_on}): answer by {self.statute_ends_on}."
        )


@dataclass(frozen=True, slots=True)
class DeadlineStatus:
    """What a progress display shows.

    Attributes:
        first: The clock by which the request is to be answered.
        ends_on: Its last day.
        ends_at: When that day is over (UTC).
        business_days_left: Business days after the controller's present day, up to and with the last one; 0 on the
            last day itself and later.
        overdue: The end has passed.
    """

    first: Kind
    ends_on: date
    ends_at: datetime
    business_days_left: int
    overdue: bool


def warning(deadlines: Deadlines) -> Warned | None:
    """Return the warning, or None where the promise ends with the law's clock or before it."""
    if deadlines.promise is None or deadlines.statute is None or deadlines.promise.ends_at <= deadlines.statute.ends_at:
        return None
    law, promise = deadlines.statute.ends_on, deadlines.promise.ends_on
    return Warned(law, promise, (promise - law).days)


def standing(deadlines: Deadlines, at: datetime) -> DeadlineStatus:
    """Return where the request stands at an instant, which carries its zone."""
    days, first = BusinessCalendar(deadlines.spec), deadlines.first
    return DeadlineStatus(
        first=first.kind,
        ends_on=first.ends_on,
        ends_at=first.ends_at,
        business_days_left=days.business_days_between(days.of(at), first.ends_on),
        overdue=at >= first.ends_at,
    )
