"""Index cleanup: which members may be removed from an index without losing the way to records (law 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import UNREAD, Subject, SubjectKey
from expunge_connectors.redis.index_members import MemberReader, text_of
from expunge_connectors.redis.key_indexes import Members
from expunge_connectors.redis.records import Record
from expunge_connectors.redis.spec import RedisSpec


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
        reader: Says what a member is.
        accepted: Subject number and key: durable, so that what they name is found without the index.
        refused: Subject number -> what the resolution was told and did not accept; None where that is not known.
        unread: Subject number and what it was told that nobody can read: told already when the index is gone.
    """

    members: Members
    reader: MemberReader
    accepted: frozenset[tuple[int, SubjectKey]] = field(repr=False)
    refused: Mapping[int, frozenset[SubjectKey] | None] = field(repr=False)
    unread: frozenset[tuple[int, SubjectKey]]

    @classmethod
    def of(cls, members: Members, reader: MemberReader, subjects: Sequence[Subject]) -> IndexCleanup:
        """For these indexes of these subjects."""
        led_to = {index.kind.spec.yields for index in members}
        keys = ((one.number, key) for one in subjects for key in one.keys if key.namespace in led_to)
        unread = frozenset((one.number, key) for one in subjects for key in one.unread)
        return cls(members, reader, frozenset(keys), {one.number: one.refused for one in subjects}, unread)

    def may(self, index: Record, member: bytes) -> bool:
        """Whether this member may be forgotten.

        It is among the subject's keys, or was refused, or told as unread, or names nothing, or nothing but what this
        call has removed.
        What came after the resolution stays, and its index is due until another resolution has seen it.
        """
        namespace = index.kind.spec.yields or ""
        refused, key = self.refused.get(index.number), self.reader.key(index.kind, member)
        if key is not None and key.namespace.startswith(UNREAD):
            return refused is None or (index.number, key) in self.unread
        kind = self.reader.data_map.identities[namespace].kind
        if kind is IdentityKind.PERSON or (kind is IdentityKind.REUSABLE and refused is None):
            return True
        spelt = SubjectKey(namespace, text_of(member) or "")
        if key is None or not self.accepted.isdisjoint({(index.number, spelt), (index.number, key)}):
            return True
        return key in (refused or ()) or (index.kind.follows and key == spelt and namespace in self.reader.within)
