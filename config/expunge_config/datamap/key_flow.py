"""Ways: by which keys the records of a collection are found, and which keys go when they go.

A request for some data types only must leave the way to the others as it was. Each store's model says how its own
collections hang together (`StoreSpec.ways`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyFlow:
    """The ways to and from the records of one collection. Names of keys are identities, or made up within a store.

    Attributes:
        found_by: Keys that select records here.
        tells: Keys that lead on from here and that nobody knows any more once a request has dealt with the records:
            rows that are deleted, or tombstoned in what finds them or leads on.
        meets: Collections of the same store of which a record can be a record of this one, or a part of it.
        leads: All keys that lead on from here, also those that stay known; what `tells` names is one of them anyway.
    """

    found_by: frozenset[str]
    tells: frozenset[str] = frozenset()
    meets: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
