"""Age sweeps of small schemas: carry one out, with holds that know people by keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from tests.support.postgres.company import opened

from expunge_config.datamap import DataMap
from expunge_connectors.contract import AgeCounts, Keeping, NamedThing, SubjectKey, SweptPiece, no_beat


@dataclass
class Held:
    """Whom a hold keeps: by keys, or of members; and what stands in other stores, and stays, or goes."""

    keys: frozenset[SubjectKey] = frozenset()
    of: frozenset[str] = frozenset()
    elsewhere: frozenset[SubjectKey] = frozenset()
    cleared: frozenset[str] = frozenset()
    asked: list[NamedThing] = field(default_factory=list)

    @property
    def identities(self) -> frozenset[str]:
        return frozenset(key.namespace for key in self.keys)

    @property
    def members(self) -> bool:
        return bool(self.of)

    @property
    def named(self) -> frozenset[str]:
        return frozenset(key.namespace for key in self.elsewhere) | self.cleared

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        self.asked.extend(named)
        return frozenset(one.key for one in named) - self.elsewhere

    def keeps(self, keys: Collection[SubjectKey], member: str | None) -> bool:
        return not self.keys.isdisjoint(keys) or (self.members and (member is None or member in self.of))


@dataclass
class Swept:
    """What a sweep took away, by collection."""

    gone: Counter[str] = field(default_factory=Counter)
    held: int = 0
    pieces: list[SweptPiece] = field(default_factory=list)

    def notice(self, piece: SweptPiece) -> None:
        self.pieces.append(piece)
        self.gone.update(piece.gone)
        self.held += piece.held


def swept(
    url: str,
    loaded: DataMap,
    *names: str,
    today: date | None = None,
    held: Keeping | None = None,
    before: Callable[[], Keeping | None] | None = None,
) -> Swept:
    """Sweep these collections, or all that have an age, as the store orders them."""
    told, keeping = Swept(), held or Held()
    with opened(url, loaded) as store:
        store.inspect()
        order = [name for name, age in store.ages(no_beat).items() if isinstance(age, AgeCounts)]
        for name in names or order:
            day = today or datetime.now(UTC).date()
            assert store.delete_due(name, day, before or (lambda: keeping), told.notice, no_beat, None, 1.0)
    return told


def left(url: str, loaded: DataMap, name: str, today: date | None = None) -> int:
    """How many rows the verifying side sees due."""
    with opened(url, loaded) as store:
        return store.due_left(name, today or datetime.now(UTC).date(), no_beat).records
