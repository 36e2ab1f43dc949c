"""When pgBackRest removes a backup: a month that it really ran (`pgbackrest_samples/time7d.*`), and cases by hand.

The month: retention by time, 7 days, and two diffs; a full each Sunday, something else in between. Each sample is the
catalogue after the run of its day; when each backup was expired stands in the tool's own log.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.pgbackrest_repository import Made, backup_info

from expunge_connectors.backup_catalogues.catalogue import Catalogue
from expunge_connectors.backup_catalogues.pgbackrest_info import read
from expunge_connectors.backup_catalogues.pgbackrest_retention import (
    End,
    Policy,
    Schedule,
    tool_ends,
    wal_end,
)
from expunge_connectors.contract import CopyStatus

SAMPLES = Path(__file__).parent / "pgbackrest_samples"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK = 7 * DAY
WEEKLY = Schedule(WEEK, WEEK, WEEK)
TIME7D = Policy(7, "time", diff=2)
START = datetime(2026, 10, 4, 2, tzinfo=UTC)


def expired(day: int, hour: int, minute: int, second: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


EXPIRED = {
    "20261025-141109F": expired(8, 14, 11, 19),
    "20261025-141109F_20261028-141111D": expired(4, 14, 11, 16),
    "20261101-141113F": expired(15, 14, 11, 22),
    "20261101-141113F_20261104-141115D": expired(14, 14, 11, 20),
    "20261101-141113F_20261107-141116I": expired(14, 14, 11, 20),
    "20261108-141117F": expired(22, 14, 11, 26),
    "20261108-141117F_20261114-141119D": expired(21, 14, 11, 23),
}
"""Label -> when the log says that it was expired."""
AGES = (30, 27, 23, 20, 17, 16, 10, 9, 3, 2)


def sample(age: int) -> tuple[Catalogue, datetime]:
    """A catalogue of the month, and a minute after its run."""
    catalogue = read((SAMPLES / f"time7d.d-{age}.info").read_bytes())
    return catalogue, max(one.stop for one in catalogue.backups) + timedelta(minutes=1)


@pytest.mark.parametrize("age", AGES)
def test_what_really_went_went_when_it_was_predicted(age: int) -> None:
    catalogue, now = sample(age)
    ends = tool_ends(catalogue, TIME7D, WEEKLY, now)
    assert {end.status for end in ends.values()} == {CopyStatus.DUE}
    for label in ends.keys() & EXPIRED.keys():
        end = ends[label]
        assert end.earliest is not None
        assert end.latest is not None
        assert end.earliest <= EXPIRED[label] <= end.latest, label


def test_a_known_next_full_makes_the_day_exact() -> None:
    """Seven days after the full of 8 November was complete: the run some seconds later expired the one before."""
    catalogue, now = sample(16)
    end = tool_ends(catalogue, TIME7D, WEEKLY, now)["20261101-141113F"]
    assert end.earliest == expired(15, 14, 11, 19)
    assert end.latest == expired(15, 14, 11, 19) + WEEK + 2 * DAY


def test_the_wal_went_with_its_full() -> None:
    for age, segments_gone in ((17, expired(8, 14, 11, 19)), (10, expired(15, 14, 11, 22))):
        catalogue, now = sample(age)
        ends = tool_ends(catalogue, TIME7D, WEEKLY, now)
        end = wal_end(catalogue, ends, catalogue.fulls[0], now)
        assert end.earliest is not None
        assert end.latest is not None
        assert end.earliest <= segments_gone <= end.latest
        assert end.latest == ends[catalogue.fulls[0].label].latest


def test_wal_before_the_first_full_goes_before_it_does() -> None:
    catalogue, now = sample(30)
    ends = tool_ends(catalogue, TIME7D, WEEKLY, now)
    end = wal_end(catalogue, ends, None, now)
    assert end.earliest == now
    assert end.latest == ends["20261025-141109F"].latest


def weekly(*kinds: str, every: timedelta = WEEK) -> Catalogue:
    """Backups in a row, each dependent one upon the last full."""
    made: list[Made] = []
    for place, kind in enumerate(kinds):
        prior = None if kind == "full" else next(one.label for one in reversed(made) if one.kind == "full")
        made.append(Made(kind, START + place * every, 3 + place, prior))
    return read(backup_info(*made))


def ends_of(catalogue: Catalogue, policy: Policy, now: datetime, schedule: Schedule = WEEKLY) -> list[End]:
    ends = tool_ends(catalogue, policy, schedule, now)
    return [ends[one.label] for one in catalogue.backups]


def test_by_number_the_next_full_ends_the_oldest() -> None:
    catalogue = weekly("full", "full")
    second = catalogue.fulls[1]
    first, last = ends_of(catalogue, Policy(2), second.stop + HOUR)
    assert (first.earliest, first.latest) == (second.start + WEEK, second.stop + WEEK + 2 * DAY)
    assert (last.earliest, last.latest) == (second.start + 2 * WEEK, second.stop + 2 * WEEK + 2 * DAY)
    assert first.steps == ("retention by number: goes once 2 newer full backups are complete, 1 are",)


def test_a_late_full_makes_the_day_later_and_never_past() -> None:
    catalogue = weekly("full", "full")
    now = catalogue.fulls[1].stop + WEEK + 3 * DAY
    first, last = ends_of(catalogue, Policy(2), now)
    assert (first.earliest, first.latest) == (now, now + 2 * DAY)
    assert last.latest == now + WEEK + 2 * DAY


def test_children_go_with_their_parents() -> None:
    catalogue = weekly("full", "incr", "diff", "full", every=2 * DAY)
    full, incr, diff, _ = ends_of(catalogue, Policy(2), catalogue.backups[-1].stop)
    assert full.latest == incr.latest == diff.latest
    assert incr.steps[0] == f"goes with {catalogue.fulls[0].label}"


def test_diffs_by_number_count_the_fulls() -> None:
    catalogue = weekly("full", "diff", "full", every=3 * DAY)
    now = catalogue.backups[-1].stop + HOUR
    full, diff, last = ends_of(catalogue, Policy(2, diff=2), now)
    assert (diff.earliest, diff.latest) == (now, last_stop(catalogue) + WEEK + 2 * DAY)
    assert full.earliest == catalogue.backups[-1].start + WEEK
    assert last.latest is not None


def last_stop(catalogue: Catalogue) -> datetime:
    return catalogue.backups[-1].stop


@pytest.mark.parametrize(
    ("policy", "schedule", "lacking"),
    [(None, WEEKLY, "retention"), (Policy(2), None, "schedule"), (None, None, "retention")],
)
def test_what_is_not_declared_is_not_guessed(policy: Policy | None, schedule: Schedule | None, lacking: str) -> None:
    catalogue = weekly("full", "diff", "full", every=3 * DAY)
    ends = tool_ends(catalogue, policy, schedule, last_stop(catalogue))
    assert {(end.status, end.earliest, end.latest) for end in ends.values()} == {(CopyStatus.UNKNOWN, None, None)}
    assert all(end.blocker is not None and lacking in end.blocker for end in ends.values())
    assert wal_end(catalogue, ends, catalogue.fulls[0], last_stop(catalogue)).status is CopyStatus.UNKNOWN


@pytest.mark.parametrize(("after", "status"), [(2 * WEEK, CopyStatus.DUE), (2 * WEEK + HOUR, CopyStatus.NEVER)])
def test_where_no_backup_is_made_nothing_ends(after: timedelta, status: CopyStatus) -> None:
    catalogue = weekly("full", "full")
    assert {one.status for one in ends_of(catalogue, Policy(2), last_stop(catalogue) + after)} == {status}


def test_where_only_diffs_are_made_nothing_ends() -> None:
    catalogue = weekly("full", "diff", "diff", "diff", every=WEEK)
    [blocker] = {one.blocker for one in ends_of(catalogue, Policy(1), last_stop(catalogue))}
    assert blocker is not None
    assert blocker.startswith("the last full backup is of 2026-10-04")


def test_where_daily_runs_have_stopped_nothing_ends() -> None:
    catalogue = weekly("full")
    daily = Schedule(WEEK, WEEK, DAY)
    ends = ends_of(catalogue, Policy(1), last_stop(catalogue) + 3 * DAY, daily)
    assert {one.status for one in ends} == {CopyStatus.NEVER}


@pytest.mark.parametrize("policy", [Policy(1), Policy(5, "time"), Policy(9, diff=1)])
def test_a_declaration_that_is_not_kept_to_gives_no_day(policy: Policy) -> None:
    """By it a backup should be gone that is there: no other day that follows from it is told either."""
    catalogue = weekly("full", "diff", "full", "full", every=6 * DAY)
    ends = ends_of(catalogue, policy, last_stop(catalogue) + 2 * DAY + HOUR)
    assert {one.status for one in ends} == {CopyStatus.UNKNOWN}
    assert all(one.blocker is not None and "should be gone" in one.blocker for one in ends)


def test_expire_may_take_a_while_after_its_backup() -> None:
    catalogue = weekly("full", "full")
    now = last_stop(catalogue) + HOUR
    first = ends_of(catalogue, Policy(1), now)[0]
    assert (first.earliest, first.latest) == (now, last_stop(catalogue) + 2 * DAY)


def test_a_child_without_its_parent_has_no_day() -> None:
    full = Made("full", START, 3)
    orphan = Made("diff", START + DAY, 4, "20260101-000000F")
    _, end = ends_of(read(backup_info(full, orphan)), Policy(2), START + 2 * DAY)
    assert (end.status, end.latest) == (CopyStatus.UNKNOWN, None)


def test_without_a_full_there_is_no_day() -> None:
    orphan = read(backup_info(Made("diff", START, 4, "20260101-000000F")))
    [end] = ends_of(orphan, Policy(2), START + DAY)
    assert end.status is CopyStatus.NEVER
    assert wal_end(orphan, {}, None, START).status is CopyStatus.UNKNOWN


@pytest.mark.parametrize("seed", range(300))
def test_no_end_lies_before_now_and_no_child_outlives_its_parent(seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["full", *chance.choices(["full", "diff", "incr"], k=chance.randint(0, 12))]
    catalogue = weekly(*kinds, every=chance.choice([DAY, 2 * DAY, WEEK]))
    policy = Policy(chance.randint(1, 9), chance.choice(["count", "time"]), chance.choice([None, 1, 2, 5]))
    often = chance.choice([DAY, WEEK])
    schedule = Schedule(WEEK, WEEK + chance.choice([0, 3]) * DAY, often)
    now = last_stop(catalogue) + chance.random() * 3 * WEEK
    ends = tool_ends(catalogue, policy, schedule, now)
    pieces = [wal_end(catalogue, ends, full, now) for full in (None, *catalogue.fulls)]
    for end in (*ends.values(), *pieces):
        assert (end.status is CopyStatus.DUE) == (end.blocker is None) == (end.latest is not None)
        if end.earliest is not None and end.latest is not None:
            assert now <= end.earliest <= end.latest
    for one in catalogue.backups:
        parent = ends[one.label if one.parent is None else one.parent]
        assert parent.latest is None or (latest := ends[one.label].latest) is None or latest <= parent.latest
