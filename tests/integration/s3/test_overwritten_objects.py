"""S3: what was written anew under a reusable name between our look and our delete is somebody else's, and stays."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from tests.support.s3.bucket import ACTIONS, SCOPE, World, person

from expunge_connectors.contract import RecordCounts, no_beat
from expunge_connectors.s3 import range_listing
from expunge_connectors.s3.deletion import Removal, unchanged

NAME = "face/ann@x.example.jpg"
ANN = person(email="ann@x.example")


@pytest.mark.parametrize("name", ["plain", "suspended"])
def test_what_was_written_over_after_the_listing_stays(request: pytest.FixtureRequest, name: str) -> None:
    made: World = request.getfixturevalue(name)
    made.put(NAME, b"old")
    cutoff = written(made) + timedelta(seconds=1)
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:  # the name was listed
            while made.connector.now() < cutoff:
                time.sleep(0.02)
            made.put(NAME, b"of the new holder")

    made.connector.erase([ANN], ACTIONS, SCOPE, cutoff, beat)
    assert len(beats) == 3
    assert made.s3.get_object(Bucket=made.bucket, Key=NAME)["Body"].read() == b"of the new holder"
    assert made.connector.verify([ANN], SCOPE, cutoff)[1]["faces"] == RecordCounts(newer=1)


def written(made: World) -> datetime:
    return made.s3.head_object(Bucket=made.bucket, Key=NAME)["LastModified"]


def test_what_stays_as_it_was_goes(plain: World, suspended: World) -> None:
    for made in (plain, suspended):
        made.put(NAME)
        made.connector.erase([ANN], ACTIONS, SCOPE, written(made) + timedelta(seconds=1), no_beat)
        assert not any(key == NAME for key, _ in made.listed())


def test_the_service_refuses_what_was_written_over_after_that_look(plain: World) -> None:
    """SeaweedFS holds the ETag against what is there, as AWS does."""
    plain.put(NAME, b"old")
    service, cutoff = plain.connector._service, written(plain) + timedelta(seconds=1)
    (listed,) = range_listing.entries_of(plain.bucket, plain.s3.list_object_versions(Bucket=plain.bucket))
    seen = unchanged(service, [listed], cutoff)
    plain.put(NAME, b"of the new holder")
    removal = Removal(service, cutoff, no_beat)
    removal._delete(plain.bucket, seen)
    assert plain.keys() == [NAME]
    assert removal.gone == 0
