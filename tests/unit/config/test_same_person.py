"""Two collections are one identity only where the map says so (rule 6 of exactness: identity is declared)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import document_of, line_of, read, write_document

from expunge_config.errors import DataMapError

ASSURED = {"reason": "The CRM copies the shop's customers, numbers too", "approved_by": "A. Officer"}


def two_tables() -> dict[str, Any]:
    """Users and callers under one identity, in one store."""
    document = document_of()
    callers = document["stores"]["main"]["collections"]["callers"]
    callers["person"] = "user_id"
    callers["found_by"][0]["identity"] = "user_id"
    callers["yields"] = {"user_id": "id", "phone": "phone"}
    return document


def two_databases() -> dict[str, Any]:
    """A second database with users of its own."""
    document = document_of()
    users = copy.deepcopy(document["stores"]["main"]["collections"]["users"])
    document["stores"]["crm"] = {"connector": "postgres", "collections": {"customers": users}}
    return document


def declared(document: dict[str, Any]) -> dict[str, Any]:
    document["identities"]["user_id"]["same_person"] = ASSURED
    return document


@pytest.mark.parametrize(
    ("document", "both"),
    [(two_tables(), "main.users and main.callers"), (two_databases(), "main.users and crm.customers")],
)
def test_two_person_collections_of_one_identity_are_refused(
    tmp_path: Path, document: dict[str, Any], both: str
) -> None:
    path = write_document(tmp_path / "map.yaml", document)
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert f"line {line_of(path, '  user_id:')}: identities.user_id: {both} are all" in raised.value.message
    assert "an identity of its own" in raised.value.message
    assert "`same_person: {reason: ..., approved_by: ...}`" in raised.value.message


@pytest.mark.parametrize("document", [two_tables(), two_databases()])
def test_they_are_one_where_somebody_says_so(tmp_path: Path, document: dict[str, Any]) -> None:
    loaded = read(write_document(tmp_path / "map.yaml", declared(document)))
    assert loaded.identities["user_id"].same_person is not None


@pytest.mark.parametrize("missing", ["reason", "approved_by"])
def test_the_declaration_is_whole(tmp_path: Path, missing: str) -> None:
    document = two_tables()
    document["identities"]["user_id"]["same_person"] = {key: one for key, one in ASSURED.items() if key != missing}
    with pytest.raises(DataMapError, match=f"identities.user_id.same_person.{missing}"):
        read(write_document(tmp_path / "map.yaml", document))


def test_it_does_not_speak_for_tables_that_come_later(tmp_path: Path) -> None:
    with pytest.raises(DataMapError, match="fewer than two collections"):
        read(write_document(tmp_path / "map.yaml", declared(document_of())))


def two_kinds(*names: str) -> dict[str, Any]:
    """Users and callers of one controller; those of the collections named are found by their number and yield it."""
    document = document_of()
    collections = document["stores"]["main"]["collections"]
    collections["callers"]["owner"] = dict(collections["users"]["owner"])
    for name in ("users", "callers"):
        one = collections[name]
        one["found_by"] = [link for link in one["found_by"] if link["identity"] != "phone"]
        one["yields"].pop("phone", None)
        if name in names:
            one["found_by"].append({"column": "phone", "identity": "phone"})
            one["yields"]["phone"] = "phone"
    return document


def test_a_value_that_leads_from_one_kind_of_person_to_another_is_refused(tmp_path: Path) -> None:
    document = two_kinds("users", "callers")
    path = write_document(tmp_path / "map.yaml", document)
    with pytest.raises(DataMapError) as raised:
        read(path)
    said = f"line {line_of(path, '  phone:')}: identities.phone: main.callers and main.users are persons of different"
    assert said in raised.value.message
    document["identities"]["phone"]["same_person"] = ASSURED
    assert read(write_document(path, document)).identities["phone"].same_person is not None


def test_a_value_that_one_kind_has_merges_none(tmp_path: Path) -> None:
    document = two_kinds("users")
    assert read(write_document(tmp_path / "map.yaml", document)).identities["phone"].same_person is None
    document["identities"]["phone"]["same_person"] = ASSURED
    with pytest.raises(DataMapError, match="`phone` leads from no kind of person to another"):
        read(write_document(tmp_path / "map.yaml", document))


def test_nor_does_one_that_leads_to_persons_of_another_controller(tmp_path: Path) -> None:
    document = two_kinds("users", "callers")
    document["controllers"]["other"] = {"name": "Another company"}
    document["stores"]["main"]["collections"]["callers"]["owner"] = {"controller": "other"}
    read(write_document(tmp_path / "map.yaml", document))
