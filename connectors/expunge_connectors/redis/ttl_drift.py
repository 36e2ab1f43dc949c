"""TTL drift: keys, and entries of logs, that stay for longer than the map declares, and what ends them. Reads only.

A key is judged that one collection's template can name, and no other's; and that is of the collection's type.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from expunge_config.datamap import DataMap
from expunge_connectors.contract import HELD, Drift, DriftReport
from expunge_connectors.keyspace.end_by_age import DeclaredEnd, declared_end
from expunge_connectors.keyspace.templates import ALPHABETS, Template
from expunge_connectors.redis.client import BATCH, Command, PinnedClient, PipelineClient, Values
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.scan import COUNT, Pin
from expunge_connectors.redis.spec import KeySpec, RedisSpec
from expunge_connectors.redis.stream_ages import StreamAge
from expunge_connectors.retry import with_retries
from expunge_connectors.searched_places import namer

_NO_TTL = -1
_GONE = -2
_PAGE = (
    'local r = redis.call("SCAN", ARGV[1], "COUNT", 1000)'
    " for _, k in ipairs(r[2]) do"
    ' local ours = string.match(k, ARGV[4]) and redis.call("TYPE", k).ok == ARGV[3]'
    " for i = 5, #ARGV do ours = ours and not string.match(k, ARGV[i]) end"
    " if ours then redis.call({}) end"
    " end return r[1]"
)
"""One page of a pass over the database."""
_EXPIRE = '"EXPIRE", k, ARGV[2], "LT"'
"""LT (Redis 7): never later than a key ends already; one without an end counts as never ending."""
_TRIM = '"XTRIM", k, "MINID", ARGV[2]'
"""Never a younger entry, and an emptied stream keeps its groups of readers."""
_NUMBERED = (
    "Trim each stream of which the ids are times, by XTRIM with MINID: in others the ids are numbers of the"
    " application's own, and a command for all would take entries of which nobody knows how old they are"
)
_NO_TIME = "It is a log, and only an entry of a stream says when it was written"


@dataclass(slots=True)
class _Tally:
    forever: int = 0
    late: int = 0
    ambiguous: int = 0
    old: int = 0
    numbered: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A collection whose keys are judged.

    Attributes:
        days: After so many a key is to end that is written today.
        until: The last moment (ms since 1970) at which one may end.
        age: Of a log: which entries of its streams are over.
    """

    name: str
    spec: KeySpec
    end: DeclaredEnd
    days: int
    until: float
    age: StreamAge | None
    ours: re.Pattern[str] = field(repr=False)


def drift(  # noqa: PLR0913, PLR0917 - what is read, by whom, and what is kept
    conversation: PipelineClient, pin: Pin, now: datetime, spec: RedisSpec, data_map: DataMap, held: Collection[str]
) -> DriftReport:
    """Go through the database once, and ask each key that is judged for its type and its time to live."""
    unjudged: dict[str, str] = {}
    kinds: list[_Kind] = []
    for name, keys in spec.collections.items():
        end = _end(keys, data_map)
        if isinstance(end, str):
            unjudged[name] = end
            continue
        days = (end.period.after(now.date()) - now.date()).days
        # It is due on that day, whenever on it: the day is allowed, and no more.
        until = datetime.combine(now.date() + timedelta(days=days + 1), time(), UTC).timestamp() * 1000
        age = None if keys.log is None else StreamAge.of(end.period, now.date())
        kinds.append(_Kind(name, keys, end, days, until, age, namer(keys.templates[0], data_map, "")))
    if not kinds:
        return DriftReport((), unjudged)
    readers = {name: namer(keys.templates[0], data_map, "") for name, keys in spec.collections.items()}

    def once() -> Mapping[str, _Tally]:
        tallies = {one.name: _Tally() for one in kinds}
        with pin() as pinned:
            for page in _pages(pinned):
                _judge(conversation, kinds, readers, page, tallies)
        return tallies

    tallies = with_retries(conversation.wait)(once)
    for one in kinds:
        if number := tallies[one.name].ambiguous:
            unjudged[one.name] = (
                f"{number} keys can be another collection's as well, by their names: they are not judged"
            )
        if number := tallies[one.name].numbered:
            unjudged[one.name] = f"The ids of entries of {number} streams are no times: how old these are is not known"
    return DriftReport(
        [found for one in kinds for found in _drifts(one, tallies[one.name], spec, data_map, held, now)], unjudged
    )


def _end(keys: KeySpec, data_map: DataMap) -> DeclaredEnd | str:
    if keys.log is not None and keys.type != "stream":
        return _NO_TIME
    if keys.part is not None:
        return "What is a person's is a part of a key, and has no time to live of its own"
    if keys.yields is not None:
        return "It is an index: with its key goes the way to what it names"
    return declared_end(data_map, keys)


def _pages(pinned: PinnedClient) -> Iterator[Sequence[bytes]]:
    cursor = 0
    while True:
        answer, keys = pinned.ask([Command(None, ("SCAN", cursor, "COUNT", COUNT))])[0]
        cursor = int(answer)
        yield Values(keys)
        if not cursor:
            return


