"""Which identities read one place, by the map alone, and what a key is called under the others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.postgres.small_schemas import small_document

from expunge_config.datamap import DataMap, StoreSpec, read_alike
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import SubjectKey
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.redis.spec import RedisSpec
from expunge_connectors.s3.spec import S3Spec

KINDS = {"email": "email/3", "recovery": "email/3", "login": "exact/1", "phone": "phone/1"}
PLACES = {
    "one column": (["{column: a, identity: email}, {column: a, identity: recovery}"], True),
    "two columns": (["{column: a, identity: email}, {column: b, identity: recovery}"], False),
    "two collections of a table": (["{column: a, identity: email}", "{column: a, identity: recovery}"], True),
    "one path": (["{column: a, path: [x], identity: email}, {column: a, path: [x], identity: recovery}"], True),
    "two paths": (["{column: a, path: [x], identity: email}, {column: a, path: [y], identity: recovery}"], False),
    "an array": (["{column: a, each: true, identity: email}, {column: a, each: true, identity: recovery}"], True),
    "other kinds": (
        ["{column: a, identity: email, where: {b: E}}, {column: a, identity: recovery, where: {b: R}}"],
        False,
    ),
}


def made(links: list[str], **stores: StoreSpec) -> DataMap:
    tables = "\n".join(f"t{at}: {{table: public.t, found_by: [{link}]}}" for at, link in enumerate(links))
    document = small_document(tables or "t: {table: public.t, found_by: [{column: a, identity: email}]}")
    for name, normaliser in KINDS.items():
        document["identities"][name] = {"kind": "reusable", "normaliser": normaliser}
    document["stores"] = {"main": PostgresSpec.model_validate(document["stores"]["main"]), **stores}
    return DataMap.model_validate(document)


@pytest.mark.parametrize("place", PLACES)
def test_places_of_tables(place: str) -> None:
    links, together = PLACES[place]
    expected = {"email": {"recovery"}, "recovery": {"email"}} if together else {}
    assert read_alike(made(links)) == expected


def test_places_of_keys_and_objects() -> None:
    def named(connector: str, *records: dict[str, Any]) -> dict[str, Any]:
        own = {"data_type": "gone", "owner": {"controller": "acme"}}
        return {"connector": connector, "collections": {f"c{at}": own | one for at, one in enumerate(records)}}

    keys = [{"type": "string", "key": f"reset:{{{one}}}"} for one in ("email", "recovery")]
    other = {"type": "string", "key": "call:{login}"}
    members = [{"type": "set", "key": "on", "member": f"{{{one}}}"} for one in ("login", "phone")]
    objects = [{"bucket": "files", "key": f"u/{one}.png"} for one in ("{recovery}", "{login}")]
    cache = RedisSpec.model_validate(named("redis", *keys, other, *members))
    found = read_alike(made([], cache=cache))
    assert found == {
        "email": {"recovery"},
        "recovery": {"email"},
        "login": {"phone"},
        "phone": {"login"},
    }
    files = S3Spec.model_validate(named("s3", *objects))
    everybody = {"email", "recovery", "login", "phone"}
    found = read_alike(made([], cache=cache, files=files))
    assert found == {one: everybody - {one} for one in everybody}, "one after the other"


def test_a_key_under_the_others_is_what_they_read() -> None:
    aliases = Aliases.of(made(["{column: a, identity: email}, {column: a, identity: login}"]))
    assert aliases.of_key(SubjectKey("login", "Bob <BOB@x.example>")) == {SubjectKey("email", "bob@x.example")}
    assert aliases.of_key(SubjectKey("login", "bob")) == frozenset(), "no address"
    assert aliases.of_key(SubjectKey("phone", "+49301234567")) == frozenset()
