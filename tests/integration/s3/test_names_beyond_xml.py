"""S3: names with characters that XML 1.0 has not: no DeleteObjects can say them, and some listings do not either."""

from __future__ import annotations

import pytest
from tests.support.s3.bucket import ACTIONS, SCOPE, World, person

from expunge_connectors.contract import RecordCounts, no_beat

NAMES = ("x\x01y", "\ufffe", "esc\x1b/[0m", "x\x01y\ufffd")
NEIGHBOURS = ("x\x02y", "x\ufffdy", "x\x01", "x\x01yz", "\ufffd")


@pytest.fixture(params=["plain", "versioned"])
def made(request: pytest.FixtureRequest) -> World:
    world: World = request.getfixturevalue(request.param)
    return world


def said(made: World, **keys: str) -> RecordCounts:
    """The one count that is not empty, on which counting and verifying agree."""
    cutoff = made.connector.now()
    counts = made.connector.count([person(**keys)], SCOPE, cutoff)
    assert counts == made.connector.verify([person(**keys)], SCOPE, cutoff)
    (found,) = {tally for tally in counts[1].values() if not tally.empty} or {RecordCounts()}
    return found


def erase(made: World, **keys: str) -> None:
    made.connector.erase([person(**keys)], ACTIONS, SCOPE, made.connector.now(), no_beat)


def bodies(made: World, names: tuple[str, ...]) -> list[bytes]:
    return [made.s3.get_object(Bucket=made.bucket, Key=name)["Body"].read() for name in names]


@pytest.mark.parametrize("name", NAMES)
def test_such_an_object_goes_and_its_neighbours_stay(made: World, name: str) -> None:
    for number, one in enumerate((name, *NEIGHBOURS)):
        made.put(one, str(number).encode())
    assert said(made, object=name) == RecordCounts(due=1)
    erase(made, object=name)
    assert said(made, object=name) == RecordCounts()
    assert len(made.keys()) == len(NEIGHBOURS)
    assert bodies(made, NEIGHBOURS) == [b"1", b"2", b"3", b"4", b"5"]


@pytest.mark.parametrize("name", NAMES)
def test_all_its_versions_and_delete_markers_go(versioned: World, name: str) -> None:
    for one in (name, "x\x02y", "x\ufffdy"):
        versioned.put(one)
        versioned.put(one)
        versioned.delete(one)
    assert said(versioned, object=name) == RecordCounts(due=2)
    erase(versioned, object=name)
    assert said(versioned, object=name) == RecordCounts()
    assert len(versioned.keys()) == 6


def test_nobodys_object_is_counted_under_the_name_that_another_is_listed_by(made: World) -> None:
    made.put("x\x01y")
    assert said(made, object="x\ufffdy") == RecordCounts()
    erase(made, object="x\ufffdy")
    assert bodies(made, ("x\x01y",)) == [b"x"]


def test_it_is_found_among_many(made: World) -> None:
    names = [f"n{number:02}\x01" if number % 7 == 0 else f"n{number:02}" for number in range(40)]
    for name in (*names, "n03\x01", "n07\ufffd"):
        made.put(name)
    people = [person(number, object=name) for number, name in enumerate(names)]
    cutoff = made.connector.now()
    counts = made.connector.count(people, SCOPE, cutoff)
    assert counts == made.connector.verify(people, SCOPE, cutoff)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    made.connector.erase(people, ACTIONS, SCOPE, cutoff, no_beat)
    left = made.connector.verify(people, SCOPE, cutoff)
    assert all(tally.empty for tallies in left.values() for tally in tallies.values())
    assert bodies(made, ("n03\x01", "n07\ufffd")) == [b"x", b"x"]


@pytest.mark.parametrize("user", ["1", "a\x01b"])
def test_what_is_below_a_prefix_goes(made: World, user: str) -> None:
    mine = [f"users/{user}/{name}" for name in ("x\x01y", "x\ufffdy", "ok", "d/\x02")]
    for name in (*mine, "users/2/x\x01y", "users/a\x02b/ok"):
        made.put(name)
    assert said(made, user_id=user) == RecordCounts(due=4)
    erase(made, user_id=user)
    assert said(made, user_id=user) == RecordCounts()
    assert bodies(made, ("users/2/x\x01y", "users/a\x02b/ok")) == [b"x", b"x"]


def test_older_versions_below_a_prefix_go(versioned: World) -> None:
    for name in ("users/1/x\x01y", "users/1/x\x02y"):
        versioned.put(name)
        versioned.put(name)
    assert said(versioned, user_id="1") == RecordCounts(due=4)
    erase(versioned, user_id="1")
    assert said(versioned, user_id="1") == RecordCounts()
    assert versioned.keys() == []
