"""Log ages: objects of a log that were last written longer ago than it allows. They are listed, and not read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from expunge_config.periods import Period
from expunge_connectors.contract import Drift, Heartbeat
from expunge_connectors.s3.client import Service

_MARKERS = {"NextContinuationToken": "ContinuationToken"}
_GRACE = timedelta(days=2)
"""A lifecycle counts whole days from the next midnight (UTC), and is carried out once a day."""
_LATE = "A rule ends them: if they are there tomorrow, look why the service does not carry it out"


def objects_over(  # noqa: PLR0913, PLR0917 - where, against what, and what is known of it
    service: Service,
    bucket: str,
    name: str,
    prefix: str,
    period: Period,
    today: date,
    found: Drift | None,
    beat: Heartbeat,
) -> Iterator[Drift]:
    """How many objects below a prefix are over, and how old the oldest is: what is in one is at least as old.

    Args:
        service: To list with.
        bucket: Where the log is.
        name: Its collection.
        prefix: Below which everything is the log's.
        period: For how long it is to be kept.
        today: UTC.
        found: What is wrong with the lifecycle: what is set right there ends them. None: nothing is.
        beat: Called after each page.
    """
    last = period.began(today) - (_GRACE if found is None else timedelta(0))
    number = 0
    oldest: date | None = None
    for page in service.pages(f"collection {name}", "list_objects_v2", _MARKERS, Bucket=bucket, Prefix=prefix):
        days: list[date] = [one["LastModified"].date() for one in page.get("Contents", [])]
        over = [day for day in days if day <= last]
        number += len(over)
        oldest = min([*over, *([] if oldest is None else [oldest])], default=None)
        beat()
    if oldest is not None:
        yield Drift(
            name,
            str(period),
            f"objects that were last written longer ago, the oldest by {(today - oldest).days} days",
            number,
            None if found is None else found.fix,
            _LATE if found is None else found.remedy,
            oldest=oldest,
        )
