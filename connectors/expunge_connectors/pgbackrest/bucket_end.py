"""Bucket end: when what the tool removes is really gone from this bucket. Pure.

On a bucket that keeps versions the tool's deletion only hides an object; the bucket's rules end it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from expunge_connectors.backup_catalogues.pgbackrest_retention import End
from expunge_connectors.contract import CopyStatus
from expunge_connectors.s3_backups.bucket_reader import Line, SetUp, placed
from expunge_connectors.s3_backups.bucket_versions import Newer, Version, Versioning
from expunge_connectors.s3_backups.expiry_forecast import Forecast, forecast

HIDDEN: Final = End(CopyStatus.DUE, None, None, ("the tool removed it, and the bucket keeps versions",), None)
"""Of what the tool has removed, in a bucket that keeps versions: the bucket's rules alone end it."""
_WORST: Final = (CopyStatus.NEVER, CopyStatus.HELD, CopyStatus.UNKNOWN, CopyStatus.CONDITIONAL)


def in_bucket(end: End, lines: Sequence[Line], bucket: SetUp, lag: timedelta, at: datetime) -> Forecast:
    """The end in this bucket: the tool's own, and where versions are kept what the bucket's rules make of it."""
    ground = "; ".join(end.steps) or "no date"
    if end.blocker is not None:
        return Forecast(end.status, ground, blocker=end.blocker)
    if bucket.state.versioning is Versioning.OFF and end.latest is not None:
        return Forecast(CopyStatus.DUE, ground, end.earliest, end.latest)
    keeps = "the bucket keeps versions, so what the tool deletes lives on, and"
    if bucket.keeps.locks or bucket.keeps.replicates:
        blocker = f"{keeps} locks or replication, which are not looked at here, may decide how long"
        return Forecast(CopyStatus.UNKNOWN, ground, blocker=blocker)
    forecasts = [one for line in _versions(lines, bucket) for one in _after_tool(line, end, bucket, lag, at)]
    for status in _WORST:
        if (worst := next((one for one in forecasts if one.status is status), None)) is not None:
            return Forecast(status, ground, blocker=f"{keeps} {worst.blocker}")
    # Without an object there is nothing to say a day of: the label is listed, and its files are not.
    if not forecasts:
        return Forecast(CopyStatus.UNKNOWN, ground, blocker="it is in backup.info, and none of its objects is there")
    last = max(forecasts, key=lambda one: (one.expected_by or at, one.ground))
    due = max(one.due for one in forecasts if one.due is not None)
    return Forecast(CopyStatus.DUE, f"{ground}; then {last.ground}", due, last.expected_by)


def _versions(lines: Sequence[Line], bucket: SetUp) -> Iterator[Version]:
    by_key: dict[str, list[Line]] = {}
    for line in lines:
        by_key.setdefault(line.key, []).append(line)
    tagged = any(rule.tags for rule in bucket.state.rules or ())
    tags: Mapping[str, str] | None = None if tagged else {}
    for versions in by_key.values():
        for line, since, newer in placed(versions):
            older = tuple(Newer(ended, one.size, tags) for one, ended in newer)
            yield Version(line.key, line.version, line.modified, line.size, tags, since, older)


def _after_tool(version: Version, end: End, bucket: SetUp, lag: timedelta, at: datetime) -> Iterator[Forecast]:
    """What the rules make of a version, as early and as late as the tool may hide it."""
    if version.noncurrent_since is not None or end.earliest is None or end.latest is None:
        yield forecast(version, bucket.state, lag, at)
        return
    early, late = (
        forecast(replace(version, noncurrent_since=hidden), bucket.state, lag, at)
        for hidden in (end.earliest, end.latest)
    )
    yield replace(late, due=early.due) if late.status is early.status is CopyStatus.DUE else late
