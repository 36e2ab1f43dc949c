"""When S3 removes a version: AWS's documented examples, a table per rule, and properties over all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_connectors.contract import LONGEST_WORDS, CopyStatus
from expunge_connectors.s3.lifecycle_rules import Matches, Rule, enabled_rules
from expunge_connectors.s3_backups.bucket_versions import BucketState, Newer, Protection, Version, Versioning
from expunge_connectors.s3_backups.expiry_forecast import Forecast, forecast, midnight_after

LAG = timedelta(hours=48)
OFF, ENABLED, SUSPENDED = Versioning.OFF, Versioning.ENABLED, Versioning.SUSPENDED
DUE, NEVER, HELD = CopyStatus.DUE, CopyStatus.NEVER, CopyStatus.HELD
CONDITIONAL, UNKNOWN = CopyStatus.CONDITIONAL, CopyStatus.UNKNOWN


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def newer(since: str, size: int = 1000) -> Newer:
    return Newer(at(since), size)


NOW = at("2026-03-25")
EXPIRE_30 = Rule("dumps", prefix="pg/", days=30)
REMOVE_7 = Rule("old", prefix="pg/", noncurrent_days=7)
BOTH = Rule("both", prefix="pg/", days=30, noncurrent_days=7)
KEEP_2 = Rule("keep", noncurrent_days=7, newer_noncurrent=2)
CURRENT = Version("pg/a.dump", "v1", at("2026-03-01 04:30"), 1000)
OLD = replace(CURRENT, noncurrent_since=at("2026-03-02 04:30"))


def bucket(versioning: Versioning | None, *rules: Rule, mfa: bool = False) -> BucketState:
    return BucketState(versioning, mfa, rules)


@pytest.mark.parametrize(
    ("moment", "days", "expected"),
    [
        # The guide's own example of a creation on 15 January 2014, half past ten, and three days.
        ("2014-01-15 10:30", 3, "2014-01-19 00:00"),
        # The guide's own example for noncurrent versions.
        ("2014-01-01 10:30", 3, "2014-01-05 00:00"),
        ("2014-01-15 00:00", 3, "2014-01-19 00:00"),  # exactly midnight: the later reading
        ("2014-01-15 23:59:59", 0, "2014-01-16 00:00"),
        ("2024-02-28 12:00", 1, "2024-03-01 00:00"),  # over a leap day
        ("2014-12-31 00:00:01", 1, "2015-01-02 00:00"),
    ],
)
def test_days_are_rounded_to_the_next_midnight(moment: str, days: int, expected: str) -> None:
    assert midnight_after(at(moment), days) == at(expected)


def test_midnight_is_that_of_utc() -> None:
    eastern = datetime(2014, 1, 15, 22, 30, tzinfo=timezone(timedelta(hours=-5)))  # 16 January 03:30 UTC
    assert midnight_after(eastern, 3) == at("2014-01-20 00:00")


@pytest.mark.parametrize(
    ("version", "state", "due", "expected_by"),
    [
        pytest.param(CURRENT, bucket(OFF, EXPIRE_30), "2026-04-01", "2026-04-03", id="unversioned"),
        pytest.param(
            CURRENT,
            bucket(OFF, EXPIRE_30, replace(EXPIRE_30, id="short", days=10)),
            "2026-03-12",
            "2026-03-14",
            id="the shorter expiration wins",
        ),
        pytest.param(
            CURRENT, bucket(OFF, Rule("d", date=at("2026-06-01"))), "2026-06-01", "2026-06-03", id="a date to come"
        ),
        pytest.param(
            CURRENT,
            bucket(OFF, Rule("d", date=at("2026-01-01"))),
            "2026-03-01 04:30",
            "2026-03-03 04:30",
            id="a past date stays in force",
        ),
        pytest.param(
            CURRENT,
            bucket(SUSPENDED, BOTH),
            "2026-04-09",
            "2026-04-13",
            id="suspended: a numbered version becomes noncurrent",
        ),
        pytest.param(
            CURRENT, bucket(ENABLED, BOTH), "2026-04-09", "2026-04-13", id="versioned: marker first, then removal"
        ),
        pytest.param(OLD, bucket(ENABLED, REMOVE_7), "2026-03-10", "2026-03-12", id="noncurrent"),
        pytest.param(OLD, bucket(SUSPENDED, REMOVE_7), "2026-03-10", "2026-03-12", id="noncurrent, suspended"),
        pytest.param(
            replace(OLD, id="null"), bucket(ENABLED, REMOVE_7), "2026-03-10", "2026-03-12", id="noncurrent null version"
        ),
        pytest.param(
            replace(OLD, newer=(newer("2026-03-03 05:00"), newer("2026-03-20 05:00"))),
            bucket(ENABLED, KEEP_2),
            "2026-03-20 05:00",
            "2026-03-22 05:00",
            id="both conditions: the second newer one came late",
        ),
        pytest.param(
            replace(OLD, newer=(newer("2026-03-03 05:00"), newer("2026-03-04 05:00"))),
            bucket(ENABLED, KEEP_2),
            "2026-03-10",
            "2026-03-12",
            id="both conditions: the days decide",
        ),
        pytest.param(
            OLD, bucket(ENABLED, KEEP_2, REMOVE_7), "2026-03-10", "2026-03-12", id="a rule without a number decides"
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(at("2026-08-01 12:34"))),
            bucket(OFF, EXPIRE_30),
            "2026-08-01 12:34",
            "2026-08-03 12:34",
            id="locked beyond: as is, not rounded",
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(at("2026-03-05 12:34"))),
            bucket(OFF, EXPIRE_30),
            "2026-04-01",
            "2026-04-03",
            id="locked for less",
        ),
        pytest.param(
            replace(CURRENT, replication="COMPLETED"),
            bucket(OFF, EXPIRE_30),
            "2026-04-01",
            "2026-04-03",
            id="replicated",
        ),
        pytest.param(
            replace(CURRENT, tags=None),
            bucket(OFF, EXPIRE_30, Rule("t", tags={"k": "v"}, days=1)),
            "2026-04-01",
            "2026-04-03",
            id="unread tags only make it earlier",
        ),
    ],
)
def test_a_due_date(version: Version, state: BucketState, due: str, expected_by: str) -> None:
    end = forecast(version, state, LAG, NOW)
    assert (end.status, end.due, end.expected_by, end.blocker) == (DUE, at(due), at(expected_by), None)


@pytest.mark.parametrize(
    ("version", "state", "status", "blocker"),
    [
        pytest.param(CURRENT, BucketState(OFF, mfa_delete=False, rules=None), UNKNOWN, "could not be read", id="403"),
        pytest.param(CURRENT, bucket(OFF), NEVER, "no enabled lifecycle rule", id="404"),
        pytest.param(CURRENT, bucket(None, EXPIRE_30), UNKNOWN, "versioning", id="versioning unknown"),
        pytest.param(CURRENT, bucket(ENABLED, BOTH, mfa=True), UNKNOWN, "MFA delete", id="MFA delete"),
        pytest.param(
            replace(CURRENT, key="other/a"),
            bucket(OFF, EXPIRE_30),
            NEVER,
            "expires current versions",
            id="other prefix",
        ),
        pytest.param(CURRENT, bucket(ENABLED, EXPIRE_30), NEVER, "removes noncurrent", id="hidden, never removed"),
        pytest.param(CURRENT, bucket(ENABLED, REMOVE_7), NEVER, "expires current", id="nothing makes it noncurrent"),
        pytest.param(OLD, bucket(ENABLED, EXPIRE_30), NEVER, "removes noncurrent", id="expiration spares noncurrent"),
        pytest.param(OLD, bucket(ENABLED, KEEP_2), CONDITIONAL, "2 newer noncurrent", id="too few newer ones"),
        pytest.param(
            CURRENT, bucket(ENABLED, EXPIRE_30, KEEP_2), CONDITIONAL, "0 exist", id="write-once key under a number"
        ),
        pytest.param(
            replace(CURRENT, replication="PENDING"), bucket(OFF, EXPIRE_30), NEVER, "PENDING", id="replication pending"
        ),
        pytest.param(
            replace(CURRENT, replication="FAILED"), bucket(OFF, EXPIRE_30), NEVER, "FAILED", id="replication failed"
        ),
        pytest.param(
            replace(CURRENT, replication=None), bucket(OFF, EXPIRE_30), UNKNOWN, "replication", id="replication unknown"
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(holds=("legal hold",))),
            bucket(OFF, EXPIRE_30),
            HELD,
            "legal hold",
            id="legal hold",
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(at("2030-01-01"), ("event hold",))),
            bucket(OFF, EXPIRE_30),
            HELD,
            "event hold",
            id="event hold",
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(holds=("legal hold",))),
            bucket(OFF),
            NEVER,
            "legal hold is on as well",
            id="a hold does not hide that no rule would follow",
        ),
        pytest.param(
            replace(CURRENT, protection=None), bucket(OFF, EXPIRE_30), UNKNOWN, "Object Lock", id="lock unreadable"
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(at("2030-01-01"))),
            bucket(OFF),
            NEVER,
            "no enabled",
            id="a lock that ends removes nothing",
        ),
        pytest.param(
            replace(CURRENT, tags=None),
            bucket(OFF, Rule("t", tags={"k": "v"}, days=1)),
            UNKNOWN,
            "tags",
            id="tags unread",
        ),
        pytest.param(
            replace(OLD, tags=None),
            bucket(ENABLED, Rule("t", tags={"k": "v"}, noncurrent_days=1)),
            UNKNOWN,
            "tags",
            id="tags unread, noncurrent",
        ),
        pytest.param(
            CURRENT, bucket(OFF, replace(EXPIRE_30, unread=("Phase",))), UNKNOWN, "Phase", id="a filter of a new kind"
        ),
        pytest.param(
            CURRENT, bucket(OFF, Rule("new", unread=("Hours",))), UNKNOWN, "Hours", id="an expiration of a new kind"
        ),
        pytest.param(
            OLD, bucket(ENABLED, Rule("new", unread=("Hours",))), UNKNOWN, "Hours", id="a removal of a new kind"
        ),
        pytest.param(
            replace(CURRENT, id="null"),
            bucket(SUSPENDED, EXPIRE_30),
            CONDITIONAL,
            "versioning is suspended",
            id="suspended: a null version is destroyed, or hidden",
        ),
        pytest.param(
            replace(OLD, id="null"),
            bucket(SUSPENDED, REMOVE_7),
            CONDITIONAL,
            "versioning is suspended",
            id="suspended: a noncurrent null version",
        ),
        pytest.param(
            replace(CURRENT, protection=Protection(unknown="its event hold could not be read")),
            bucket(OFF, EXPIRE_30),
            UNKNOWN,
            "event hold could not be read",
            id="an event hold that cannot be seen",
        ),
        pytest.param(
            # The two newer ones are large, and go after a day: then nothing is newer.
            replace(OLD, newer=(newer("2026-03-20", 9000), newer("2026-03-21", 9000))),
            bucket(ENABLED, KEEP_2, Rule("large", larger_than=5000, noncurrent_days=1)),
            CONDITIONAL,
            "of 2 rule large may remove 2 before",
            id="another rule removes the newer ones first",
        ),
        pytest.param(
            replace(OLD, newer=(Newer(at("2026-03-20"), 1, None), newer("2026-03-21"))),
            bucket(ENABLED, KEEP_2, Rule("tagged", tags={"k": "v"}, noncurrent_days=1)),
            CONDITIONAL,
            "rule tagged may remove 1 before",
            id="another rule may remove a newer one whose tags are unread",
        ),
    ],
)
def test_no_date(version: Version, state: BucketState, status: CopyStatus, blocker: str) -> None:
    end = forecast(version, state, LAG, NOW)
    assert (end.status, end.due, end.expected_by) == (status, None, None)
    assert end.blocker is not None
    assert blocker in end.blocker


def test_the_ground_names_rule_and_days() -> None:
    ground = forecast(CURRENT, bucket(ENABLED, BOTH), LAG, NOW).ground
    assert "rule both: expires 30 days after creation" in ground
    assert "rule both: removes 7 days after becoming noncurrent" in ground


@pytest.mark.parametrize(
    ("rule", "size", "tags", "matches"),
    [
        (Rule("r", prefix="pg/"), 5, {}, Matches.YES),
        (Rule("r", prefix="pgx"), 5, {}, Matches.NO),
        (Rule("r", larger_than=5), 5, {}, Matches.NO),  # strict
        (Rule("r", larger_than=5), 6, {}, Matches.YES),
        (Rule("r", smaller_than=5), 5, {}, Matches.NO),  # strict
        (Rule("r", smaller_than=5), 4, {}, Matches.YES),
        (Rule("r", tags={"a": "1"}), 5, {"a": "1", "b": "2"}, Matches.YES),
        (Rule("r", tags={"a": "1"}), 5, {"a": "2"}, Matches.NO),
        (Rule("r", tags={"a": "1", "b": "2"}), 5, {"a": "1"}, Matches.NO),
        (Rule("r", tags={"a": "1"}), 5, None, Matches.UNDECIDED),
        (Rule("r", prefix="no/", tags={"a": "1"}), 5, None, Matches.NO),
        (Rule("r", unread=("Phase",)), 5, {}, Matches.UNDECIDED),
    ],
)
def test_filters(rule: Rule, size: int, tags: dict[str, str] | None, matches: Matches) -> None:
    assert rule.matches("pg/a", size, tags) is matches


def test_rules_are_read_in_all_their_forms() -> None:
    read = enabled_rules(
        {
            "Rules": [
                {"ID": "off", "Status": "Disabled", "Filter": {}, "Expiration": {"Days": 1}},
                {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}},
                {"Status": "Enabled", "Prefix": "legacy/", "Expiration": {"Date": at("2026-01-01")}},
                {"ID": "prefix", "Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 2}},
                {"ID": "tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "k", "Value": "v"}}},
                {
                    "ID": "and",
                    "Status": "Enabled",
                    "Filter": {
                        "And": {
                            "Prefix": "a/",
                            "Tags": [{"Key": "k", "Value": "v"}],
                            "ObjectSizeGreaterThan": 5,
                            "ObjectSizeLessThan": 9,
                        }
                    },
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
                },
                {"ID": "marker", "Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
            ]
        }
    )
    assert read == (
        Rule("all", days=1),
        Rule("no. 3", prefix="legacy/", date=at("2026-01-01")),
        Rule("prefix", prefix="p/", days=2),
        Rule("tag", tags={"k": "v"}),
        Rule("and", "a/", {"k": "v"}, 5, 9, noncurrent_days=3, newer_noncurrent=2),
        Rule("marker"),
    )


moments = st.integers(0, 10**9).map(lambda seconds: at("2010-01-01") + timedelta(seconds=seconds))
days = st.integers(0, 4000)
rules = st.builds(
    Rule,
    id=st.sampled_from(["a", "b", "c"]),
    prefix=st.sampled_from(["", "pg/", "other/"]),
    tags=st.sampled_from([{}, {"k": "v"}]),
    larger_than=st.none() | st.integers(0, 2000),
    days=st.none() | days,
    date=st.none() | moments,
    noncurrent_days=st.none() | days,
    newer_noncurrent=st.integers(0, 3),
)


def succeeded(version: Version, delays: list[int]) -> Version:
    """The version with successors: noncurrent since the first one, with newer noncurrent versions after it."""
    if not delays:
        return version
    since, *later = [version.modified + timedelta(seconds=delay) for delay in sorted(delays)]
    return replace(
        version, noncurrent_since=since, newer=tuple(Newer(one, version.size, version.tags) for one in later)
    )


written = st.builds(
    Version,
    key=st.just("pg/a"),
    id=st.sampled_from(["null", "v1"]),
    modified=moments,
    size=st.integers(0, 2000),
    tags=st.sampled_from([{}, {"k": "v"}, None]),
    protection=st.none() | st.builds(Protection, st.none() | moments, st.sampled_from([(), ("legal hold",)])),
    replication=st.sampled_from(["", "", "", "COMPLETED", "REPLICA", "PENDING", "FAILED", None]),
)
versions = st.builds(succeeded, written, st.lists(st.integers(0, 10**7), max_size=4))
states = st.builds(
    BucketState,
    versioning=st.sampled_from([*Versioning, *Versioning, None]),
    mfa_delete=st.sampled_from([False, False, False, True]),
    rules=st.lists(rules, max_size=4).map(tuple) | st.lists(rules, max_size=4).map(tuple) | st.none(),
)


@given(moments, days)
def test_the_rounded_time_is_the_first_midnight_after(moment: datetime, number: int) -> None:
    rounded, exact = midnight_after(moment, number), moment + timedelta(days=number)
    assert timedelta(0) < rounded - exact <= timedelta(days=1)
    assert (rounded.hour, rounded.minute, rounded.second, rounded.microsecond) == (0, 0, 0, 0)


@given(versions, states)
def test_every_version_has_a_date_or_a_blocker(version: Version, state: BucketState) -> None:
    end = forecast(version, state, LAG, NOW)
    assert (end.status is DUE) == (end.due is not None) == (end.expected_by is not None) == (end.blocker is None)
    if end.due is not None and end.expected_by is not None:
        assert version.modified <= end.due
        assert end.due + LAG <= end.expected_by


# The same without what hides every date, so that the properties of dates are tried on dates.
open_versions = st.builds(
    lambda version, until: replace(
        version,
        id="v1",
        tags={"k": "v"},
        newer=tuple(replace(one, tags={"k": "v"}) for one in version.newer),
        replication="",
        protection=Protection(until),
    ),
    versions,
    st.none() | moments,
)
open_states = st.builds(
    BucketState,
    versioning=st.sampled_from(Versioning),
    mfa_delete=st.just(False),
    rules=st.lists(rules.map(lambda rule: replace(rule, prefix="", larger_than=None)), max_size=4).map(
        lambda some: (EXPIRE_30, REMOVE_7, *some)
    ),
)


@given(open_versions, open_states)
def test_with_plain_rules_for_both_there_is_always_a_date(version: Version, state: BucketState) -> None:
    end = forecast(version, state, LAG, NOW)
    assert end.due is not None
    assert end.expected_by is not None
    locked = version.protection.retain_until if version.protection is not None else None
    assert end.due >= max(version.noncurrent_since or version.modified, locked or version.modified)
    assert end.due + LAG <= end.expected_by


@given(versions, states, moments)
def test_what_was_not_done_by_now_begins_later(version: Version, state: BucketState, now: datetime) -> None:
    """A marker that does not exist yet is never in the past, and what follows it is not either."""
    end = forecast(version, state, LAG, now)
    if end.due is not None and "delete marker" in end.ground:
        assert end.due > now
    if end.due is not None and version.noncurrent_since is None:
        assert end.due >= version.modified


@given(versions, states)
def test_nothing_of_a_suspended_buckets_null_version_is_a_date(version: Version, state: BucketState) -> None:
    null = replace(version, id="null")
    assert forecast(null, replace(state, versioning=SUSPENDED), LAG, NOW).due is None


@given(open_versions, open_states, rules.map(lambda rule: replace(rule, newer_noncurrent=0)))
def test_a_further_rule_never_makes_it_later(version: Version, state: BucketState, rule: Rule) -> None:
    """Where no rule counts newer versions: a further one may remove those that are counted, as below."""
    there = tuple(replace(one, newer_noncurrent=0) for one in state.rules or ())
    before = forecast(version, replace(state, rules=there), LAG, NOW)
    after: Forecast = forecast(version, replace(state, rules=(*there, rule)), LAG, NOW)
    assert before.due is not None
    assert after.due is not None
    assert after.due <= before.due


@given(open_versions, open_states, st.integers(0, 500))
def test_more_lag_is_never_an_earlier_alarm(version: Version, state: BucketState, hours: int) -> None:
    """Within it, another rule may remove the newer versions that a rule counts: then that one gives no day."""
    short, long = forecast(version, state, LAG, NOW), forecast(version, state, LAG + timedelta(hours=hours), NOW)
    assert short.due is not None
    assert short.expected_by is not None
    if long.due is not None:
        assert long.expected_by is not None
        assert (short.due, short.expected_by) <= (long.due, long.expected_by)


@given(versions, states)
def test_a_hold_or_an_unfinished_replication_leaves_no_date(version: Version, state: BucketState) -> None:
    held = replace(version, protection=Protection(holds=("legal hold",)))
    assert forecast(held, state, LAG, NOW).status is not DUE
    assert forecast(replace(version, replication="FAILED"), state, LAG, NOW).status is not DUE


FAR = datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("versioning", [OFF, ENABLED])
@pytest.mark.parametrize("days", [2_147_483_647, (FAR - CURRENT.modified).days])
def test_a_rule_beyond_the_calendar_never_ends(versioning: Versioning, days: int) -> None:
    end = forecast(CURRENT, bucket(versioning, Rule("late", days=days, noncurrent_days=1)), LAG, NOW)
    assert (end.status, end.due, end.expected_by) == (NEVER, None, None)
    assert f"{days} days after creation" in end.ground
    assert end.blocker == "its rule ends too far away to be a date"
    old = forecast(OLD, bucket(ENABLED, Rule("late", noncurrent_days=days)), LAG, NOW)
    assert (old.status, old.due) == (NEVER, None)


@pytest.mark.parametrize("until", [FAR, datetime.max.replace(tzinfo=UTC)])
def test_a_lock_beyond_the_calendar_holds(until: datetime) -> None:
    end = forecast(replace(CURRENT, protection=Protection(until)), bucket(OFF, EXPIRE_30), LAG, NOW)
    assert (end.status, end.due, end.expected_by) == (HELD, None, None)
    assert "held by Object Lock until 9999-12-31" in end.ground
    assert "held by Object Lock until 9999-12-31" in str(end.blocker)


def test_a_shorter_rule_beats_one_beyond_the_calendar() -> None:
    end = forecast(CURRENT, bucket(OFF, Rule("late", days=2_147_483_647), EXPIRE_30), LAG, NOW)
    assert end.due == at("2026-04-01")


def test_words_of_one_day_and_of_a_lock() -> None:
    one = bucket(OFF, Rule("one", days=1))
    assert "expires 1 day after creation" in forecast(CURRENT, one, LAG, NOW).ground
    locked = forecast(replace(CURRENT, protection=Protection(at("2026-06-01"))), one, LAG, NOW)
    assert locked.status is DUE
    assert "held by Object Lock until 2026-06-01 00:00 UTC" in locked.ground


def test_words_of_the_longest_rules_name_all_of_them() -> None:
    """AWS allows a rule 255 characters; three of them would fill what is kept of a copy, and the lock would be lost."""
    given = {
        "Rules": [
            {"ID": "a" * 255, "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 30}},
            {"ID": "b" * 255, "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}},
        ]
    }
    locked = replace(CURRENT, protection=Protection(at("2028-01-01")))
    ground = forecast(locked, bucket(ENABLED, *enabled_rules(given)), LAG, NOW).ground
    assert len(ground) <= LONGEST_WORDS
    assert f"rule {'a' * 59}…: expires" in ground
    assert f"rule {'b' * 59}…: removes" in ground
    assert "Object Lock until 2028-01-01" in ground


def test_a_marker_that_does_not_exist_yet_is_not_in_the_past() -> None:
    """The rule passed months ago, and the version is still current: noncurrent days run from a marker to come."""
    end = forecast(CURRENT, bucket(ENABLED, BOTH), LAG, at("2026-11-29 10:00"))
    assert (end.status, end.due, end.expected_by) == (DUE, at("2026-12-07"), at("2026-12-11"))


def test_newer_versions_that_stay_count_beside_those_that_go() -> None:
    large = Rule("large", larger_than=5000, noncurrent_days=1)
    old = replace(OLD, newer=(newer("2026-03-03"), newer("2026-03-20", 9000), newer("2026-03-21")))
    end = forecast(old, bucket(ENABLED, KEEP_2, large), LAG, NOW)
    assert (end.status, end.due) == (DUE, at("2026-03-21"))


def test_a_rule_with_a_number_of_its_own_spares_the_newest() -> None:
    """The newest has nothing newer, so that the other rule with a number cannot remove it."""
    old = replace(OLD, newer=(newer("2026-03-03"), newer("2026-03-04")))
    keep_1 = Rule("one", noncurrent_days=1, newer_noncurrent=1)
    end = forecast(old, bucket(ENABLED, Rule("one more", noncurrent_days=2, newer_noncurrent=1), keep_1), LAG, NOW)
    assert end.status is DUE
