"""Links that a map may not have, for whose the rows are that they lead to nobody could say (ADR 18)."""

from __future__ import annotations

import pytest
from tests.support.postgres.small_schemas import shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.spec import PostgresSpec

USERS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
"""
LISTS = (
    USERS
    + """
lists: {table: public.lists, data_type: %s, found_by: [{column: members, each: true, identity: user_id}],
  tombstone: {members: {elements: true}}%s}
"""
)
TREE = (
    USERS
    + """
tickets: {table: public.tickets, found_by: [{column: user_id, of: users.id}, {column: parent, of: tickets.id}%s]}
"""
)


def refused(text: str) -> str:
    document = small_document(text)
    document["stores"] = {name: PostgresSpec.model_validate(raw) for name, raw in document["stores"].items()}
    loaded = DataMap.model_validate(document)
    [(place, message)] = loaded.stores["main"].complaints(loaded)
    return f"{'.'.join(place)}: {message}"


def test_nothing_hangs_on_a_row_of_which_only_elements_go() -> None:
    """The attachments of a conversation went with the first of its members."""
    plain = LISTS % ("anchor", "")
    shape(plain)
    told = refused(plain + "files: {table: public.files, found_by: [{column: list, of: lists.id}]}")
    assert "collections.files.found_by.0.of: only elements leave these rows of public.lists" in told
    told = refused(LISTS % ("anchor", ", yields: {token: slot}"))
    assert "collections.lists.yields.token: only elements leave these rows" in told


def test_a_tree_hangs_by_one_link() -> None:
    """Of a ticket below Bob's and a duplicate of Ann's the first link alone was asked about."""
    shape(TREE % "")
    told = refused(TREE % ", {column: duplicate_of, of: tickets.id}")
    assert "collections.tickets.found_by.2.of: is a second link to rows of the same table" in told


@pytest.mark.parametrize("place", ["{column: doc, path: [id]}", "{column: ids, each: true}"])
def test_the_key_of_a_person_stands_in_a_column(place: str) -> None:
    """Claims, and whether an id was given again, were not asked of a key in a document; rows of others went."""
    inside = USERS.replace("user_id: id}", f"user_id: {place}}}").replace(
        "{column: id, identity", f"{place[:-1]}, identity"
    )
    assert "collections.users.yields.user_id: the key of a person stands in a column" in refused(inside)
