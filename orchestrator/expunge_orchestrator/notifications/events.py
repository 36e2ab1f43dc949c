"""Notification events: which ones a request owes, from the last one and its state now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Origin, Request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.rules.outcomes import Result, summary


class Event(StrEnum):
    """What happened. Those of requests go to every webhook and into letters, those of accounts to one webhook."""

    ACCEPTED = "erasure_request.accepted"
    ERASED = "erasure_request.erased"
    ON_HOLD = "erasure_request.on-hold"
    FAILED = "erasure_request.failed"
    CANCELLED = "erasure_request.cancelled"
    DENIED = "erasure_request.denied"
    SETTLED = "erasure_request.settled"
    FREEZE = "account.freeze"
    UNFREEZE = "account.unfreeze"

    @property
    def stored(self) -> str:
        """As `request.told` keeps it."""
        return self.value.partition(".")[2]


FINAL = frozenset({Event.CANCELLED, Event.DENIED, Event.SETTLED})
"""No further notice follows; that backup copies are gone is in the receipt alone."""

IN_LETTERS = frozenset({Event.ACCEPTED, Event.ERASED, Event.CANCELLED, Event.DENIED, Event.SETTLED})
"""What a person is written of. A failure is mended first, a hold is told by whoever placed it."""

OF_ACCOUNTS = frozenset({Event.FREEZE, Event.UNFREEZE})
"""The last of them is how the account is to be: they keep their order over all requests of a person."""

ACCOUNT = "account"
"""The choice of the map's `self_service.scopes` that means the account itself."""


@dataclass(frozen=True, slots=True)
class NotifiedState:
    """One event of a request.

    Attributes:
        outcome: What became of it, where that is known: a word of `outcomes.Result`, never better than it was.
    """

    event: Event
    outcome: str | None = None


def due(request: Request, batch: Batch | None, results: Mapping[str, int]) -> list[NotifiedState]:
    """The events that were not told yet, in order.

    Args:
        request: As it stands.
        batch: Its batch, if it has one.
        results: Outcome -> number of people, of that batch.
    """
    events = [] if request.told else [NotifiedState(Event.ACCEPTED)]
    if request.told in {one.stored for one in FINAL}:
        return []
    events += [one for one in _since(request, batch, results) if one.event.stored != request.told]
    return events


def _since(request: Request, batch: Batch | None, results: Mapping[str, int]) -> list[NotifiedState]:
    if request.state is RequestState.STARTED and batch is not None:
        return _of_batch(batch, results)
    ends = {RequestState.CANCELLED: Event.CANCELLED, RequestState.DENIED: Event.DENIED}
    return [NotifiedState(ends[request.state])] if request.state in ends else []


def _of_batch(batch: Batch, results: Mapping[str, int]) -> list[NotifiedState]:
    if batch.undisclosed:
        return []  # work in hand, as `public_state` says: nothing of a hold that may not be told
    match batch.state:
        case BatchState.CANCELLED:
            return [NotifiedState(Event.CANCELLED)]
        case BatchState.FAILED:
            return [NotifiedState(Event.FAILED, Result.FAILED.value)]
        case BatchState.ON_HOLD:
            return [NotifiedState(Event.ON_HOLD, Result.ON_HOLD.value)]
        case BatchState.ERASED | BatchState.SETTLING | BatchState.SETTLED:
            return _concluded(batch, summary(results))
        case _:
            return []


def _concluded(batch: Batch, outcome: Result) -> list[NotifiedState]:
    if outcome is Result.AMBIGUOUS:  # nothing was touched: the receipt calls it denied
        return [NotifiedState(Event.DENIED, outcome.value)]
    erased = NotifiedState(Event.ERASED, outcome.value)
    return [erased, NotifiedState(Event.SETTLED, outcome.value)] if batch.state is BatchState.SETTLED else [erased]


def account_events(request: Request, event: Event) -> Event | None:
    """What it means for the account of a person who deletes it, if anything."""
    if request.origin is not Origin.PERSON or request.scope_name != ACCOUNT:
        return None
    if event is Event.ACCEPTED:
        return Event.FREEZE
    return Event.UNFREEZE if event in {Event.CANCELLED, Event.DENIED} else None
