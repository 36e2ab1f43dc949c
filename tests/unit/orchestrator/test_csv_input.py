"""Must show 8: what cannot be a list of people is refused whole, with lines and without values."""

from __future__ import annotations

import io
import resource
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from expunge_config.datamap import DataMap, Identity, IdentityKind
from expunge_config.errors import ConfigError, InputError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.rules.times_of_receipt import TimesOfReceipt
from expunge_orchestrator.subjects.csv_input import LINES_PER_ROW, MAX_LINE, SPARE_LINES, checked_people, read_people
from expunge_orchestrator.subjects.people_seen import PeopleSeen
from expunge_orchestrator.subjects.sealed_spool import BLOCK


@pytest.fixture
def data_map() -> DataMap:
    return DataMap.model_construct(
        identities={
            "user_id": Identity(kind=IdentityKind.PERSON, normaliser="integer/2"),
            "email": Identity(kind=IdentityKind.REUSABLE, normaliser="email/1"),
            "session_token": Identity(kind=IdentityKind.INTERNAL),
            "nickname": Identity(kind=IdentityKind.REUSABLE, normaliser="exact/1"),
        }
    )


def read(content: bytes, data_map: DataMap) -> list[frozenset[SubjectKey]]:
    return read_people(io.BytesIO(content), data_map)


def test_people_are_read_and_normalised(data_map: DataMap) -> None:
    people = read(b"\xef\xbb\xbfuser_id,email\r\n7,Ann@Mail.example\r\n8,\r\n\r\n", data_map)
    assert people == [
        frozenset({SubjectKey("user_id", "7"), SubjectKey("email", "ann@mail.example")}),
        frozenset({SubjectKey("user_id", "8")}),
    ]


def test_a_list_is_gone_through_as_often_as_need_be_and_shows_nobody(data_map: DataMap) -> None:
    content = b"user_id,email\n7,Ann@Mail.example\n\n,bob@mail.example\n"
    people = checked_people(io.BytesIO(content), data_map)
    assert len(people) == 2
    assert list(people) == list(people) == read(content, data_map)
    assert "ail.example" not in repr(people)


def test_the_same_person_is_the_same_in_any_spelling(data_map: DataMap) -> None:
    with pytest.raises(InputError, match="line 3: the same person as line 2"):
        read(b"user_id,email\n7,Ann@Mail.example\n7, ann@mail.example \n", data_map)


def test_a_person_may_have_two_values_of_one_identity(data_map: DataMap) -> None:
    [ann, bob] = read(b"email,email\na@x.example,b@x.example\nc@x.example,\n", data_map)
    assert sorted(key.value for key in ann) == ["a@x.example", "b@x.example"]
    assert [key.value for key in bob] == ["c@x.example"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"email\n", "no person"),
        (b"email\n\n \n", "no person"),
        (b"user_id\n7\x00\n", "NUL byte in line 2"),
        (b"email\nann@mail.example\nj\xfcrgen@mail.example\n", "not UTF-8 (line 3)"),
        (b"surname\nDoe\n", "Column 1 of the header"),
        (b"session_token\nabc\n", "Column 1 of the header"),
        (b"email\nRobert'); DROP TABLE users;--@mail.example\n", "line 2, column email"),
        (b'email\n=HYPERLINK("http://x";"y")\n', "line 2, column email"),
        (b"user_id\n7 OR 1=1\n", "line 2, column user_id"),
        (b"user_id\n" + b"9" * 39 + b"\n", "line 2, column user_id"),
        (b"nickname\n ann\n", "line 2, column nickname"),
        ("nickname\na\u030a\n".encode(), "line 2, column nickname"),
        (b"user_id\n7\n8,9\n", "line 3: 2 fields"),
        (b"user_id\n7\n7\n", "line 3: the same person as line 2"),
        (b'email\n"ann@mail.example\n', "not CSV"),
        (b"email\n" + b"a" * 2000 + b"@b.example\n", "longer than"),
        (b"email\nann@mail.example\n" + b"," * MAX_LINE + b"\n", "too long in line 3"),
        (b"email\n" + b'"\n",' * MAX_LINE, "too long in line"),
        (b"email," * MAX_LINE, "too long in line 1"),
        (b"email" + b",email" * 20 + b"\n", "more than 20 columns"),
    ],
)
def test_what_is_refused(content: bytes, told: str, data_map: DataMap) -> None:
    with pytest.raises(InputError) as raised:
        read(content, data_map)
    assert told in raised.value.message
    for secret in ("ann@", "DROP", "HYPERLINK", "Doe", "OR 1=1"):
        assert secret not in raised.value.message


def test_a_list_without_a_header_does_not_echo_its_first_person(data_map: DataMap) -> None:
    with pytest.raises(InputError) as raised:
        read(b"ann@mail.example\nbob@mail.example\n", data_map)
    assert "ann" not in str(raised.value)


