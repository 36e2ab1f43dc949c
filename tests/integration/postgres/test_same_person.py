"""Samples contradict the map where two tables are said to be the same people and are not (rule 6 of exactness)."""

from __future__ import annotations

import pytest
from tests.support.data_map_text import parsed
from tests.support.postgres.company import checked, execute, opened
from tests.support.postgres.small_schemas import shape

from expunge_connectors.contract import Scope, Severity

TABLE = "(id int PRIMARY KEY, email text, created timestamptz NOT NULL DEFAULT '2020-01-01')"
PERSONS = """
%s:
  table: public.%s
  data_type: gone
  owner: {controller: acme}
  person: user_id
  created: created
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
"""


def loaded():
    document = shape(PERSONS % ("shop", "shop")).model_dump(mode="json", exclude_none=True)
    document["stores"] = {"main": {"connector": "postgres"}}
    document["stores"]["main"]["collections"] = parsed(PERSONS % ("shop", "shop") + PERSONS % ("crm", "crm"))
    document["identities"]["user_id"]["same_person"] = {"reason": "copied", "approved_by": "an officer"}
    return checked(document)


def said(url):
    with opened(url, loaded()) as store:
        return [one for one in store.inspect() if one.code.startswith("same-person")]


@pytest.fixture
def two(database):
    execute(
        database,
        f"CREATE TABLE shop {TABLE}; CREATE TABLE crm {TABLE};"
        " INSERT INTO shop SELECT n, 'u' || n || '@mail.example' FROM generate_series(1, 50) n;",
    )
    return database


def test_the_same_people_in_another_spelling_agree(two):
    execute(two, "INSERT INTO crm SELECT id, upper(email) FROM shop; UPDATE crm SET email = NULL WHERE id = 3")
    assert said(two) == []


def test_another_address_under_one_id_refuses_the_declaration(two):
    execute(two, "INSERT INTO crm SELECT n + 40, 'other' || n || '@mail.example' FROM generate_series(1, 20) n")
    (found,) = said(two)
    assert (found.code, found.severity.value, found.collection) == ("same-person-contradicted", "error", "shop")
    assert "of 10 values looked at that stand in both, 10 have another `email`" in found.message
    assert "mail.example" not in found.message


def test_nothing_in_common_is_not_taken_for_agreement(two):
    (found,) = said(two)
    assert (found.code, found.severity.value) == ("same-person-unknown", "warning")
    assert "no value of the sample stands in both" in found.message


def test_a_further_address_of_a_person_contradicts_nothing(two):
    """Of the other table nothing says that a person has one row in it."""
    execute(
        two,
        "DROP TABLE crm; CREATE TABLE crm (id int, email text, created timestamptz NOT NULL DEFAULT '2020-01-01');"
        " INSERT INTO crm SELECT n, 'further' || n || '@mail.example' FROM generate_series(1, 50) n",
    )
    (found,) = said(two)
    assert (found.code, found.severity.value) == ("same-person-unknown", "warning")
    assert "several rows in crm" in found.message


def test_another_address_in_a_second_clients_schema_stops_that_client(database):
    for name in "ab":
        execute(
            database,
            f"CREATE SCHEMA tenant_{name}; CREATE TABLE tenant_{name}.shop {TABLE}; CREATE TABLE tenant_{name}.crm"
            f" {TABLE}; INSERT INTO tenant_{name}.shop SELECT n, 'u' || n || '@x.example' FROM generate_series(1, 9) n;"
            f" INSERT INTO tenant_{name}.crm SELECT * FROM tenant_{name}.shop",
        )
    document = loaded().model_dump(mode="json", exclude_none=True)
    text = "".join(PERSONS % (name, name) for name in ("shop", "crm"))
    text = text.replace("table: public.", "table: tenant_*.").replace("controller: acme", "controller: client")
    document["stores"]["main"]["collections"] = parsed(text)
    with opened(database, checked(document)) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        execute(database, "UPDATE tenant_b.crm SET email = 'zoe@x.example' WHERE id = 7")
        (found,) = [one for one in store.inspect() if one.code.startswith("same-person")]
    assert (found.code, found.scopes) == ("same-person-contradicted", (Scope("client", "b"),))
