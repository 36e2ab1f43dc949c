"""A held data type keeps its object or field also where a wider collection of another type would take it along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.data_map_text import document_of, write_document
from tests.support.holds import due, key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.states import BatchState


def _of(data_type: str) -> dict[str, Any]:
    return {"data_type": data_type, "owner": {"controller": "calltrack", "inherited": True}}


@pytest.fixture(scope="module")
def overlapping(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A map in which a prefix and an object below it, and a hash and a field of it, are of different types."""
    home = tmp_path_factory.mktemp("overlap")
    document = document_of(calltrack.settings(home).data_map)
    recordings, cache = (document["stores"][name]["collections"] for name in ("recordings", "cache"))
    recordings["avatars"] = {"bucket": "calltrack-exports", "key": "users/{user_id}/avatar.jpg", **_of("messages")}
    profile = {"key": "profile:{user_id}", "type": "hash"}
    cache["profile"] = {**profile, **_of("account")}
    cache["profile_draft"] = {**profile, "hash_field": "draft", **_of("messages")}
    path = home / "map.yaml"
    write_document(path, json.loads(json.dumps(document)))
    with fresh_installation(calltrack, home / "expunge", data_map=path) as installation:
        yield installation


def _made(inspector: StoreInspector) -> SeededPerson:
    ann = make_holder(inspector)
    inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/avatar.jpg", Body=b"x")
    with inspector.redis() as client:
        client.hset(f"profile:{ann.id}", mapping={"draft": "d", "name": "x"})
    return ann


def _avatars(inspector: StoreInspector, ann: SeededPerson) -> int:
    return len(inspector.versions("calltrack-exports", f"users/{ann.id}/avatar.jpg"))


@pytest.mark.parametrize(("data_type", "fields"), [("messages", 2), ("account", 2), ("exports", 0)])
def test_what_meets_a_held_collection_stays_with_it(
    overlapping: Installation, inspector: StoreInspector, data_type: str, fields: int
) -> None:
    ann = _made(inspector)
    placed = place(overlapping, [key("user_id", ann.id)], data_type=data_type)
    batch = overlapping.plan(ann.csv)
    assert overlapping.erase(batch).state is BatchState.ON_HOLD, overlapping.failures(batch)
    (said,) = statements_of(overlapping, batch, "on-hold")
    lines = lines_of(said.body)
    with inspector.redis() as client:
        assert client.hlen(f"profile:{ann.id}") == fields
    for name in ("cache.profile", "cache.profile_draft"):
        assert (lines[name][0] == "retained") is bool(fields), name
    if data_type == "account":
        assert _avatars(inspector, ann) == 0
    else:
        assert _avatars(inspector, ann) > 0
        assert lines["recordings.avatars"][0] == lines["recordings.exports"][0] == "retained"
    lift(overlapping, placed)
    assert overlapping.erase(batch).state is BatchState.ERASED, overlapping.failures(batch)
    assert due(ann, inspector) == {}
    assert _avatars(inspector, ann) == 0
    with inspector.redis() as client:
        assert client.hlen(f"profile:{ann.id}") == 0
