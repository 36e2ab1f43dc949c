"""Findings of the blind search about one person, as a settling check judges them (ADR 21). Pure, and without values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from expunge_config.datamap import DataMap
from expunge_connectors.blind_search.report import PlaceFinding, Standing
from expunge_connectors.contract import Scope
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.scope import Actions, collections_in


class Searched(StrEnum):
    """Whether a person was searched for; if not, why."""

    SEARCHED = "searched"
    NOT_IN_SAMPLE = "not-in-sample"
    NO_VALUES = "no-values"
    """Nothing of the person can be told from other people's."""
    LIMITED = "limited-request"
    """The request is limited to data types: what was not asked for stays."""
    ENDED = "ended"
    """The operator ended the request before a search."""


class LeftPlace(NamedTuple):
    """A place in which something stands that the map does not explain; values are masked."""

    store: str
    place: str
    records: int


@dataclass(frozen=True, slots=True)
class BlindFinding:
    """What one pass found of one person.

    Attributes:
        at: When the pass began.
        document: `sha256:` of the document about the pass; None: there was none.
        values: How many values of the person were searched for.
        places: In how many places (columns, databases, buckets).
        gaps: How many places were not searched, or not as a whole.
        logs / retained / mapped: How many records of each hold something. In mapped places: of somebody else, or
            such as verification has judged.
        left: Where something stands that should not.
    """

    searched: Searched
    at: str | None = None
    document: str | None = None
    values: int = 0
    places: int = 0
    gaps: int = 0
    logs: int = 0
    retained: int = 0
    mapped: int = 0
    left: tuple[LeftPlace, ...] = ()

    @property
    def said(self) -> str:
        """What is left, for people who must mend it."""
        named = [f"{one.store}: {one.place} ({one.records})" for one in self.left]
        more = f" and {len(named) - _NAMED} more places" if len(named) > _NAMED else ""
        return f"blind search: left in {', '.join(named[:_NAMED])}{more}"

    def packed(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            **{name: getattr(self, name) for name in ("at", "document", *_COUNTS)},
            "searched": self.searched.value,
            "left": [list(one) for one in self.left],
        }

    @classmethod
    def unpacked(cls, record: Mapping[str, Any]) -> Self:
        """The reverse."""
        left = tuple(LeftPlace(*one) for one in record["left"])
        return cls(**{**record, "searched": Searched(record["searched"]), "left": left})

    def stated(self) -> dict[str, object]:
        """As a statement has it."""
        if self.searched is not Searched.SEARCHED:
            return {"searched": self.searched.value, **({} if self.at is None else {"at": self.at})}
        told: dict[str, object] = {"searched": self.searched.value, "at": self.at}
        told |= {name: getattr(self, name) for name in _COUNTS}
        return told | {"left": [{"store": one.store, "place": one.place, "records": one.records} for one in self.left]}


_NAMED = 5
_COUNTS = ("values", "places", "gaps", "logs", "retained", "mapped")


def of_person(
    number: int,
    findings: Iterable[PlaceFinding],
    common: BlindFinding,
    member: str | None = None,
    added: Container[tuple[str, str | None]] = (),
) -> BlindFinding:
    """What was found of one person.

    Args:
        number: Of the person in the search.
        findings: Of all stores.
        common: What is the same for everybody of the pass, and the number of values.
        member: Whose request it is, of the members of a controller. Records of another one count as mapped.
        added: (store, collection) that came into the map since the plan: no verification of this person looks there.
    """
    counts: Counter[Standing] = Counter()
    left: list[LeftPlace] = []
    for one in findings:
        unseen = not one.place.standing.allowed and (one.place.store, one.place.collection) in added
        if not one.place.standing.unexplained and not unseen:
            counts[one.place.standing] += one.records_of(number)
            continue
        records = sum(one.by_member.get((number, whose), 0) for whose in {None, member})
        counts[Standing.MAPPED] += one.records_of(number) - records
        if records:
            left.append(LeftPlace(one.place.store, one.place.name, records))
    return BlindFinding(
        common.searched,
        common.at,
        common.document,
        common.values,
        common.places,
        common.gaps,
        counts[Standing.LOG],
        counts[Standing.RETAINED],
        counts[Standing.MAPPED],
        tuple(left),
    )


def added_since(scope: Scope, data_map: DataMap, actions: Actions) -> frozenset[Place]:
    """(store, collection) of the controller that came into the map since a plan approved these actions.

    And those of which a record can be the same: which of the collections of a table a place is told by, the order in
    the map decides.
    """
    found: set[Place] = set()
    for store, specs in collections_in(scope, data_map).items():
        flows = data_map.stores[store].key_flow(store, data_map) or {}
        for name in specs.keys() - actions.get(store, {}).keys():
            same = flows[name].overlaps | flows[name].beside if name in flows else frozenset[str]()
            found.update((store, one) for one in {name, *same})
    return frozenset(found)


def sample(series: Collection[str], most: int | None, seed: str) -> Sequence[str]:
    """The receipts (by series) whose people are searched for: anybody who knows the seed comes to the same."""
    if most is None or len(series) <= most:
        return list(series)
    return sorted(series, key=lambda one: hashlib.sha256(f"{seed}{one}".encode()).digest())[:most]