class Endless(io.RawIOBase):
    """A list of so many people that is nowhere: as it would come from a pipe."""

    def __init__(self, people: int) -> None:
        self._lines = (f"{number:09d}{'n' * 600}\n".encode() for number in range(people))
        self._left = b"nickname\n"

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        while len(self._left) < len(into) and (line := next(self._lines, b"")):
            self._left += line
        piece, self._left = self._left[: len(into)], self._left[len(into) :]
        into[: len(piece)] = piece
        return len(piece)


class Garbage(io.RawIOBase):
    """What never ends, as /dev/full; it is looked at no further than need be."""

    def __init__(self, piece: bytes) -> None:
        self._piece, self.asked = piece, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        self.asked += 1
        assert self.asked < 1000, "it is read although it was no list from the beginning"
        into[:] = (self._piece * len(into))[: len(into)]
        return len(into)


@pytest.mark.parametrize(("piece", "told"), [(b"\0", "NUL byte in line 1"), (b"\xff", "not UTF-8")])
def test_what_is_no_list_is_refused_before_it_ends(piece: bytes, told: str, data_map: DataMap) -> None:
    with pytest.raises(InputError, match=told):
        checked_people(io.BufferedReader(Garbage(piece)), data_map)


def test_a_long_list_takes_no_memory(data_map: DataMap) -> None:
    """It came to eight times its bytes: as text, as text of four bytes a character, and who was in it."""
    number = 30_000
    tracemalloc.start()
    try:
        people = checked_people(io.BufferedReader(Endless(number)), data_map, TIMES)
        assert sum(1 for _ in people) == len(people) == number
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < number * 600 // 3


@pytest.mark.parametrize("header", [b"user_id\n", b""])
def test_a_list_that_is_one_long_line_takes_no_memory(header: bytes, data_map: DataMap) -> None:
    """It was one text of four bytes a character before its length was looked at."""
    line = header + "\N{GRINNING FACE}".encode() + b"x" * 20 * BLOCK
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="too long in line"):
            checked_people(io.BufferedReader(io.BytesIO(line)), data_map)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * BLOCK


def test_the_disk_sees_nobody(data_map: DataMap) -> None:
    """Of a list that is too long for memory, and of who is in it."""
    people = checked_people(io.BufferedReader(Endless(10_000)), data_map)
    files = [one.read_bytes() for one in Path("/proc/self/fd").iterdir() if one.is_file()]
    assert any(len(one) > BLOCK for one in files), "it is in memory"
    assert not any(b"nnnn" in one for one in files)
    assert len(list(people)) == 10_000


@pytest.mark.parametrize(
    "nothing",
    [b"\n", b"\r", b" \n", b",\n", b'"","\n\n\n\n\n\n\n\n\n"\n'],
    ids=["LF", "CR", "blank", "fields", "in quotes"],
)
@pytest.mark.parametrize("people", [0, 3], ids=["before anybody", "after some"])
def test_a_list_of_blank_lines_is_given_up(nothing: bytes, people: int, data_map: DataMap) -> None:
    """Each takes its time, and twenty million fit into what may be sent."""
    named = b"user_id,email\n" + b"".join(b"%d,\n" % number for number in range(people))
    content = io.BytesIO(named + nothing * 50 * SPARE_LINES)
    with pytest.raises(InputError, match="lines are blank") as refused:
        checked_people(content, data_map)
    assert f"line {(people + 1) * LINES_PER_ROW + SPARE_LINES + 1}:" in refused.value.message


def test_a_person_in_quotes_over_many_lines_is_given_up(data_map: DataMap) -> None:
    long = b"".join(b'"%d%s"\n' % (number, b"\n" * 900) for number in range(100))
    with pytest.raises(InputError, match="lines are blank"):
        checked_people(io.BytesIO(b"user_id\n" + long), data_map)


def test_some_blank_lines_are_passed_over(data_map: DataMap) -> None:
    """As between people, of an export that ends its lines twice, and at the end of a sheet."""
    content = b"\n\nuser_id\n" + b"".join(b"%d\n\n" % number for number in range(2000)) + b"\n" * (SPARE_LINES - 10)
    assert len(read(content, data_map)) == 2000


@pytest.mark.parametrize("people", [1, 1000])
def test_the_same_people_over_and_over_take_no_more_than_so_many_people(people: int, data_map: DataMap) -> None:
    """A complaint a line came to a hundred times the list, of which twenty are told."""
    lines = 20_000
    content = b"user_id\n" + b"".join(b"%d\n" % (number % people) for number in range(lines))
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as refused:
            checked_people(io.BytesIO(content), data_map)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content) + 2 * 24 * lines + 100_000
    told = [line.strip() for line in refused.value.message.split("\n")[1:]]
    assert told == [f"line {people + 2 + n}: the same person as line {n % people + 2}" for n in range(20)]


