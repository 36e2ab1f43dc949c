"""Retention grounds in words: why something is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from expunge_config.datamap import DataMap
from expunge_connectors.contract import DATA_TYPE, SHARED, RecordCounts

# Reasons that lie in the record itself, not in its data type; connectors give them as codes.
_REASONS = {
    SHARED: "Other people's right: the record is theirs as well and is kept for them, on the ground on which their own"
    " data are processed (GDPR Art. 6(1)); the right to erasure is of data about the person who asks (Art. 17(1)). It"
    " goes with the last of them",
    "object-lock": "Object Lock: the storage refuses to delete it before its day",
    "legal-hold": "Legal hold on the object: the storage refuses to delete it",
    "event-hold": "Event hold on the object: the storage refuses to delete it until the event that it waits for",
}

UNNAMED_GROUND = "The store keeps it and does not say why"
"""Of a connector that counts what it keeps and names no ground, where the data type has none either."""

Grounds = Mapping[tuple[str, str], str]
"""(store, collection) -> why its data type is retained, for those that are."""


def grounds_of(data_map: DataMap) -> Grounds:
    """What the map says."""
    return {
        (store, name): str(data_map.data_types[spec.data_type].ground)
        for store, name, spec in data_map.collections()
        if spec.data_type is not None and data_map.data_types[spec.data_type].ground is not None
    }


def ground_of(tally: RecordCounts, store: str, collection: str, grounds: Grounds) -> str | None:
    """Why `retained` of a tally is kept: the record's own reason, or its data type's."""
    by_type = grounds.get((store, collection))
    codes = (tally.ground or "").split("+")
    if DATA_TYPE in codes and by_type is None:  # it is not retained any more
        codes.remove(DATA_TYPE)
    reasons = [by_type if one == DATA_TYPE else _REASONS.get(one) for one in codes]
    if len(reasons) > 1 and all(reasons):
        return any_of(map(str, reasons))
    return reasons[0] or tally.ground or by_type


def any_of(reasons: Iterable[str]) -> str:
    """Several reasons in words, of records of which not each is kept for all of them."""
    return f"Each is kept for one of these reasons, or for several: {'; '.join(reasons)}"
