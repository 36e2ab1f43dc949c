"""Index cleanup: which members may be removed from an index without losing the way to records (law 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, IdentityKind
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import Subject, SubjectKey
from expunge_connectors.redis.key_indexes import Members
from expunge_connectors.redis.records import Record
from expunge_connectors.redis.spec import RedisSpec


def normalised(data_map: DataMap, namespace: str, member: str) -> SubjectKey | None:
    """The key that a member of an index is; None if it names nothing."""
    try:
        return SubjectKey(namespace, data_map.identities[namespace].rule.normalise(member)) if member else None
    except NotNormalisable:
        return None


def self_contained_identities(store: str, data_map: DataMap, spec: RedisSpec) -> frozenset[str]:
    """Identities of which everything is in this store, and no index: a call that erases here sees all there is.

    Nor does a record elsewhere tell one, which might say that it is somebody else's by now.
    """
    elsewhere: set[str] = set()
    for name, other in data_map.stores.items():
        flows = None if name == store else other.key_flow(name, data_map)
        if name != store and flows is None:  # it does not say
            return frozenset()
        elsewhere.update(*(one.incoming | one.outgoing for one in (flows or {}).values()))
    leading = {keys.namespace for keys in spec.collections.values() if keys.yields is not None}
    return frozenset(data_map.identities) - elsewhere - leading


@dataclass(frozen=True, slots=True)
class IndexCleanup:
    """Knows the keys that the subjects have.

    Attributes:
        members: What the indexes held when this pass began.
        data_map: Says how members become keys.
        within: Identities that name nothing elsewhere, see `within`.
        accepted: Subject number and key: durable, so that what they name is found without the index.
        refused: Subject number -> what the resolution was told and did not accept; None where that is not known.
    """

    members: Members
    data_map: DataMap
    within: frozenset[str]
    accepted: frozenset[tuple[int, SubjectKey]] = field(repr=False)
    refused: Mapping[int, frozenset[SubjectKey] | None] = field(repr=False)

    @classmethod
    def of(
        cls, members: Members, data_map: DataMap, inside: frozenset[str], subjects: Sequence[Subject]
    ) -> IndexCleanup:
        """For these indexes of these subjects."""
        led_to = {index.kind.spec.yields for index in members}
        keys = ((one.number, key) for one in subjects for key in one.keys if key.namespace in led_to)
        return cls(members, data_map, inside, frozenset(keys), {one.number: one.refused for one in subjects})

    def may(self, index: Record, member: str) -> bool:
        """Whether this member may be forgotten.

        It is among the subject's keys, or was refused, or names nothing, or nothing but what this call has removed.
        What came after the resolution stays, and its index is due until another resolution has seen it.
        """
        namespace = index.kind.spec.yields or ""
        refused = self.refused.get(index.number)
        kind = self.data_map.identities[namespace].kind
        if kind is IdentityKind.PERSON or (kind is IdentityKind.REUSABLE and refused is None):
            return True
        spelt, key = SubjectKey(namespace, member), normalised(self.data_map, namespace, member)
        if key is None or not self.accepted.isdisjoint({(index.number, spelt), (index.number, key)}):
            return True
        return key in (refused or ()) or (index.kind.follows and key == spelt and namespace in self.within)
