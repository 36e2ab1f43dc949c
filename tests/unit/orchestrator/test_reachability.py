"""Collections that no request can ever lead to, and those that only a request with their own identifier leads to."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.support.contract_maps import CLIENT, COMPANY, data_map

from expunge_config.datamap import load
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.memory import MemorySpec
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.redis import RedisSpec
from expunge_connectors.registry import installed
from expunge_orchestrator.rules import reachability

EXAMPLE = Path(str(files("expunge_demo.calltrack") / "datamap.yaml"))
REGISTRY = installed()
DATA = {"data_type": "account", "owner": COMPANY}
PEOPLE = {
    "found_by": {"user_id": "id", "email": "mail"},
    "yields": {"user_id": "id", "email": "mail"},
    **DATA,
}


def key(name: str, **more: Any) -> dict[str, Any]:
    return {"key": name, "type": "hash", **DATA, **more}


def found(cache: dict[str, dict[str, Any]], **people: dict[str, Any]) -> dict[str, Finding]:
    """What is said of a map with an account table in memory and these keys, by collection."""
    stores = {
        "main": MemorySpec.model_validate({"connector": "memory", "collections": {"people": PEOPLE} | people}),
        "cache": RedisSpec.model_validate({"connector": "redis", "collections": cache}),
    }
    findings = reachability.findings(data_map(stores))
    assert len({(one.store, one.collection) for one in findings}) == len(findings)
    return {str(one.collection): one for one in findings}


def test_the_example_leads_everywhere() -> None:
    assert reachability.findings(load(EXAMPLE, REGISTRY.store_specs, REGISTRY.backup_specs)) == []


def test_an_internal_identity_that_nobody_yields_is_an_error() -> None:
    said = found({"carts": key("cart:{token}"), "profiles": key("profile:{user_id}")})
    assert said.keys() == {"carts"}
    one = said["carts"]
    assert (one.severity, one.code, one.store) == (Severity.ERROR, "identity-unreachable", "cache")
    assert "Nothing yields `token`" in one.message


def test_members_and_fields_and_objects_are_no_better() -> None:
    parts = {"fields": {"hash_field": "{token}"}, "both": {"hash_field": "x:{object}"}}
    assert found({name: key(f"all:{name}", **part) for name, part in parts.items()}).keys() == {"fields", "both"}


def test_what_a_row_or_an_index_yields_is_known() -> None:
    index = {"key": "user:{user_id}:tokens", "type": "set", "yields": "token", **DATA}
    assert found({"index": index, "sessions": key("session:{token}")}) == {}
    devices = {"found_by": {"user_id": "user"}, "yields": {"token": "token"}, **DATA}
    assert found({"sessions": key("session:{token}")}, devices=devices) == {}


def test_what_is_yielded_only_by_what_is_never_found_is_never_known() -> None:
    index = {"key": "device:{object}:tokens", "type": "set", "yields": "token", **DATA}
    said = found({"index": index, "sessions": key("session:{token}")})
    assert said.keys() == {"index", "sessions"}
    assert "cache.index" in said["sessions"].message


def test_a_dead_way_beside_another_is_an_error_too() -> None:
    notes = {"found_by": {"user_id": "user", "token": "token"}, **DATA}
    assert "`token`" in found({"x": key("x:{user_id}")}, notes=notes)["notes"].message


def test_what_another_controller_yields_does_not_count() -> None:
    theirs = {
        "found_by": {"user_id": "id"},
        "yields": {"token": "token"},
        "data_type": "account",
        "owner": {"controller": "client", "column": "client"},
    }
    said = found({"sessions": key("session:{token}")}, theirs=theirs)
    assert said.keys() == {"sessions"}
    assert "company" in said["sessions"].message


def test_members_keys_that_no_owner_column_proves_are_never_told() -> None:
    calls = key("call:{user_id}") | {"owner": CLIENT}
    assert found({"calls": calls})["calls"].code == "identity-unreachable"
    owned = {
        "found_by": {"user_id": "id"},
        "data_type": "account",
        "owner": {"controller": "client", "column": "client"},
    }
    assert found({"calls": calls}, callers=owned) == {}


def test_an_identifier_that_a_request_must_give_itself_is_a_warning() -> None:
    """Who is named by the e-mail address alone is found, and their keys by the number are not."""
    people = {"found_by": {"email": "mail"}, "undated": "erase", **DATA}
    said = found({"profiles": key("profile:{user_id}")}, people=people)
    assert {name: (one.severity, one.code) for name, one in said.items()} == {
        "profiles": (Severity.WARNING, "identity-unyielded"),
        "people": (Severity.WARNING, "identity-unyielded"),
    }
    assert "`user_id`" in said["profiles"].message


def test_what_people_share_leads_to_nothing() -> None:
    notes = {"found_by": {"email": "mail"}, **DATA}
    spec = MemorySpec.model_validate({"connector": "memory", "collections": {"people": PEOPLE, "notes": notes}})
    made = data_map({"main": spec})
    shared = made.identities["email"].model_copy(update={"shareable": True})
    made = made.model_copy(update={"identities": {**made.identities, "email": shared}})
    [one] = reachability.findings(made)
    assert (one.collection, one.code) == ("notes", "identity-unreachable")
    assert "share" in one.message


def test_an_identifier_may_lead_to_nothing_of_a_controller() -> None:
    """The company's keys are known by the number alone; that another controller knows the address helps nobody."""
    people = PEOPLE | {"owner": {"controller": "client", "column": "client"}}
    spec = MemorySpec.model_validate({"connector": "memory", "collections": {"people": people}})
    cache = RedisSpec.model_validate({"connector": "redis", "collections": {"orders": key("order:{user_id}")}})
    loaded = data_map({"main": spec, "cache": cache})
    assert not reachability.leads(frozenset({"email"}), "company", loaded)
    assert reachability.leads(frozenset({"email", "user_id"}), "company", loaded)
    assert reachability.leads(frozenset({"email"}), "client", loaded)


