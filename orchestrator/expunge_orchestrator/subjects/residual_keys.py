"""Residual keys: encrypted keys to records that an ended request left, for a later request (ADR 8).

An operator ended the request because a store refused, or a law or the storage keeps a record. What led there is gone,
so these keys are the only way. They are sealed under a key of their own, are found by the request's suppression tags,
and are destroyed when a later request of the same person has seen that nothing is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import FACTS, Scope, Subject, SubjectKey
from expunge_orchestrator.ledger import Transaction, attributions, kept_keys
from expunge_orchestrator.ledger.attributions import Decision, Pair
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.suppression_list import Tagger, entries_of
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.key_graph import same_person, several
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.workspace import Workspace


class ResidualPlace(NamedTuple):
    """A collection in which something is left.

    Attributes:
        reached: The kept keys alone led to everything that was seen there.
    """

    store: str
    collection: str
    reached: bool


@dataclass(frozen=True, slots=True)
class ResidualKeys:
    """What one person's earlier request left.

    Attributes:
        item_id: The person in that request.
        batch: That request's batch.
        keys: What leads there for good, with their marks (see `member_proof`): never an e-mail or a number.
        at_home: The person's own records that were the member's (see `contract.Subject`).
        places: (store, collection) in which something was left -> how many records, as they were last seen.
        whole: This request knows every key that led there, and may use each, those aside of which two people said that
            what stands under them is others' (ADR 18): what it finds is all there is.
        proven: Person keys say that it is the same person as the one it was found for. Otherwise all that they have in
            common can pass on, or did, as other person keys say: nothing is erased by these keys.
        doubtful: Places in which the last look saw something, to which an identifier can have led that is not among
            this request's, and to all of which the kept keys alone did not lead: finding nothing there says nothing.
        doubtful_without: The same of a request that does not use the kept keys.
        tags: Of every identifier and key that it had.
    """

    item_id: int
    batch: str
    keys: frozenset[SubjectKey] = field(repr=False)
    at_home: frozenset[SubjectKey] = field(repr=False)
    places: Mapping[Place, int]
    whole: bool
    proven: bool
    doubtful: frozenset[Place]
    doubtful_without: frozenset[Place]
    tags: frozenset[bytes] = field(repr=False)


def lasting(keys: Iterable[SubjectKey], data_map: DataMap) -> frozenset[SubjectKey]:
    """Those of the keys that lead to one person for good: an e-mail or a number may be somebody else's one day."""
    return frozenset(
        key
        for key in keys
        for identity in [data_map.identities.get(member_proof.unmark(key).namespace)]
        if (identity is None or identity.kind is not IdentityKind.REUSABLE) and not key.namespace.startswith(FACTS)
    )


def keep(  # noqa: PLR0913, PLR0917 - the parts of a row
    connection: Transaction,
    workspace: Workspace,
    item: Item,
    places: Iterable[ResidualPlace],
    person: Subject,
    look_on: date | None,
) -> None:
    """Seal anew what leads to a person's records for good, with the places in which something is left.

    Args:
        connection: In the transaction that ends the request.
        workspace: The keys and the map.
        item: The person in the ledger.
        places: In which something is left.
        person: The same person with every key, marked.
        look_on: From which day on all of it is to be gone; None: nobody knows.

    Of an e-mail or a number the tag alone stays, so that a request by it is told that something is left.
    """
    seal = ItemCipher(workspace.keys.wrapping)
    wrapped = seal.new_key()
    keys = member_proof.with_at_home(lasting(person.keys, workspace.data_map), person.at_home)
    sealed = seal.close(wrapped, Sealed.RESIDUAL_KEYS, item.series, keys)
    kept_keys.insert(connection, item.id, wrapped, sealed, places, look_on)


