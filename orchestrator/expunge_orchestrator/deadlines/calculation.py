"""Setting the clocks of a request."""

from __future__ import annotations

from datetime import UTC, datetime

from expunge_config.datamap import DeadlineSpec, Statute
from expunge_orchestrator.deadlines.business_days import BusinessCalendar
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Kind
from expunge_orchestrator.deadlines.statutes import RULES
from expunge_orchestrator.errors import DeadlineError


def calculate(spec: DeadlineSpec, received_at: datetime, controller_received_at: datetime | None = None) -> Deadlines:
    """Compute both clocks from when a request was received.

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
    fell_on, last = rule.falls_on(day), rule.last_day(day, days)
    return Deadline(
        kind=Kind.STATUTE,
        received_at=received,
        last_day=last,
        due_at=days.end(last),
        ground=rule.ground,
        fell_on=None if fell_on == last else fell_on,
    )


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
