"""Hold tags: keyed hashes by which a hold matches its people, whichever identifier a request gives (ADR 6).

Our own erasing cuts the link between an e-mail and the id beside it. So a hold learns the other tags of the people that
it holds while the ledger has them. Person keys hold as if the hold had been placed for them. Anything else can pass on,
or belong to two: it is weak, holds only who is known by no person key, and nothing is learnt from it. Whoever asked and
was held stays held until the hold is lifted, also by an e-mail that was theirs for a while: their receipt says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import Transaction, holds
from expunge_orchestrator.ledger.holds import Tag
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.subjects import member_proof


class KnownBy(NamedTuple):
    """A person as holds ask about them: the keys that are theirs, and values of theirs that others have too or may."""

    keys: Collection[SubjectKey]
    not_followed: Collection[SubjectKey]


def known_by(sealed: frozenset[SubjectKey], aliases: Aliases) -> KnownBy:
    """A person of a chunk, by keys that were sealed together, and by what else is read where their values stand."""
    accepted = map(member_proof.unmark, member_proof.accepted(sealed))
    keys = {key for key in accepted if key.namespace in aliases.identities}
    return KnownBy(keys.union(*map(aliases.of_key, keys)), member_proof.not_followed(sealed))


def matching_keys(
    connection: Transaction,
    people: Mapping[int, Collection[SubjectKey]],
    hold_ids: Collection[int],
    persons: Collection[str],
    tagger: Tagger,
) -> list[tuple[int, int]]:
    """(hold, number) for people whose keys are at hand: `holds.matching_items` of those of a chunk."""
    known: dict[bytes, list[tuple[int, bool]]] = {}
    for row in holds.tags_of(connection, hold_ids):
        known.setdefault(row.tag, []).append((row.hold_id, row.weak))
    found: set[tuple[int, int]] = set()
    for number, keys in people.items() if known else ():
        proven = any(key.namespace in persons for key in keys)
        for key in keys:
            found |= {(one, number) for one, weak in known.get(tagger.tag(key), ()) if not (weak and proven)}
    return sorted(found)


def link_keys(
    connection: Transaction,
    people: Iterable[KnownBy],
    hold_ids: Collection[int],
    persons: Collection[str],
    tagger: Tagger,
) -> None:
    """As `holds.learn_from_items`, for people whose keys are at hand. Of what was not followed holds learn nothing."""
    known: dict[bytes, list[int]] = {}
    for row in holds.tags_of(connection, hold_ids):
        if not row.weak:
            known.setdefault(row.tag, []).append(row.hold_id)
    learnt: dict[tuple[bytes, int], Tag] = {}
    for keys, not_followed in people if known else ():
        tags = {tagger.tag(key): key.namespace for key in keys}
        for hold_id in {one for by in (*tags, *map(tagger.tag, not_followed)) for one in known.get(by, ())}:
            for theirs, namespace in tags.items():
                weak = namespace not in persons
                learnt[theirs, hold_id] = Tag(theirs, hold_id, weak, namespace)
    holds.learn(connection, learnt.values())
