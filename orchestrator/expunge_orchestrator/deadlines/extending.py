"""What an extension may do: once, before the end, with a reason, and never beyond the law."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from expunge_orchestrator.deadlines.business_days import BusinessCalendar
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension
from expunge_orchestrator.deadlines.statutes import RULES
from expunge_orchestrator.errors import ExtensionRefusedError

MAX_REASON = 500


def extend_statute(clocks: Deadlines, *, at: datetime, reason: str) -> Deadlines:
    """Extend the statutory clock by what its law allows, counted from receipt.

    Args:
        clocks: As they stand.
        at: When the person was told, with the reasons: by then the first period must not be over. With a zone.
        reason: Why; it stands on the receipt and names no person.

    Raises:
        ExtensionRefusedError: No statutory clock runs, it was extended before, its end or its beginning forbids it, or
            there is no reason.
        CalendarEndsError: The calendar does not hold the years in question.
        ValueError: An instant without a zone.
    """
    deadline, statute = clocks.statute, clocks.spec.statute
    if deadline is None or statute is None:
        raise ExtensionRefusedError(
            "No statutory clock runs for this request.", remedy="The data map names it: `deadline: {statute: …}`."
        )
    days = BusinessCalendar(clocks.spec)
    _may_be_extended(deadline, days, at, reason)
    last = RULES[statute].last_day(days.of(deadline.received_at), days, extended=True)
    return replace(clocks, statute=_extended(deadline, days, at, reason, last))


def extend_promise(clocks: Deadlines, *, to: date, at: datetime, reason: str) -> Deadlines:
    """Move the promised end to a later day.

    Args:
        clocks: As they stand.
        to: The new last day, in the controller's zone.
        at: When the client was told. With a zone.
        reason: Why; it stands on the receipt and names no person.

    Raises:
        ExtensionRefusedError: Nothing was promised, the promise was extended before, its end or its beginning forbids
            it, there is no reason, or the day is not later, is no business day, or lies beyond `latest_promise`.
        CalendarEndsError: The calendar does not hold the years in question.
        ValueError: An instant without a zone.
    """
    deadline = clocks.promise
    if deadline is None:
        raise ExtensionRefusedError(
            "Nothing was promised for this request.", remedy="The data map says it: `deadline: {business_days: …}`."
        )
    days = BusinessCalendar(clocks.spec)
    _may_be_extended(deadline, days, at, reason)
    latest = latest_promise(clocks)
    if latest <= deadline.last_day:
        raise ExtensionRefusedError(
            f"The law's clock ends on {latest}, not after the promise: the promise cannot be extended.",
            remedy="Extend the statutory clock first, if its conditions are met.",
        )
    if not deadline.last_day < to <= latest:
        raise ExtensionRefusedError(
            f"The promise ends on {deadline.last_day} and can be moved to {latest} at most.",
            remedy="Name a business day between them, or extend the statutory clock first.",
        )
    if not days.is_business_day(to):
        raise ExtensionRefusedError("The new last day is no business day.", remedy="Name a business day.")
    return replace(clocks, promise=_extended(deadline, days, at, reason, to))


def latest_promise(clocks: Deadlines) -> date:
    """The last day to which the promise may be moved.

    That is the law's end as it stands; where the map names no law, as many business days again as were promised.

    Raises:
        ExtensionRefusedError: Nothing was promised.
    """
    if clocks.statute is not None:
        return clocks.statute.ends_on
    if clocks.promise is None or clocks.spec.business_days is None:
        raise ExtensionRefusedError(
            "Nothing was promised for this request.", remedy="The data map says it: `deadline: {business_days: …}`."
        )
    return BusinessCalendar(clocks.spec).business_day_after(clocks.promise.last_day, clocks.spec.business_days)


def _may_be_extended(deadline: Deadline, days: BusinessCalendar, at: datetime, reason: str) -> None:
    days.of(at)  # refuses an instant without a zone before it is compared
    if deadline.extension is not None:
        raise ExtensionRefusedError(
            "The deadline was extended before; it is extended once.", remedy="Answer the request by its last day."
        )
    if at < deadline.received_at:
        raise ExtensionRefusedError(
            "A deadline is not extended before the request was received.", remedy="Check the times that were given."
        )
    if at >= deadline.due_at:
        raise ExtensionRefusedError(
            f"The deadline ended on {deadline.last_day}; what is over is not extended.",
            remedy="Answer the request, and state why it is late.",
        )
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise ExtensionRefusedError(
            f"An extension needs a reason: one line of at most {MAX_REASON} characters, which names no person.",
            remedy="Say why it takes longer: complexity, or number of requests.",
        )


def _extended(deadline: Deadline, days: BusinessCalendar, at: datetime, reason: str, last: date) -> Deadline:
    extension = Extension(at=at.astimezone(UTC), reason=reason.strip(), last_day=last)
    return replace(deadline, extended_to=days.end(last), extension=extension)
