"""Persons: who stands behind an actor. Pure.

A login name and the subject of a token are a person. An API key is nobody by itself: whoever issued it saw its secret
and may have it still, and so is one of its persons, up to a login name or a token; so is whom it is said to be for. Of
a key that a second person confirmed, the one that it is for is believed to have it alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from expunge_orchestrator.auth.local_actor import plain_name
from expunge_orchestrator.ledger.key_chains import Issued

_LONGEST = 200


def persons_of(actor: str | None, keys: Mapping[str, Sequence[Issued]]) -> frozenset[str]:
    """Who may be behind an actor; nobody, where nobody is named.

    Args:
        actor: A login name, `us_…`, `ak_…`.
        keys: Of each holder.
    """
    found: set[str] = set()
    known: set[str] = set()
    waiting = [] if actor is None else [actor]
    while waiting:
        one = waiting.pop()
        if one in known:
            continue
        known.add(one)
        if one not in keys:
            found.add(plain_name(one))
        for key in keys.get(one, ()):
            if key.subject is not None:
                found.add(plain_name(key.subject))
            if key.subject is None or not key.confirmed:
                waiting.append(key.by)
    return frozenset(found)


def share_a_person(one: str | None, other: str | None, keys: Mapping[str, Sequence[Issued]]) -> bool:
    """Whether somebody may be behind both."""
    return not persons_of(one, keys).isdisjoint(persons_of(other, keys))


def behind_the_same(actor: str, keys: Mapping[str, Sequence[Issued]]) -> frozenset[str]:
    """The actors, as they are counted, behind whom somebody is who may be behind this one, too.

    Each key is looked at once: from the persons to the holders of whose keys they are one.
    """
    persons = persons_of(actor, keys)
    with_person: defaultdict[str, list[str]] = defaultdict(list)
    issued_by: defaultdict[str, list[str]] = defaultdict(list)
    for holder, theirs in keys.items():
        for key in theirs:
            if key.subject is not None:
                with_person[plain_name(key.subject)].append(holder)
            if key.subject is None or not key.confirmed:
                if key.by in keys:
                    issued_by[key.by].append(holder)
                else:
                    with_person[plain_name(key.by)].append(holder)
    waiting = [holder for person in persons for holder in with_person[person]]
    holders: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one not in holders:
            holders.add(one)
            waiting += issued_by[one]
    return frozenset(map(counted_as, {actor, *persons, *holders}))


def counted_as(actor: str) -> str:
    """Under what an actor's plans are counted: one name for all ways to write it."""
    return plain_name(actor)[:_LONGEST]
