"""Request facts in a receipt: when it was received, how the person was identified, its deadlines, where it goes on.

A request waits for its grace before it has a batch, and its clocks run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from expunge_config.datamap import DataMap
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Transaction, requests
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.items import only_item
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


def by_time(
    connection: Transaction, batch: Batch, times: Iterable[str | None], data_map: DataMap
) -> dict[str | None, RequestFacts]:
    """What is known of the people of a batch, by the time or the day that their list says of each.

    A batch that has a request has one person, of whom the request says it.
    """
    found = requests.of_batch(connection, batch.id)
    if found is not None:
        known = RequestFacts(found.received_at, found.controller_received_at, found.deadlines, found.evidence)
        return dict.fromkeys(times, known)
    return {time: _listed(batch, time, data_map) for time in times}


def contact_kept(connection: Transaction, batch: Batch) -> bool:
    """Whether the ledger still opens the address to which letters about the batch's request are sent."""
    found = requests.of_batch(connection, batch.id)
    return found is not None and found.contact_key is not None


class Continuation(NamedTuple):
    """Where a request goes on whose plan was replaced.

    Attributes:
        series: The series of receipts of the plan that counts now.
        sealed: The ledger opens its identifiers.
    """

    series: str
    sealed: bool


def continuation(connection: Transaction, following: Batch | None) -> Continuation | None:
    """How the request goes on by the batch that follows on another, if one does; None: it does not, or is over."""
    if following is None or following.state is BatchState.CANCELLED:
        return None
    item = only_item(connection, following.id)
    return Continuation(item.series, sealed=item.wrapped_key is not None)


def _listed(batch: Batch, time: str | None, data_map: DataMap) -> RequestFacts:
    if time is None:
        return RequestFacts(batch.created_at, operator_is="planning")
    if is_day(time):
        return RequestFacts(stamp(first_moment(time, zone_of(batch.scope, data_map))), operator_is="day")
    return RequestFacts(time)