def _judge(
    conversation: PipelineClient,
    kinds: Sequence[_Kind],
    readers: Mapping[str, re.Pattern[str]],
    page: Sequence[bytes],
    tallies: Mapping[str, _Tally],
) -> None:
    asked: list[tuple[_Kind, bytes]] = []
    for key in page:
        text = key.decode(errors="surrogateescape")
        named = {name for name, reader in readers.items() if reader.fullmatch(text)}
        for one in kinds:
            if one.name not in named or text == SENTINEL:
                continue
            if len(named) > 1:
                tallies[one.name].ambiguous += 1
            else:
                asked.append((one, key))
    for start in range(0, len(asked), BATCH // 2):
        piece = asked[start : start + BATCH // 2]
        answers = conversation.ask(
            Command(one.name, (word, key)) for one, key in piece for word in ("TYPE", "PEXPIRETIME")
        )
        streams: dict[str, list[bytes]] = {}
        for at, (one, key) in enumerate(piece):
            kind, ends = answers[2 * at], int(answers[2 * at + 1])
            if ends == _GONE or kind not in {one.spec.type, one.spec.type.encode()}:
                continue
            if one.age is not None:
                streams.setdefault(one.name, []).append(key)
                continue
            tallies[one.name].forever += ends == _NO_TTL
            tallies[one.name].late += ends > one.until
        _look_into(conversation, kinds, streams, tallies)
    conversation.beat()


def _look_into(
    conversation: PipelineClient,
    kinds: Sequence[_Kind],
    streams: Mapping[str, Sequence[bytes]],
    tallies: Mapping[str, _Tally],
) -> None:
    """Ask streams of logs for their oldest entry."""
    for one in kinds:
        if one.age is None or one.name not in streams:
            continue
        tally, found = tallies[one.name], one.age.oldest(conversation, one.name, streams[one.name])
        times = [moment for moment in found if moment is not None]
        tally.old += len(times)
        tally.numbered += len(found) - len(times)
        tally.oldest = min([*times, *([] if tally.oldest is None else [tally.oldest])], default=None)


def _drifts(  # noqa: PLR0913, PLR0917 - what was counted, against what
    one: _Kind, tally: _Tally, spec: RedisSpec, data_map: DataMap, held: Collection[str], now: datetime
) -> Iterator[Drift]:
    run = "Run this where redis-cli is (Redis 7 or later, URL of a user that may EVAL):"
    if one.age is not None:
        if tally.oldest is not None:
            written = tally.oldest.date()
            why_not = HELD if one.name in held else _NUMBERED if tally.numbered else None
            yield Drift(
                one.name,
                str(one.end.period),
                f"streams with older entries, the oldest by {(now.date() - written).days} days",
                tally.old,
                _command(one, _TRIM, one.age.kept_from, spec, data_map) if why_not is None else None,
                why_not
                or f"{run} it takes these entries out of the log, page by page. Have the application trim as it adds",
                oldest=written,
            )
        return
    fix = None if one.name in held else _command(one, _EXPIRE, one.days * 86_400, spec, data_map)
    remedy = (
        HELD
        if fix is None
        else f"{run} it gives these keys an end, page by page, never a later one than they have. Have the application"
        " set it as it writes"
    )
    for number, found in ((tally.forever, "keys without a time to live"), (tally.late, "keys that end later")):
        if number:
            yield Drift(one.name, str(one.end.period), found, number, fix, remedy)


def _command(one: _Kind, deed: str, given: int, spec: RedisSpec, data_map: DataMap) -> str:
    """A line for sh that goes through the database and does this to the keys of one collection alone."""
    others = [_lua(keys.templates[0], data_map) for name, keys in spec.collections.items() if name != one.name]
    words = [
        str(given),
        one.spec.type,
        _lua(one.spec.templates[0], data_map),
        *others,
        _lua(Template.parse(SENTINEL), data_map),
    ]
    page = f'redis-cli -u "$URL" EVAL {shlex.quote(_PAGE.format(deed))}'
    arguments = " ".join(shlex.quote(word) for word in words)
    return f'c=0; while c=$({page} 0 "$c" {arguments}) && [ "$c" -gt 0 ]; do :; done'


def _lua(template: Template, data_map: DataMap) -> str:
    """The same names as `searched_places.namer` has, as a pattern of Lua."""
    identity = data_map.identities.get(template.namespace or "")
    alphabet = ALPHABETS.get("" if identity is None else identity.normaliser)
    pieces = []
    for text, place in template.pieces:
        if place is None:
            pieces.append(_escaped(text))
        elif place == template.namespace and alphabet is not None:
            pieces.append(f"[{_escaped(''.join(sorted(alphabet)))}]+")
        else:
            pieces.append(".+")
    return f"^{''.join(pieces)}$"


def _escaped(text: str) -> str:
    return "".join(f"%{one}" if one.isascii() and not one.isalnum() else one for one in text)
