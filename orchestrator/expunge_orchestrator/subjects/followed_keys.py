"""Followed keys: which of a person's keys a store is told, by whose they are just then (ADR 18, claims).

A cache or a bucket has records named after an e-mail or a phone number, and no row that says whose that is by now. Just
before such a store is asked, the stores that know are: a key that another person holds is not followed there. Between
the two nothing is looked at again; docs/data-map.md states that window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import KnowsClaims, Scope, Subject, SubjectKey
from expunge_orchestrator.rules.chunking import HOLDERS
from expunge_orchestrator.subjects import index_keys, member_proof
from expunge_orchestrator.workspace import Workspace


def shared_values(shared: Iterable[SubjectKey], data_map: DataMap, aliases: Aliases) -> frozenset[SubjectKey]:
    """Those of the values that the resolution found to be shared which several people of a batch may claim together.

    Under every identity that is read where they are: one person's address is another one's for recovery.
    """
    identities = data_map.identities
    return frozenset(
        name
        for key in shared
        if key.namespace in identities
        and identities[key.namespace].kind is IdentityKind.REUSABLE
        and not identities[key.namespace].shareable
        for name in aliases.everywhere(key)
    )


def followed_together(
    subjects: Sequence[Subject], data_map: DataMap, staying: AbstractSet[SubjectKey] = frozenset()
) -> list[Subject]:
    """The subjects with the values that several of them share as their keys: they go together.

    Whether anybody else claims such a value the stores are asked, as for any other key.

    Args:
        subjects: Everybody of the transaction.
        data_map: Says which values pass on.
        staying: Values of people of whom nothing goes.
    """
    if not any(one.shared for one in subjects):
        return list(subjects)
    aliases = Aliases.of(data_map)
    holders = Counter(key for one in subjects for key in shared_values(one.shared, data_map, aliases))
    stay = frozenset(name for key in staying for name in aliases.everywhere(key))
    together = {key for key, people in holders.items() if 1 < people <= HOLDERS} - stay
    return [_with(one, one.shared & together) for one in subjects] if together else list(subjects)


def without_claimed(  # noqa: PLR0913 - who is told what of whom, and what is known of the stores
    store: str,
    subjects: Sequence[Subject],
    scope: Scope,
    workspace: Workspace,
    *,
    cutoffs: Mapping[str, datetime],
    changed: Collection[str] = (),
) -> list[Subject]:
    """The subjects as this store is told them: keys that others claim count as refused.

    And so do keys of things that only records under these name.

    Args:
        store: Who is told.
        subjects: Everybody of the transaction: what these share among themselves is followed.
        scope: For whom the request speaks.
        workspace: The stores, and the map.
        cutoffs: Of the stores, by name.
        changed: Stores that are not any more what was planned. They cannot tell whose a value is, so no value that
            passes on is followed: people are ended, and what is left is told.

    Raises:
        ConnectorError: A store that knows cannot be asked.
    """
    passing = workspace.passing[store]
    told = workspace.led[store]
    led = bool(told) and any(key.namespace in told for one in subjects for key in one.keys)
    if not led and not any(key.namespace in passing for one in subjects for key in one.keys):
        return list(subjects)
    # Of what passes on by itself a store that knows asks its own rows; what shared rows told is a key like any other.
    identities = workspace.data_map.identities
    joint = {one for one in passing if identities[one].kind is not IdentityKind.REUSABLE}
    know = {
        name: one
        for name, one in workspace.stores.items()
        if (name != store or joint or led) and isinstance(one, KnowsClaims)
    }
    claimed: dict[int, frozenset[SubjectKey]] = {}
    if not (know.keys() - {store}).isdisjoint(changed):
        claimed = {one.number: frozenset(key for key in one.keys if key.namespace in passing) for one in subjects}
        know = {}
    own: dict[int, frozenset[SubjectKey]] = {}
    for name, connector in know.items():
        for number, keys in connector.claimed(subjects, scope).items():
            here = frozenset(key for key in keys if name == store and key.namespace not in joint)
            own[number] = own.get(number, frozenset()) | here
            claimed[number] = claimed.get(number, frozenset()) | (keys - here)
    others = {
        one.number: (claimed.get(one.number, frozenset()) | own.get(one.number, frozenset())) - one.attributed
        for one in subjects
    }
    seen = {name: one for name, one in workspace.stores.items() if name not in changed}
    named = index_keys.named_by_others(subjects, others, scope, replace(workspace, stores=seen), cutoffs)
    nothing = frozenset[SubjectKey]()
    return [
        _without(one, (claimed.get(one.number, nothing) & one.keys) | named.get(one.number, nothing))
        for one in subjects
    ]


def without_claimed_anywhere(subjects: Sequence[Subject], scope: Scope, workspace: Workspace) -> list[Subject]:
    """The subjects without the keys that others claim in any store that knows: what stands under these is nobody's.

    Raises:
        ConnectorError: A store that knows cannot be asked.
    """
    if not subjects:
        return []
    claimed = {
        (number, key)
        for connector in workspace.stores.values()
        if isinstance(connector, KnowsClaims)
        for number, keys in connector.claimed(subjects, scope).items()
        for key in keys
    }
    return [_without(one, frozenset(key for key in one.keys if (one.number, key) in claimed)) for one in subjects]


def knowing(workspace: Workspace, names: Collection[str], but: str | None = None) -> dict[str, KnowsClaims]:
    """Those of the stores that say whose a key is, without one of them."""
    return {
        name: one
        for name, one in workspace.stores.items()
        if isinstance(one, KnowsClaims) and name in names and name != but
    }


def given_again(
    subjects: Sequence[Subject],
    scope: Scope,
    workspace: Workspace,
    know: Mapping[str, KnowsClaims],
    cutoffs: Mapping[str, datetime],
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> keys that somebody else has by now, though they were the person's; of those with any.

    With a key goes what only records under it name.

    Args:
        subjects: Those asked about; and, without keys, others who go with them.
        scope: For whom the request speaks.
        workspace: The stores, of which some have indexes, and the map.
        know: The stores that are asked.
        cutoffs: Of each of them.

    Raises:
        ConnectorError: A store that knows cannot be asked.
    """
    found: dict[int, frozenset[SubjectKey]] = {}
    asked = list(subjects)
    while any(one.keys for one in asked):
        new: dict[int, frozenset[SubjectKey]] = {}
        for name, connector in know.items():
            told = member_proof.visible_to(name, asked, scope, workspace.data_map)
            for number, keys in connector.given_again(told, scope, cutoffs[name]).items():
                new[number] = new.get(number, frozenset()) | keys
        lost = without_given_again([one for one in asked if one.number in new], new)
        for number, keys in _joint(lost, scope, workspace.data_map, know).items():
            new[number] |= keys
        named = index_keys.named_by_others(asked, new, scope, workspace, cutoffs)
        new |= {number: new[number] | keys for number, keys in named.items()}
        found |= {number: found.get(number, frozenset()) | keys for number, keys in new.items()}
        # What one of the stores says may leave a key of another one without a row that is the person's.
        # What is told again of a key that they have no more is nothing new: whoever lost none is asked no further.
        further = zip(asked, without_given_again(asked, new), strict=True) if len(know) > 1 or named else ()
        asked = [left for before, left in further if left.keys != before.keys or not before.keys]
    return found


