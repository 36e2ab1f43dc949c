"""Unread values: what records of a person name and nobody can read. It was not searched, and is told (ADR 22)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from expunge_connectors.contract import UNREAD, DiscoveredKey, Subject, SubjectKey


def counted(unread: Iterable[SubjectKey]) -> Mapping[tuple[str, str], int]:
    """(store, collection) -> how many different values."""
    found: Counter[tuple[str, str]] = Counter()
    for namespace, _ in unread:
        store, _, collection = namespace.removeprefix(UNREAD).partition(".")
        found[store, collection] += 1
    return found


def by_place(unread: Iterable[SubjectKey]) -> dict[str, int]:
    """The same by `store.collection`, as the ledger keeps it when the keys are destroyed."""
    return {f"{store}.{name}": values for (store, name), values in sorted(counted(unread).items())}


def told(subjects: Sequence[Subject], found: Iterable[DiscoveredKey]) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> what a store tells of these people's records that nobody can read; of those with any."""
    keys_of = {one.number: one.keys for one in subjects}
    values: dict[int, set[SubjectKey]] = {}
    for number, via, _, key in found:
        if key.namespace.startswith(UNREAD) and via in keys_of.get(number, ()):
            values.setdefault(number, set()).add(key)
    return {number: frozenset(keys) for number, keys in values.items()}
