"""What other tables know a person's row by is the person's for as long as the person's key is (ADR 18)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.locks import wait_until_blocked
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_connectors.contract import SubjectKey, no_beat
from expunge_connectors.errors import TerminalError

TABLES = """
CREATE TABLE users (id {0} PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE profiles (user_id {1} PRIMARY KEY, email text);
CREATE TABLE tickets (id int PRIMARY KEY, user_id {1});
CREATE TABLE letters (id int PRIMARY KEY, email text);
INSERT INTO users VALUES ('{2}1', '1@x.example'), ('{2}2', '2@x.example');
INSERT INTO profiles VALUES ('{3}1', '1@x.example'), ('{3}2', '2@x.example');
INSERT INTO tickets VALUES (1, '{3}1'), (2, '{3}2');
INSERT INTO letters VALUES (1, '1@x.example'), (2, '2@x.example');
"""
MAP = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
profiles: {table: public.profiles, person: user_id, yields: {user_id: user_id, email: email}, undated: erase,
  found_by: [{column: user_id, identity: user_id}, {column: email, identity: email}]}
tickets: {table: public.tickets, found_by: [{column: user_id, of: profiles.user_id}]}
letters: {table: public.letters, undated: erase, found_by: [{column: email, identity: email}]}
"""
_UUID = "aaaaaaaa-0000-0000-0000-00000000000"
SPELT = {
    "one value": ("exact/1", "int", "int", "", ""),
    "spelt otherwise": ("uuid/1", "uuid", "text", _UUID, _UUID.upper()),
}


@pytest.mark.parametrize("people", [1, 300])
@pytest.mark.parametrize("spelt", SPELT)
def test_what_is_known_by_another_table_of_the_same_persons_is_whose_the_id_is(
    database: str, spelt: str, people: int
) -> None:
    """Ann's id is a new person's, who has no profile; a late letter of Ann's makes the erasure run again."""
    normaliser, *columns, theirs, in_profiles = SPELT[spelt]
    execute(database, TABLES.format(*columns, theirs, in_profiles))
    document = small_document(MAP, user_id=normaliser)
    document["identities"]["user_id"]["same_person"] = {"reason": "copied", "approved_by": "nobody"}
    loaded = checked(document)
    ann_id = f"{theirs}1"
    with opened(database, loaded) as store:
        others = [subject(n, user_id=f"{theirs[:-3]}{n}" if theirs else str(n)) for n in range(1000, 999 + people)]
        ann, *rest = resolved(store, [subject(1, user_id=ann_id), *others], ACME)
        own = next(key for key in ann.keys if key.namespace == "main.profiles.user_id")
        store.erase([ann, *rest], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "tickets") == [2]
        execute(database, f"INSERT INTO users VALUES ('{ann_id}', 'new@x.example', '9999-01-01')")
        execute(database, f"INSERT INTO tickets VALUES (9, '{in_profiles}1')")
        execute(database, "INSERT INTO letters VALUES (8, '1@x.example')")
        again = store.given_again([ann, *rest], ACME, CUTOFF)[1]
        assert {own, SubjectKey("user_id", ann_id)} <= again
        for gone in (again, {SubjectKey("user_id", ann_id)}):  # as this store tells it, as another one does
            known = [replace(ann, keys=ann.keys - gone), *rest]
            counted, verified = store.count(known, ACME, CUTOFF), store.verify(known, ACME, CUTOFF)
            assert due(counted) == due(verified)
            assert "tickets" not in due(counted)
            store.erase(known, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert left(database, "tickets") == [2, 9]
            assert left(database, "letters") == [2]
            assert left(database, "users", "email") == ["2@x.example", "new@x.example"]


def test_a_row_that_became_somebody_elses_under_the_id_while_we_waited_stays(database: str) -> None:
    """Ann's account is gone already. Zed registers with her id, and the application writes over her row of log-ins."""
    execute(
        database,
        """
        CREATE TABLE users (id int PRIMARY KEY, created_at timestamptz NOT NULL);
        CREATE TABLE logins (user_id int PRIMARY KEY, seen timestamptz); INSERT INTO logins VALUES (1, '2025-01-01')
        """,
    )
    loaded = shape("""
users: {table: public.users, person: user_id, yields: {user_id: id}, created: created_at,
  found_by: [{column: id, identity: user_id}]}
logins: {table: public.logins, found_by: [{column: user_id, identity: user_id}]}
""")
    with opened(database, loaded) as store, psycopg.connect(database) as zed, ThreadPoolExecutor(1) as pool:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        zed.execute("INSERT INTO users VALUES (1, '9999-01-01')")
        zed.execute("INSERT INTO logins VALUES (1, now()) ON CONFLICT (user_id) DO UPDATE SET seen = excluded.seen")
        erasing = pool.submit(store.erase, [ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        wait_until_blocked(database)
        zed.commit()
        with pytest.raises(TerminalError, match="somebody else has it now"):
            erasing.result()
    assert left(database, "logins", "user_id") == [1]
