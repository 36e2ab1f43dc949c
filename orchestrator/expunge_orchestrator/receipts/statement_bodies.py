"""Statement bodies: plain data without identifiers, saying no more than was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.receipts import collection_lines
from expunge_orchestrator.receipts.collection_lines import by_store
from expunge_orchestrator.receipts.request_facts import Continuation, RequestFacts
from expunge_orchestrator.receipts.standard_sentences import (
    CANCELLED,
    CARRIED_OVER,
    CONTACT_KEPT,
    CONTINUED,
    KEPT,
    LEDGER_LEVEL,
    LEFT_BEFORE,
    TABLES_DROPPED,
)
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.effective_holds import EffectiveHold
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds
from expunge_orchestrator.subjects import unread_values
from expunge_reports import consistency


def subject_of_request(batch: Batch) -> dict[str, object]:
    """Whose records, and which: what every statement says, so that a limited request is never read as the whole."""
    said: dict[str, object] = {"controller": str(batch.scope)}
    return said if batch.data_types is None else said | {"dataTypes": sorted(batch.data_types)}


def accepted(batch: Batch, received: RequestFacts, context: Sequence[str]) -> dict[str, object]:
    """Body of `accepted`; `context` cites the documents that requests share."""
    said = {**subject_of_request(batch), "receivedAt": received.operator}
    if received.operator_is is not None:
        said["receivedAtIs"] = received.operator_is
    if received.evidence is not None:
        said["identityEvidence"] = dict(received.evidence)
    return {**said, "context": list(context)}


def extended(batch: Batch, context: Sequence[str]) -> dict[str, object]:
    """Body of `extended`; `context` cites the deadlines as they are now, and the copies counted by an `on-hold`."""
    return {**subject_of_request(batch), "context": list(context)}


def denied(batch: Batch, reason: str) -> dict[str, object]:
    """Body of `denied`: nothing was deleted, and why."""
    return {**subject_of_request(batch), "outcome": Outcome.AMBIGUOUS.value, "reason": reason, "context": []}


def cancelled(
    batch: Batch, context: str, *, contact_kept: bool, continuation: Continuation | None
) -> dict[str, object]:
    """Body of `cancelled`: no store had been asked to erase. The request goes on elsewhere if its plan was replaced."""
    going_on = {} if continuation is None else {"continuedIn": continuation.series}
    return {
        **subject_of_request(batch),
        "outcome": Result.CANCELLED.value,
        "reason": CANCELLED if continuation is None else CONTINUED,
        **going_on,
        **_identifiers(
            kept=False,
            contact_kept=contact_kept,
            carried_over=continuation is not None and continuation.sealed,
            openable_until=None,
            copies_listed=False,
        ),
        "context": [context],
    }


def ended(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Sequence[CollectionOutcome],
    *,
    cutoffs: Mapping[str, datetime],
    grounds: Grounds,
    at: datetime,
    context: str,
    reason: str,
    kept: bool,
    contact_kept: bool,
    openable_until: date | None,
    searched: BlindFinding | None,
    unread: Iterable[SubjectKey],
) -> dict[str, object]:
    """Body of the `partially-erased` of a person whom an operator ended: what is gone, and what is left."""
    return {
        **subject_of_request(batch),
        "outcome": Result.PARTIALLY_ERASED.value,
        "reason": reason,
        "verifiedAt": stamp(at),
        **_identifiers(kept=kept, contact_kept=contact_kept, openable_until=openable_until),
        "stores": by_store(lines, cutoffs, grounds, unread_values.counted(unread)),
        **_searched(searched),
        "context": _cited(context, searched),
    }


def _identifiers(
    *,
    kept: bool,
    contact_kept: bool,
    openable_until: date | None,
    carried_over: bool = False,
    copies_listed: bool = True,
) -> dict[str, object]:
    """What became of the request's identifiers and keys, and who can still open them.

    Args:
        kept: Something is left, and the way there must not be lost with what led to it (ADR 8).
        contact_kept: A letter is still to be sent, to an address that may be one of them.
        carried_over: The request goes on in another series, for which they are sealed.
        openable_until: The last copy of the ledger that was made before is expected to be gone by then; None: no day.
        copies_listed: Whether the places with copies of the ledger were asked.
    """
    no_day = consistency.NO_DAY_KNOWN if copies_listed else consistency.NOT_LOOKED_AT
    still_there = {
        **({"kept": KEPT} if kept else {}),
        **({"contactKept": CONTACT_KEPT} if contact_kept else {}),
        **({"carriedOver": CARRIED_OVER} if carried_over else {}),
    }
    said: dict[str, object] = {
        "destroyedInLedger": not still_there,
        "openableFrom": "Copies of the ledger that were made before, with the installation's wrapping key",
        "until": openable_until and openable_until.isoformat(),
        "means": f"{no_day.capitalize()}: as long as such a copy and the wrapping key exist"
        if openable_until is None
        else consistency.GONE_BY_THIS_DAY.capitalize(),
    }
    said |= still_there or {"level": "deleted", "levelMeans": LEDGER_LEVEL}
    return {"identifiers": said}


def on_hold(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Sequence[CollectionOutcome],
    held: EffectiveHold,
    *,
    cutoffs: Mapping[str, datetime],
    grounds: Grounds,
    at: datetime,
    context: str,
    searched: BlindFinding | None,
    unread: Iterable[SubjectKey],
) -> dict[str, object]:
    """Body of `on-hold`: what is erased so far and verified, and what the hold keeps, also of what a search left."""
    return {
        **subject_of_request(batch),
        "outcome": Result.ON_HOLD.value,
        "reason": held.ground,
        "until": held.until and held.until.isoformat(),
        "verifiedAt": stamp(at),
        "stores": by_store(lines, cutoffs, grounds, unread_values.counted(unread)),
        **_searched(searched),
        "context": _cited(context, searched),
    }


def re_erased(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Iterable[CollectionOutcome],
    grounds: Grounds,
    at: datetime,
    context: str,
    *,
    cutoffs: Mapping[str, datetime],
    unread: Iterable[SubjectKey],
) -> dict[str, object]:
    """Body of `re-erased`: something due was there at settling time and was erased again."""
    return {
        **subject_of_request(batch),
        "verifiedAt": stamp(at),
        "stores": by_store(lines, cutoffs, grounds, unread_values.counted(unread)),
        "context": [context],
    }


def settled(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Sequence[CollectionOutcome],
    at: datetime,
    context: str,
    searched: BlindFinding | None,
    *,
    contact_kept: bool,
    openable_until: date | None,
    samples: Mapping[tuple[str, str], str | None],
    unread: Iterable[SubjectKey],
) -> dict[str, object]:
    """Body of `settled`: the check after the settling time, and the end of the sealed identifiers.

    `samples`: (store, collection) -> None, where the planner's samples of values were drawn anew; or why they were not.
    """
    ambiguous = sum(line.verified.ambiguous for line in lines if line.verified is not None)
    left = [".".join(place) for place in collection_lines.left(lines)]
    dropped = [f"{line.store}.{line.collection}" for line in lines if count_records.is_dropped(line.verified)]
    return {
        **subject_of_request(batch),
        "verifiedAt": stamp(at),
        "due": sum(line.verified.due for line in lines if line.verified is not None),
        **({"ambiguous": ambiguous} if ambiguous else {}),
        **({"unread": values} if (values := sum(unread_values.counted(unread).values())) else {}),
        **({"left": left, "leftMeans": LEFT_BEFORE} if left else {}),
        **({"dropped": dropped, "droppedMeans": TABLES_DROPPED} if dropped else {}),
        **_identifiers(
            kept=bool(collection_lines.still_there(lines)), contact_kept=contact_kept, openable_until=openable_until
        ),
        **_samples(samples),
        **_searched(searched),
        "context": _cited(context, searched),
    }


def kept_gone(  # noqa: PLR0913 - the statement's own parts
    batch: Batch, places: Sequence[str], at: datetime, context: str, *, contact_kept: bool, openable_until: date | None
) -> dict[str, object]:
    """Body of `kept-gone`: what was kept for a time after the last check is gone, and so is what led there.

    `places`: store.collection.
    """
    return {
        **subject_of_request(batch),
        "verifiedAt": stamp(at),
        "places": list(places),
        **_identifiers(kept=False, contact_kept=contact_kept, openable_until=openable_until),
        "context": [context],
    }


def closed(batch: Batch, nothing_left_at: datetime, context: str, *, ledger_followed: bool) -> dict[str, object]:
    """Body of `closed`: a look found nothing left in the stores, and the copies that may hold it are gone, as cited."""
    return {
        **subject_of_request(batch),
        "nothingLeftAt": stamp(nothing_left_at),
        "ledgerCopies": "gone" if ledger_followed else "not-followed",
        "context": [context],
    }


def _samples(drawn: Mapping[tuple[str, str], str | None]) -> dict[str, object]:
    stores = {
        store: {
            "store": store,
            "drawnAnew": sorted(name for (of, name), why in drawn.items() if of == store and why is None),
            "older": [
                {"collection": name, "why": why} for (of, name), why in sorted(drawn.items()) if of == store and why
            ],
        }
        for store in sorted({store for store, _ in drawn})
    }
    return {"plannerSamples": list(stores.values())} if stores else {}


def _searched(found: BlindFinding | None) -> dict[str, object]:
    return {} if found is None else {"blindSearch": found.stated()}


def _cited(context: str, found: BlindFinding | None) -> list[str]:
    return [context] if found is None or found.document is None else [context, found.document]
