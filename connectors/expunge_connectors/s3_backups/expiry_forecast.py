"""Expiry forecast: when S3 removes a version, by lifecycle rules, locks and replication. Pure.

Sources: Amazon S3 User Guide, "Lifecycle configuration elements" and "Setting lifecycle configuration on a bucket"
(rounding: "to the next day midnight UTC"; 2014-01-15 10:30 + 3 days -> 2014-01-19 00:00), "Conflicts in lifecycle
configurations" (the shorter expiration wins), "Object Lock considerations", "Getting replication status information"
(PENDING and FAILED block lifecycle), "MFA delete" (excludes lifecycle).

A due date is a prediction. AWS removes asynchronously and names no bound, hence `expected_by`; only an observation
makes a copy gone. The shortest matching rule decides, and what cannot be decided is said, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from expunge_connectors.contract import CopyStatus
from expunge_connectors.s3.lifecycle_rules import Matches, Rule
from expunge_connectors.s3_backups.bucket_versions import BucketState, Protection, Version, Versioning

_DAY = timedelta(days=1)
_SUSPENDED = (
    "versioning is suspended, and services differ in whether a null version is then destroyed or only hidden; delete it"
    " by hand, or enable versioning"
)
# Stands for every moment that no calendar here can name; a rule or a lock that ends so late has no date.
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The end of a version, or what stands in its way."""

    status: CopyStatus
    ground: str
    due: datetime | None = None
    expected_by: datetime | None = None
    blocker: str | None = None


@dataclass(frozen=True, slots=True)
class _End:
    """A moment at which rules act: as early as they may, as late as lag may make it, and the words for it."""

    due: datetime
    late: datetime
    ground: str


def midnight_after(moment: datetime, days: int) -> datetime:
    """The first 00:00 UTC strictly after `moment` + days x 24 h.

    At exactly midnight the documentation leaves two readings; this is the later one.
    """
    later = _after(moment, min(days, timedelta.max.days) * _DAY)
    return _FOREVER if later == _FOREVER else _after(datetime.combine(later.date(), time.min, UTC), _DAY)


def _after(moment: datetime, delay: timedelta) -> datetime:
    """`moment` + `delay`, or for ever."""
    try:
        return moment.astimezone(UTC) + delay
    except OverflowError:
        return _FOREVER


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def forecast(version: Version, bucket: BucketState, lag: timedelta, now: datetime) -> Forecast:
    """When the storage removes a version.

    Args:
        version: The version.
        bucket: Versioning and rules of its bucket.
        lag: Allowance for the storage's own delay, per action of it (an expiration that makes a version noncurrent
            and the removal that follows are two).
        now: When the version was seen: what was not done by then begins later.
    """
    ended = _by_rules(version, bucket, lag, now)
    if isinstance(ended, Forecast):
        return _with_hold_named(ended, version.protection)
    if (stuck := _kept(version, bucket)) is not None:
        return Forecast(stuck[0], ended.ground, blocker=stuck[1])
    due, late, ground = ended.due, ended.late, ended.ground
    locked = None if version.protection is None else version.protection.retain_until
    if locked is not None:
        # As is, not rounded; the next pass of the lifecycle after it removes the version.
        lock = f"Object Lock until {locked.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        ground += f"; held by {lock}" if locked > due else f"; {lock}"
        due, late = max(due, locked), max(late, locked)
        if _after(locked, lag) == _FOREVER:
            return Forecast(CopyStatus.HELD, ground, blocker=f"held by {lock}, which is too far away to be a date")
    expected_by = _after(late, lag)
    if expected_by == _FOREVER:
        return Forecast(CopyStatus.NEVER, ground, blocker="its rule ends too far away to be a date")
    return Forecast(CopyStatus.DUE, ground, due, expected_by)


def _kept(version: Version, bucket: BucketState) -> tuple[CopyStatus, str] | None:
    """What keeps a version that a rule would remove, or may keep it, without a day."""
    if version.protection is None:
        return CopyStatus.UNKNOWN, "its Object Lock could not be read"
    if version.protection.holds:
        return CopyStatus.HELD, f"a {' and '.join(version.protection.holds)} is on; no date ends it"
    if version.protection.unknown is not None:
        return CopyStatus.UNKNOWN, version.protection.unknown
    if bucket.versioning is Versioning.SUSPENDED and version.id == "null":
        return CopyStatus.CONDITIONAL, _SUSPENDED
    return None


def _with_hold_named(stuck: Forecast, protection: Protection | None) -> Forecast:
    if protection is None or not protection.holds:
        return stuck
    also = f"{stuck.blocker}; a {' and '.join(protection.holds)} is on as well"
    return Forecast(stuck.status, stuck.ground, blocker=also)


def _by_rules(version: Version, bucket: BucketState, lag: timedelta, now: datetime) -> _End | Forecast:
    """The end by the bucket's rules alone, before any lock."""
    stuck = _impossible(version, bucket)
    if stuck is not None:
        return stuck
    rules = bucket.rules or ()
    if version.noncurrent_since is not None:
        start = _End(version.noncurrent_since, version.noncurrent_since, "")
        return _after_noncurrent(version, rules, start, lag)
    expired = _expiration(version, rules)
    if isinstance(expired, Forecast):
        return expired
    if bucket.versioning is Versioning.OFF or (bucket.versioning is Versioning.SUSPENDED and version.id == "null"):
        return expired
    # Versioned: expiration puts a delete marker on top, which is not there yet; then the version is noncurrent.
    marker = max(expired.due, now), _after(max(expired.late, now), lag)
    return _after_noncurrent(version, rules, _End(*marker, f"{expired.ground} (then hidden by a delete marker); "), lag)


