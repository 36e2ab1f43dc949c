"""Key flow: which keys lead to the records of a collection, and which keys are lost with those records.

A request for some data types only must leave the way to the others as it was. Each store's model says how its own
collections hang together (`StoreSpec.key_flow`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyFlow:
    """Keys that lead to the records of one collection and from them: names of identities, or made up within a store.

    Attributes:
        incoming: Keys that select records here.
        lost: Keys that lead on from here and that nobody knows any more once a request has dealt with the records:
            rows that are deleted, or tombstoned in what finds them or leads on.
        overlaps: Collections of the same store of which a record can be a record of this one, or a part of it.
        beside: Collections of the same store of which a record can have its place in the same whole (a row): where one
            is on hold, neither changes. Of those that overlap this goes without saying.
        outgoing: All keys that lead on from here, also those that stay known; what `lost` names is one of them anyway.
        joint: Identities that records here tell which people share: who owns one by now decides whether they lead on.
    """

    incoming: frozenset[str]
    lost: frozenset[str] = frozenset()
    overlaps: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    outgoing: frozenset[str] = frozenset()
    joint: frozenset[str] = frozenset()
