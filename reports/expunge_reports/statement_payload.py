"""Statement payloads: the canonical bytes that are signed, from the fields of a statement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Self

from expunge_reports import canonical, json_fields
from expunge_reports.errors import MalformedError, StatementError
from expunge_reports.statement import (
    NOTHING_OPEN,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Open,
    check_rules,
    cited,
    is_series,
    subject_name,
)

_BEFORE_BODY: Final = f'{{"_type":"{STATEMENT_TYPE}","predicate":{{"body":'.encode()


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A body that was checked and encoded.

    Attributes:
        canonical: its canonical bytes, an object.
    """

    canonical: bytes

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Self:
        """Check and encode a body.

        Raises:
            StatementError: it cites a document twice.
            MalformedError: it holds a type without canonical form (a float, a tuple, an enum).
        """
        plain = dict(body)
        cited(plain)
        # Two levels down, where it will stand: nesting is limited from the statement's own level.
        return cls(canonical.encode([[plain]])[2:-2])


def build(  # noqa: PLR0913 - keyword-only, one argument per field of the statement
    *,
    series: str,
    seq: int,
    prev: str | None,
    event: str,
    issued_at: datetime,
    body: Mapping[str, object] | EncodedBody,
    subjects: Collection[str],
    final: bool = False,
    still_open: Open = NOTHING_OPEN,
) -> bytes:
    """Return the payload bytes of a statement.

    Args:
        series: `er_` and 32 hexadecimal digits (see `new_series`).
        seq: 0 for the first statement of the series, then one more each.
        prev: `payload_digest` of the previous payload; None exactly when `seq` is 0.
        event: one of `EVENTS`; one of `FIRST_EVENTS` exactly when `seq` is 0.
        issued_at: an aware time; fractions of a second are dropped.
        body: JSON data without identifiers, keys or column values; `context` lists `sha256:<hex>` of shared documents.
            Encoded before where many statements have the same.
        subjects: digests of the opening files (`opening.digest`), at least one, the same in every statement.
        final: nothing will follow. Then nothing may be open.
        still_open: what is still owed.

    Raises:
        StatementError: a rule above is broken.
        MalformedError: the body holds a type without canonical form (a float, a tuple, an enum).
    """
    if issued_at.tzinfo is None:
        raise StatementError("the time of issue has no time zone")
    encoded = body if isinstance(body, EncodedBody) else EncodedBody.of(body)
    digests = sorted({json_fields.hex_digest(one, "a subject's digest") for one in subjects})
    if not digests:
        raise StatementError("the subjects are missing")
    if not is_series(series):
        raise MalformedError("series is not er_ and 32 hexadecimal digits")
    json_fields.count(seq, "seq")
    owed = _owed(still_open)
    before = None if prev is None else f"sha256:{json_fields.hex_digest(prev, 'prev')}"
    check_rules(event, seq, before, json_fields.flag(final, "final"), still_open, issued_at)
    # The members in canonical order. Everything but the body was checked to be digits, words and digests, which need no
    # escapes; a test holds this against the encoding of the whole.
    name = subject_name(series)
    named = ",".join(f'{{"digest":{{"sha256":"{digest}"}},"name":"{name}"}}' for digest in digests)
    after = (
        f',"event":"{event}","final":{"true" if final else "false"},'
        f'"issuedAt":"{_stated(issued_at)}",'
        f'"open":{owed},'
        f'"prev":{_quoted(before)},"seq":{seq},"series":"{series}"}},'
        f'"predicateType":"{PREDICATE_TYPE}","subject":[{named}]}}'
    )
    return b"".join((_BEFORE_BODY, encoded.canonical, after.encode()))


@lru_cache(maxsize=16)  # a chunk's statements owe the same
def _owed(found: Open) -> str:
    copies = found.copies
    for counted, what in (
        (found.items, "open.items"),
        (copies.count, "open.copies.count"),
        (copies.without_day, "open.copies.withoutDay"),
    ):
        json_fields.count(counted, what)
    expected, last, earliest = (
        _quoted(None if one is None else _stated(one)) for one in (found.expected_by, copies.last_by, copies.next_by)
    )
    return (
        f'{{"copies":{{"count":{copies.count},"last":{last},"next":{earliest},"withoutDay":{copies.without_day}}},'
        f'"expectedBy":{expected},"items":{found.items}}}'
    )


@lru_cache(maxsize=16)  # a chunk's statements have one time
def _stated(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(plain: str | None) -> str:
    return "null" if plain is None else f'"{plain}"'
