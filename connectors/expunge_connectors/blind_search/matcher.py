"""Matcher of the blind search: candidates by Aho-Corasick over squeezed data, decided on the record itself.

A candidate whose value is encoded makes the record decoded, and what comes out is searched in the same way, so that a
URL in JSON in base64 is found, and a value is compared without regard to how its letters were written before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from expunge_connectors.blind_search.boundaries import stands_in
from expunge_connectors.blind_search.decodings import Encoding, decoded
from expunge_connectors.blind_search.patterns import Needle, SearchedValue, folded, needles, squeezed
from expunge_connectors.blind_search.report import Hit, Kind

PLAIN = "plain"
_DEEPEST = 4
# A full table is several times as fast while it fits into the caches; one of digits alone is small.
_FULL_TABLE, _FULL_TABLE_OF_DIGITS = 5_000, 200_000


class Matcher:
    """Finds the values of any number of people in records. Safe for any number of threads.

    Args:
        values: What is searched for.
    """

    def __init__(self, values: Iterable[SearchedValue]) -> None:
        people: dict[tuple[Kind, str], set[int]] = defaultdict(set)
        for one in values:
            people[one.kind, one.text].add(one.number)
        self._people = {key: frozenset(numbers) for key, numbers in people.items()}
        made = needles(SearchedValue(0, kind, text) for kind, text in self._people)
        if len(made) <= _FULL_TABLE:
            self._automata = [_Automaton(made, full_table=True)]
        else:
            # Digits are everywhere, and their table is ten characters wide: apart, neither slows the other down.
            digits = [one for one in made if one.digits]
            self._automata = [
                _Automaton([one for one in made if not one.digits], full_table=False),
                _Automaton(digits, full_table=len(digits) <= _FULL_TABLE_OF_DIGITS),
            ]

    def __repr__(self) -> str:
        return f"Matcher({len(self._people)} values)"

    def found(self, record: bytes, *, name: bool = False) -> frozenset[Hit]:
        """The values that stand in a record.

        Args:
            record: Bytes, or a text in UTF-8.
            name: It is the name of a key or an object.
        """
        hits: dict[tuple[Kind, str], str] = {}
        self._search(record, hits, (), name=name)
        return frozenset(
            Hit(number, kind, encoding)
            for (kind, text), encoding in hits.items()
            for number in self._people[kind, text]
        )

    def suspects(self, records: Sequence[bytes]) -> list[int]:
        """Which of many records have a candidate, by position: far faster than to ask for each."""
        return self.suspects_in(b"".join(records), list(accumulate(map(len, records))))

    def suspects_in(self, block: bytes | bytearray, ends: Sequence[int]) -> list[int]:
        """The same of records that stand one behind the other.

        Args:
            block: All of them.
            ends: Where each ends.
        """
        data = squeezed(block)
        waiting = iter(sorted({end for automaton in self._automata for _, end in automaton.matches(data)}))
        end = next(waiting, None)
        found: list[int] = []
        start = upto = 0
        for at, stop in enumerate(ends):
            if end is None:
                break
            upto += len(squeezed(block[start:stop]))
            start = stop
            if end <= upto:
                found.append(at)
            while end is not None and end <= upto:
                end = next(waiting, None)
        return found

    def _search(
        self, record: bytes, hits: dict[tuple[Kind, str], str], path: tuple[Encoding, ...], *, name: bool
    ) -> None:
        data = squeezed(record)
        seen = {needle for automaton in self._automata for needle, _ in automaton.matches(data)}
        if not seen:
            return
        text = folded(record.decode(errors="replace"))
        wide = False
        for needle in seen:
            if needle.kind is None or (needle.kind, needle.text) in hits:
                continue
            if stands_in(needle.kind, needle.text, text, name=name):
                hits[needle.kind, needle.text] = " in ".join(map(str, reversed(path))) or PLAIN
            else:
                wide = wide or b"\x00" in record
        if len(path) == _DEEPEST:
            return
        encodings = {needle.encoding for needle in seen if needle.encoding is not None}
        for encoding in sorted(encodings | ({Encoding.UTF16} if wide else set())):
            for inner in decoded(encoding, record):
                if inner != record:
                    self._search(inner, hits, (*path, encoding), name=name and encoding is Encoding.URL)


class _Automaton:
    def __init__(self, wanted: Sequence[Needle], *, full_table: bool) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation  # noqa: PLC0415 - every command imports the contract

        by_data: dict[bytes, list[Needle]] = defaultdict(list)
        for one in wanted:
            by_data[one.data].append(one)
        self._needles = list(by_data.values())
        implementation = Implementation.DFA if full_table else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(list(by_data), implementation=implementation) if by_data else None

    def matches(self, data: bytes | bytearray) -> Iterator[tuple[Needle, int]]:
        """(needle, where it ends) of every one, also of those that overlap."""
        if self._automaton is None:
            return
        for index, _, end in self._automaton.find_matches_as_indexes(data, overlapping=True):
            for needle in self._needles[index]:
                yield needle, end
