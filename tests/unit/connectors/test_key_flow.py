"""Ways: by which keys records are found, and which keys nobody knows any more once they went."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.support.contract_maps import COMPANY, data_map
from tests.support.data_map_text import document_of, write_document
from tests.support.postgres.small_schemas import shape

from expunge_config.datamap import DataMap, KeyFlow, load
from expunge_connectors.memory import MemorySpec
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.mapping.retention_dependencies import needed_by
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.redis import RedisSpec
from expunge_connectors.registry import installed
from expunge_connectors.s3 import S3Spec

EXAMPLE = Path(str(files("expunge_demo.calltrack") / "datamap.yaml"))
REGISTRY = installed()
PLAIN = {"data_type": "account", "owner": COMPANY}


def calltrack(tmp_path: Path, **changes: dict[str, Any]) -> DataMap:
    """The example, with members of collections of `main` replaced."""
    document = document_of()
    for name, members in changes.items():
        document["stores"]["main"]["collections"][name] |= members
    path = tmp_path / "map.yaml"
    write_document(path, document)
    return load(path, REGISTRY.store_specs, REGISTRY.backup_specs)


def key_flow(found: DataMap, store: str = "main") -> dict[str, KeyFlow]:
    known = found.stores[store].key_flow(store, found)
    assert known is not None
    return dict(known)


def test_a_tombstoned_person_tells_what_the_tombstone_takes_away(tmp_path: Path) -> None:
    users = key_flow(calltrack(tmp_path))["users"]
    assert users.incoming == {"user_id", "email", "phone"}
    assert users.lost == {"main.users.id", "user_id", "email", "phone"}


def test_a_tombstone_that_leaves_every_way_as_it_was_takes_none_away(tmp_path: Path) -> None:
    harmless = calltrack(tmp_path, users={"tombstone": {"full_name": "'erased'"}})
    assert key_flow(harmless)["users"].lost == frozenset()


def test_rows_lead_to_what_is_linked_to_them_and_leaves_to_nothing(tmp_path: Path) -> None:
    found = key_flow(calltrack(tmp_path))
    assert found["messages"] == KeyFlow(frozenset({"main.users.id"}))
    assert found["user_addresses"].lost == found["addresses"].incoming == {"main.user_addresses.address_id"}
    assert found["recordings"].lost == {"main.recordings.id", "recording_object"}
    assert "access_log" not in found


def test_a_shareable_identity_selects_nothing(tmp_path: Path) -> None:
    assert key_flow(calltrack(tmp_path))["leads"].incoming == {"main.callers.id", "email", "phone"}


@pytest.mark.parametrize(
    ("links", "lost"),
    [
        ([{"column": "user_id", "of": "users.id"}], set()),
        ([{"column": "user_id", "identity": "user_id"}], set()),
        ([{"column": "user_id", "of": "users.id"}, {"column": "body", "identity": "email"}], {"user_id"}),
        ([{"column": "user_id", "of": "users.phone"}], {"user_id"}),
        ([{"column": "id", "identity": "user_id"}], {"user_id"}),
    ],
)
def test_what_led_to_a_row_is_not_news(tmp_path: Path, links: list[dict[str, str]], lost: set[str]) -> None:
    found = calltrack(tmp_path, messages={"found_by": links, "yields": {"user_id": "user_id"}, "created": "sent_at"})
    assert key_flow(found)["messages"].lost == lost


def test_keys_and_objects(tmp_path: Path) -> None:
    found = calltrack(tmp_path)
    assert key_flow(found, "cache")["session_index"] == KeyFlow(frozenset({"user_id"}), frozenset({"session_token"}))
    assert key_flow(found, "cache")["sessions"] == KeyFlow(frozenset({"session_token"}))
    assert key_flow(found, "recordings") == {
        "recordings": KeyFlow(frozenset({"recording_object"})),
        "exports": KeyFlow(frozenset({"user_id"})),
    }


def test_names_that_can_mean_the_same_record_meet() -> None:
    objects = {
        "all": {"bucket": "files", "prefix": "users/{user_id}/", **PLAIN},
        "faces": {"bucket": "files", "key": "users/{user_id}/face.jpg", **PLAIN},
        "other": {"bucket": "elsewhere", "key": "users/{user_id}/face.jpg", **PLAIN},
    }
    found = data_map({"s3": S3Spec.model_validate({"connector": "s3", "collections": objects})})
    met = {name: one.overlaps for name, one in key_flow(found, "s3").items()}
    assert met == {"all": {"faces"}, "faces": {"all"}, "other": frozenset()}
    keys = {
        "whole": {"key": "user:{user_id}", "type": "hash", **PLAIN},
        "part": {"key": "user:{user_id}", "type": "hash", "hash_field": "mail", **PLAIN},
        "twin": {"key": "user:{user_id}", "type": "hash", **PLAIN},
    }
    found = data_map({"redis": RedisSpec.model_validate({"connector": "redis", "collections": keys})})
    met = {name: one.overlaps for name, one in key_flow(found, "redis").items()}
    assert met == {"whole": {"part", "twin"}, "part": {"whole", "twin"}, "twin": {"whole", "part"}}


def test_records_in_memory() -> None:
    collections = {
        "people": {
            "found_by": {"user_id": "id", "email": "mail"},
            "yields": {"user_id": "id", "email": "mail"},
            **PLAIN,
        },
        "notes": {"found_by": {"user_id": "user"}, **PLAIN},
    }
    found = data_map({"memory": MemorySpec.model_validate({"connector": "memory", "collections": collections})})
    assert key_flow(found, "memory")["people"].lost == {"user_id", "email"}
    assert key_flow(found, "memory")["notes"] == KeyFlow(frozenset({"user_id"}))


def test_a_shared_row_is_needed_by_those_that_point_to_it_without_a_foreign_key(tmp_path: Path) -> None:
    found = calltrack(tmp_path)
    spec = found.stores["main"]
    assert isinstance(spec, PostgresSpec)
    none: list[ForeignKey] = []
    assert needed_by(["user_addresses"], spec, found, none) == {"addresses"}
    assert needed_by(["addresses"], spec, found, none) == {"user_addresses"}, "it is theirs by that row"


def test_what_hangs_on_a_shared_row_needs_those_that_point_to_it() -> None:
    """Bob's pins are held. His membership went, then the chat was Ann's alone, and his pins went with it."""
    found = shape("""
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
members: {table: public.members, found_by: [{column: user_id, of: users.id}]}
chats: {table: public.chats, sharing: last_owner, found_by: [{column: id, of: members.chat_id}]}
pins: {table: public.pins, found_by: [{column: chat_id, of: chats.id}]}
likes: {table: public.likes, found_by: [{column: pin_id, of: pins.id}]}
""")
    spec = found.stores["main"]
    assert isinstance(spec, PostgresSpec)
    none: list[ForeignKey] = []
    assert needed_by(["pins"], spec, found, none) == needed_by(["likes"], spec, found, none) == {"chats", "members"}
    assert needed_by(["users"], spec, found, none) == frozenset()
