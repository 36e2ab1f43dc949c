"""A person's row is found by every identity that it yields (rule 6 of exactness: identity is declared)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import document_of, read, write_document

from expunge_config.errors import DataMapError


def users(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["stores"]["main"]["collections"]["users"]
    return found


def without_link(document: dict[str, Any], identity: str) -> None:
    users(document)["found_by"] = [one for one in users(document)["found_by"] if one["identity"] != identity]


@pytest.mark.parametrize(
    ("identity", "place"), [("email", "column: email"), ("phone", "column: phone"), ("user_id", "column: id")]
)
def test_a_person_told_by_an_identity_is_found_by_it(tmp_path: Path, identity: str, place: str) -> None:
    document = document_of()
    without_link(document, identity)
    with pytest.raises(DataMapError) as raised:
        read(write_document(tmp_path / "map.yaml", document))
    assert f"stores.main.collections.users.yields.{identity}: a row is a person" in raised.value.message
    assert f"Add `{{{place}, identity: {identity}}}` to `found_by`" in raised.value.message


@pytest.mark.parametrize(
    "place",
    [
        {"column": "contact", "path": ["mail"]},
        {"column": "emails", "each": True},
        {"column": "second_email"},
    ],
)
def test_the_place_is_the_same(tmp_path: Path, place: dict[str, Any]) -> None:
    document = document_of()
    users(document)["yields"]["email"] = place
    path = tmp_path / "map.yaml"
    with pytest.raises(DataMapError, match=r"yields\.email"):
        read(write_document(path, document))
    users(document)["found_by"].append({**copy.deepcopy(place), "identity": "email"})
    read(write_document(path, document))


@pytest.mark.parametrize(("identity", "column"), [("session_token", "phone"), ("postal_address", "phone")])
def test_what_no_request_reaches_a_row_by_is_free(tmp_path: Path, identity: str, column: str) -> None:
    document = document_of()
    users(document)["yields"][identity] = column
    read(write_document(tmp_path / "map.yaml", document))


def test_what_is_no_person_may_yield_what_it_is_not_found_by(tmp_path: Path) -> None:
    document = document_of()
    document["stores"]["main"]["collections"]["messages"]["yields"] = {"email": "sender"}
    read(write_document(tmp_path / "map.yaml", document))
