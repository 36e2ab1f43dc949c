"""Statement bodies: plain data without identifiers, saying no more than was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from types import MappingProxyType

from expunge_config.datamap import DataMap
from expunge_connectors.contract import BackupCopy, CopyListing, RecordCounts
from expunge_orchestrator import backup_copies, deadlines
from expunge_orchestrator.blind_search import BlindSearch
from expunge_orchestrator.clock import exact, parse, stamp
from expunge_orchestrator.holds.legal_holds import EffectiveHold
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.receipts.request_facts import RequestFacts
from expunge_orchestrator.rules import outcomes
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.outcomes import CollectionOutcome, LeftoverReason, Outcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds, ground_of
from expunge_orchestrator.rules.scope import logs_in
from expunge_reports import consistency
from expunge_reports.errors import ContradictionError
from expunge_reports.forms import bodies

NOT_SEARCHED_FOR = (
    " Known were the e-mail addresses, numbers and the like that records linked to the person at that time: one that"
    " the person had before or took since, and of which no record says so, was not searched for."
)
"""Who held a value before and left no trace is unknown (ADR 18): a receipt must not be read as if it were."""

LEVEL = (
    "Level reached: deleted (no query of the records returns them); not claimed: rewritten, expired. What such queries"
    " do not show is not claimed to be gone: dead rows and logs of changes in the store's files, and samples of values"
    " that its planner keeps until they are drawn anew."
)

CLAIM = (
    "Records found through the declared links were deleted or tombstoned in the stores listed and, when asked again, "
    f"nothing due was left. {LEVEL} No claim is made for places not listed.{NOT_SEARCHED_FOR}"
)

LIMITED_CLAIM = (
    "Of the data types asked for alone: records found through the declared links were deleted or tombstoned in the"
    f" stores listed and, when asked again, nothing due was left. {LEVEL} Records of other data types were left as they"
    f" were, and no claim is made for them, nor for places not listed.{NOT_SEARCHED_FOR}"
)

NOTHING_CLAIM = (
    "Nothing was deleted or tombstoned: what was found through the declared links in the stores listed, if anything, is"
    " kept or left, or it is not decided whose it is, as stated of each collection; nothing else due was there."
    f" No claim is made for places not listed.{NOT_SEARCHED_FOR}"
)
"""Where not one record went."""

LIMITED_NOTHING_CLAIM = (
    f"Of the data types asked for alone: {NOTHING_CLAIM[0].lower()}{NOTHING_CLAIM[1:]} Nor is one made for records of"
    " other data types, which were left as they were."
)

CLAIMS = {
    False: {False: CLAIM, True: NOTHING_CLAIM},
    True: {False: LIMITED_CLAIM, True: LIMITED_NOTHING_CLAIM},
}
"""By whether the request was limited to data types, and then by whether nothing went."""

ENDED = "Ended by the operator: what is listed as left was not erased"
ENDED_WHOLE = f"{ENDED}, and nothing of the rest is known to have been deleted"
"""Where not one record fewer is there: an application may have written again what was deleted."""
UNSEEN = (
    "Ended by the operator: what is listed as left was refused by a store, or was not looked at any more, because"
    " something else than was planned stands under its name: another table, another store at its address, or none"
)


UNEXPLAINED = (
    "Ended by the operator: a search that knows no map found something in places that no declared link explains; they"
    " are listed as left"
)
ENDED_BY_OPERATOR = (ENDED, ENDED_WHOLE, UNSEEN, UNEXPLAINED)


LEFT_BEFORE = "What is listed as left was left by an earlier request that was ended, and this one did not lead to it"

LEDGER_LEVEL = (
    "No query of the ledger returns them; not claimed: rewritten. Its data files and its write-ahead log may hold them"
    " until that room is used again"
)
"""Of what was destroyed in the ledger: by the time that it is signed, no checkpoint and no VACUUM has followed."""

KEPT = (
    "What leads to the rest, sealed, so that a later request of the same person can still erase it: nothing looks at"
    " the rest again by itself, also where the storage lets it go on a stated day"
)

UNNAMED_GROUND = "The store keeps it and does not say why"
"""Of a connector that counts what it keeps and names no ground, where the data type has none either."""

TABLES_DROPPED = (
    "The tables of these collections were seen to be gone when asked again: rows that were still in them went with"
    " them, and not by this request. Nothing is said of copies that were made of them"
)


def plan_document(batch: Batch, data_map: DataMap) -> dict[str, object]:
    """What all requests of a batch share: the map, the stores, what is retained and why, the logs left alone."""
    return {
        "kind": "plan",
        "software": _software(),
        "operator": data_map.operator.name,
        "contact": data_map.operator.contact,
        "dataMap": f"sha256:{batch.map_digest}",
        "planDigest": f"sha256:{batch.plan_digest}",
        **({} if batch.data_types is None else {"limitedTo": sorted(batch.data_types)}),
        "stores": [
            {
                "store": store,
                "kind": planned["kind"],
                "identity": f"sha256:{planned['identity']}",
                "collections": {name: one["action"] for name, one in planned["collections"].items()},
                **planned["copies"],
            }
            for store, planned in batch.plan["stores"].items()
        ],
        "logsLeftAlone": [
            {
                "store": store,
                "collection": name,
                "purpose": log.purpose,
                "ground": log.ground,
                "retention": str(log.retention),
                "approvedBy": log.approved_by,
            }
            for store, name, log in logs_in(data_map)
        ],
        "dataTypes": {
            f"{store}.{name}": spec.data_type
            for store, name, spec in data_map.collections()
            if store in batch.plan["stores"] and name in batch.plan["stores"][store]["collections"]
        },
    }


@cache  # the packages' metadata are files
def _software() -> str:
    return f"expunge {version('expunge')}"


def copies_document(
    listings: Iterable[CopyListing], held: Sequence[BackupCopy], data_map: DataMap
) -> dict[str, object]:
    """What all requests concluded together share about backup copies: what was listed, when, beside which control."""
    return {
        "kind": "copies",
        "listings": [
            {
                "place": one.place,
                "of": data_map.backup_places[one.place].of,
                "at": stamp(one.at),
                "copies": len(one.copies),
                "control": one.control,
            }
            for one in listings
        ],
        "mayHoldTheRecords": backup_copies.as_statement(held),
    }


def nothing_went(lines: Iterable[CollectionOutcome]) -> bool:
    """Whether of nothing that was found it is known that it is gone."""
    return not any(
        line.outcome in _WENT or (line.verified is not None and _gone(line.found, line.verified)) for line in lines
    )


_WENT = frozenset({Outcome.ERASED, Outcome.TOMBSTONED, Outcome.DROPPED})


def subject_of_request(batch: Batch) -> dict[str, object]:
    """Whose records, and which: what every statement says, so that a limited request is never read as the whole."""
    said: dict[str, object] = {"controller": str(batch.scope)}
    return said if batch.data_types is None else said | {"dataTypes": sorted(batch.data_types)}


def deadlines_document(batch: Batch, received: RequestFacts, data_map: DataMap) -> dict[str, object] | None:
    """By when the batch's requests are to be answered, as computed on receipt; None where the map sets no deadline."""
    if received.deadlines is not None:
        return dict(received.deadlines)
    spec = data_map.controllers[batch.scope.controller].deadline_of(batch.scope.member)
    if spec is None:
        return None
    earlier = None if received.controller is None else parse(received.controller)
    return deadlines.document(deadlines.calculate(spec, parse(received.operator), earlier))


