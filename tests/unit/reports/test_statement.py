"""Statements keep their rules in both directions, and survive a round trip."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from expunge_reports import canonical, statement, statement_payload
from expunge_reports.errors import MalformedError, NotCanonicalError, StatementError

SERIES = "er_" + "0f" * 16
DIGEST = "5" * 64
LATE = datetime(2027, 1, 1, tzinfo=UTC)
OWED = statement.Open(
    2,
    datetime(2026, 12, 23, 7, 59, 59, 999, tzinfo=UTC),
    statement.OpenCopies(3, 1, datetime(2026, 12, 7, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC)),
)
GOOD: dict[str, object] = {
    "series": SERIES,
    "seq": 1,
    "prev": DIGEST,
    "event": "erased",
    "issued_at": datetime(2026, 11, 24, 10, 15, 42, 999, tzinfo=UTC),
    "body": {"stores": [{"id": "pg", "found": 3}]},
    "subjects": ["b" * 64, "a" * 64, "b" * 64],
    "still_open": OWED,
}


def build(**changes: object) -> bytes:
    return statement_payload.build(**{**GOOD, **changes})


def test_a_statement_is_in_toto_in_rfc_8785():
    payload = build()
    document = json.loads(payload)
    assert payload == rfc8785.dumps(document)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://expunge.dev/statement/v1"
    assert document["subject"] == [
        {"name": f"erasure-series:{SERIES}", "digest": {"sha256": digest}} for digest in ("a" * 64, "b" * 64)
    ]
    assert document["predicate"]["issuedAt"] == "2026-11-24T10:15:42Z"
    assert document["predicate"]["prev"] == f"sha256:{DIGEST}"
    assert document["predicate"]["open"] == {
        "items": 2,
        "expectedBy": "2026-12-23T07:59:59Z",
        "copies": {"count": 3, "withoutDay": 1, "next": "2026-12-07T00:00:00Z", "last": "2027-01-11T00:00:00Z"},
    }


def test_a_local_time_is_stated_in_utc():
    local = datetime(2026, 11, 24, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert statement.parse(build(issued_at=local)).issued_at == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds
    lambda one: one.replace(microsecond=0)
)
COPIES = st.integers(0, 9).map(lambda endless: statement.OpenCopies(endless, endless)) | st.builds(
    lambda days, endless: statement.OpenCopies(len(days) + endless, endless, min(days), max(days)),
    st.lists(TIMES, min_size=1, max_size=4),
    st.integers(0, 3),
)


@given(
    seq=st.integers(1, 2**40),
    event=st.sampled_from(sorted(statement.EVENTS - statement.FIRST_EVENTS)),
    issued=st.datetimes(datetime(1990, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    owed=st.builds(statement.Open, st.integers(1, 1000), st.none() | TIMES, COPIES),
    subjects=st.sets(st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=1, max_size=4),
    text=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_built_is_canonical_and_read_back(*, seq, event, issued, owed, subjects, text):
    fields = {"seq": seq, "event": event, "issued_at": issued, "still_open": owed, "subjects": subjects}
    payload = build(**fields, body={"b": text, "a": [seq]})
    assert payload == rfc8785.dumps(json.loads(payload))
    assert payload == build(**fields, body=statement_payload.EncodedBody.of({"a": [seq], "b": text}))
    found = statement.parse(payload)
    assert found.body == {"a": [seq], "b": text}
    assert (found.seq, found.event, found.open) == (seq, event, owed)
    assert found.issued_at == issued.replace(microsecond=0)
    assert found.subjects == tuple(sorted(subjects))


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "purged"},
        {"event": "accepted"},
        {"seq": 0, "prev": None},
        {"seq": 0, "event": "accepted"},
        {"prev": None},
        {"final": True},
        {"still_open": statement.Open(0, datetime(2026, 1, 1, tzinfo=UTC))},
        {"still_open": statement.Open(copies=statement.OpenCopies(1, 2))},
        {"still_open": statement.Open(copies=statement.OpenCopies(1, 0))},
        {"still_open": statement.Open(copies=statement.OpenCopies(1, 1, LATE, LATE))},
        {"still_open": statement.Open(copies=statement.OpenCopies(2, 1, LATE, None))},
        {"still_open": statement.Open(copies=statement.OpenCopies(2, 0, LATE, LATE - timedelta(days=1)))},
        {"final": True, "still_open": statement.Open(copies=statement.OpenCopies(1, 1))},
        {"seq": 0, "prev": None, "event": "accepted", "final": True, "still_open": statement.NOTHING_OPEN},
        {"subjects": []},
        {"issued_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - the missing zone is what is refused
        {"issued_at": datetime(9999, 12, 31, tzinfo=UTC)},
        {"issued_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"body": {"context": [f"sha256:{DIGEST}"] * 2}},
    ],
)
def test_a_broken_rule_is_refused(changes):
    with pytest.raises(StatementError):
        build(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"series": "er_xyz"},
        {"seq": -1},
        {"seq": True},
        {"prev": "short"},
        {"body": {"rate": 0.5}},
        {"body": {"context": "sha256:1"}},
        {"body": {"context": ["1"]}},
        {"subjects": ["A" * 64]},
        {"still_open": statement.Open(-1, None)},
        {"still_open": statement.Open(copies=statement.OpenCopies(-1, -1))},
    ],
)
def test_a_wrong_form_is_refused(changes):
    with pytest.raises(MalformedError):
        build(**changes)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "https://slsa.dev/provenance/v1"),
        (("subject",), [{"name": "x", "digest": {"sha256": DIGEST}}]),
        (("subject",), [{"name": f"erasure-series:{SERIES}", "digest": {"sha256": DIGEST, "md5": "1"}}]),
        (("subject",), {}),
        (("predicate", "issuedAt"), "2026-11-24T10:15:42+00:00"),
        (("predicate", "issuedAt"), "2026-13-24T10:15:42Z"),
        (("predicate", "issuedAt"), "\u0662026-11-24T10:15:42Z"),
        (("predicate", "final"), 0),
        (("predicate", "open", "expectedBy"), "2026-02-30T00:00:00Z"),
        (("predicate", "open", "expectedBy"), "2026-12-23"),
        (("predicate", "open", "copies", "next"), 1),
        (("predicate", "open", "copies", "count"), True),
        (("predicate", "body"), []),
        (("predicate", "extra"), 1),
        (("predicate", "seq"), "1"),
    ],
)
def test_a_foreign_payload_is_refused(path, value):
    document = json.loads(build())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(MalformedError):
        statement.parse(canonical.encode(document))


def test_unsorted_subjects_are_refused():
    document = json.loads(build())
    document["subject"].reverse()
    with pytest.raises(StatementError):
        statement.parse(canonical.encode(document))


def test_other_bytes_of_the_same_statement_are_refused():
    with pytest.raises(NotCanonicalError):
        statement.parse(build() + b"\n")


def test_series_ids_are_random():
    made = {statement.new_series() for _ in range(100)}
    assert len(made) == 100
    assert all(statement.is_series(series) for series in made)