def _impossible(version: Version, bucket: BucketState) -> Forecast | None:
    """What makes rules meaningless or unknown."""
    unknown, never, replication = CopyStatus.UNKNOWN, CopyStatus.NEVER, version.replication
    reasons = (
        (bucket.mfa_delete, unknown, "MFA delete is on: lifecycle does not work, only a person can delete it"),
        (bucket.versioning is None, unknown, "the bucket's versioning could not be read"),
        (bucket.rules is None, unknown, "the lifecycle configuration could not be read"),
        (not bucket.rules, never, "the bucket has no enabled lifecycle rule"),
        (replication is None, unknown, "its replication status could not be read"),
        (
            replication in {"PENDING", "FAILED"},
            never,
            f"its replication is {replication}: lifecycle does not expire it until it is replicated",
        ),
    )
    return next((Forecast(status, "no date", blocker=words) for applies, status, words in reasons if applies), None)


def _expiration(version: Version, rules: Sequence[Rule]) -> _End | Forecast:
    """When the current version expires: the earliest over all rules with Days or Date."""
    ends: list[_End] = []
    undecided: list[Rule] = []
    for rule in rules:
        if rule.days is None and rule.date is None and not rule.unread:
            continue
        match rule.matches(version.key, version.size, version.tags):
            case Matches.YES:
                ends.append(_expires(rule, version.modified))
            case Matches.UNDECIDED:
                undecided.append(rule)
            case Matches.NO:
                pass
    if ends:
        return min(ends, key=lambda end: end.due)
    if undecided:
        return _undecided(undecided)
    return Forecast(
        CopyStatus.NEVER, "no date", blocker="no enabled lifecycle rule expires current versions of this key"
    )


def _expires(rule: Rule, modified: datetime) -> _End:
    if rule.days is not None:
        due = midnight_after(modified, rule.days)
        return _End(due, due, f"lifecycle rule {rule.id}: expires {_days(rule.days)} after creation")
    # A past date goes on to expire what is created after it, at once.
    date = rule.date or modified
    due = max(date, modified)
    return _End(due, due, f"lifecycle rule {rule.id}: expires on {date.astimezone(UTC):%Y-%m-%d}")


def _after_noncurrent(version: Version, rules: Sequence[Rule], since: _End, lag: timedelta) -> _End | Forecast:
    """When a noncurrent version is removed: the earliest over all rules with NoncurrentDays."""
    ends: list[_End] = []
    missing: list[str] = []
    undecided: list[Rule] = []
    for rule in rules:
        if rule.noncurrent_days is None and not rule.unread:
            continue
        match rule.matches(version.key, version.size, version.tags):
            case Matches.YES:
                removed = _removed(rule, version, rules, since, lag)
                if isinstance(removed, _End):
                    ends.append(removed)
                else:
                    missing.append(removed)
            case Matches.UNDECIDED:
                undecided.append(rule)
            case Matches.NO:
                pass
    if ends:
        return min(ends, key=lambda end: end.due)
    if undecided:
        return _undecided(undecided)
    ground = f"{since.ground}no date"
    if missing:
        return Forecast(CopyStatus.CONDITIONAL, ground, blocker="; ".join(missing))
    return Forecast(
        CopyStatus.NEVER, ground, blocker="no enabled lifecycle rule removes noncurrent versions of this key"
    )


def _removed(rule: Rule, version: Version, rules: Sequence[Rule], since: _End, lag: timedelta) -> _End | str:
    """When this rule removes the version; or why its number of newer versions may never be there."""
    days, number = rule.noncurrent_days or 0, rule.newer_noncurrent
    due, late = midnight_after(since.due, days), midnight_after(since.late, days)
    words = f"{since.ground}lifecycle rule {rule.id}: removes {_days(days)} after becoming noncurrent"
    if not number:
        return _End(due, late, words)
    keeps = f"rule {rule.id} keeps {number} newer noncurrent versions of the key"
    if len(version.newer) < number:
        return f"{keeps}; {len(version.newer)} exist"
    # Both conditions must be met at once: the days, and that many newer noncurrent versions.
    expected_by = _after(max(late, version.newer[number - 1].since), lag)
    gone, by = _removed_before(version, [one for one in rules if one is not rule], expected_by)
    staying = [newer for place, newer in enumerate(version.newer) if place not in gone]
    if len(staying) < number:
        return f"{keeps}; of {len(version.newer)} rule {by} may remove {len(gone)} before"
    enough = staying[number - 1].since
    return _End(max(due, enough), max(late, enough), f"{words}, beyond the {number} newest")


def _removed_before(version: Version, rules: Sequence[Rule], moment: datetime) -> tuple[set[int], str]:
    """Which of the newer versions other rules may remove by then, and one such rule."""
    gone: set[int] = set()
    by = ""
    for place, newer in enumerate(version.newer):
        for rule in rules:
            still_newer = len(version.newer) - place - 1
            if (
                rule.noncurrent_days is not None
                and still_newer >= rule.newer_noncurrent
                and midnight_after(newer.since, rule.noncurrent_days) <= moment
                and rule.matches(version.key, newer.size, newer.tags) is not Matches.NO
            ):
                gone.add(place)
                by = rule.id
    return gone, by


def _undecided(rules: Sequence[Rule]) -> Forecast:
    unread = next((rule for rule in rules if rule.unread), None)
    words = (
        f"lifecycle rule {rules[0].id} goes by tags, which could not be read"
        if unread is None
        else f"lifecycle rule {unread.id} has what is not known here ({', '.join(unread.unread)})"
    )
    return Forecast(CopyStatus.UNKNOWN, "no date", blocker=words)
