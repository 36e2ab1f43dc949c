"""Calculate the deadlines of a request from its receipt, and extend them within the law."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from expunge_config.datamap import DeadlineSpec, Statute
from expunge_config.unsafe_characters import UNSAFE
from expunge_orchestrator.deadlines.business_days import BusinessCalendar
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension, Kind
from expunge_orchestrator.deadlines.statutes import RULES, Rule
from expunge_orchestrator.errors import DeadlineError, ExtensionRefusedError

MAX_REASON = 500


def calculate(spec: DeadlineSpec, received_at: datetime, controller_received_at: datetime | None = None) -> Deadlines:
    """Compute both deadlines from when a request was received.

    Args:
        spec: What the data map says of this controller (`Controller.deadline_of`).
        received_at: When the request reached the operator; with a zone.
        controller_received_at: When it reached the controller, if that was earlier; with a zone.

    Raises:
        DeadlineError: The controller is said to have received it after the operator.
        CalendarEndsError: The calendar does not hold the years in question.
        ValueError: An instant without a zone.
    """
    days = BusinessCalendar(spec)
    days.of(received_at)  # refuses an instant without a zone before it is compared
    if controller_received_at is not None:
        days.of(controller_received_at)
        if controller_received_at > received_at:
            raise DeadlineError(
                "The controller cannot have received the request after it was passed on.",
                remedy="Correct `controller_received_at`, or leave it away.",
            )
    received = received_at.astimezone(UTC)
    earlier = None if controller_received_at is None else controller_received_at.astimezone(UTC)
    began = received if earlier is None else earlier
    return Deadlines(
        spec=spec,
        received_at=received,
        controller_received_at=earlier,
        promise=None if spec.business_days is None else _promise(days, received, spec.business_days),
        statute=None if spec.statute is None else _statute(days, began, spec.statute),
        confirmation=None if spec.statute is None else _confirmation(days, began, spec.statute),
    )


def _promise(days: BusinessCalendar, received: datetime, count: int) -> Deadline:
    said = f"{count} business {'day' if count == 1 else 'days'} after the day of receipt, as promised"
    return _business_days(days, Kind.PROMISE, received, count, said)


def _statute(days: BusinessCalendar, received: datetime, statute: Statute) -> Deadline:
    rule, day = RULES[statute], days.of(received)
    fell_on = rule.answer.after(day)
    last = _last_day(rule, fell_on, days)
    return Deadline(
        kind=Kind.STATUTE,
        received_at=received,
        last_day=last,
        due_at=days.end(last),
        ground=rule.ground,
        fell_on=None if fell_on == last else fell_on,
    )


def _last_day(rule: Rule, falls_on: date, days: BusinessCalendar) -> date:
    """The last day in time, when a period ends on a day that may be no working day."""
    return days.working_day_from(falls_on) if rule.moves else falls_on


def _confirmation(days: BusinessCalendar, received: datetime, statute: Statute) -> Deadline | None:
    rule = RULES[statute]
    if rule.confirm is None:
        return None
    # The law's business days: the controller's own closing days do not lengthen them.
    lawful = BusinessCalendar(days.spec.model_copy(update={"closed": ()}))
    return _business_days(lawful, Kind.CONFIRMATION, received, rule.confirm, rule.confirm_ground)


def _business_days(days: BusinessCalendar, kind: Kind, received: datetime, count: int, ground: str) -> Deadline:
    day = days.of(received)
    last = days.business_day_after(day, count)
    return Deadline(
        kind=kind,
        received_at=received,
        last_day=last,
        due_at=days.end(last),
        ground=ground,
        off=days.off_between(day, last),
    )


def extend_statute(deadlines: Deadlines, *, at: datetime, reason: str) -> Deadlines:
    """Extend the statutory clock by what its law allows, counted from receipt.

    Args:
        deadlines: As they stand.
        at: When the person was told, with the reasons: by then the first period must not be over. With a zone.
        reason: Why; it stands on the receipt and names no person.

    Raises:
        ExtensionRefusedError: No statutory clock runs, it was extended before, its end or its beginning forbids it, or
            there is no reason.
        CalendarEndsError: The calendar does not hold the years in question.
        ValueError: An instant without a zone.
    """
    deadline, statute = deadlines.statute, deadlines.spec.statute
    if deadline is None or statute is None:
        raise ExtensionRefusedError(
            "No statutory clock runs for this request.", remedy="The data map names it: `deadline: {statute: …}`."
        )
    days = BusinessCalendar(deadlines.spec)
    _may_be_extended(deadline, days, at, reason)
    rule = RULES[statute]
    last = _last_day(rule, rule.extended.after(days.of(deadline.received_at)), days)
    return replace(deadlines, statute=_extended(deadline, days, at, reason, last))


def extend_promise(deadlines: Deadlines, *, to: date, at: datetime, reason: str) -> Deadlines:
    """Move the promised end to a later day.

    Args:
        deadlines: As they stand.
        to: The new last day, in the controller's zone.
        at: When the client was told. With a zone.
        reason: Why; it stands on the receipt and names no person.

    Raises:
        ExtensionRefusedError: Nothing was promised, the promise was extended before, its end or its beginning forbids
            it, there is no reason, or the day is not later, is no business day, or lies beyond `latest_promise`.
        CalendarEndsError: The calendar does not hold the years in question.
        ValueError: An instant without a zone.
    """
    deadline = deadlines.promise
    if deadline is None:
        raise ExtensionRefusedError(
            "Nothing was promised for this request.", remedy="The data map says it: `deadline: {business_days: …}`."
        )
    days = BusinessCalendar(deadlines.spec)
    _may_be_extended(deadline, days, at, reason)
    latest = latest_promise(deadlines)
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
    return replace(deadlines, promise=_extended(deadline, days, at, reason, to))


def latest_promise(deadlines: Deadlines) -> date:
    """The last day to which the promise may be moved.

    That is the law's end as it stands; where the map names no law, as many business days again as were promised.

    Raises:
        ExtensionRefusedError: Nothing was promised.
    """
    if deadlines.statute is not None:
        return deadlines.statute.ends_on
    if deadlines.promise is None or deadlines.spec.business_days is None:
        raise ExtensionRefusedError(
            "Nothing was promised for this request.", remedy="The data map says it: `deadline: {business_days: …}`."
        )
    return BusinessCalendar(deadlines.spec).business_day_after(deadlines.promise.last_day, deadlines.spec.business_days)


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
    if not reason.strip() or len(reason) > MAX_REASON or UNSAFE.search(reason):
        raise ExtensionRefusedError(
            f"An extension needs a reason: one line of at most {MAX_REASON} characters, which names no person.",
            remedy="Say why it takes longer: complexity, or number of requests.",
        )


def _extended(deadline: Deadline, days: BusinessCalendar, at: datetime, reason: str, last: date) -> Deadline:
    extension = Extension(at=at.astimezone(UTC), reason=reason.strip(), last_day=last)
    return replace(deadline, extended_to=days.end(last), extension=extension)
