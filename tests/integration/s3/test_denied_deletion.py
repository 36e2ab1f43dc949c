"""Objects that the role may list and read, and not remove: they stay due, and erasing fails. A real server refuses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tenacity import wait_none
from tests.support.contract_maps import data_map
from tests.support.host_state import in_memory
from tests.support.s3.bucket import ACTIONS, SCOPE, World, connection, person, spec
from tests.support.seaweed_accounts import grant, new_account
from tests.support.servers import s3_client

from expunge_connectors.contract import RecordCounts, no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.s3 import S3Store
from expunge_demo import dev_servers
from expunge_demo.dev_servers import Stack

REFUSED, FREE = "rec/1.ogg", ("users/1/a.csv", "users/1/b.csv")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Servers of their own: the accounts of the session's are not to change under other tests."""
    with dev_servers.stack(in_memory()) as made:
        yield made


@pytest.fixture(params=[False, True], ids=["plain", "versioned"])
def world(stack: Stack, request: pytest.FixtureRequest) -> Iterator[World]:
    """A bucket, filled by who may do everything, and a connector that may write below `users/` only."""
    bucket = f"test-{secrets.token_hex(8)}"
    with s3_client(stack.endpoints) as s3:
        s3.create_bucket(Bucket=bucket)
        if request.param:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        narrow = new_account(stack)
        grant(stack, narrow, [bucket], [f"{bucket}/users/"])
        connector = S3Store("objects", data_map({"objects": spec(bucket)}), connection(narrow), wait=wait_none())
        made = World(s3, bucket, connector)
        for key in (REFUSED, *FREE, "rec/2.ogg", "users/2/c.csv"):
            made.put(key)
        yield made
        connector.close()


def seen(made: World) -> dict[str, RecordCounts]:
    """What counting and verifying say; they say the same."""
    cutoff = made.connector.now()
    counted = made.connector.count([person()], SCOPE, cutoff)[1]
    verified = made.connector.verify([person()], SCOPE, cutoff)[1]
    for name in ("files", "folders"):
        assert counted.get(name, RecordCounts()) == verified.get(name, RecordCounts())
    return {name: verified.get(name, RecordCounts()) for name in ("files", "folders")}


def test_what_the_service_refuses_one_by_one_stays_due(world: World) -> None:
    assert seen(world) == {"files": RecordCounts(due=1), "folders": RecordCounts(due=2)}
    told: list[object] = []
    with pytest.raises(TerminalError, match="AccessDenied") as refused:
        world.connector.erase([person()], ACTIONS, SCOPE, world.connector.now(), no_beat, told.append)
    assert told == [{1: {"folders"}}]
    assert REFUSED not in str(refused.value)
    assert seen(world) == {"files": RecordCounts(due=1), "folders": RecordCounts()}
    assert world.keys() == [REFUSED, "rec/2.ogg", "users/2/c.csv"]


def test_what_is_refused_by_itself_stays_due(world: World) -> None:
    """Of a name that no DeleteObjects can say: the reason is told, and everything else goes."""
    world.put("rec/x\x01.ogg")
    person_of_both = person(object="rec/x\x01.ogg", user_id="1")
    told: list[object] = []
    with pytest.raises(TerminalError, match=r"collection files.*AccessDenied") as refused:
        world.connector.erase([person_of_both], ACTIONS, SCOPE, world.connector.now(), no_beat, told.append)
    assert told == [{1: {"folders"}}]
    assert "rec/" not in str(refused.value)
    left = world.connector.verify([person_of_both], SCOPE, world.connector.now())[1]
    assert (left["files"].due, left["folders"].due) == (1, 0)


def test_it_goes_when_the_right_is_given(world: World, stack: Stack) -> None:
    for _ in range(2):
        with pytest.raises(TerminalError, match="AccessDenied"):
            world.connector.erase([person()], ACTIONS, SCOPE, world.connector.now(), no_beat)
    allowed = S3Store(
        "objects", data_map({"objects": spec(world.bucket)}), connection(stack.endpoints), wait=wait_none()
    )
    allowed.erase([person()], ACTIONS, SCOPE, allowed.now(), no_beat)
    allowed.close()
    assert seen(world) == {"files": RecordCounts(), "folders": RecordCounts()}
    assert world.keys() == ["rec/2.ogg", "users/2/c.csv"]
