"""Blind search of a Redis or Valkey database: names of keys, and what stands in them.

SCAN, TYPE and reads. A key whose name holds a value is found by its name and asked for nothing: its name would go to
the server, and perhaps into its SLOWLOG. Other keys are asked for by the names that the server has just told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Findings, Gap, Place, StoreReport
from expunge_connectors.errors import TerminalError

Words = tuple[str | bytes | int, ...]
Ask = Callable[[Sequence[Words]], Sequence[Any]]
"""The answers to some commands, in their order. Raises a `TerminalError` where one is refused."""
Describe = Callable[[bytes], Place]

COUNT = 1000
PIECE = 1 << 20
"""Bytes of a string that are read at one time."""
OVERLAP = 1024
"""By which pieces overlap: no value is longer, however it is encoded."""
LONGEST = 1 << 28


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that stands in a key; `name`: a field, a member."""

    key: bytes = field(repr=False)
    data: bytes = field(repr=False)
    name: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    """How a type is read: the command for one page, what is in an answer, and where the next page begins.

    A place of None is the beginning, and what `onward` says at the end.
    """

    command: Callable[[bytes, Any], Words]
    parts: Callable[[Any], Iterable[tuple[bytes, bool]]]
    onward: Callable[[Any, Any], Any]


@dataclass(slots=True)
class _Search:
    ask: Ask
    matcher: Matcher
    describe: Describe
    findings: Findings = field(default_factory=Findings)
    unread: Counter[str] = field(default_factory=Counter)
    # SCAN may show a key twice, and a large key is read in pages: of what was found, each key counts once.
    counted: set[bytes] = field(default_factory=set, repr=False)
    records: int = 0
    size: int = 0


def search(  # noqa: PLR0913 - what a search is of, for, and how
    store: str,
    at: datetime,
    scan: Callable[[int], tuple[int, Sequence[bytes]]],
    ask: Ask,
    *,
    matcher: Matcher,
    describe: Describe,
    effort: Effort,
    beat: Callable[[], None],
) -> StoreReport:
    """Search one database.

    Args:
        store: Name of the store.
        at: The server's clock.
        scan: One page of names; on one connection, since a cursor means nothing to another run of the server.
        ask: Sends commands.
        matcher: Knows what is searched for.
        describe: Says what a key is; the text it gives is printed, values masked.
        effort: How long, and how gently.
        beat: Called between pages.
    """
    state = _Search(ask, matcher, describe)
    (keys,) = ask([("DBSIZE",)])
    gaps: list[Gap] = []
    cursor = 0
    while True:
        if effort.spent:
            gaps.append(Gap("keys", f"not in time: {state.records} of about {keys} were searched"))
            break
        with effort.piece():
            cursor, names = scan(cursor)
            _search_page(state, names)
        beat()
        if not cursor:
            break
    gaps += [Gap("keys", f"{number} {reason}") for reason, number in sorted(state.unread.items())]
    findings = state.findings.all()
    return StoreReport(store, "server", at, findings, 1, state.records, state.size, tuple(sorted(gaps)))


def _search_page(state: _Search, names: Sequence[bytes]) -> None:
    state.records += len(names)
    state.size += sum(map(len, names))
    suspects = set(state.matcher.suspects(names))
    silent: list[bytes] = []
    for at, name in enumerate(names):
        hits = state.matcher.found(name, name=True) if at in suspects else frozenset()
        if hits:
            _note(state, name, hits)
        else:
            silent.append(name)
    by_type: dict[str, list[bytes]] = {}
    for name, answer in _answers(state, [(name, ("TYPE", name)) for name in silent]):
        by_type.setdefault(answer.decode() if isinstance(answer, bytes) else str(answer), []).append(name)
    for kind, keys in by_type.items():
        reader = _READERS.get(kind)
        if reader is not None:
            _read(state, reader, keys)
        elif kind != "none":  # gone meanwhile
            state.unread[f"of the type {kind}, which is not read"] += len(keys)


