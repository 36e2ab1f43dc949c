"""Tables by pattern (`tenant_*.users`): what a map may say of them, and what they become for one member (ADR 25)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import read, write_document
from tests.support.postgres.small_schemas import shape, small_document
from tests.support.postgres.tenants import COLLECTIONS

from expunge_config.errors import DataMapError
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError, UnknownMemberError
from expunge_connectors.postgres.mapping.tenant_map import for_scope
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.tenant_pattern import TenantPattern

Collections = dict[str, Any]
ASSURED = {"reason": "one sequence for all schemas", "approved_by": "A. Officer"}


def changed(change: Callable[[Collections], object]) -> dict[str, Any]:
    document = small_document(COLLECTIONS)
    main = document["stores"]["main"]
    change(main["collections"])
    return document


REFUSED: dict[str, tuple[Callable[[Collections], object], str]] = {
    "an owner's column": (
        lambda all_: all_["posts"]["owner"].update(column="client_id"),
        "collections.posts.owner: the schema names the member",
    ),
    "an inherited owner": (
        lambda all_: all_["posts"]["owner"].update(inherited=True),
        "collections.posts.owner: the schema names the member",
    ),
    "a controller without members": (
        lambda all_: all_["posts"].update(owner={"controller": "acme"}),
        "collections.posts.owner: the schema names the member",
    ),
    "no owner": (lambda all_: all_["posts"].pop("owner"), "collections.posts.owner: the schema names the member"),
    "two patterns": (
        lambda all_: all_["posts"].update(table="client_*.posts"),
        r"collections.posts.table: tenant_\* is this store's pattern",
    ),
    "a star in the table's name": (lambda all_: all_["posts"].update(table="public.posts_*"), "`*` stands once"),
    "two stars": (lambda all_: all_["posts"].update(table="*_*.posts"), "`*` stands once"),
    "a table of its own name under the pattern": (
        lambda all_: all_["plans"].update(table="tenant_old.posts"),
        r"collections.plans.table: tenant_\*\.posts matches this table",
    ),
    "a link into a schema that nobody names": (
        lambda all_: all_.update(
            notes={
                "table": "public.notes",
                "data_type": "gone",
                "owner": {"controller": "client", "column": "client"},
                "found_by": [{"column": "user_id", "of": "users.id"}],
            }
        ),
        "collections.notes.found_by.0.of: names tables by pattern",
    ),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_completed_is_refused(
    tmp_path: Path, change: Callable[[Collections], object], said: str
) -> None:
    with pytest.raises(DataMapError, match=said.replace("`*`", r"`\*`")):
        read(write_document(tmp_path / "map.yaml", changed(change)))


def test_links_within_a_schema_out_of_it_and_beside_it_are_taken(tmp_path: Path) -> None:
    def beside(all_: Collections) -> None:
        all_["books"] = {
            "table": "public.books",
            "data_type": "gone",
            "owner": {"controller": "client", "column": "client"},
            "found_by": [{"column": "user_id", "identity": "user_id"}],
        }
        all_["posts"]["found_by"].append({"column": "book_id", "of": "books.id"})
        all_["extra"] = {**copy.deepcopy(all_["books"]), "table": "tenant_acme.extra"}
        all_["audit"] = {**copy.deepcopy(all_["plans"]), "table": "tenant_*.audit"}

    document = changed(beside)
    document["identities"]["user_id"]["same_person"] = ASSURED
    assert read(write_document(tmp_path / "map.yaml", document))


def test_a_member_is_what_stands_for_the_star() -> None:
    pattern = TenantPattern("t_", "_x")
    assert pattern.member("t_acme_x") == "acme"
    assert [pattern.member(one) for one in ("t__x", "t_x", "t_", "_x", "t_acme", "t_a.b_x", "t_*_x", "")] == [None] * 8
    assert pattern.completed("t_*_x.users", "acme") == "t_acme_x.users"
    assert pattern.completed("t_*.users", "acme") == "t_*.users"


def test_the_map_of_a_member_knows_no_other_schema() -> None:
    loaded = shape(COLLECTIONS)
    spec = loaded.stores["main"]
    assert isinstance(spec, PostgresSpec)

    def tables(scope: Scope) -> set[str]:
        completed, _ = for_scope("main", loaded, spec, scope)
        found = completed.stores["main"]
        assert isinstance(found, PostgresSpec)
        assert found.tenants is None
        return {table.table for table in found.collections.values()}

    ours = {f"tenant_acme.{name}" for name in ("users", "posts", "signatures")}
    assert tables(Scope("client", "acme")) == ours | {"public.plans", "public.sellers"}
    assert tables(Scope("acme")) == {"public.plans", "public.sellers"}
    assert spec.covering({"tenant_acme.users", "tenant_acme.other", "public.sellers"}).keys() == {"users", "sellers"}
    with pytest.raises(TerminalError, match="does not say which member"):
        for_scope("main", loaded, spec, Scope("client"))
    with pytest.raises(UnknownMemberError):
        for_scope("main", loaded, spec, Scope("client", "acme.users"))
