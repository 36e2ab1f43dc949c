"""S3 Object Lock: what is locked is retained, said so, and never shown by erasing what lies above it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from tests.support.s3.bucket import ACTIONS, SCOPE, World, person
from tests.support.servers import wait_until

from expunge_connectors.contract import RecordCounts, Subject, no_beat
from expunge_connectors.s3.deletion import Removal
from expunge_connectors.s3.listing import search
from expunge_connectors.s3.targets import Names

KEY = "rec/1.ogg"


def lock(made: World, version: str, days: int = 30, mode: str = "GOVERNANCE") -> datetime:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    made.s3.put_object_retention(
        Bucket=made.bucket, Key=KEY, VersionId=version, Retention={"Mode": mode, "RetainUntilDate": until}
    )
    return until


def unlock(made: World, version: str) -> None:
    """Shorten the lock to a moment that comes soon, and wait for it."""
    until = made.connector.now() + timedelta(seconds=2)
    made.s3.put_object_retention(
        Bucket=made.bucket,
        Key=KEY,
        VersionId=version,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
        BypassGovernanceRetention=True,
    )
    wait_until(lambda: made.connector.now() > until)


def tally(made: World, subject: Subject | None = None) -> RecordCounts:
    subject, cutoff = subject or person(), made.connector.now()
    counted = made.connector.count([subject], SCOPE, cutoff)[1]["files"]
    assert counted == made.connector.verify([subject], SCOPE, cutoff)[1]["files"]
    return counted


def erase(made: World) -> None:
    made.connector.erase([person()], ACTIONS, SCOPE, made.connector.now(), no_beat)


def visible(made: World) -> bool:
    try:
        made.s3.head_object(Bucket=made.bucket, Key=KEY)
    except ClientError:
        return False
    return True


def test_counting_may_know_whether_a_bucket_locks_and_erasing_and_verifying_ask(locking: World) -> None:
    lock(locking, locking.put(KEY))
    sent: list[str] = []
    cutoff = locking.connector.now()
    client = locking.connector._service._client()
    client.meta.events.register("before-call.s3.GetObjectLockConfiguration", lambda model, **_: sent.append(model.name))
    for verb, asked in (("count", 1), ("count", 1), ("erase", 2), ("count", 2), ("verify", 3), ("inspect", 4)):
        if verb == "erase":
            erase(locking)
        elif verb == "inspect":
            locking.connector.inspect()
        else:
            assert getattr(locking.connector, verb)([person()], SCOPE, cutoff)[1]["files"].retained == 1
        assert len(sent) == asked, verb
    locking.connector.count([person()], SCOPE, cutoff)
    assert len(sent) == 5


@pytest.mark.heavy
def test_a_locked_version_is_retained_until_its_day_and_goes_afterwards(locking: World) -> None:
    locked = locking.put(KEY)
    until = lock(locking, locked)
    assert tally(locking) == RecordCounts(retained=1, until=until.date(), ground="object-lock")
    erase(locking)
    assert locking.listed() == [(KEY, locked)]
    assert visible(locking)  # it was before, and nothing but due records is touched
    unlock(locking, locked)
    assert tally(locking) == RecordCounts(due=1)
    erase(locking)
    assert locking.listed() == []


def test_a_legal_hold_has_no_day(locking: World) -> None:
    held, other = locking.put(KEY), locking.put(KEY)
    locking.s3.put_object_legal_hold(Bucket=locking.bucket, Key=KEY, VersionId=held, LegalHold={"Status": "ON"})
    lock(locking, other)
    assert tally(locking) == RecordCounts(retained=2, until=None, ground="legal-hold+object-lock")
    erase(locking)
    assert sorted(version for _, version in locking.listed()) == sorted([held, other])
    locking.s3.put_object_legal_hold(Bucket=locking.bucket, Key=KEY, VersionId=held, LegalHold={"Status": "OFF"})
    assert tally(locking).due == 1


@pytest.mark.heavy
def test_what_lies_above_a_locked_version_goes_without_showing_it(locking: World) -> None:
    locked = locking.put(KEY, b"old")
    lock(locking, locked)
    locking.put(KEY, b"new")
    assert tally(locking).due == 1
    erase(locking)
    assert not visible(locking)
    assert locked in [version for _, version in locking.listed()]
    assert (tally(locking).due, tally(locking).retained) == (0, 1)
    before = locking.listed()
    erase(locking)  # again: no second marker
    assert locking.listed() == before
    unlock(locking, locked)
    erase(locking)
    assert locking.listed() == []


def test_a_marker_above_a_locked_version_stays(locking: World) -> None:
    lock(locking, locking.put(KEY))
    locking.delete(KEY)
    before = locking.listed()
    erase(locking)
    assert locking.listed() == before
    assert not visible(locking)


def test_a_lock_set_at_the_last_moment_is_honoured(locking: World) -> None:
    """The service refuses; the version is asked for its lock, counts as retained from then on, and is no error."""
    locked, free = locking.put(KEY), locking.put("users/1/a")
    service, cutoff = locking.connector._service, locking.connector.now()
    names = Names("objects", locking.connector._map, locking.connector._spec, SCOPE)
    found = list(search(service, names.targets([person()]), names.heads, no_beat))
    lock(locking, locked)
    removal = Removal(service, cutoff, no_beat)
    for one in found:
        removal.take(one)
    removal.finish()
    assert removal.gone == 1
    assert locking.listed() == [(KEY, locked)]
    assert free
    assert tally(locking).retained == 1


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_no_mode_is_bypassed(locking: World, mode: str) -> None:
    version = locking.put(KEY)
    if mode == "COMPLIANCE":  # long enough for a slow machine; such a bucket stays until its server goes
        until = datetime.now(UTC) + timedelta(days=1)
        locking.s3.put_object_retention(
            Bucket=locking.bucket,
            Key=KEY,
            VersionId=version,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )
    else:
        lock(locking, version)
    erase(locking)
    assert locking.listed() == [(KEY, version)]
    assert tally(locking).ground == "object-lock"
