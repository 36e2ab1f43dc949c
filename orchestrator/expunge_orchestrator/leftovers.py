"""Leftovers: what a request that was cancelled half-way left behind, and the sealed keys that lead there (ADR 8).

The records that led to it are gone, so these keys are the only way. They are sealed under a key of their own, are found
by tags as everything here is, and are destroyed when a later request of the same person has seen that nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator import standing
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.ledger import schema
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.records import Item
from expunge_orchestrator.outcomes import Line
from expunge_orchestrator.sealing import Seal
from expunge_orchestrator.tags import Tagger
from expunge_orchestrator.workspace import Workspace

# So many tags in one question: both databases take that many parameters.
_TAGS = 500


@dataclass(frozen=True, slots=True)
class Leftover:
    """What one person's cancelled request left.

    Attributes:
        item_id: The person in that request.
        batch: That request's batch.
        keys: What leads there, with their marks (see `standing`).
        places: (store, collection) in which something was left.
        proven: It is the same person as the one it was found for. Otherwise an identifier that can pass on is all that
            they have in common: nothing is erased by these keys.
    """

    item_id: int
    batch: str
    keys: frozenset[SubjectKey] = field(repr=False)
    places: frozenset[tuple[str, str]]
    proven: bool


def keep(
    connection: sa.Connection, workspace: Workspace, item: Item, lines: Sequence[Line], keys: Iterable[SubjectKey]
) -> None:
    """Seal these keys of a person anew, with the places in which something is left."""
    seal, tagger = Seal(workspace.keys.wrapping), Tagger(workspace.keys.suppression)
    kept = frozenset(keys)
    wrapped = seal.new_key()
    places = sorted((line.store, line.collection) for line in lines if line.verified is not None and line.verified.due)
    connection.execute(
        sa.insert(schema.leftover).values(
            item_id=item.id,
            wrapped_key=wrapped,
            sealed_keys=seal.close(wrapped, item.series, kept),
            places=[list(place) for place in places],
            at=stamp(now()),
        )
    )
    tags = {tagger.tag(key) for key in map(standing.plain, kept) if key.namespace in workspace.data_map.identities}
    if tags:
        connection.execute(sa.insert(schema.leftover_tag), [{"tag": tag, "item_id": item.id} for tag in sorted(tags)])


def end(connection: sa.Connection, leftovers: Iterable[Leftover]) -> None:
    """Destroy what leads to leftovers of which nothing is left."""
    ids = sorted({one.item_id for one in leftovers})
    for table in (schema.leftover_tag, schema.leftover):
        connection.execute(sa.delete(table).where(table.c.item_id.in_(ids)))


def of_people(
    workspace: Workspace, scope: Scope, people: Iterable[tuple[int, frozenset[SubjectKey]]]
) -> dict[int, list[Leftover]]:
    """Number -> what earlier requests of the same controller left of the same person, for those that have any.

    Args:
        workspace: The ledger and its keys.
        scope: For whom the request speaks.
        people: Number and keys of each; gone through only if anybody has left anything.
    """
    persons = person_identities(workspace)
    with reading(workspace.ledger) as connection:
        if connection.execute(sa.select(schema.leftover.c.item_id).limit(1)).first() is None:
            return {}
        tagger = Tagger(workspace.keys.suppression)
        by_tag: dict[bytes, list[tuple[int, bool]]] = {}
        for number, keys in people:
            plain = set(map(standing.plain, keys))
            proofs = {key for key in plain if key.namespace in persons}
            for key in proofs or plain:
                by_tag.setdefault(tagger.tag(key), []).append((number, bool(proofs)))
        tags = list(by_tag)
        rows = [
            row
            for start in range(0, len(tags), _TAGS)
            for row in connection.execute(_with_tags(scope).where(_TAG.in_(tags[start : start + _TAGS])))
        ]
    seal = Seal(workspace.keys.wrapping)
    found: dict[int, dict[int, Leftover]] = {}
    for row in rows:
        keys = seal.open(row.wrapped_key, row.series, row.sealed_keys)
        nobody = not any(standing.plain(key).namespace in persons for key in keys)
        places = frozenset((store, name) for store, name in row.places)
        for number, by_person in by_tag[row.tag]:
            one = Leftover(row.item_id, row.uid, keys, places, proven=by_person or nobody)
            found.setdefault(number, {})[row.item_id] = one
    return {number: list(ones.values()) for number, ones in found.items()}


def taken_over(
    workspace: Workspace, scope: Scope, people: Iterable[tuple[int, frozenset[SubjectKey]]]
) -> dict[int, frozenset[SubjectKey]]:
    """Number -> the keys that lead to what earlier requests left of the same person, for those that have any."""
    return {
        number: frozenset[SubjectKey]().union(*(one.keys for one in ones if one.proven))
        for number, ones in of_people(workspace, scope, people).items()
    }


def number_of(connection: sa.Connection, batch_id: int) -> int:
    """Of how many people of a batch something is left behind."""
    left = (
        sa.select(sa.func.count())
        .select_from(schema.leftover)
        .join(schema.item, schema.item.c.id == schema.leftover.c.item_id)
        .where(schema.item.c.batch_id == batch_id)
    )
    return connection.scalar(left) or 0


def person_identities(workspace: Workspace) -> frozenset[str]:
    """The identities that prove who somebody is."""
    return frozenset(name for name, one in workspace.data_map.identities.items() if one.kind is IdentityKind.PERSON)


_TAG = schema.leftover_tag.c.tag


def _with_tags(scope: Scope) -> sa.Select[Any, Any, Any, Any, Any, Any, Any]:
    return (
        sa.select(
            _TAG,
            schema.leftover.c.item_id,
            schema.leftover.c.wrapped_key,
            schema.leftover.c.sealed_keys,
            schema.leftover.c.places,
            schema.item.c.series,
            schema.batch.c.uid,
        )
        .join(schema.leftover, schema.leftover.c.item_id == schema.leftover_tag.c.item_id)
        .join(schema.item, schema.item.c.id == schema.leftover.c.item_id)
        .join(schema.batch, schema.batch.c.id == schema.item.c.batch_id)
        .where(of_scope(scope))
    )


def of_scope(scope: Scope) -> sa.ColumnElement[bool]:
    """The batch is one of this controller: another one's requests are nobody else's business."""
    return sa.and_(
        schema.batch.c.controller == scope.controller, schema.batch.c.member.is_not_distinct_from(scope.member)
    )
