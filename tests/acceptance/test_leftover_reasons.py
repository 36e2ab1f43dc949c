"""Who fails because something due stays is told why, as far as the stores can say, and what ends it (ADR 3, 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company, succeeded

from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.tables import hold as hold_table

USERS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
"""
MAILS = """
users: {table: public.users, person: user_id, created: made, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
mails: {table: public.mails, created: made, found_by: [{column: sent_to, identity: email}]}
"""
TO_BOTH = (
    "ALTER TABLE users ADD email text, ADD made timestamptz NOT NULL DEFAULT '2025-01-01';"
    "UPDATE users SET email = id || '@x.example';"
    "CREATE TABLE mails (id int PRIMARY KEY, sent_to text, made timestamptz NOT NULL DEFAULT '2025-01-02');"
    "INSERT INTO mails VALUES (1, '1@x.example, 2@x.example')"
)
RETRY = "`expunge retry`"


def test_the_reason_names_the_collection_and_what_it_waits_for(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    files = """
files: {table: public.files, found_by: [{column: user_id, of: users.id}],
  yields: {user_id: user_id, token: {column: name, never_shared: {reason: made up, approved_by: nobody}}}}
"""
    tables = (
        "CREATE TABLE files (id int PRIMARY KEY, user_id int, name text);"
        "INSERT INTO files VALUES (1, 1, 'photo'), (2, 2, 'photo'), (3, 1, 'letter')"
    )
    company = Company(database, tmp_path, fork_server, small_document(USERS + files), tables)
    plan = company.plan(b"user_id\n1\n")
    company.erase(plan)
    assert company.status(plan)["reasons"] == {
        "not done: main.files (1 due: token there is not known to be this person's alone)": 1
    }
    assert left(database, "files") == [1, 2]


def test_the_reason_names_the_database_that_has_a_key_of_the_row_as_well(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    media = """
media: {table: public.media, found_by: [{column: user_id, of: users.id}], yields: {token: key}}
"""
    files = "files: {table: public.files, found_by: [{column: user_id, identity: user_id}], yields: {token: key}}"
    document = small_document(USERS + media)
    document["stores"]["crm"] = small_document(files)["stores"]["main"]
    tables = (
        "CREATE TABLE media (id int PRIMARY KEY, user_id int, key text UNIQUE); INSERT INTO media VALUES (1, 1, 'a');"
        "CREATE TABLE files (id int PRIMARY KEY, user_id int, key text UNIQUE); INSERT INTO files VALUES (1, 2, 'a')"
    )
    company = Company(database, tmp_path, fork_server, document, tables)
    plan = company.plan(b"user_id\n1\n")
    company.erase(plan)
    assert company.status(plan)["reasons"] == {
        "not done: main.media (1 due: token there is not known to be this person's alone, for crm has it in somebody"
        " else's record)": 1
    }
    execute(database, "UPDATE files SET key = 'b'")
    succeeded(company.cli.run("retry", plan["id"]))
    assert (left(database, "users"), left(database, "media"), left(database, "files")) == ([2], [], [1])


def test_what_is_known_by_a_value_that_somebody_else_got_ends_by_an_attribution(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    addresses = """
addresses: {table: public.addresses, undated: erase, yields: {email: email, user_id: user_id},
  found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]}
"""
    tables = (
        "CREATE TABLE addresses (id int PRIMARY KEY, user_id int, email text);"
        "INSERT INTO addresses VALUES (1, 1, 'ann@x.example')"
    )
    company = Company(database, tmp_path, fork_server, small_document(USERS + addresses), tables)
    plan = company.plan(b"user_id,email\n1,ann@x.example\n")  # in the request: no hearsay
    succeeded(company.erase(plan))
    execute(database, "INSERT INTO addresses VALUES (2, 2, 'ann@x.example')")
    assert company.cli.run("run-due").code == 1
    [chunk] = company.status(plan)["chunks"]
    assert "main.addresses (1 due: known by email alone; user_id there is not known" in chunk["failure"]
    assert chunk["failure"].endswith(f": `expunge attribute propose --as others`, then {RETRY}")
    told = b"user_id,email\n1,ann@x.example\n"
    say = ("attribute", "propose", "-", "-c", "acme", "--as", "others", "--reason", "Seen", "--json")
    said = json.loads(succeeded(company.cli.run(*say, stdin=told)))["id"]
    succeeded(company.cli.run("attribute", "approve", said, "-", stdin=told, settings={"EXPUNGE_ACTOR": "eve"}))
    succeeded(company.cli.run("retry", plan["id"]))
    assert company.status(plan)["state"] == "settled"
    assert left(database, "addresses") == [2]


def test_what_names_somebody_on_hold_as_well_goes_by_retry_once_the_hold_is_lifted(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """The row of both is none that the hold keeps: but who is held goes by other rules than the others of the chunk."""
    notes = """
notes: {table: public.notes, data_type: noted, found_by: [{column: user_id, of: users.id}]}
"""
    document = small_document(MAILS + notes, email="email/3")
    document["data_types"]["noted"] = json.loads(json.dumps(document["data_types"]["gone"]))
    tables = f"{TO_BOTH}; CREATE TABLE notes (id int PRIMARY KEY, user_id int); INSERT INTO notes VALUES (1, 2)"
    company = Company(database, tmp_path, fork_server, document, tables)
    plan = company.plan(b"user_id\n1\n2\n")
    place = ("holds", "place", "-", "--ground", "court", "--data-type", "noted", "--json")
    hold = json.loads(succeeded(company.cli.run(*place, stdin=b"user_id\n2\n")))["id"]
    assert company.erase(plan).code == 1
    named, ends = "somebody on hold is named there as well", f". Once the hold is lifted or has run out: {RETRY}"
    assert company.status(plan)["reasons"] == {
        f"not done: main.mails (1 due: {named}){ends}": 1,
        f"not done: main.mails (1 due: {named}), main.notes (1 due: on hold){ends}": 1,
    }
    assert company.cli.run("retry", plan["id"]).code == 1
    succeeded(company.cli.run("holds", "lift", hold))
    succeeded(company.cli.run("retry", plan["id"]))
    assert left(database, "mails") == left(database, "notes") == left(database, "users") == []


ENDS = {
    "retry": ("lifted", "retry"),
    "run-due and retry": ("lifted", "run-due", "retry"),
    "retry after its last day": ("ran out", "retry"),
    "run-due and retry after its last day": ("ran out", "run-due", "retry"),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_hangs_on_a_row_that_somebody_on_hold_owns_as_well_ends_as_the_words_say(
    database: str, tmp_path: Path, fork_server: ForkServer, how: str
) -> None:
    """Counted as both's, whose account it is; but only one of them goes, whose it is not alone."""
    tables = (
        "CREATE TABLE accounts (id int PRIMARY KEY); INSERT INTO accounts VALUES (1);"
        "CREATE TABLE owners (user_id int REFERENCES users, account_id int REFERENCES accounts);"
        "CREATE TABLE tx (id int PRIMARY KEY, account_id int REFERENCES accounts);"
        "INSERT INTO owners VALUES (1, 1), (2, 1); INSERT INTO tx VALUES (1, 1)"
    )
    collections = f"""{USERS}
owners: {{table: public.owners, found_by: [{{column: user_id, of: users.id}}]}}
accounts: {{table: public.accounts, sharing: last_owner, found_by: [{{column: id, of: owners.account_id}}]}}
tx: {{table: public.tx, found_by: [{{column: account_id, of: accounts.id}}]}}
"""
    company = Company(database, tmp_path, fork_server, small_document(collections), tables)
    plan = company.plan(b"user_id\n1\n2\n")
    place = ("holds", "place", "-", "--ground", "court", "--until", "2999-12-31", "--json")
    hold = json.loads(succeeded(company.cli.run(*place, stdin=b"user_id\n2\n")))["id"]
    assert company.erase(plan).code == 1
    status = company.status(plan)
    assert status["outcomes"] == {"failed": 1, "on-hold": 1}
    due = "main.tx (1 due: somebody on hold is named there as well)"
    ends = f"Once the hold is lifted or has run out: {RETRY}"
    assert any(due in reason and reason.endswith(ends) for reason in status["reasons"])
    assert (left(database, "users"), left(database, "accounts"), left(database, "tx")) == ([2], [1], [1])
    ended, *commands = ENDS[how]
    if ended == "lifted":
        assert "run-due" in succeeded(company.cli.run("holds", "lift", hold))
    else:
        ledger = open_ledger(company.cli.ledger)
        with ledger.begin() as connection:
            assert connection.execute(sa.update(hold_table).values(until="2026-01-01")).rowcount == 1
        ledger.dispose()
    for command in commands:
        if command == "run-due":
            told = company.cli.run("run-due")
            assert (told.code, "`expunge status BATCH` says what to mend" in told.output) == (1, True)
            assert any(reason.endswith(ends) for reason in company.status(plan)["reasons"])
        else:
            succeeded(company.cli.run("retry", plan["id"]))
    assert company.status(plan)["outcomes"] == {"erased": 2}
    assert left(database, "users") == left(database, "accounts") == left(database, "tx") == []


def test_whom_a_lifted_hold_kept_is_taken_up_by_retry_as_well(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    company = Company(database, tmp_path, fork_server, small_document(USERS), "")
    plan = company.plan(b"user_id\n1\n2\n")
    place = ("holds", "place", "-", "--ground", "court", "--json")
    hold = json.loads(succeeded(company.cli.run(*place, stdin=b"user_id\n2\n")))["id"]
    assert company.erase(plan).code == 11
    succeeded(company.cli.run("holds", "lift", hold))
    assert company.status(plan)["state"] == "executing"
    succeeded(company.cli.run("retry", plan["id"]))
    assert company.status(plan)["outcomes"] == {"erased": 2}
    refused = company.cli.run("retry", plan["id"])
    assert refused.code == 2
    assert "is erased: nothing of it failed" in refused.output


def test_a_hold_that_may_not_be_told_is_no_reason(database: str, tmp_path: Path, fork_server: ForkServer) -> None:
    company = Company(database, tmp_path, fork_server, small_document(MAILS, email="email/3"), TO_BOTH)
    plan = company.plan(b"user_id\n1\n2\n")
    place = ("holds", "place", "-", "--ground", "court", "--undisclosed")
    succeeded(company.cli.run(*place, stdin=b"user_id\n2\n"))
    assert company.erase(plan).code == 1
    assert company.status(plan)["reasons"] == {"not done: main.mails (1 due)": 1}
