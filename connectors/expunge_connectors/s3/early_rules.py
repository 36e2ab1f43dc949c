"""Early rules: lifecycle rules that end objects before the time is over for which a law demands them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expunge_config.datamap import DataMap
from expunge_config.periods import Period
from expunge_connectors.contract import Drift, DriftKind
from expunge_connectors.s3.lifecycle_rules import Rule
from expunge_connectors.s3.spec import ObjectSpec


@dataclass(frozen=True, slots=True)
class Floor:
    """A collection of which a law demands that it stays, from whatever event on: never for less than from its writing.

    Attributes:
        prefix: Its objects' names begin so.
        alone: Below that prefix is nothing else.
        declared: The period of its rule.
    """

    name: str
    prefix: str
    alone: bool
    declared: str
    law: Period

    def ended_by(self, rules: Sequence[Rule], *, versioned: bool) -> list[int]:
        """Which of the enabled rules end objects too early; with versions once what they hid is removed, too."""
        near = [one for one in rules if one.prefix.startswith(self.prefix) or self.prefix.startswith(one.prefix)]
        more: int | None = 0
        if versioned:
            more = min((one.noncurrent_days for one in near if one.noncurrent_days is not None), default=None)
        return [
            at
            for at, one in enumerate(rules)
            if one in near and more is not None and (days := _days(one)) is not None and days + more < self.law.longest
        ]

    def may_be_raised(self, rules: Sequence[Rule]) -> bool:
        """These rules end nothing else, which would stay for longer then."""
        return self.alone and all(one.prefix.startswith(self.prefix) for one in rules)

    def drift(self, rules: Sequence[Rule], fix: str | None) -> Drift:
        """What is told of them."""
        which = "; ".join(f"the rule {one.id} ends objects after {_days(one)} days" for one in rules)
        return Drift(
            self.name,
            self.declared,
            f"{which}, and a law demands {self.law}",
            None,
            fix,
            "This sets the whole configuration: what ends too early ends later, and all other rules stay"
            if fix is not None
            else "Such a rule ends other things as well, or holds what is not known here: change it by hand, at once",
            DriftKind.TOO_EARLY,
        )


def floor_of(name: str, objects: ObjectSpec, data_map: DataMap, *, alone: bool) -> Iterator[Floor]:
    """The collection's, if there is a law."""
    data_type = data_map.data_types.get(objects.data_type or "")
    if data_type is not None and data_type.at_least is not None:
        yield Floor(name, objects.template.head, alone, str(data_type.rule.period), data_type.at_least.period)


def later(raw: Mapping[str, Any], days: int | None) -> Mapping[str, Any]:
    """A rule as the service answers it, that ends current versions after so many days; None: as it is."""
    return raw if days is None else {**raw, "Expiration": {"Days": days}}


def _days(rule: Rule) -> int | None:
    """A rule with a day stays in force after it: what is written then ends at once."""
    return 0 if rule.date is not None else rule.days
