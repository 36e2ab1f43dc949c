"""End by age: whether a store that ends records by itself can do so as a rule of the map says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from expunge_config.datamap import CollectionSpec, DataMap, StartEvent
from expunge_config.periods import Period


@dataclass(frozen=True, slots=True)
class DeclaredEnd:
    """When records of a collection are to end, counted from when they were written.

    Attributes:
        at_least: A law demands that they stay for some time.
    """

    period: Period
    at_least: bool

    @property
    def longest(self) -> int:
        """Days: the longest that the period can be."""
        return self.period.longest

    @property
    def shortest(self) -> int:
        """Days: the shortest that the period can be; at least one."""
        return max(1, self.period.shortest)


def declared_end(data_map: DataMap, spec: CollectionSpec) -> DeclaredEnd | str:
    """What the map declares; or why a store cannot keep to it by itself, in words.

    A time to live and a lifecycle count from when a record was written. A relationship or a transaction may go on.
    """
    if spec.log is not None:
        return DeclaredEnd(spec.log.retention, at_least=False)
    data_type = data_map.data_types[spec.data_type or ""]
    if data_type.rule.start is not StartEvent.COLLECTED:
        return f"Its period starts with {data_type.rule.start.value}, which the store does not know"
    return DeclaredEnd(data_type.rule.period, at_least=data_type.at_least is not None)
