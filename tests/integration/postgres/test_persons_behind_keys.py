"""One person's key behind which several persons stand, by what rows yield: no request of that person can work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, subject
from tests.support.postgres.small_schemas import ACME, erased, left, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity, SubjectKey, no_beat

CODE = "several-behind-key"
_USERS = (
    "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}"
)
_SCHEMA = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
_KIDS = """
CREATE TABLE kids (id int PRIMARY KEY, parent int REFERENCES users, tenant int NOT NULL DEFAULT 1);
INSERT INTO kids VALUES (11, 1), (12, 2);
CREATE TABLE marks (id int PRIMARY KEY, kid int REFERENCES kids);
INSERT INTO marks VALUES (1, 11), (2, 12);
"""
SECOND = "INSERT INTO kids VALUES (13, 1); INSERT INTO marks VALUES (3, 13);"
ANY = "goes_with_any: {reason: minors, approved_by: nobody}"
LED = f"""{{person: kid_id, found_by: [{{column: id, identity: kid_id}}, {{column: parent, of: users.id}}],
  yields: {{kid_id: id}}, {ANY}}}"""
NAMED = """{person: kid_id, found_by: [{column: id, identity: kid_id}, {column: parent, identity: user_id}],
  yields: {kid_id: id, user_id: parent}}"""


def loaded(*collections: str) -> DataMap:
    document = small_document("\n".join((_USERS, *collections)))
    document["identities"] |= {"kid_id": {"kind": "person"}, "kid": {"kind": "internal"}}
    return checked(document)


def of_kids(kids: str, marks: str = "kid, of: kids.id") -> DataMap:
    return loaded(
        kids.replace("{", "kids: {table: public.kids, ", 1),
        f"marks: {{table: public.marks, found_by: [{{column: {marks}}}]}}",
    )


def told(url: str, data_map: DataMap) -> list[Finding]:
    with opened(url, data_map) as store:
        found = list(store.inspect())
    assert [one.code for one in found if one.severity is Severity.ERROR and one.code != CODE] == []
    return [one for one in found if one.code == CODE]


@pytest.mark.parametrize("kids", [LED, NAMED])
def test_an_account_to_which_two_persons_of_another_kind_belong_is_an_error(database: str, kids: str) -> None:
    execute(database, _SCHEMA + _KIDS)
    [before] = told(database, of_kids(kids))
    assert before.severity is Severity.WARNING
    execute(database, SECOND)
    [found] = told(database, of_kids(kids))
    assert (found.severity, found.collection, found.of_rows) == (Severity.ERROR, "kids", True)
    assert "one `user_id` leads to several `kid_id`" in found.message
    assert "13" not in found.message


@pytest.mark.parametrize("kids", [LED, NAMED])
def test_an_account_and_its_one_person_are_fine(database: str, kids: str) -> None:
    """What an index keeps so need not be looked at."""
    execute(database, f"{_SCHEMA}{_KIDS} CREATE UNIQUE INDEX ON kids (parent)")
    assert told(database, of_kids(kids)) == []


@pytest.mark.parametrize(("second", "severities"), [("1", [Severity.ERROR]), ("2", [Severity.WARNING])])
def test_each_member_counts_its_own_people(database: str, second: str, severities: list[Severity]) -> None:
    """The accounts 1 of two members are two."""
    tables = f"{_SCHEMA}{_KIDS} INSERT INTO kids VALUES (13, 1, {second})"
    execute(database, tables)
    owner = "owner: {controller: client, column: tenant}, "
    found = told(database, of_kids(NAMED.replace("{", f"{{{owner}", 1)))
    assert [one.severity for one in found] == severities


SIBLINGS = {
    "through rows above": (
        (
            "CREATE TABLE families (id int PRIMARY KEY, user_id int UNIQUE REFERENCES users);"
            "CREATE TABLE kids (id int PRIMARY KEY, family int REFERENCES families);"
            "INSERT INTO families VALUES (5, 1); INSERT INTO kids VALUES (11, 5), (13, 5)"
        ),
        "families: {table: public.families, found_by: [{column: user_id, of: users.id}]}",
        f"""kids: {{table: public.kids, person: kid_id, yields: {{kid_id: id}}, {ANY},
          found_by: [{{column: id, identity: kid_id}}, {{column: family, of: families.id}}]}}""",
    ),
    "rows that are no persons": (
        "CREATE TABLE calls (id int PRIMARY KEY, agent int, kid int); INSERT INTO calls VALUES (1, 1, 11), (2, 1, 13)",
        "calls: {table: public.calls, found_by: [{column: agent, of: users.id}], yields: {kid_id: kid}}",
    ),
    "in a list": (
        "CREATE TABLE calls (id int PRIMARY KEY, agent int, kids int[]); INSERT INTO calls VALUES (1, 1, '{11, 13}')",
        """calls: {table: public.calls, found_by: [{column: agent, of: users.id}],
          yields: {kid_id: {column: kids, each: true}}}""",
    ),
}


@pytest.mark.parametrize("how", SIBLINGS)
def test_rows_of_any_kind_that_yield_several_persons(database: str, how: str) -> None:
    tables, *collections = SIBLINGS[how]
    execute(database, _SCHEMA + tables)
    [found] = told(database, loaded(*collections))
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize(("recipient", "severity"), [(2, Severity.ERROR), (1, Severity.WARNING)])
def test_rows_that_yield_another_person_of_the_same_kind(database: str, recipient: int, severity: Severity) -> None:
    tables = "CREATE TABLE posts (id int PRIMARY KEY, sender int, rcpt int); INSERT INTO posts VALUES (1, 1, {})"
    execute(database, _SCHEMA + tables.format(recipient))
    posts = "posts: {table: public.posts, found_by: [{column: sender, of: users.id}], yields: {user_id: rcpt}}"
    [found] = told(database, loaded(posts))
    assert found.severity is severity
    assert "one `user_id` leads to another" in found.message


def test_a_row_that_yields_whose_it_is_leads_to_nobody_else(database: str) -> None:
    tables = "CREATE TABLE posts (id int PRIMARY KEY, sender int); INSERT INTO posts VALUES (1, 1), (2, 1), (3, 2)"
    execute(database, _SCHEMA + tables)
    posts = "posts: {table: public.posts, found_by: [{column: sender, of: users.id}], yields: {user_id: sender}}"
    assert told(database, loaded(posts)) == []


GOES_ALONG = (
    f"{{found_by: [{{column: id, identity: kid_id}}, {{column: parent, of: users.id}}], yields: {{kid: id}}, {ANY}}}"
)


def test_what_the_remedy_says_of_rows_that_go_along_works(database: str) -> None:
    execute(database, _SCHEMA + _KIDS + SECOND)
    data_map = of_kids(GOES_ALONG)
    assert told(database, data_map) == []
    erased(database, data_map, kid_id="13", expected={"kids": 1, "marks": 1})
    assert left(database, "kids") == [11, 12]
    execute(database, SECOND)
    erased(database, data_map, user_id="1", expected={"users": 1, "kids": 2, "marks": 2})
    assert (left(database, "users"), left(database, "kids"), left(database, "marks")) == ([2], [12], [2])


def test_what_the_remedy_says_of_people_of_their_own_works(database: str) -> None:
    execute(database, _SCHEMA + _KIDS + SECOND)
    data_map = loaded(
        "kids: {table: public.kids, person: kid_id, found_by: [{column: id, identity: kid_id}], yields: {kid_id: id}}",
        """parents: {table: public.kids, data_type: anchor, found_by: [{column: parent, of: users.id}],
          tombstone: {parent: "NULL"}}""",
        "marks: {table: public.marks, found_by: [{column: kid, of: kids.id}]}",
    )
    assert told(database, data_map) == []
    erased(database, data_map, user_id="1", expected={"users": 1, "parents": 2})
    assert left(database, "kids", "id, parent") == [(11, None), (12, 2), (13, None)]
    erased(database, data_map, kid_id="13", expected={"kids": 1, "marks": 1})
    assert left(database, "kids") == [11, 12]


def test_people_in_one_list_are_several_people_and_nothing_else(database: str) -> None:
    execute(
        database,
        f"{_SCHEMA} CREATE TABLE rooms (id int PRIMARY KEY, members int[]); INSERT INTO rooms VALUES (1, '{{1,2}}')",
    )
    rooms = """rooms: {table: public.rooms, found_by: [{column: members, each: true, identity: user_id}],
  yields: {user_id: {column: members, each: true}}}"""
    with opened(database, loaded(rooms)) as store:
        codes = {one.code for one in store.inspect()}
    assert "several-people" in codes
    assert CODE not in codes


def _calls(goes: str) -> DataMap:
    """Calls are known by an address, and name a patient."""
    loaded = small_document(
        f"""
