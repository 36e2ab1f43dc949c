"""What becomes of each version of an object: pure rules, and that nothing hidden is shown by erasing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_connectors.contract import RecordCounts, Subject
from expunge_connectors.keyspace.template_rules import Tallies
from expunge_connectors.s3.found_versions import Entry, Found, ObjectLock, Target, Upload
from expunge_connectors.s3.object_lock import lock_in_head
from expunge_connectors.s3.verification import count_left
from expunge_connectors.s3.version_rules import classify, tally

CUTOFF = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = Target(1, "c", "b", "k", is_prefix=False, certain=True)
DATED = replace(KEY, certain=False)
LOCK = ObjectLock("object-lock", CUTOFF + timedelta(days=30))


def entry(version: str, hours: int, *, marker: bool = False, latest: bool = False, key: str = "k") -> Entry:
    """An entry, some hours before (negative) or after the cutoff."""
    return Entry("b", key, version, marker, latest, CUTOFF + timedelta(hours=hours))


def found(
    *entries: Entry, target: Target = KEY, held: tuple[Entry, ...] = (), uploads: tuple[Upload, ...] = ()
) -> Found:
    return Found(target, entries, uploads, dict.fromkeys(held, LOCK))


def counted(what: Found) -> RecordCounts:
    """What is counted, by the rules of erasing and by those of verification, which share no code (law 1)."""
    told = []
    for count in (tally, count_left):
        tallies = Tallies([Subject(1, frozenset())], ["c"])
        count(tallies, what, CUTOFF)
        told.append(tallies.counts[1]["c"])
    assert told[0] == told[1]
    return told[0]


def test_versions_count_and_markers_above_them_do_not() -> None:
    assert counted(found(entry("m", 0, marker=True, latest=True), entry("2", -1), entry("1", -2))) == RecordCounts(
        due=2
    )


def test_markers_alone_count_once() -> None:
    lone = found(entry("m2", -1, marker=True, latest=True), entry("m1", -2, marker=True))
    assert counted(lone) == RecordCounts(due=1)
    assert [one.version for one in classify(lone, CUTOFF).entries] == ["m1", "m2"]


def test_an_unfinished_upload_counts() -> None:
    upload = Upload("b", "k", "u", CUTOFF - timedelta(hours=1))
    assert counted(found(uploads=(upload,))) == RecordCounts(due=1)
    late = replace(upload, initiated=CUTOFF)
    assert counted(found(uploads=(late,), target=DATED)) == RecordCounts(newer=1)
    assert classify(found(uploads=(upload, late), target=DATED), CUTOFF).uploads == (upload,)


def test_the_cutoff_itself_is_newer() -> None:
    assert counted(found(entry("1", 0, latest=True), target=DATED)) == RecordCounts(newer=1)
    assert counted(found(entry("1", -1, latest=True), target=DATED)) == RecordCounts(due=1)
    assert counted(found(entry("1", 1, latest=True))) == RecordCounts(due=1)


def test_the_deepest_goes_first() -> None:
    what = found(entry("m", 0, marker=True, latest=True), entry("2", -1), entry("1", -2))
    assert [one.version for one in classify(what, CUTOFF).entries] == ["1", "2", "m"]


def test_a_marker_stays_above_a_locked_version() -> None:
    locked = entry("1", -2)
    decided = classify(found(entry("m", -1, marker=True, latest=True), locked, held=(locked,)), CUTOFF)
    assert decided.entries == ()
    assert decided.hide == ()


def test_a_locked_version_is_hidden_before_the_one_above_it_goes() -> None:
    locked, above = entry("1", -2), entry("2", -1, latest=True)
    decided = classify(found(above, locked, held=(locked,)), CUTOFF)
    assert decided.entries == (above,)
    assert decided.hide == ("k",)


def test_a_locked_version_that_is_visible_stays_as_it_is() -> None:
    locked, below = entry("2", -1, latest=True), entry("1", -2)
    decided = classify(found(locked, below, held=(locked,)), CUTOFF)
    assert decided.entries == (below,)
    assert decided.hide == ()


histories = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6).map(
    lambda steps: [
        (entry(str(number), 3 - number, marker=marker, latest=number == 0), locked and not marker)
        for number, (marker, locked) in enumerate(steps)
    ]
)


@given(history=histories, certain=st.booleans())
def test_erasing_never_shows_what_was_hidden(history: list[tuple[Entry, bool]], *, certain: bool) -> None:
    entries = [one for one, _ in history]
    what = found(*entries, target=replace(KEY, certain=certain), held=tuple(one for one, locked in history if locked))
    decided = classify(what, CUTOFF)
    visible = entries[0]
    going = list(decided.entries)
    for done in range(len(going) + 1):
        left = [one for one in entries if one not in going[:done]]
        shown = None if decided.hide or not left or left[0].marker else left[0]
        assert shown is None or shown == visible
    assert not set(going) & set(what.locks)


@given(history=histories, certain=st.booleans())
def test_after_erasing_nothing_is_due(history: list[tuple[Entry, bool]], *, certain: bool) -> None:
    entries = [one for one, _ in history]
    held = tuple(one for one, locked in history if locked)
    target = replace(KEY, certain=certain)
    before = counted(found(*entries, target=target, held=held))
    gone = set(classify(found(*entries, target=target, held=held), CUTOFF).entries)
    after = counted(found(*(one for one in entries if one not in gone), target=target, held=held))
    assert after == replace(before, due=0, newer=after.newer)


@pytest.mark.parametrize(
    ("head", "lock"),
    [
        ({"ObjectLockRetainUntilDate": LOCK.until}, LOCK),
        ({"ObjectLockLegalHoldStatus": "ON"}, ObjectLock("legal-hold", None)),
        (
            {"ObjectLockLegalHoldStatus": "ON", "ObjectLockRetainUntilDate": LOCK.until},
            ObjectLock("legal-hold+object-lock", None),
        ),
        ({"ObjectLockLegalHoldStatus": "ON", "ObjectLockRetainUntilDate": CUTOFF}, ObjectLock("legal-hold", None)),
        ({"ObjectLockLegalHoldStatus": "OFF", "ObjectLockRetainUntilDate": CUTOFF}, None),
        ({}, None),
    ],
)
def test_all_that_stands_in_the_way_of_a_version_is_named(head: dict[str, object], lock: ObjectLock | None) -> None:
    assert lock_in_head(head, CUTOFF) == lock
