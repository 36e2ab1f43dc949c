"""Reports of a blind search: places, what they are in the data map, and what was not searched. No value is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of values that are searched for."""

    EMAIL = "e-mail address"
    PHONE = "phone number"
    TOKEN = "token or user name"  # noqa: S105 - the word, no secret


class Standing(StrEnum):
    """What a place is in the data map."""

    MAPPED = "mapped"
    RETAINED = "retained"
    LOG = "log"
    NOBODYS = "names nobody"
    """A row of a mapped table that names nobody in any column by which the map finds rows there."""
    UNMAPPED = "unmapped"

    @property
    def allowed(self) -> bool:
        """The map says that something of an erased person may stand here."""
        return self in {Standing.RETAINED, Standing.LOG}

    @property
    def unexplained(self) -> bool:
        """No verification looks here, and it is nobody else's record either."""
        return self in {Standing.NOBODYS, Standing.UNMAPPED}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands.

    Attributes:
        name: `schema.table.column`; the shape of a key's or an object's name, values masked.
        collection: That of the data map, where one covers it.
    """

    store: str
    name: str
    standing: Standing
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One value in one record.

    Attributes:
        number: The subject whose value it is.
        encoding: How it is written: `plain`, or `base64`, `URL` and so on, from the outside inwards.
    """

    number: int
    kind: Kind
    encoding: str


@dataclass(frozen=True, slots=True)
class PlaceFinding:
    """What stands in one place.

    Attributes:
        records: Rows, keys or objects that hold a value of anybody.
        by_member: (number of a subject, whose the records are) -> those that hold a value of this subject. They are a
            member's of a controller of many, or (None) of nobody in particular.
    """

    place: Place
    records: int
    by_member: Mapping[tuple[int, str | None], int]
    kinds: frozenset[Kind]
    encodings: frozenset[str]

    @property
    def people(self) -> frozenset[int]:
        """Numbers of the subjects."""
        return frozenset(number for number, _ in self.by_member)

    def records_of(self, number: int) -> int:
        """How many records hold a value of one subject."""
        return sum(records for (one, _), records in self.by_member.items() if one == number)


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """What was not searched, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """A blind search of one store.

    Attributes:
        source: Where was read: `primary`, `replica`, or the store itself.
        at: The store's clock when it began.
        records: Rows, keys and objects that were read.
        size: Bytes of them that were searched.
        gaps: What was not searched.
    """

    store: str
    source: str
    at: datetime
    findings: tuple[PlaceFinding, ...]
    places: int
    records: int
    size: int
    gaps: tuple[Gap, ...]

    @property
    def leftovers(self) -> tuple[PlaceFinding, ...]:
        """What stands where the map allows nothing of an erased person."""
        return tuple(one for one in self.findings if not one.place.standing.allowed)


class Findings:
    """Findings while a search goes on: added up by place."""

    def __init__(self) -> None:
        self._by_place: dict[Place, tuple[int, Counter[tuple[int, str | None]], set[Kind], set[str]]] = {}

    def add(self, place: Place, hits: Iterable[Hit], *, again: bool = False, member: str | None = None) -> None:
        """Note one record; `again`: one that was counted before; `member`: whose it is."""
        hits = list(hits)
        if not hits:
            return
        records, people, kinds, encodings = self._by_place.get(place, (0, Counter(), set(), set()))
        for number in {hit.number for hit in hits}:
            people[number, member] = max(1, people[number, member] + (not again))
        kinds.update(hit.kind for hit in hits)
        encodings.update(hit.encoding for hit in hits)
        self._by_place[place] = records + (not again), people, kinds, encodings

    def all(self) -> tuple[PlaceFinding, ...]:
        """In the order of the places."""
        return tuple(
            PlaceFinding(place, records, dict(people), frozenset(kinds), frozenset(encodings))
            for place, (records, people, kinds, encodings) in sorted(
                self._by_place.items(), key=lambda one: (one[0].name, one[0].standing)
            )
        )
