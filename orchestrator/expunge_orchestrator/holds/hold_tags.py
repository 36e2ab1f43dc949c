"""Hold tags: keyed hashes by which a hold matches its people, whichever identifier a request gives (ADR 6).

Our own erasing cuts the link between an e-mail and the id beside it. So a hold learns the other tags of the people that
it holds while the ledger has them. Person keys hold as if the hold had been placed for them. Anything else can pass on,
or belong to two: it is weak, holds only who is known by no person key, and nothing is learnt from it. Whoever asked and
was held stays held until the hold is lifted, also by an e-mail that was theirs for a while: their receipt says so.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.subjects import member_proof

_AT_ONCE = 500


class KnownBy(NamedTuple):
    """A person as holds ask about them: the keys that are theirs, and values of theirs that others have too or may."""

    keys: Collection[SubjectKey]
    not_followed: Collection[SubjectKey]


def known_by(sealed: frozenset[SubjectKey], identities: Container[str]) -> KnownBy:
    """A person of a chunk, by keys that were sealed together."""
    keys = map(member_proof.unmark, member_proof.accepted(sealed))
    return KnownBy([key for key in keys if key.namespace in identities], member_proof.not_followed(sealed))


def matching_items(
    connection: sa.Connection, chunk_id: int, hold_ids: Collection[int], persons: Collection[str]
) -> list[tuple[int, int]]:
    """(hold, item) for the people of a chunk whom these holds know by any tag of theirs."""
    ours, tag, proof = tables.suppression.c, tables.hold_tag.c, tables.suppression.alias("proof")
    proven = sa.exists().where(proof.c.item_id == ours.item_id, proof.c.namespace.in_(persons))
    rows = connection.execute(
        sa.select(tag.hold_id, tables.item.c.id)
        .join(tables.suppression, ours.tag == tag.tag)
        .join(tables.item, tables.item.c.id == ours.item_id)
        .where(tables.item.c.chunk_id == chunk_id, tag.hold_id.in_(hold_ids), sa.or_(~tag.weak, ~proven))
        .distinct()
        .order_by(tag.hold_id, tables.item.c.id)
    )
    return [(hold_id, item_id) for hold_id, item_id in rows]


def matching_keys(
    connection: sa.Connection,
    people: Mapping[int, Collection[SubjectKey]],
    hold_ids: Collection[int],
    persons: Collection[str],
    tagger: Tagger,
) -> list[tuple[int, int]]:
    """The same for people whose keys are at hand: (hold, number)."""
    known: dict[bytes, list[tuple[int, bool]]] = {}
    for row in connection.execute(sa.select(tables.hold_tag).where(tables.hold_tag.c.hold_id.in_(hold_ids))):
        known.setdefault(row.tag, []).append((row.hold_id, row.weak))
    found: set[tuple[int, int]] = set()
    for number, keys in people.items() if known else ():
        proven = any(key.namespace in persons for key in keys)
        for key in keys:
            found |= {(one, number) for one, weak in known.get(tagger.tag(key), ()) if not (weak and proven)}
    return sorted(found)


def link_tags(
    connection: sa.Connection, hold_ids: Collection[int], items: Iterable[int], persons: Collection[str]
) -> None:
    """Let these holds know by every tag that the ledger has of them those of the people whom they hold.

    Nothing is learnt of people who are known by a weak tag: a shared address would lead on from one to the next.
    """
    people = sorted(set(items))
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for start in range(0, len(people), _AT_ONCE):
        known, theirs = tables.suppression.alias("known"), tables.suppression.alias("theirs")
        learnt = (
            sa.select(theirs.c.tag, tables.hold_tag.c.hold_id, theirs.c.namespace.not_in(persons), theirs.c.namespace)
            .select_from(theirs)
            .join(known, known.c.item_id == theirs.c.item_id)
            .join(tables.hold_tag, tables.hold_tag.c.tag == known.c.tag)
            .where(
                theirs.c.item_id.in_(people[start : start + _AT_ONCE]),
                tables.hold_tag.c.hold_id.in_(hold_ids),
                ~tables.hold_tag.c.weak,
            )
            .distinct()
        )
        connection.execute(
            insert(tables.hold_tag)
            .from_select(["tag", "hold_id", "weak", "namespace"], learnt)
            .on_conflict_do_nothing()
        )


def link_keys(
    connection: sa.Connection,
    people: Iterable[KnownBy],
    hold_ids: Collection[int],
    persons: Collection[str],
    tagger: Tagger,
) -> None:
    """The same for people whose keys are at hand. Of what resolution did not follow holds learn nothing."""
    tag = tables.hold_tag.c
    known: dict[bytes, list[int]] = {}
    for row in connection.execute(sa.select(tag.tag, tag.hold_id).where(tag.hold_id.in_(hold_ids), ~tag.weak)):
        known.setdefault(row.tag, []).append(row.hold_id)
    learnt = {}
    for keys, not_followed in people if known else ():
        tags = {tagger.tag(key): key.namespace for key in keys}
        for hold_id in {one for by in (*tags, *map(tagger.tag, not_followed)) for one in known.get(by, ())}:
            for theirs, namespace in tags.items():
                weak = namespace not in persons
                learnt[theirs, hold_id] = {"tag": theirs, "hold_id": hold_id, "weak": weak, "namespace": namespace}
    if learnt:
        insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(tables.hold_tag).on_conflict_do_nothing(), list(learnt.values()))


def link_tags_now(
    connection: sa.Connection, hold_id: int, batches: sa.ColumnElement[bool], persons: Collection[str]
) -> None:
    """The same when a hold is placed, of everybody in these batches whose request is open or has left something."""
    tag, left = tables.hold_tag.c, sa.select(tables.residual_keys.c.item_id)
    known = sa.select(tables.suppression.c.item_id).join(tables.hold_tag, tag.tag == tables.suppression.c.tag)
    people = connection.scalars(
        sa.select(tables.item.c.id)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .where(
            batches,
            sa.or_(tables.item.c.wrapped_key.is_not(None), tables.item.c.id.in_(left)),
            tables.item.c.id.in_(known.where(tag.hold_id == hold_id)),
        )
    )
    link_tags(connection, [hold_id], people.all(), persons)
