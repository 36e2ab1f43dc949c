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

GERMAN, AUSTRIAN = (f"{{column: a, identity: phone, region: {one}}}" for one in ("DE", "AT"))
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


def beside(data_map: DataMap) -> dict[str, set[str]]:
    return {name: {there.identity for _, there in pairs} for name, pairs in read_alike(data_map).items()}


@pytest.mark.parametrize("place", PLACES)
def test_places_of_tables(place: str) -> None:
    links, together = PLACES[place]
    expected = {"email": {"recovery"}, "recovery": {"email"}} if together else {}
    assert beside(made(links)) == expected


def test_places_of_keys_and_objects() -> None:
    def named(connector: str, *records: dict[str, Any]) -> dict[str, Any]:
        own = {"data_type": "gone", "owner": {"controller": "acme"}}
        return {"connector": connector, "collections": {f"c{at}": own | one for at, one in enumerate(records)}}

    keys = [{"type": "string", "key": f"reset:{{{one}}}"} for one in ("email", "recovery")]
    other = {"type": "string", "key": "call:{login}"}
    members = [{"type": "set", "key": "on", "member": f"{{{one}}}"} for one in ("login", "phone")]
    objects = [{"bucket": "files", "key": f"u/{one}.png"} for one in ("{recovery}", "{login}")]
    cache = RedisSpec.model_validate(named("redis", *keys, other, *members))
    found = beside(made([], cache=cache))
    assert found == {
        "email": {"recovery"},
        "recovery": {"email"},
        "login": {"phone"},
        "phone": {"login"},
    }
    files = S3Spec.model_validate(named("s3", *objects))
    everybody = {"email", "recovery", "login", "phone"}
    found = beside(made([], cache=cache, files=files))
    assert found == {one: everybody - {one} for one in everybody}, "one after the other"


def test_a_key_under_the_others_is_what_they_read() -> None:
    aliases = Aliases.of(made(["{column: a, identity: email}, {column: a, identity: login}"]))
    assert aliases.of_key(SubjectKey("login", "Bob <BOB@x.example>")) == {SubjectKey("email", "bob@x.example")}
    assert aliases.of_key(SubjectKey("login", "bob")) == frozenset(), "no address"
    assert aliases.of_key(SubjectKey("phone", "+49301234567")) == frozenset()


def test_a_link_reads_numbers_of_its_own_region() -> None:
    """The name of a line is somebody's number where the column's region says the country."""
    aliases = Aliases.of(made([f"{GERMAN}, {{column: a, identity: login}}"]))
    number = SubjectKey("phone", "+4930123452")
    for text in ("030 123452", "030123452", "+49 30 123452", "+4930123452"):
        assert aliases.of_key(SubjectKey("login", text)) == {number}, text
    for text in ("030 123452", "030123452", "+49 30 123452", "+4930123452"):
        assert SubjectKey("login", text) in aliases.of_key(number), text
    assert not Aliases.of(made(["{column: a, identity: phone}, {column: a, identity: login}"])).of_key(
        SubjectKey("login", "030 123452")
    )


@pytest.mark.parametrize("links", [[f"{GERMAN}, {AUSTRIAN}"], [GERMAN, AUSTRIAN]])
def test_one_number_is_two_peoples_by_two_regions(links: list[str]) -> None:
    aliases = Aliases.of(made(links))
    german, austrian = SubjectKey("phone", "+4930123452"), SubjectKey("phone", "+4330123452")
    assert (aliases.of_key(german), aliases.of_key(austrian)) == ({austrian}, {german})
    assert not aliases.of_key(SubjectKey("phone", "+12025550123"))


def test_two_regions_of_two_columns_are_nothing_to_each_other() -> None:
    links = [f"{GERMAN}, {{column: a, identity: login}}"]
    links += [one.replace("column: a", "column: b") for one in (f"{AUSTRIAN}, {{column: a, identity: login}}",)]
    assert all(one.namespace == "login" for one in Aliases.of(made(links)).of_key(SubjectKey("phone", "+4930123452")))
