"""Request facts in a receipt: when it was received, how the person was identified, its deadlines, where it goes on.

A request waits for its grace before it has a batch, and its clocks run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from expunge_config.datamap import DataMap
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.rules.times_of_receipt import first_moment, is_day, zone_of


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """As the ledger writes it.

    Attributes:
        operator: When it reached us.
        controller: When it reached the controller; None if nobody said.
        deadlines: The clocks as they stand in the request, extended or not; None: there is no request, or it has none.
        evidence: How the controller knows that it is the person: kind, time and reference.
        operator_is: What the time is, where it is not when the request came in. `planning`: nobody said when a person
            of a list asked, and the list was planned then. `day`: it was on this day, which began then.
    """

    operator: str
    controller: str | None = None
    deadlines: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] | None = None
    operator_is: Literal["planning", "day"] | None = None


# Built once: it is asked for every person.
_OF_BATCH = (
    sa.select(request.c.received_at, request.c.controller_received_at, request.c.deadlines, request.c.evidence)
    .where(request.c.batch_id == sa.bindparam("batch"))
    .order_by(request.c.received_at)
    .limit(1)
)


def by_time(
    connection: sa.Connection, batch: Batch, times: Iterable[str | None], data_map: DataMap
) -> dict[str | None, RequestFacts]:
    """What is known of the people of a batch, by the time or the day that their list says of each.

    A batch that has a request has one person, of whom the request says it.
    """
    found = connection.execute(_OF_BATCH, {"batch": batch.id}).first()
    if found is not None:
        known = RequestFacts(found.received_at, found.controller_received_at, found.deadlines, found.evidence)
        return dict.fromkeys(times, known)
    return {time: _listed(batch, time, data_map) for time in times}


def contact_kept(connection: sa.Connection, batch: Batch) -> bool:
    """Whether the ledger still opens the address to which letters about the batch's request are sent."""
    kept = sa.select(request.c.id).where(request.c.batch_id == batch.id, request.c.contact_key.is_not(None))
    return connection.execute(kept.limit(1)).first() is not None


class Continuation(NamedTuple):
    """Where a request goes on whose plan was replaced.

    Attributes:
        series: The series of receipts of the plan that counts now.
        sealed: The ledger opens its identifiers.
    """

    series: str
    sealed: bool


def continuation(connection: sa.Connection, following: Batch | None) -> Continuation | None:
    """How the request goes on by the batch that follows on another, if one does; None: it does not, or is over."""
    if following is None or following.state is BatchState.CANCELLED:
        return None
    row = connection.execute(sa.select(tables.item).where(tables.item.c.batch_id == following.id)).one()
    return Continuation(row.series, sealed=row.wrapped_key is not None)


def _listed(batch: Batch, time: str | None, data_map: DataMap) -> RequestFacts:
    if time is None:
        return RequestFacts(batch.created_at, operator_is="planning")
    if is_day(time):
        return RequestFacts(stamp(first_moment(time, zone_of(batch.scope, data_map))), operator_is="day")
    return RequestFacts(time)