def accepted(batch: Batch, received: RequestFacts, context: Sequence[str]) -> dict[str, object]:
    """Body of `accepted`; `context` cites the documents that requests share."""
    said = {**subject_of_request(batch), "receivedAt": received.operator}
    if received.operator_is is not None:
        said["receivedAtIs"] = received.operator_is
    if received.evidence is not None:
        said["identityEvidence"] = dict(received.evidence)
    return {**said, "context": list(context)}


def extended(batch: Batch, context: str) -> dict[str, object]:
    """Body of `extended`; `context` cites the deadlines as they are now, with the reason."""
    return {**subject_of_request(batch), "context": [context]}


def denied(batch: Batch, reason: str) -> dict[str, object]:
    """Body of `denied`: nothing was deleted, and why."""
    return {**subject_of_request(batch), "outcome": Outcome.AMBIGUOUS.value, "reason": reason, "context": []}


def cancelled(batch: Batch, context: str) -> dict[str, object]:
    """Body of `cancelled`: no store had been asked to erase."""
    return {
        **subject_of_request(batch),
        "outcome": Result.CANCELLED.value,
        "reason": "Cancelled before anything was erased",
        **_identifiers(kept=False, openable_until=None),
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
    openable_until: date | None,
    searched: BlindFinding | None,
) -> dict[str, object]:
    """Body of the `partially-erased` of a person whom an operator ended: what is gone, and what is left."""
    return {
        **subject_of_request(batch),
        "outcome": Result.PARTIALLY_ERASED.value,
        "reason": reason,
        "verifiedAt": stamp(at),
        **_identifiers(kept=kept, openable_until=openable_until),
        "stores": _by_store(lines, cutoffs, grounds),
        **_searched(searched),
        "context": _cited(context, searched),
    }


