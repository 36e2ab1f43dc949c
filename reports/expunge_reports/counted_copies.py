"""Counted copies: the backup copies that lists say may hold records, for who issues and who verifies.

What is counted once has to be seen gone before the request is closed (ADR 33).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from expunge_reports.forms import stated_time
from expunge_reports.forms.shared_documents import BackupCopies, GoneCopy
from expunge_reports.statement import OpenCopies

CopyKind: TypeAlias = tuple[str, str, str]
"""Place, store and kind of backup copies."""


class CountedCopies(NamedTuple):
    """The backup copies that the lists of a series count.

    Attributes:
        most: by place, store and kind, the most that one list has.
        named: the ids of those that have one, of any list.
    """

    most: Mapping[CopyKind, int] = MappingProxyType({})
    named: Mapping[CopyKind, frozenset[str]] = MappingProxyType({})

    def with_list(self, listed: BackupCopies) -> "CountedCopies":
        """Return what is counted with one more list."""
        number: Counter[CopyKind] = Counter()
        ids: dict[CopyKind, set[str]] = {}
        for one in listed.may_hold_the_records:
            number[one.place, one.store, one.kind] += max(0, one.copies)
            if one.id is not None:
                ids.setdefault((one.place, one.store, one.kind), set()).add(one.id)
        return CountedCopies(
            {key: max(self.most.get(key, 0), number[key]) for key in self.most.keys() | number.keys()},
            {key: self.named.get(key, frozenset()) | ids.get(key, set()) for key in self.named.keys() | ids.keys()},
        )


NOTHING_COUNTED: Final = CountedCopies()


def copies_forgotten(counted: CountedCopies, gone: Iterable[GoneCopy]) -> Iterator[str]:
    """Yield the places of counted copies that are not among those that are gone.

    By its name where it has one, else as many of its place, store and kind.
    """
    number: Counter[CopyKind] = Counter()
    named: set[tuple[str, str, str | None]] = set()
    grouped: set[CopyKind] = set()
    for one in gone:
        number[one.place, one.store, one.kind] += max(0, one.copies)
        named.add((one.place, one.store, one.id))
        if one.id is None:
            grouped.add((one.place, one.store, one.kind))
    yield from (key[0] for key, most in counted.most.items() if number[key] < most)
    for (place, store, kind), ids in counted.named.items():
        if (place, store, kind) not in grouped and any((place, store, one) not in named for one in ids):
            yield place


def open_copies(document: BackupCopies) -> OpenCopies:
    """Return what a statement that cites this document has to count as open."""
    held = [(copy.copies, stated_time.moment(copy.last_day)) for copy in document.may_hold_the_records]
    days = [day for _, day in held if day is not None]
    without = sum(number for number, day in held if day is None)
    return OpenCopies(sum(number for number, _ in held), without, min(days, default=None), max(days, default=None))
