"""Statements: one event in the history of a request, a backup copy or a sweep by age, as an in-toto Statement v1.

A series is a random 128-bit id. Its statements are numbered from 0, each names the SHA-256 of the payload before it,
and each says what is still open and by when. After a final statement nothing follows.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Final

from expunge_reports import canonical, json_fields
from expunge_reports.errors import MalformedError, StatementError

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://expunge.dev/statement/v1"

PREDICATES: Final[Mapping[str, int]] = {PREDICATE_TYPE: 1}
"""Version of each predicate type that is read; rules on what is said belong to one (`verify.contradictions`)."""

UNANSWERED: Final = frozenset({"accepted", "extended", "on-hold"})
"""After these alone a request has not been answered, and its deadlines run."""

FIRST_EVENTS: Final = frozenset({"accepted", "copy-seen", "sweep-begun"})
"""What opens a series: a request's, a backup copy's, or that of a sweep by age."""

EVENTS: Final = FIRST_EVENTS | {
    "extended",
    "erased",
    "partially-erased",
    "not-found",
    "failed",
    "denied",
    "cancelled",
    "on-hold",
    "settled",
    "re-erased",
    "kept-gone",
    "correction",
    "closed",
    "copy-gone",
    "swept",
}

_SERIES: Final = re.compile(r"er_[0-9a-f]{32}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_PREDICATE: Final = ("series", "seq", "prev", "event", "issuedAt", "final", "open", "body")


@dataclass(frozen=True, slots=True)
class OpenCopies:
    """The backup copies that may hold the records when a statement is issued.

    Attributes:
        count: how many.
        without_day: of how many of them no time to come can be given.
        next_by: when the first of the others should be gone; None if there are no others.
        last_by: when the last of them should.
    """

    count: int = 0
    without_day: int = 0
    next_by: datetime | None = None
    last_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """What a series still owes, and the copies that are not its own to end.

    Attributes:
        items: the number of things that the request itself owes: its answer, the check after the settling time, places
            that were left, or in which a law or the storage keeps something.
        expected_by: by when a statement about them is owed; None if nothing is owed or no time can be given.
        copies: backup copies.
    """

    items: int = 0
    expected_by: datetime | None = None
    copies: OpenCopies = OpenCopies()


NOTHING_OPEN: Final = Open()


@dataclass(frozen=True, slots=True)
class Statement:
    """A validated statement.

    Attributes:
        series: `er_` and 32 hexadecimal digits.
        seq: place in the series, from 0.
        prev: SHA-256 (hex) of the previous statement's payload; None for the first.
        event: one of `EVENTS`.
        issued_at: UTC, whole seconds.
        final: nothing follows this statement.
        open: what is still owed.
        body: the predicate's own part, JSON data.
        subjects: SHA-256 (hex) of the opening files, sorted; they tell no namespace apart.
        version: of the predicate.
    """

    series: str
    seq: int
    prev: str | None
    event: str
    issued_at: datetime
    final: bool
    open: Open
    body: Mapping[str, object]
    subjects: tuple[str, ...]
    version: int = 1

    @property
    def context(self) -> tuple[str, ...]:
        """SHA-256 (hex) of the shared documents that the body cites under `context`."""
        return cited(self.body)


def cited(body: Mapping[str, object]) -> tuple[str, ...]:
    """Return SHA-256 (hex) of the shared documents that a body cites.

    Raises:
        StatementError: it cites one twice.
    """
    listed = json_fields.sequence(body.get("context", []), "the body's context")
    digests = tuple(json_fields.tagged_digest(item, "the body's context") for item in listed)
    if len(set(digests)) != len(digests):
        raise StatementError("the body's context cites a document twice")
    return digests


def new_series() -> str:
    """Return a new random series id, derived from nothing."""
    return f"er_{secrets.token_hex(16)}"


def is_series(value: str) -> bool:
    """Tell whether `value` has the form of a series id."""
    return bool(_SERIES.fullmatch(value))


def parse(payload: bytes) -> Statement:
    """Read and validate a payload.

    Raises:
        NotCanonicalError: well-formed JSON in other than canonical bytes.
        MalformedError: not the form of a statement.
        StatementError: the form is right and a rule between the fields is broken.
    """
    outer = json_fields.mapping(
        canonical.decode(payload), "the statement", ("_type", "subject", "predicateType", "predicate")
    )
    json_fields.constant(outer["_type"], STATEMENT_TYPE, "the statement's type")
    version = PREDICATES.get(json_fields.text(outer["predicateType"], "the predicate's type"))
    if version is None:
        raise MalformedError("the predicate's type is none that this version reads")
    inner = json_fields.mapping(outer["predicate"], "the predicate", _PREDICATE)
    body = json_fields.members(inner["body"], "the body")
    series = json_fields.text(inner["series"], "series")
    if not is_series(series):
        raise MalformedError("series is not er_ and 32 hexadecimal digits")
    found = Statement(
        series=series,
        seq=json_fields.count(inner["seq"], "seq"),
        prev=None if inner["prev"] is None else json_fields.tagged_digest(inner["prev"], "prev"),
        event=json_fields.text(inner["event"], "event"),
        issued_at=_time(inner["issuedAt"], "issuedAt"),
        final=json_fields.flag(inner["final"], "final"),
        open=_open(inner["open"]),
        body=body,
        subjects=_subjects(outer["subject"], series),
        version=version,
    )
    check_rules(found.event, found.seq, found.prev, found.final, found.open, found.issued_at)
    cited(body)
    return found


def payload_digest(payload: bytes) -> str:
    """Return SHA-256 (hex) of a payload: the `prev` of the statement after it."""
    return canonical.digest(payload)


def subject_name(series: str) -> str:
    """Return the in-toto subject name, the same for every subject of a series."""
    return f"erasure-series:{series}"


def check_rules(  # noqa: PLR0913, PLR0917 - fields of a statement
    event: str,
    seq: int,
    prev: str | None,
    final: bool,  # noqa: FBT001
    owed: Open,
    issued_at: datetime,
) -> None:
    """Check the rules between the fields of a statement.

    Raises:
        StatementError: one is broken.
    """
    if event not in EVENTS:
        raise StatementError("the event is unknown")
    if issued_at.year in {MINYEAR, MAXYEAR}:  # there is nothing to add a clock's difference to
        raise StatementError("the time of issue is at an end of the calendar")
    if (seq == 0) != (prev is None):
        raise StatementError("exactly the first statement of a series has no previous one")
    if (seq == 0) != (event in FIRST_EVENTS):
        raise StatementError("a series opens with accepted, copy-seen or sweep-begun, and only there")
    if final and (owed != NOTHING_OPEN or event in FIRST_EVENTS):
        raise StatementError("a final statement leaves nothing open and does not open a series")
    if owed.items == 0 and owed.expected_by is not None:
        raise StatementError("a statement is expected although nothing is open")
    copies = owed.copies
    dated = copies.count > copies.without_day
    if copies.count < copies.without_day or (copies.next_by is not None, copies.last_by is not None) != (dated, dated):
        raise StatementError("the copies' days are not those of as many copies as have one")
    if copies.next_by is not None and copies.last_by is not None and copies.next_by > copies.last_by:
        raise StatementError("the first copy to go goes after the last")


def _open(value: object) -> Open:
    owed = json_fields.mapping(value, "open", ("items", "expectedBy", "copies"))
    copies = json_fields.mapping(owed["copies"], "open.copies", ("count", "withoutDay", "next", "last"))
    return Open(
        items=json_fields.count(owed["items"], "open.items"),
        expected_by=_optional_time(owed["expectedBy"], "open.expectedBy"),
        copies=OpenCopies(
            count=json_fields.count(copies["count"], "open.copies.count"),
            without_day=json_fields.count(copies["withoutDay"], "open.copies.withoutDay"),
            next_by=_optional_time(copies["next"], "open.copies.next"),
            last_by=_optional_time(copies["last"], "open.copies.last"),
        ),
    )


def _subjects(value: object, series: str) -> tuple[str, ...]:
    digests: list[str] = []
    for item in json_fields.sequence(value, "subject"):
        subject = json_fields.mapping(item, "a subject", ("name", "digest"))
        json_fields.constant(subject["name"], subject_name(series), "a subject's name")
        digest = json_fields.mapping(subject["digest"], "a subject's digest", ("sha256",))
        digests.append(json_fields.hex_digest(digest["sha256"], "a subject's digest"))
    # Sorted by digest, so that the order does not tell the e-mail address from the telephone number.
    if not digests or digests != sorted(set(digests)):
        raise StatementError("the subjects are missing, repeated or not sorted by digest")
    return tuple(digests)


def _optional_time(value: object, what: str) -> datetime | None:
    return None if value is None else _time(value, what)


def _time(value: object, what: str) -> datetime:
    text = json_fields.text(value, what)
    if not _TIME.fullmatch(text):
        raise MalformedError(f"{what} is not an RFC 3339 UTC time in whole seconds")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise MalformedError(f"{what} is not a time") from None
