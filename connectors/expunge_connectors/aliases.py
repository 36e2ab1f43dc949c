"""Aliases: a value under every other identity that is read where it stands (ADR 18). Pure.

A place that the map reads by two identities does not say by which of them a value in it is meant: so it is whose it is
by any of them. Each link reads what stands there with the region of its own: `030 123456` is a number in Germany by one
link, another one in Austria by a second one, and a line's name by a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, Identity, Reader, read_alike
from expunge_connectors.contract import SubjectKey


@dataclass(frozen=True, slots=True)
class Aliases:
    """What keys are called otherwise.

    Attributes:
        identities: Of the map.
        alike: Identity -> how it reads a place, and what else does; of those with any.
    """

    identities: Mapping[str, Identity] = field(default_factory=dict)
    alike: Mapping[str, frozenset[tuple[Reader, Reader]]] = field(default_factory=dict)

    @classmethod
    def of(cls, data_map: DataMap) -> Aliases:
        """Those of a map."""
        return cls(data_map.identities, read_alike(data_map))

    def of_key(self, key: SubjectKey) -> frozenset[SubjectKey]:
        """What else the texts are that say this key, as each other link reads them; nothing where it reads no value."""
        return frozenset(
            SubjectKey(there.identity, value)
            for here, there in self.alike.get(key.namespace, ())
            for text in self.identities[key.namespace].rule.written(key.value, here.region)
            for value in self.identities[there.identity].rule.read(text, there.region).values
        ) - {key}

    def among(self, keys: Iterable[SubjectKey]) -> dict[SubjectKey, frozenset[SubjectKey]]:
        """Key -> what it is called otherwise; of those with any."""
        if not self.alike:  # as in most maps: nobody looks at each key of a chunk
            return {}
        return {key: names for key in keys if (names := self.of_key(key))}

    def everywhere(self, key: SubjectKey) -> frozenset[SubjectKey]:
        """The key, and its aliases."""
        return self.of_key(key) | {key}