def _identifiers(*, kept: bool, openable_until: date | None) -> dict[str, object]:
    """What became of the request's identifiers and keys, and who can still open them.

    Args:
        kept: Something is left, and the way there must not be lost with what led to it (ADR 8).
        openable_until: The last copy of the ledger that was made before is expected to be gone by then; None: no day.
    """
    said: dict[str, object] = {
        "destroyedInLedger": not kept,
        "openableFrom": "Copies of the ledger that were made before, with the installation's wrapping key",
        "until": openable_until and openable_until.isoformat(),
        "means": "No day is known: as long as such a copy and the wrapping key exist"
        if openable_until is None
        else "The last of these copies is expected to be gone by this day",
    }
    said |= {"kept": KEPT} if kept else {"level": "deleted", "levelMeans": LEDGER_LEVEL}
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
) -> dict[str, object]:
    """Body of `on-hold`: what is erased so far and verified, and what the hold keeps."""
    return {
        **subject_of_request(batch),
        "outcome": Result.ON_HOLD.value,
        "reason": held.ground,
        "until": held.until and held.until.isoformat(),
        "verifiedAt": stamp(at),
        "stores": _by_store(lines, cutoffs, grounds),
        "context": [context],
    }


def re_erased(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Iterable[CollectionOutcome],
    grounds: Grounds,
    at: datetime,
    context: str,
    *,
    cutoffs: Mapping[str, datetime],
) -> dict[str, object]:
    """Body of `re-erased`: something due was there at settling time and was erased again."""
    return {
        **subject_of_request(batch),
        "verifiedAt": stamp(at),
        "stores": _by_store(lines, cutoffs, grounds),
        "context": [context],
    }


def storage_retained(lines: Iterable[CollectionOutcome]) -> list[tuple[str, str]]:
    """(store, collection) in which the storage itself keeps something of a person, and will let it go one day."""
    return [
        (line.store, line.collection)
        for line in lines
        if line.verified is not None and outcomes.kept_by_storage(line.verified)
    ]


