"""Leftovers: what a request that was cancelled half-way left behind, and the sealed keys that lead there (ADR 8).

The records that led to it are gone, so these keys are the only way. They are sealed under a key of their own, are found
by tags as everything here is, and are destroyed when a later request of the same person has seen that nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.suppression_tags import Tagger
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.workspace import Workspace

Place = tuple[str, str]
"""(store, collection)"""

TAGS = 500
"""So many tags in one question: both databases take that many parameters."""
_ANY = sa.select(tables.leftover.c.item_id).limit(1)


@dataclass(frozen=True, slots=True)
class ResidualKeys:
    """What one person's cancelled request left.

    Attributes:
        item_id: The person in that request.
        batch: That request's batch.
        keys: What leads there for good, with their marks (see `standing`): never an e-mail or a number.
        places: (store, collection) in which something was left.
        whole: The request has every key that led there, and may use each: what it finds is all there is.
        proven: A person key in common says that it is the same person as the one it was found for. Otherwise an
            identifier that can pass on is all that they have in common: nothing is erased by these keys.
        doubtful: Those of the places to which, perhaps, only an identifier led that can pass on and that is not among
            this request's: finding nothing there says nothing.
    """

    item_id: int
    batch: str
    keys: frozenset[SubjectKey] = field(repr=False)
    places: frozenset[tuple[str, str]]
    whole: bool
    proven: bool
    doubtful: frozenset[tuple[str, str]]


def keep(
    connection: sa.Connection, workspace: Workspace, item: Item, places: Iterable[Place], keys: Iterable[SubjectKey]
) -> None:
    """Seal anew what leads to a person's records for good, with the places in which something is left.

    An e-mail or a number may lead to somebody else by the time that it is used: of these the tags alone are kept, so
    that whoever asks by them is told that something is left.
    """
    seal, identities = ItemCipher(workspace.keys.wrapping), workspace.data_map.identities
    kept = frozenset(
        key
        for key in keys
        for identity in [identities.get(member_proof.unmark(key).namespace)]
        if identity is None or identity.kind is not IdentityKind.REUSABLE
    )
    wrapped = seal.new_key()
    end(connection, [item.id])  # of a remainder that was taken up and is left again
    connection.execute(
        sa.insert(tables.leftover).values(
            item_id=item.id,
            wrapped_key=wrapped,
            sealed_keys=seal.close(wrapped, item.series, kept),
            places=sorted(map(list, places)),
            at=stamp(now()),
        )
    )
    known = tables.suppression.c
    connection.execute(
        sa.insert(tables.leftover_tag).from_select(
            ["tag", "item_id", "namespace"],
            sa.select(known.tag, known.item_id, known.namespace).where(known.item_id == item.id),
        )
    )


def end(connection: sa.Connection, items: Iterable[int]) -> None:
    """Destroy what leads to the rest of people of whom nothing is left."""
    ids = sorted(set(items))
    if not ids:
        return
    for table in (tables.leftover_tag, tables.leftover):
        connection.execute(sa.delete(table).where(table.c.item_id.in_(ids)))


def of_people(
    workspace: Workspace, scope: Scope, people: Iterable[tuple[int, frozenset[SubjectKey]]]
) -> dict[int, list[ResidualKeys]]:
    """Number -> what earlier requests of the same controller left of the same person, for those that have any.

    Any key in common makes it perhaps the same person; different person keys of one kind make it somebody else.

    Args:
        workspace: The ledger and its keys.
        scope: For whom the request speaks.
        people: Number and keys of each; gone through only if anybody has left anything.
    """
    with reading(workspace.ledger) as connection:
        if connection.execute(_ANY).first() is None:
            return {}
        tagger = Tagger(workspace.keys.suppression)
        given = dict(people)
        keys_of = {number: frozenset(map(member_proof.unmark, keys)) for number, keys in given.items()}
        tags_of = {number: {tagger.tag(key) for key in keys} for number, keys in keys_of.items()}
        usable = {number: keys & keys_of[number] for number, keys in given.items()}
        by_tag: dict[bytes, list[int]] = {}
        for number, tags in tags_of.items():
            for tag in tags:
                by_tag.setdefault(tag, []).append(number)
        asked = list(by_tag)
        rows = {
            row.item_id: row
            for start in range(0, len(asked), TAGS)
            for row in connection.execute(_with_tags(scope, asked[start : start + TAGS]))
        }
        left_tags: dict[int, set[bytes]] = {}
        for item_id, tag in connection.execute(_tags_of(list(rows))):
            left_tags.setdefault(item_id, set()).add(tag)
    seal, doubted = ItemCipher(workspace.keys.wrapping), stores_with_reassignable_keys(workspace)
    found: dict[int, list[ResidualKeys]] = {}
    for row in rows.values():
        keys = seal.open(row.wrapped_key, row.series, row.sealed_keys)
        theirs = _persons(workspace, map(member_proof.unmark, keys))
        places = frozenset((store, name) for store, name in row.places)
        for number in sorted({number for tag in left_tags[row.item_id] for number in by_tag.get(tag, ())}):
            ours = _persons(workspace, keys_of[number])
            if not ours & theirs and {key.namespace for key in ours} & {key.namespace for key in theirs}:
                continue
            # A key that may not be used everywhere (it carries a mark) looks for nothing where it may not.
            whole = left_tags[row.item_id] <= {tagger.tag(key) for key in usable[number]} and keys <= usable[number]
            doubtful = frozenset[tuple[str, str]]() if whole else frozenset(one for one in places if one[0] in doubted)
            one = ResidualKeys(
                row.item_id, row.uid, keys, places, whole=whole, proven=bool(ours & theirs), doubtful=doubtful
            )
            found.setdefault(number, []).append(one)
    return found


def _persons(workspace: Workspace, keys: Iterable[SubjectKey]) -> set[SubjectKey]:
    persons = workspace.data_map.person_identities
    return {key for key in keys if key.namespace in persons}


def stores_with_reassignable_keys(workspace: Workspace) -> frozenset[str]:
    """Stores of whose collections the map names an e-mail, a number or the like anywhere."""
    reusable = [name for name, one in workspace.data_map.identities.items() if one.kind is IdentityKind.REUSABLE]
    return frozenset(
        store
        for store, spec in workspace.data_map.stores.items()
        for text in [spec.model_dump_json()]
        if any(f'"{name}"' in text or f"{{{name}}}" in text for name in reusable)
    )


def inherited_keys(left: Mapping[int, Sequence[ResidualKeys]]) -> dict[int, frozenset[SubjectKey]]:
    """Number -> the keys that lead to what earlier requests left (`of_people`) for certain of the same person."""
    return {
        number: frozenset[SubjectKey]().union(*(one.keys for one in ones if one.proven))
        for number, ones in left.items()
    }


def number_of(connection: sa.Connection, batch_id: int) -> int:
    """Of how many people of a batch something is left behind."""
    left = (
        sa.select(sa.func.count())
        .select_from(tables.leftover)
        .join(tables.item, tables.item.c.id == tables.leftover.c.item_id)
        .where(tables.item.c.batch_id == batch_id)
    )
    return connection.scalar(left) or 0


def _with_tags(scope: Scope, tags: Sequence[bytes]) -> sa.Select[Any, Any, Any, Any, Any, Any]:
    return (
        sa.select(
            tables.leftover.c.item_id,
            tables.leftover.c.wrapped_key,
            tables.leftover.c.sealed_keys,
            tables.leftover.c.places,
            tables.item.c.series,
            tables.batch.c.uid,
        )
        .join(tables.leftover_tag, tables.leftover_tag.c.item_id == tables.leftover.c.item_id)
        .join(tables.item, tables.item.c.id == tables.leftover.c.item_id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .where(of_scope(scope), tables.leftover_tag.c.tag.in_(tags))
    )


def _tags_of(items: Sequence[int]) -> sa.Select[Any, Any]:
    return sa.select(tables.leftover_tag.c.item_id, tables.leftover_tag.c.tag).where(
        tables.leftover_tag.c.item_id.in_(items)
    )


def of_scope(scope: Scope) -> sa.ColumnElement[bool]:
    """The batch is one of this controller: another one's requests are nobody else's business."""
    return sa.and_(
        tables.batch.c.controller == scope.controller, tables.batch.c.member.is_not_distinct_from(scope.member)
    )