def of_people(workspace: Workspace, scope: Scope, people: Iterable[Subject]) -> dict[int, list[ResidualKeys]]:
    """Number -> what earlier requests of the same controller left of the same person, for those that have any.

    Any key in common makes it perhaps the same person. It is for certain if their person keys are one person's
    (`same_person`), and somebody else if they have none in common and one differs of a kind that both have. Of earlier
    requests that contradict each other the first one counts: once it is seen to the end, the next one does.

    Args:
        workspace: The ledger and its keys.
        scope: For whom the request speaks.
        people: Each with all that is known of them; gone through only if anybody has left anything.
    """
    with reading(workspace.ledger) as connection:
        if not kept_keys.any_kept(connection):
            return {}
        tagger = Tagger(workspace.keys.suppression)
        known = {one.number: one for one in people}
        keys_of = {number: frozenset(map(member_proof.unmark, one.keys)) for number, one in known.items()}
        tags_of = {number: {tagger.tag(key) for key in keys} for number, keys in keys_of.items()}
        # A key that may not be used everywhere (it carries a mark) looks for nothing where it may not. What stands
        # under one that is not followed is told as ambiguous.
        usable = {number: one.keys & keys_of[number] | one.unclear for number, one in known.items()}
        by_tag: dict[bytes, list[int]] = {}
        for number, tags in tags_of.items():
            for tag in tags:
                by_tag.setdefault(tag, []).append(number)
        kept = kept_keys.with_tags(connection, scope, list(by_tag))
        left_tags = entries_of(connection, [one.item_id for one in kept])
        said = attributions.in_force(connection, scope) if kept else {}
    seal = ItemCipher(workspace.keys.wrapping)
    found: dict[int, list[ResidualKeys]] = {}
    persons_of = {number: _persons(workspace, keys) for number, keys in keys_of.items()}
    for row in kept:
        opened = seal.open(row.wrapped_key, Sealed.RESIDUAL_KEYS, row.series, row.sealed_keys)
        keys = member_proof.accepted(opened)
        theirs = _persons(workspace, map(member_proof.unmark, keys))
        places = [ResidualPlace(*place) for place in row.places]
        for number in sorted({number for tag in left_tags[row.item_id] for number in by_tag.get(tag, ())}):
            ours = persons_of[number]
            if ours.isdisjoint(theirs) and several(ours | theirs):
                continue
            proven = same_person(ours, theirs)
            if proven:
                persons_of[number] = ours | theirs
            unknown = left_tags[row.item_id].keys() - {tagger.tag(key) for key in usable[number]}
            if proven and said:
                unknown -= _of_others(said, map(tagger.tag, _persons(workspace, keys_of[number])), unknown)
            whole = not unknown and keys <= usable[number]
            records = {(store, name): count_records.records_in(row.seen, store, name) for store, name, _ in places}
            lost = {left_tags[row.item_id][tag] for tag in unknown}
            without = frozenset(
                place
                for place, number_seen in records.items()
                if not whole and number_seen and led_to_by(lost, *place, workspace.data_map)
            )
            one = ResidualKeys(
                row.item_id,
                row.uid,
                keys,
                member_proof.at_home(opened),
                records,
                whole=whole,
                proven=proven,
                doubtful=without.difference((store, name) for store, name, reached in places if reached),
                doubtful_without=without,
                tags=frozenset(left_tags[row.item_id]),
            )
            found.setdefault(number, []).append(one)
    return found


def led_to_by(namespaces: Collection[str], store: str, name: str, data_map: DataMap) -> bool:
    """Whether a key of one of these identities can lead to records of a collection, as far as the map says it.

    Straight, or through columns of the store's own, which have no tag. What the earlier request learnt on the way of
    other identities is among its own tags.
    """
    spec = data_map.stores.get(store)
    flows = None if spec is None else spec.key_flow(store, data_map)
    if flows is None or name not in flows:
        return bool(namespaces)
    reached, ahead = frozenset[str](), flows[name].incoming
    while ahead:
        reached |= ahead
        inner = ahead - data_map.identities.keys()
        above = (one.incoming for one in flows.values() if not inner.isdisjoint(one.outgoing))
        ahead = frozenset[str]().union(*above) - reached
    return not reached.isdisjoint(namespaces)


def _of_others(said: Mapping[Pair, Decision], persons: Iterable[bytes], values: Collection[bytes]) -> set[bytes]:
    """Those of the values (tags) of which it was said that they are somebody else's than these persons' (tags)."""
    pairs = ((person, value) for person in persons for value in values)
    return {pair[1] for pair in pairs if pair in said and not said[pair].theirs}


def _persons(workspace: Workspace, keys: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    persons = workspace.data_map.person_identities
    return frozenset(key for key in keys if key.namespace in persons)
