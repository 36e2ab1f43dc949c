"""Values that the server fills up with blanks, and that name things in another store: `check` says so."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import execute
from tests.support.postgres.inspection import findings
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import beside, small_document

from expunge_config.datamap import DataMap

_MAP = """
boats: {table: public.boats, person: user_id, found_by: [{column: sail, identity: user_id}], yields: {user_id: sail}}
"""


def loaded(key: str) -> DataMap:
    """Boats of many clubs, and a cache whose keys are called so."""
    document = small_document(_MAP)
    document["controllers"]["client"] = {"name": "A client", "many": True}
    document["stores"]["main"]["collections"]["boats"]["owner"] = {"controller": "client", "inherited": True}
    return beside(document, key)


@pytest.mark.parametrize(
    ("kind", "value", "key", "told"),
    [
        ("char(8)", "GER 1", "profile:{user_id}", True),
        ("char(8)", "GER 1234", "profile:{user_id}", False),
        ("char(8)", "GÉR 1234", "profile:{user_id}", False),
        ("varchar(8)", "GER 1", "profile:{user_id}", False),
        ("char(8)", "GER 1", "profile:{email}", False),
    ],
    ids=["filled up", "as long as the column", "of letters of two bytes", "of a type that fills up nothing", "no name"],
)
def test_a_value_that_is_filled_up_names_nothing(database: str, kind: str, value: str, key: str, *, told: bool) -> None:
    execute(database, f"CREATE TABLE boats (sail {kind} PRIMARY KEY); INSERT INTO boats VALUES ('{value}')")
    found = [one for one in findings(database, loaded(key)) if one.code == "padded-key"]
    assert [one.collection for one in found] == (["boats"] if told else [])
    assert value not in str(found)


def test_so_does_none_in_the_schema_of_another_client(database: str) -> None:
    """The first one's values are as long as the column."""
    made = "CREATE SCHEMA tenant_{0}; CREATE TABLE tenant_{0}.boats (sail char(8) PRIMARY KEY);"
    execute(database, "".join(map(made.format, "ab")) + "INSERT INTO tenant_a.boats VALUES ('GER 1234')")
    document = small_document(_MAP.replace("public.boats", '"tenant_*.boats"'))
    document["stores"]["main"]["collections"]["boats"]["owner"] = {"controller": "client"}
    clubs = beside(document, "profile:{user_id}")
    assert "padded-key" not in {one.code for one in findings(database, clubs)}
    execute(database, "INSERT INTO tenant_b.boats VALUES ('GER 1')")
    [told] = [one for one in findings(database, clubs) if one.code == "padded-key"]
    assert "tenant_*.boats.sail" in told.message


def test_one_in_an_array_names_nothing_either(database: str) -> None:
    execute(
        database,
        "CREATE TABLE boats (sail int PRIMARY KEY, flags char(6)[]);"
        "INSERT INTO boats VALUES (1, '{GER,NED123}'), (2, NULL), (3, '{}')",
    )
    document = small_document(
        "boats: {table: public.boats, person: user_id, found_by: [{column: sail, identity: user_id}],"
        " yields: {user_id: sail, flag: {column: flags, each: true}}}"
    )
    document["identities"]["flag"] = {"kind": "internal"}
    told = [one for one in findings(database, beside(document, "flag:{flag}")) if one.code == "padded-key"]
    assert [one.collection for one in told] == ["boats"]
    assert "character(6)[]" in told[0].message


def test_what_cannot_be_looked_at_is_told(database: str) -> None:
    execute(database, "CREATE TABLE boats (sail char(8) PRIMARY KEY); INSERT INTO boats VALUES ('GER 1')")
    with role(database) as url:
        found = {one.code for one in findings(url, loaded("profile:{user_id}"))}
    assert "padded-key-unknown" in found
    assert "padded-key" not in found