staff: {{table: public.staff, person: user_id, created: created_at, yields: {{user_id: id, email: email}},
  found_by: [{{column: id, identity: user_id}}, {{column: email, identity: email}}]}}
calls: {{table: public.calls, created: created_at, {goes} yields: {{email: email, patient: patient}},
  found_by: [{{column: email, identity: email}}, {{column: patient, identity: patient, where: {{kind: visit}}}}]}}
""",
        email="email/3",
    )
    loaded["identities"]["patient"] = {"kind": "person", "normaliser": "integer/2"}
    return checked(loaded)


@pytest.mark.parametrize(
    ("goes", "stays", "waits"),
    [(f"{ANY},", [2], {1: {"calls": ["patient"]}}), ("", [1, 2], {1: {"calls": ["patient"]}})],
    ids=["goes with any", "goes with whose it is"],
)
def test_what_goes_with_any_waits_for_no_persons_key_that_the_resolution_refused(
    database: str, goes: str, stays: list[int], waits: dict[int, dict[str, list[str]]]
) -> None:
    """The call was known by the address: what its patient has besides is the patient's, and nothing is lost by it.

    A key that nobody was asked about is waited for, as ever; and without the map's word the call may be the patient's.
    """
    execute(
        database,
        """
        CREATE TABLE staff (id int PRIMARY KEY, email text, created_at timestamptz DEFAULT '2025-01-01');
        CREATE TABLE calls (id int PRIMARY KEY, email text, patient int, kind text,
          created_at timestamptz DEFAULT '2025-01-02');
        INSERT INTO staff VALUES (1, 'ann@x.example');
        INSERT INTO calls VALUES (1, 'ann@x.example', 10, 'other'), (2, 'ann@x.example', 11, 'other');
        """,
    )
    data_map = _calls(goes)
    keys = subject(1, user_id="1", email="ann@x.example").keys
    asked = replace(subject(1), keys=keys, refused=frozenset({SubjectKey("patient", "10")}))
    with opened(database, data_map) as store:
        assert due(store.count([asked], ACME, CUTOFF)) == {"staff": 1, "calls": 2}
        store.erase([asked], actions(data_map, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "calls") == stays
        assert store.waiting([asked], ACME, CUTOFF) == waits