@pytest.mark.parametrize("before", [0, 1, 1024 * 1024 - 9, 1024 * 1024 - 8, 1024 * 1024 - 7, 1024 * 1024])
@pytest.mark.parametrize("wrong", [b"\xff", b"\xf0\x9f", b"\xed\xa0\x80"], ids=repr)
def test_what_is_not_utf_8_is_told_by_its_line(before: int, wrong: bytes, data_map: DataMap) -> None:
    """Also where it begins in the piece before, or at the end."""
    lines = before // 1024
    content = b"email\n" + b"a" * 1023 + b"\n" if not lines else b"email\n" + (b"a" * 1023 + b"\n") * lines
    content += b"b" * (before % 1024) + wrong
    line = content.count(b"\n") + 1
    for end in (b"", b"\nann@mail.example\n" * 100):
        with pytest.raises(InputError, match=rf"not UTF-8 \(line {line}\)"):
            checked_people(io.BytesIO(content + end), data_map)


def test_the_same_person_twice_is_told_in_the_order_of_lines(data_map: DataMap) -> None:
    people = [f"p{number}@mail.example" for number in range(30)]
    content = "\n".join(["email", *people, "no mailbox", *people]).encode()
    with pytest.raises(InputError) as refused:
        checked_people(io.BytesIO(content), data_map)
    told = [line.strip() for line in refused.value.message.split("\n")[1:]]
    assert len(told) == 20
    assert told[0].startswith("line 32, column email: ")
    assert told[1:3] == ["line 33: the same person as line 2", "line 34: the same person as line 3"]


TIMES = TimesOfReceipt(datetime(2026, 11, 29, 8, 0, tzinfo=UTC), UTC)


def test_a_column_says_when_each_person_asked(data_map: DataMap) -> None:
    """An empty field is the time that was given for all, where one was."""
    content = b"email,received_at\na@x.example,2026-11-20\nb@x.example,\n,\nc@x.example,2026-11-21T09:00:00+01:00\n"
    people = checked_people(io.BytesIO(content), data_map, TIMES)
    assert list(people.received_at) == ["2026-11-20", None, "2026-11-21T08:00:00Z"]
    assert [{key.namespace for key in one} for one in people] == [{"email"}] * 3
    given = TimesOfReceipt(TIMES.now, TIMES.zone, "2026-11-02T00:00:00Z")
    assert checked_people(io.BytesIO(content), data_map, given).received_at[1] == "2026-11-02T00:00:00Z"


def test_a_time_for_all_needs_no_column(data_map: DataMap) -> None:
    content = b"email\na@x.example\n\nb@x.example\n"
    given = TimesOfReceipt(TIMES.now, TIMES.zone, "2026-11-02T00:00:00Z")
    assert list(checked_people(io.BytesIO(content), data_map, given).received_at) == ["2026-11-02T00:00:00Z"] * 2
    assert not checked_people(io.BytesIO(content), data_map, TIMES).received_at


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"email,received_at\na@x.example,2026-11-30\n", "line 2, column received_at: is in the future"),
        (b"email,received_at\na@x.example,\nb@x.example,2020-01-01\n", "line 3, column received_at: is years in"),
        (b"email,received_at\na@x.example,ann@mail.example\n", "line 2, column received_at: is neither a day"),
        (b"email,received_at\na@x.example," + b"1" * 2000 + b"\n", "line 2, column received_at: is neither a day"),
        (b"email,received_at\na@x.example,2026-11-20\n,2026-11-20\n", "line 3: nobody is named"),
        (b"email,received_at\na@x.example,2026-11-20\na@x.example,2026-11-21\n", "the same person as line 2"),
        (b"received_at,email,received_at\n2026-11-20,a@x.example,2026-11-21\n", "Column 3 of the header"),
        (b"received_at\n2026-11-20\n", "no column that says who"),
    ],
)
def test_what_is_refused_of_times(content: bytes, told: str, data_map: DataMap) -> None:
    with pytest.raises(InputError) as refused:
        checked_people(io.BytesIO(content), data_map, TIMES)
    assert told in refused.value.message
    assert "ann@" not in refused.value.message
    assert "1111" not in refused.value.message


def test_who_does_not_plan_leaves_the_column_alone(data_map: DataMap) -> None:
    """The list of a plan opens its receipts years later: when it was received is nobody's matter then."""
    people = read(b"email,received_at\na@x.example,2001-01-01\nb@x.example,ann\n", data_map)
    assert [sorted(key.value for key in one) for one in people] == [["a@x.example"], ["b@x.example"]]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond 64 KiB: what it writes then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told_and_no_defect(data_map: DataMap) -> None:
    with pytest.raises(ConfigError, match="Temporary files"):
        checked_people(Endless(3000), data_map)
    with pytest.raises(ConfigError, match="Temporary files"):
        see(PeopleSeen(), 200_000)


def see(seen: PeopleSeen, number: int) -> None:
    for line in range(number):
        seen.add(line, [SubjectKey("user_id", "7")], None)
