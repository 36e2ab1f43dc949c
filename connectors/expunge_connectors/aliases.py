"""Aliases: a value under every other identity that is read where it stands (ADR 18). Pure.

A place that the map reads by two identities does not say by which of them a value in it is meant: so it is whose it is
by any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, Identity, read_alike
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import SubjectKey


@dataclass(frozen=True, slots=True)
class Aliases:
    """What keys are called otherwise.

    Attributes:
        identities: Of the map.
        alike: Identity -> the others that read a place which it reads; of those with any.
    """

    identities: Mapping[str, Identity] = field(default_factory=dict)
    alike: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, data_map: DataMap) -> Aliases:
        """Those of a map."""
        return cls(data_map.identities, read_alike(data_map))

    def of_key(self, key: SubjectKey) -> frozenset[SubjectKey]:
        """The key under the other identities; none of those of which its value is none."""
        others = self.alike.get(key.namespace, ())
        return frozenset(one for name in others if (one := self._read_as(name, key.value)) is not None)

    def everywhere(self, key: SubjectKey) -> frozenset[SubjectKey]:
        """The key, and its aliases."""
        return self.of_key(key) | {key}

    def _read_as(self, identity: str, value: str) -> SubjectKey | None:
        try:
            return SubjectKey(identity, self.identities[identity].rule.normalise(value))
        except NotNormalisable:
            return None