def test_where_a_controller_has_no_records_every_identifier_will_do() -> None:
    spec = MemorySpec.model_validate({"connector": "memory", "collections": {"people": PEOPLE}})
    assert reachability.leads(frozenset({"email"}), "client", data_map({"main": spec}))


def test_with_one_identity_there_is_nothing_to_lead_to() -> None:
    stores = {"cache": RedisSpec.model_validate({"connector": "redis", "collections": {"a": key("a:{user_id}")}})}
    assert reachability.findings(data_map(stores)) == []


def test_rows_linked_to_rows_that_are_never_found() -> None:
    def table(name: str, link: dict[str, str]) -> dict[str, Any]:
        return {"table": f"public.{name}", "found_by": [link], **DATA}

    tables = {
        "things": table("things", {"column": "token", "identity": "token"}),
        "parts": table("parts", {"column": "thing_id", "of": "things.id"}),
        "users": table("users", {"column": "id", "identity": "user_id"}),
        "notes": table("notes", {"column": "user_id", "of": "users.id"}),
    }
    stores = {"main": PostgresSpec.model_validate({"connector": "postgres", "collections": tables})}
    said = {one.collection: one for one in reachability.findings(data_map(stores))}
    assert said.keys() == {"things", "parts"}
    assert "main.things" in said["parts"].message


def test_what_shared_rows_tell_passes_on_to_the_stores_that_are_found_by_it() -> None:
    vaults: dict[str, Any] = {
        "table": "public.vaults",
        "found_by": [{"column": "id", "of": "owners.vault_id"}],
        "sharing": "last_owner",
        "yields": {"object": "file"},
        **DATA,
    }
    owners = {"table": "public.owners", "found_by": [{"column": "user_id", "identity": "user_id"}], **DATA}
    cache = {"files": key("file:{object}"), "carts": key("cart:{token}")}
    stores = {
        "main": PostgresSpec.model_validate(
            {"connector": "postgres", "collections": {"owners": owners, "vaults": vaults}}
        ),
        "cache": RedisSpec.model_validate({"connector": "redis", "collections": cache}),
    }
    assert reachability.passing(data_map(stores))["cache"] == {"object"}
    del vaults["sharing"]
    stores["main"] = PostgresSpec.model_validate(
        {"connector": "postgres", "collections": {"owners": owners, "vaults": vaults}}
    )
    assert reachability.passing(data_map(stores))["cache"] == frozenset()


def test_a_store_is_led_to_by_indexes_that_no_persons_key_finds() -> None:
    """Whoever has the key of such an index by now has what it names; an index of a person is that person's."""
    indexes = {
        "parts": key("parts:{object}", yields="token"),
        "devices": key("devices:{user_id}", yields="object"),
        "tokens": key("token:{token}"),
    }
    stores = {
        "main": MemorySpec.model_validate({"connector": "memory", "collections": {"people": PEOPLE}}),
        "cache": RedisSpec.model_validate({"connector": "redis", "collections": indexes}),
    }
    loaded = data_map(stores)
    assert reachability.led(loaded, frozenset({"cache"})) == {"main": frozenset(), "cache": {"token"}}
    assert reachability.led(loaded, frozenset()) == {"main": frozenset(), "cache": frozenset()}


def test_rows_of_another_database_lead_to_a_store_that_knows_whose_its_own_keys_are() -> None:
    """As far as they hang on a key of a thing: what hangs on a person's row there, that database says itself."""
    people = {
        "table": "public.people",
        "person": "user_id",
        "found_by": [{"column": "id", "identity": "user_id"}],
        "yields": {"user_id": "id"},
        **DATA,
    }
    files = {"table": "public.files", "found_by": [{"column": "name", "identity": "object"}], **DATA}
    carts = {
        "table": "public.carts",
        "found_by": [{"column": "user_id", "of": "people.id"}],
        "yields": {"token": "token"},
        **DATA,
    }
    orders = {"table": "public.orders", "found_by": [{"column": "cart", "identity": "token"}], **DATA}
    lines = {
        "table": "public.lines",
        "found_by": [{"column": "order_id", "of": "orders.id"}],
        "yields": {"object": "file"},
        **DATA,
    }
    stores = {
        "main": PostgresSpec.model_validate(
            {"connector": "postgres", "collections": {"people": people, "carts": carts, "files": files}}
        ),
        "shop": PostgresSpec.model_validate(
            {"connector": "postgres", "collections": {"orders": orders, "lines": lines}}
        ),
    }
    assert reachability.led(data_map(stores), frozenset()) == {"main": {"object"}, "shop": frozenset()}
