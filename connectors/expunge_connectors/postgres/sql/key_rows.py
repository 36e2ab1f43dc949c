"""Key rows: the rows that are staged for the keys of a chunk (pure).

A value that is not the text form of its column's type has none: it cannot stand there.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import cast

from expunge_connectors.contract import SINCE, Subject, SubjectKey
from expunge_connectors.postgres.catalog.key_types import KeyType
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.sql.staged_keys import Ages, Wanted, from_the_start, known_as
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
    for subject in subjects:
        given = (
            *(_led_by(subject, store), subject.unclear, _own_keys(subject, store)),
            *(_known_keys(subject), _deciding_keys(subject, store)),
        )
        for known, keys in zip((accepted, unclear, accepted, accepted, accepted), given, strict=True):
            for namespace, value in keys:
                if (listed := known.get(namespace)) is not None:
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


def _own_keys(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    """What rows refer to a person by whose own row may be gone, where the resolution did not tell it."""
    for namespace, of in store.own_keys.items():
        for key in subject.keys if of.told else ():
            if key.namespace == of.identity and (own := SubjectKey(namespace, key.value)) not in subject.keys:
                yield own


def _led_by(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    """The keys, without those by which rows refer to a person who is somebody else by now (see `OwnKey`)."""
    theirs = subject.keys | subject.known
    identities = {key.namespace for key in theirs}
    for key in subject.keys:
        of = store.own_keys.get(key.namespace)
        if of is None or (SubjectKey(of.identity, key.value) in theirs if of.same else of.identity in identities):
            yield key


def _known_keys(subject: Subject) -> Iterator[SubjectKey]:
    for namespace, value in subject.known:
        yield SubjectKey(known_as(namespace), value)


def _deciding_keys(subject: Subject, store: BoundStore) -> Iterator[SubjectKey]:
    deciding = {namespace for namespace, _ in store.deciding}
    for namespace, value in subject.keys | subject.known if deciding else ():
        if namespace in deciding:
            yield SubjectKey(from_the_start(namespace), value)


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