def _read(state: _Search, reader: _Reader, keys: Sequence[bytes]) -> None:
    """Read keys of one type, page by page, all of them at once."""
    places: dict[bytes, Any] = dict.fromkeys(keys)
    while places:
        onward: dict[bytes, Any] = {}
        parts: list[_Part] = []
        for key, answer in _answers(state, [(key, reader.command(key, place)) for key, place in places.items()]):
            parts += [_Part(key, data, name) for data, name in reader.parts(answer)]
            place = reader.onward(places[key], answer)
            if place is not None:
                onward[key] = place
        records = [part.data for part in parts]
        state.size += sum(map(len, records))
        for at in state.matcher.suspects(records):
            _note(state, parts[at].key, state.matcher.found(records[at], name=parts[at].name))
        places = onward
        for key in [key for key, place in places.items() if reader is _STRING and place > LONGEST]:
            state.unread[f"longer than {LONGEST >> 20} MB, which were searched up to there"] += 1
            del places[key]


def _note(state: _Search, key: bytes, hits: Iterable[Any]) -> None:
    found = list(hits)
    if found:
        state.findings.add(state.describe(key), found, again=key in state.counted)
        state.counted.add(key)


def _answers(state: _Search, commands: Sequence[tuple[bytes, Words]]) -> Iterator[tuple[bytes, Any]]:
    """(key, answer); what the server refuses, or what has another type by now, is counted."""
    if not commands:
        return
    try:
        answers = state.ask([words for _, words in commands])
    except TerminalError:
        if len(commands) == 1:
            state.unread["that the server does not let us read, or that became something else"] += 1
            return
        half = len(commands) // 2
        yield from _answers(state, commands[:half])
        yield from _answers(state, commands[half:])
        return
    for (key, _), answer in zip(commands, answers, strict=True):
        yield key, answer


def _pairs(answer: Any) -> Iterator[tuple[bytes, bool]]:  # noqa: ANN401 - as the driver has it
    for name, value in answer[1].items():
        yield name, True
        yield value, False


def _entries(answer: Any) -> Iterator[tuple[bytes, bool]]:  # noqa: ANN401 - as the driver has it
    for _, pairs in answer:
        yield from ((value, False) for value in pairs)


def _next_entry(_place: Any, answer: Any) -> Any:  # noqa: ANN401 - as the driver has it
    if len(answer) < COUNT:
        return None
    milliseconds, _, number = answer[-1][0].partition(b"-")
    return f"{int(milliseconds)}-{int(number) + 1}"


_STRING = _Reader(
    lambda key, place: ("GETRANGE", key, place or 0, (place or 0) + PIECE - 1),
    lambda answer: [(answer, False)],
    lambda place, answer: (place or 0) + PIECE - OVERLAP if len(answer) == PIECE else None,
)


def _by_cursor(command: str, parts: Callable[[Any], Iterable[tuple[bytes, bool]]]) -> _Reader:
    return _Reader(
        lambda key, place: (command, key, place or 0, "COUNT", COUNT), parts, lambda _, answer: answer[0] or None
    )


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "string": _STRING,
        "hash": _by_cursor("HSCAN", _pairs),
        "set": _by_cursor("SSCAN", lambda answer: [(member, True) for member in answer[1]]),
        "zset": _by_cursor("ZSCAN", lambda answer: [(member, True) for member, _ in answer[1]]),
        "list": _Reader(
            lambda key, place: ("LRANGE", key, place or 0, (place or 0) + COUNT - 1),
            lambda answer: [(element, False) for element in answer],
            lambda place, answer: (place or 0) + COUNT if len(answer) == COUNT else None,
        ),
        "stream": _Reader(lambda key, place: ("XRANGE", key, place or "-", "+", "COUNT", COUNT), _entries, _next_entry),
    }
)
