"""Subjects: whose records are asked for, by which keys, for which controller, and what a record tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class SubjectKey(NamedTuple):
    """One identifier: namespace (identity of the map, or a column with its store and collection) + value.

    `repr` hides the value: keys turn up in tracebacks. A tuple, because a chunk has tens of thousands of them that are
    made, hashed and compared more than anything else.
    """

    namespace: str
    value: str

    def __repr__(self) -> str:
        return f"SubjectKey(namespace={self.namespace!r})"


class CoHolder(NamedTuple):
    """Somebody else who held one of a person's values when that was attributed: the value, and their person's key."""

    value: SubjectKey
    person: SubjectKey


@dataclass(frozen=True, slots=True)
class Subject:
    """One person of a chunk: the item's number in the ledger and every key known so far.

    Attributes:
        refused: Keys that the last resolution was told and did not accept. A key that is in neither came later. None:
            that is not known.
        shared: Those of them that the person's own record holds and another person's as well: what is found by one
            alone is ambiguous.
        doubtful: Those of them that records merely tell, and of which nobody can say whose they are: what is found by
            one alone is ambiguous. They are never followed, whoever else has them.
        attributed: Those of the keys that an operator and an approver say are this person's: what is found by one alone
            is theirs, though `co_holders` hold it as well.
        co_holders: Of these keys, who else held them when that was approved: they do not claim them from this person.
        known: Keys that an earlier round of the resolution followed. They lead nowhere in this one; a record that names
            its person by one of them says whose it is.
        unread: What the last resolution was told and nobody can read (`UNREAD`): counted, though a record may go.
        at_home: Store, collection and key of a person's own records that were the request's member's when they were
            found: what another member has of them by now is not the subject's any more.
    """

    number: int
    keys: frozenset[SubjectKey]
    refused: frozenset[SubjectKey] | None = None
    shared: frozenset[SubjectKey] = frozenset()
    doubtful: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    co_holders: frozenset[CoHolder] = frozenset()
    known: frozenset[SubjectKey] = frozenset()
    unread: frozenset[SubjectKey] = frozenset()
    at_home: frozenset[SubjectKey] = frozenset()

    @property
    def hearsay(self) -> frozenset[SubjectKey]:
        """Those of the keys that records merely tell: theirs only while no record of somebody else holds one."""
        return hearsay_of(self.keys) - self.attributed

    @property
    def unclear(self) -> frozenset[SubjectKey]:
        """Keys that lead to nothing of this person's for certain: what is found by one alone is ambiguous."""
        return (self.shared | self.doubtful) - self.keys

    def values(self, namespace: str) -> list[str]:
        """The values in one namespace, sorted."""
        return sorted(key.value for key in self.keys if key.namespace == namespace)


@dataclass(frozen=True, slots=True)
class Scope:
    """The one controller a request speaks for. `member` tells controllers of one kind apart (`client:42`)."""

    controller: str
    member: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.controller if self.member is None else f"{self.controller}:{self.member}"


UNREAD = "unread:"
"""Begins the namespace of what a record names and nobody can read (`unread:store.collection`); the value is a digest.

No namespace of a map holds a colon. It says how many there are, and is never asked for.
"""


SINCE = "since:"
"""Begins the namespace of when a person took a value (`since:phone`); the value is `claim_text`.

The person's own row says it, and it is sealed with the keys, for the row goes. It is never asked for by itself.
"""


HEARSAY = "hearsay:"
"""Begins the namespace of a value that is followed though no record that is the person holds it (`hearsay:email`).

A record merely told it. It is sealed with the keys, for the record goes, and never asked for by itself.
"""


def hearsay_of(keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """Those of some keys that records merely told."""
    return keys & {SubjectKey(name.removeprefix(HEARSAY), value) for name, value in keys if name.startswith(HEARSAY)}


FACTS = (SINCE, HEARSAY)
"""What begins the namespaces of keys that say something of another key, and lead nowhere."""


def claim_text(when: str, value: str) -> str:
    """A time (ISO 8601, UTC) and the value of which it is."""
    return f"{when}|{value}"


class DiscoveredKey(NamedTuple):
    """A record of `collection`, found for subject `number` through the key `via`, names a further key.

    Or, under a namespace that begins with `UNREAD`, a value that should be one and cannot be read as one; or, under one
    that begins with `SINCE`, when the person whom the record is took such a value.
    """

    number: int
    via: SubjectKey
    collection: str
    key: SubjectKey


Holders = Mapping[SubjectKey, datetime | None]
"""A person's key -> since when, at the earliest, this person's records hold a value; None: one of them does not say."""


def with_holders(found: Holders, more: Holders) -> Holders:
    """What two records, collections or stores say of who holds a value."""
    both = {person: (found[person], more[person]) for person in found.keys() & more.keys()}
    earliest = {
        person: None if one is None or other is None else min(one, other) for person, (one, other) in both.items()
    }
    return {**found, **more, **earliest}