def _joint(
    subjects: Sequence[Subject], scope: Scope, data_map: DataMap, know: Mapping[str, KnowsClaims]
) -> dict[int, frozenset[SubjectKey]]:
    """What shared rows tell these people that are not theirs alone by the keys they have left (ADR 26)."""
    found: dict[int, frozenset[SubjectKey]] = {}
    for name, connector in know.items() if subjects else ():
        told = member_proof.visible_to(name, subjects, scope, data_map)
        for number, keys in connector.claimed(told, scope).items():
            joint = (key for key in keys if data_map.identities[key.namespace].kind is not IdentityKind.REUSABLE)
            found[number] = found.get(number, frozenset()) | frozenset(joint)
    return found


def without_given_again(subjects: Sequence[Subject], again: Mapping[int, frozenset[SubjectKey]]) -> list[Subject]:
    """The subjects without these keys: what stands under them is somebody else's."""
    return [
        _without(one, frozenset(key for key in one.keys if member_proof.unmark(key) in gone))
        if (gone := again.get(one.number))
        else one
        for one in subjects
    ]


def without_identity(one: Subject, identity: str) -> Subject:
    """The subject without its keys of an identity: what stands under them alone is nobody's."""
    return _without(one, frozenset(key for key in one.keys if key.namespace == identity))


def _with(one: Subject, together: frozenset[SubjectKey]) -> Subject:
    if not together:
        return one
    refused = None if one.refused is None else one.refused - together
    return replace(one, keys=one.keys | together, refused=refused, shared=one.shared - together)


def _without(one: Subject, claimed: frozenset[SubjectKey]) -> Subject:
    if not claimed:
        return one
    refused = (one.refused or frozenset()) | claimed
    return replace(one, keys=one.keys - claimed, refused=refused, shared=one.shared | claimed)
