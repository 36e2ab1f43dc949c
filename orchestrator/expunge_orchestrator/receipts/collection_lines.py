"""Collection lines: what statements say of one person in each store and collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

from expunge_orchestrator.clock import exact
from expunge_orchestrator.receipts.standard_sentences import Went
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import CountRecord, unpack
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome
from expunge_orchestrator.rules.retention_grounds import UNNAMED_GROUND, Grounds, ground_of
from expunge_reports import consistency
from expunge_reports.errors import ContradictionError
from expunge_reports.forms import bodies


def by_store(
    lines: Iterable[CollectionOutcome],
    cutoffs: Mapping[str, datetime],
    grounds: Grounds,
    unread: Mapping[tuple[str, str], int] = MappingProxyType({}),
) -> list[dict[str, object]]:
    """What a statement says of one person, by store; with how many values nobody could read (`unread_values`)."""
    stores: dict[str, list[CollectionOutcome]] = {}
    for line in lines:
        stores.setdefault(line.store, []).append(line)
    return [
        in_store(store, cutoffs, reached=bool(stores_reached(theirs)))
        | {
            "collections": [
                _with_unread(in_collection(line, grounds, cutoffs.get(store)), line, unread) for line in theirs
            ]
        }
        for store, theirs in stores.items()
    ]


def _with_unread(
    told: dict[str, object], line: CollectionOutcome, unread: Mapping[tuple[str, str], int]
) -> dict[str, object]:
    values = unread.get((line.store, line.collection), 0)
    return told | {"unread": values} if values else told


def in_store(store: str, cutoffs: Mapping[str, datetime], *, reached: bool) -> dict[str, object]:
    """What a statement says of one store as a whole, beside its collections.

    Args:
        store: Its name.
        cutoffs: Store -> the batch's cutoff there.
        reached: Whether it is among the `stores_reached` by its lines.
    """
    level = {"level": "deleted"} if reached else {}
    return {"store": store, **level, "cutoff": exact(cutoffs[store]) if store in cutoffs else None}


def stores_reached(lines: Iterable[CollectionOutcome]) -> set[str]:
    """The stores that have a level at all: only where something was erased or tombstoned it is deleted."""
    return {line.store for line in lines if line.outcome in consistency.GONE_OUTCOMES}


def gone(line: CollectionOutcome) -> int:
    """How many of those found are known to be gone, but with their table: what became ambiguous since then is there."""
    if line.verified is None or line.unseen or line.outcome is Outcome.DROPPED:
        return line.gone_before
    found, seen = line.found, line.verified
    unclear = max(0, seen.ambiguous - found.ambiguous)
    return max(line.gone_before, found.due + found.retained - seen.due - seen.retained - unclear)


def more_is_gone(lines: Iterable[CollectionOutcome]) -> bool:
    """Whether more is gone than a statement before says."""
    return any(gone(line) > line.gone_before for line in lines)


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
    }
    if line.unseen:
        told["unseen"] = True
    else:
        told |= {"due": line.verified.due, "retained": line.verified.retained, "newer": line.verified.newer}
    if line.verified.ambiguous:
        told["ambiguous"] = line.verified.ambiguous
    # Elsewhere it is plain from the other counts.
    unclear = line.verified.ambiguous or line.verified.retained or line.unseen or line.outcome is Outcome.DROPPED
    if unclear and (number := gone(line)):
        told["gone"] = number
    if line.left_before:
        told["leftBefore"] = line.left_before
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


def nothing_went(lines: Iterable[CollectionOutcome]) -> bool:
    """Whether of nothing that was found it is known that it is gone, but with its table."""
    return not any(map(gone, lines))


def what_went(lines: Sequence[CollectionOutcome]) -> Went:
    """What may be claimed of these lines together."""
    if nothing_went(lines):
        dropped = any(line.outcome is Outcome.DROPPED for line in lines)
        return Went.NOTHING_BUT_DROPPED if dropped else Went.NOTHING
    if left(lines):
        return Went.SOME_AND_LEFT if stores_reached(lines) else Went.SOME_IN_PART_AND_LEFT
    return Went.SOME if stores_reached(lines) else Went.SOME_IN_PART


def kept_for_a_time(lines: Iterable[CollectionOutcome]) -> list[tuple[str, str]]:
    """(store, collection) in which a law or the storage keeps something of a person that has to go one day."""
    return [
        (line.store, line.collection)
        for line in lines
        if line.verified is not None and count_records.kept_for_a_time(line.verified)
    ]


def kept_until(lines: Sequence[CollectionOutcome], answered: CountRecord) -> date | None:
    """From which day on nothing of what is `still_there` is to be there; None: that cannot be said of all of it.

    Args:
        lines: Of one person, by the last look.
        answered: What the look before the answer saw, which stated the days: another day now is in no statement.
    """
    kept = [line for line in lines if line.verified is not None and count_records.kept_for_a_time(line.verified)]
    seen = [line.verified for line in kept if line.verified is not None]
    stated = {(store, name): one for store, names in answered.items() for name, one in unpack(names).items()}
    days = [one.until for one in seen if one.until is not None and not one.ambiguous]
    before = [
        one.until
        for line in kept
        if (one := stated.get((line.store, line.collection))) is not None and count_records.kept_for_a_time(one)
    ]
    return max(days, default=None) if len(days) == len(kept) and days == before and not left(lines) else None


def left(lines: Iterable[CollectionOutcome]) -> list[tuple[str, str]]:
    """(store, collection) in which this request, or an earlier one, left something of a person."""
    return [(line.store, line.collection) for line in lines if line.outcome is Outcome.LEFT or line.left_before]


def still_there(lines: Sequence[CollectionOutcome]) -> list[tuple[str, str]]:
    """(store, collection) in which something is left or kept for a time: the keys that lead there are kept."""
    return list(dict.fromkeys([*left(lines), *kept_for_a_time(lines)]))
