"""Key rows: the rows that are staged for the keys of a chunk (pure).

A value that is not the text form of its column's type has none: it cannot stand there.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import cast

from expunge_connectors.contract import SINCE, Subject, SubjectKey
from expunge_connectors.postgres.catalog.key_types import KeyType
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, OwnKey
from expunge_connectors.postgres.sql.staged_keys import Ages, Wanted, from_the_start, known_as, refused_as
from expunge_connectors.postgres.sql.stored_spellings import Said, StoredSpellings

Row = tuple[object, ...]
"""A subject's number, then the values of one key; where keys can be claimed, whether this one is; where rows may be too
old for it, since when the subject has it."""


def staged_rows(
    wanted: Iterable[Wanted], store: BoundStore, subjects: Sequence[Subject], spelt: StoredSpellings
) -> Iterator[tuple[Wanted, list[Row]]]:
    """The rows of every staging table, empty ones too."""
    wanted = list(wanted)
    accepted: dict[str, list[tuple[int, str]]] = {namespace: [] for namespace, _ in wanted}
    unclear: dict[str, list[tuple[int, str]]] = {one: [] for one in accepted if one in store.passing}
    refused = ((one.number, refused_as(name), value) for one in subjects for name, value in one.refused or ())
    for number, namespace, value in chain(_followed(subjects, store), refused):
        if (listed := accepted.get(namespace)) is not None:
            listed.append((number, value))
    for subject in subjects if unclear else ():
        for namespace, value in subject.unclear:
            if (listed := unclear.get(namespace)) is not None:
                listed.append((subject.number, value))
    for namespace, types in wanted:
        found: list[Row]
        if (namespace, types) in spelt.rows:
            flagged = namespace in store.passing
            yield (namespace, types), [marked_row(row) if flagged else row[:-1] for row in spelt.rows[namespace, types]]
            continue
        found = plain_rows(accepted[namespace], types)
        if namespace in unclear:
            found = [(*row, False) for row in found] + [(*row, None) for row in plain_rows(unclear[namespace], types)]
        yield (namespace, types), found


def _followed(subjects: Iterable[Subject], store: BoundStore) -> Iterator[tuple[int, str, str]]:
    """Number, namespace as it is staged, and value of every key that is followed.

    Without those by which rows refer to a person who is somebody else by now (see `OwnKey`); and with what rows refer
    to a person by whose own row may be gone, where the resolution did not tell it.
    """
    told = [(namespace, of.identity) for namespace, of in store.own_keys.items() if of.told]
    deciding = {namespace for namespace, _ in store.deciding}
    for subject in subjects:
        number, keys = subject.number, subject.keys
        theirs = keys | subject.known if subject.known else keys
        for key in keys:
            of = store.own_keys.get(key.namespace)
            if of is None or _is_theirs(key.value, of, theirs):
                yield number, key.namespace, key.value
        for namespace, identity in told:
            for key in keys:
                if key.namespace == identity and (namespace, key.value) not in keys:
                    yield number, namespace, key.value
        for namespace, value in subject.known:
            yield number, known_as(namespace), value
        for namespace, value in theirs if deciding else ():
            if namespace in deciding:
                yield number, from_the_start(namespace), value


def _is_theirs(value: str, of: OwnKey, theirs: frozenset[SubjectKey]) -> bool:
    if of.same:
        return SubjectKey(of.identity, value) in theirs
    return any(key.namespace == of.identity for key in theirs)


def claim_ages(subjects: Sequence[Subject], aged: Container[str]) -> Ages:
    """What the keys say of it; of several times for one value the earliest."""
    found: dict[tuple[int, str, str], datetime] = {}
    for subject in subjects if aged else ():
        for namespace, text in (*subject.keys, *subject.known):
            if namespace.startswith(SINCE) and namespace.removeprefix(SINCE) in aged:
                when, _, value = text.partition("|")
                place = subject.number, namespace.removeprefix(SINCE), value
                at = datetime.fromisoformat(when)
                found[place] = min(at, found.get(place, at))
    return found


def with_ages(rows: Iterable[Row], wanted: Wanted, spelt: StoredSpellings, ages: Ages) -> list[Row]:
    """Rows of one table, each with since when the subject has the key."""
    identity, name = spelt.key(wanted)
    key = int(name[1:]) + 1
    return [(*row, ages.get((cast("int", row[0]), identity, str(row[key])))) for row in rows]


def marked_row(said: Said) -> Row:
    """A text with the mark of a key: one that is not to be followed is refused from the start."""
    *row, of_others = said
    return (*row, None if of_others else False)


def plain_rows(keys: Iterable[tuple[int, str]], types: tuple[KeyType, ...]) -> list[Row]:
    """Numbers and keys as rows; without those that are no text form of their type."""
    if len(types) == 1:
        read = types[0].read()
        return [(number, found) for number, value in keys if (found := read(value)) is not None]
    return [row for number, value in keys if (row := _row(number, _parts(value), types)) is not None]


def _row(number: int, values: Sequence[str], types: tuple[KeyType, ...]) -> Row | None:
    """One key of several values; None if it is no such key."""
    if len(values) != len(types):
        return None
    found = [kind.read()(value) for kind, value in zip(types, values, strict=True)]
    return None if None in found else (number, *found)


def _parts(value: str) -> list[str]:
    """The values of a composite key; none if it is no such key."""
    try:
        parts = json.loads(value)
    except ValueError:
        return []
    return parts if isinstance(parts, list) and all(isinstance(part, str) for part in parts) else []
