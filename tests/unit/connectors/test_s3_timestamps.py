"""Times in S3's answers are read as the driver reads them, only faster."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.utils import parse_timestamp

from expunge_connectors.s3.driver import instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T11:30:00.000Z",
        "2026-11-25T11:30:00Z",
        "2026-11-25T12:30:00.123456+01:00",
        "Wed, 25 Nov 2026 11:30:00 GMT",
        "Wed, 25 Nov 2026 11:30:00 +0100",
        "20261125T113000Z",
        1795606200,
        "1795606200",
        1795606200.5,
    ],
)
def test_every_form_is_the_same_moment(text: object) -> None:
    found = instant(text)
    assert found.tzinfo is not None
    assert found == parse_timestamp(text)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        instant("yesterday")


def test_the_zone_is_kept() -> None:
    assert instant("2026-11-25T11:30:00Z").astimezone(UTC) == datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