def settled(  # noqa: PLR0913 - the statement's own parts
    batch: Batch,
    lines: Sequence[CollectionOutcome],
    at: datetime,
    context: str,
    searched: BlindFinding | None,
    *,
    openable_until: date | None,
    samples: Mapping[tuple[str, str], str | None],
) -> dict[str, object]:
    """Body of `settled`: the check after the settling time, and the end of the sealed identifiers.

    `samples`: (store, collection) -> None, where the planner's samples of values were drawn anew; or why they were not.
    """
    ambiguous = sum(line.verified.ambiguous for line in lines if line.verified is not None)
    dropped = [f"{line.store}.{line.collection}" for line in lines if line.outcome is Outcome.DROPPED]
    return {
        **subject_of_request(batch),
        "verifiedAt": stamp(at),
        "due": sum(line.verified.due for line in lines if line.verified is not None),
        **({"ambiguous": ambiguous} if ambiguous else {}),
        **({"dropped": dropped, "droppedMeans": TABLES_DROPPED} if dropped else {}),
        **_identifiers(kept=bool(storage_retained(lines)), openable_until=openable_until),
        **_samples(samples),
        **_searched(searched),
        "context": _cited(context, searched),
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


def search_document(found: BlindSearch, at: datetime, sample: tuple[int, int, str] | None) -> dict[str, object]:
    """What everybody shares for whom one pass of the blind search was made: what was searched, and what was not.

    Args:
        found: Numbers of stores and places alone are told, nobody's findings.
        at: When the pass began.
        sample: How many people were searched for, of how many, and the seed; None: everybody.
    """
    return {
        "kind": "blind-search",
        "at": stamp(at),
        **({} if sample is None else {"sample": dict(zip(("people", "of", "seed"), sample, strict=True))}),
        "stores": [
            {
                "store": one.store,
                "source": one.source,
                "at": stamp(one.at),
                "places": one.places,
                "records": one.records,
                "notSearched": [{"place": gap.place, "why": gap.reason} for gap in one.gaps[:_GAPS]],
                **({"further": len(one.gaps) - _GAPS} if len(one.gaps) > _GAPS else {}),
            }
            for one in found.reports
        ],
        **({"storesNotSearched": list(found.unsearchable)} if found.unsearchable else {}),
    }


_GAPS = 50


def failure(
    lines: Iterable[CollectionOutcome],
    searched: BlindFinding | None = None,
    reasons: Mapping[tuple[str, str], Sequence[LeftoverReason]] = MappingProxyType({}),
) -> str:
    """Which collections are not done, and what the map does not explain, for people who must mend it.

    Args:
        lines: What is known of each.
        searched: What the blind search found.
        reasons: (store, collection) -> why something is left there.
    """

    def said(line: CollectionOutcome) -> str:
        if line.verified is None:
            return "not looked at"
        why = "; ".join(dict.fromkeys(one.said for one in reasons.get((line.store, line.collection), ())))
        return f"{line.verified.due} due{f': {why}' if why else ''}"

    named = [f"{line.store}.{line.collection} ({said(line)})" for line in lines if line.outcome is Outcome.FAILED]
    told = [f"not done: {', '.join(named)}"] if named else []
    if searched is not None and searched.left:
        told.append(searched.said)
    remedies = "".join(dict.fromkeys(f". {one.remedy}" for every in reasons.values() for one in every if one.remedy))
    return f"{'; '.join(told)[: _FAILURE - len(remedies)]}{remedies}"


_FAILURE = 450


def _by_store(
    lines: Iterable[CollectionOutcome],
    cutoffs: Mapping[str, datetime],
    grounds: Grounds,
) -> list[dict[str, object]]:
    stores: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        stores.setdefault(line.store, []).append(in_collection(line, grounds, cutoffs.get(line.store)))
    return [in_store(store, cutoffs) | {"collections": collections} for store, collections in stores.items()]


def in_store(store: str, cutoffs: Mapping[str, datetime]) -> dict[str, object]:
    """What a statement says of one store as a whole, beside its collections."""
    return {"store": store, "level": "deleted", "cutoff": exact(cutoffs[store]) if store in cutoffs else None}


def _gone(found: RecordCounts, seen: RecordCounts) -> int:
    """How many of those found are not there any more, at least: what became ambiguous since then is there."""
    unclear = max(0, seen.ambiguous - found.ambiguous)
    return max(0, found.due + found.retained - seen.due - seen.retained - unclear)


def in_collection(line: CollectionOutcome, grounds: Grounds, cutoff: datetime | None) -> dict[str, object]:
    """What a statement says of one person in one collection.

    Args:
        line: What happened there.
        grounds: Why data types are retained.
        cutoff: The batch's in this store; None if it was not begun there.

    Raises:
        ContradictionError: It cannot be true: a defect of ours.
    """
    assert line.verified is not None
    told: dict[str, object] = {
        "collection": line.collection,
        "outcome": line.outcome.value,
        "found": line.found.due + line.found.retained,
        "due": line.verified.due,
        "retained": line.verified.retained,
        "newer": line.verified.newer,
    }
    if line.verified.ambiguous:
        told["ambiguous"] = line.verified.ambiguous
    if (line.verified.ambiguous or line.verified.retained) and (gone := _gone(line.found, line.verified)):
        told["gone"] = gone
    if line.verified.retained:
        told["ground"] = ground_of(line.verified, line.store, line.collection, grounds) or UNNAMED_GROUND
        told["until"] = line.verified.until and line.verified.until.isoformat()
    stated = bodies.collection(told)
    impossible = list(consistency.in_line(stated))
    if consistency.kept_until_past(stated, cutoff):
        impossible.append("kept-until-past")
    if impossible:
        raise ContradictionError(f"{line.store}.{line.collection}: {', '.join(impossible)}")
    return told
