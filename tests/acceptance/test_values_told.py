"""Values that records tell and nobody can say whose they are: what stands under them is told as ambiguous (ADR 18)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.small_company import installed

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, created: created_at, yields: {phone: phone},
  found_by: [{column: email, identity: email}]}
callbacks: {table: public.callbacks, created: created_at, found_by: [{column: phone, identity: phone}]}
gifts: {table: public.gifts, yields: {email: for_email}, found_by: [{column: user_id, of: users.id}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
parcels: {table: public.parcels, found_by: [{column: user_id, of: users.id}]}
labels: {table: public.labels, yields: {email: email}, found_by: [{column: parcel_id, of: parcels.id}]}
bills: {table: public.bills, data_type: kept, start: created_at, created: created_at,
  found_by: [{column: email, identity: email}]}
visits: {table: public.visits, found_by: [{column: user_id, of: users.id}]}
visitors: {table: public.visits, data_type: anchor, undated: erase, found_by: [{column: email, identity: email}],
  tombstone: {email: "NULL"}, keeps: {id: k, user_id: k}}
friends: {table: public.friends, created: created_at,
  found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]}
"""
SOMEBODY_ELSE = {"EXPUNGE_ACTOR": "somebody else"}
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE orders (id int PRIMARY KEY, email text, phone text, {DAY});
CREATE TABLE callbacks (id int PRIMARY KEY, phone text, {DAY});
CREATE TABLE gifts (id int PRIMARY KEY, user_id int, for_email text);
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE bills (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE visits (id int PRIMARY KEY, user_id int, email text);
CREATE TABLE parcels (id int PRIMARY KEY, user_id int);
CREATE TABLE labels (id int PRIMARY KEY, parcel_id int, email text);
CREATE TABLE friends (id int PRIMARY KEY, user_id int, email text, {DAY});
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example'), (3, 'cleo@x.example');
"""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Three accounts, and orders, gifts and callbacks that name them by what they have."""
    execute(database, SCHEMA)
    document = small_document(_COLLECTIONS, email="email/3")
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1", "recycled": False}
    return installed(tmp_path, fork_server, document, {"main": database})


def erased(cli: CliRunner, *people: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plan, erase and settle these people; the counts of the plan, and the status."""
    listed = ("user_id\n" + "".join(f"{one}\n" for one in people)).encode()
    answer = cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)
    assert answer.code == 0, answer.output
    plan = json.loads(answer.out)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status = json.loads(cli.run("status", plan["id"], "--json").out)
    return plan["stores"]["main"]["collections"], status


def test_what_a_record_tells_that_a_value_alone_led_to_is_told(cli: CliRunner, database: str) -> None:
    """Ann's address leads to an order of a guest; whose the phone on it is nobody can say."""
    execute(
        database,
        "INSERT INTO orders VALUES (1, 'ann@x.example', '+4930123456');"
        "INSERT INTO callbacks VALUES (1, '+4930123456'), (2, '+4930123457')",
    )
    plan, status = erased(cli, 1)
    assert (plan["orders"]["due"], plan["callbacks"]["due"], plan["callbacks"]["ambiguous"]) == (1, 0, 1)
    assert left(database, "orders") == []
    assert left(database, "callbacks") == [1, 2]
    assert status["outcomes"] == {"partially-erased": 1}
    assert status["collections"]["main.callbacks"]["ambiguous"] == 1


def test_hearsay_leads_to_neither_and_is_told_of_both(cli: CliRunner, database: str) -> None:
    """Gifts of Ann and of Bob are for one address, of nobody's account; it is followed for both together neither."""
    execute(
        database,
        "INSERT INTO gifts VALUES (1, 1, 'gran@x.example'), (2, 2, 'gran@x.example'), (3, 3, 'dan@x.example');"
        "INSERT INTO news VALUES (1, 'gran@x.example'), (2, 'dan@x.example')",
    )
    plan, status = erased(cli, 1, 2)
    assert (plan["news"]["due"], plan["news"]["ambiguous"]) == (0, 2)
    told = cli.run("status", status["id"]).output
    assert "2 records stay" in told
    assert "expunge attribute" not in told, "it is too late: the batch is settled"
    assert left(database, "gifts") == [3]
    assert left(database, "news") == [1, 2]
    assert status["outcomes"] == {"partially-erased": 2}


_SAID_BY_BOB = {
    "a row of another table": "INSERT INTO parcels VALUES (1, 2); INSERT INTO labels VALUES (1, 1, 'Gran@x.example')",
    "a row that is found by it": "INSERT INTO friends VALUES (1, 2, 'gran@x.example')",
    "a row that another collection says is Bob's": "INSERT INTO visits VALUES (1, 2, 'gran@x.example')",
}
_SAID_BY_ANN = {
    "a row of hers": "INSERT INTO gifts VALUES (1, 1, 'gran@x.example')",
    "a row below one of hers": "INSERT INTO parcels VALUES (9, 1); INSERT INTO labels VALUES (9, 9, 'gran@x.example')",
}


@pytest.mark.parametrize("bobs", _SAID_BY_BOB)
@pytest.mark.parametrize("anns", _SAID_BY_ANN)
def test_hearsay_is_what_any_row_of_somebody_else_holds(cli: CliRunner, database: str, anns: str, bobs: str) -> None:
    """Bob's newsletter went with Ann, whose gift names the address that a parcel of Bob's names."""
    execute(database, f"{_SAID_BY_ANN[anns]}; {_SAID_BY_BOB[bobs]}; INSERT INTO news VALUES (1, 'gran@x.example')")
    plan, status = erased(cli, 1)
    assert (plan["news"]["due"], plan["news"]["ambiguous"]) == (0, 1)
    assert left(database, "news") == [1]
    assert status["outcomes"] == {"partially-erased": 1}


def test_what_several_rows_of_one_person_tell_is_followed(cli: CliRunner, database: str) -> None:
    """Ann's own rows are nobody else's, whatever tables they stand in, and neither is a guest's."""
    execute(
        database,
        f"{'; '.join(_SAID_BY_ANN.values())}; INSERT INTO friends VALUES (2, NULL, 'gran@x.example');"
        "INSERT INTO news VALUES (1, 'gran@x.example')",
    )
    _, status = erased(cli, 1)
    assert (left(database, "news"), left(database, "friends")) == ([], [])
    assert status["outcomes"] == {"erased": 1}


def test_a_retained_record_that_is_unclear_is_told(cli: CliRunner, database: str) -> None:
    """Kept it is in any case; whether it is Ann's nobody can say, and she is not erased without a word of it."""
    execute(
        database, "UPDATE users SET email = 'ann@x.example' WHERE id = 2; INSERT INTO bills VALUES (1, 'ann@x.example')"
    )
    plan, status = erased(cli, 1)
    assert (plan["bills"]["due"], plan["bills"]["retained"], plan["bills"]["ambiguous"]) == (0, 0, 1)
    assert left(database, "bills") == [1]
    assert status["outcomes"] == {"partially-erased": 1}


def test_what_is_somebody_elses_for_certain_is_not_ambiguous(cli: CliRunner, database: str) -> None:
    """Ann's and Cleo's gifts are for Bob, who has an account with this address: what it leads to is his."""
    execute(
        database,
        "INSERT INTO gifts VALUES (1, 1, 'bob@x.example'), (2, 3, 'bob@x.example');"
        "INSERT INTO news VALUES (1, 'bob@x.example')",
    )
    _, status = erased(cli, 1)
    assert left(database, "news") == [1]
    assert status["outcomes"] == {"erased": 1}


def test_two_people_say_whose_it_is(cli: CliRunner, database: str) -> None:
    """Ann and Bob have one address, and a guest ordered under it: the order is Ann's, they say."""
    execute(
        database,
        "UPDATE users SET email = 'home@x.example' WHERE id < 3;"
        "INSERT INTO orders VALUES (1, 'Home <home@x.example>', '+4930123456'), (2, 'cleo@x.example', NULL);"
        "INSERT INTO news VALUES (1, 'home@x.example'), (2, 'cleo@x.example');"
        "INSERT INTO callbacks VALUES (1, '+4930123456')",
    )
    first, status = erased(cli, 1)
    assert (first["orders"]["ambiguous"], first["news"]["ambiguous"]) == (1, 1)
    assert status["outcomes"] == {"partially-erased": 1}
    execute(database, "INSERT INTO users VALUES (1, 'home@x.example')")

    said = b"user_id,email\n1,home@x.example\n"
    reason = ("--reason", "A letter", "-c", "acme", "--json")
    made = json.loads(cli.run("attribute", "propose", "-", "--as", "theirs", *reason, stdin=said).out)
    assert made["state"] == "awaiting-approval"
    assert cli.run("attribute", "approve", made["id"], "-", stdin=said).code == 7, "one's own"
    other = said.replace(b"home@", b"cleo@")
    assert cli.run("attribute", "approve", made["id"], "-", stdin=other, settings=SOMEBODY_ELSE).code == 7, "unseen"
    assert erased(cli, 1)[1]["outcomes"] == {"partially-erased": 1}, "nothing follows from what nobody approved"
    execute(database, "INSERT INTO users VALUES (1, 'home@x.example')")
    assert cli.run("attribute", "approve", made["id"], "-", stdin=said, settings=SOMEBODY_ELSE).code == 0

    plan, status = erased(cli, 1)
    assert (plan["orders"]["due"], plan["news"]["due"], plan["callbacks"]["ambiguous"]) == (1, 1, 1)
    assert left(database, "users") == [2, 3]
    assert left(database, "orders") == left(database, "news") == [2]
    assert status["collections"]["main.news"]["ambiguous"] == 0
    assert status["outcomes"] == {"partially-erased": 1}, "the phone on the guest's order is nobody's still"
    kept = [one.read_bytes() for one in cli.directory.rglob("*") if one.is_file()]
    assert kept
    assert not any(b"home@x" in one for one in kept)


@pytest.mark.parametrize("whose", ["theirs", "others"])
def test_what_is_said_before_the_settling_check_holds_there(cli: CliRunner, database: str, whose: str) -> None:
    """Ann and Bob have one address; by the settling check Ann's own row is gone. Nothing else of hers came back."""
    execute(
        database,
        "UPDATE users SET email = 'home@x.example' WHERE id < 3; INSERT INTO news VALUES (1, 'home@x.example');",
    )
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n").out)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    assert "expunge attribute" in cli.run("status", plan["id"]).output
    say(cli, "--as", whose)
    cli.run("run-due")
    status = json.loads(cli.run("status", plan["id"], "--json").out)
    assert status["state"] == "settled"
    assert left(database, "news") == ([] if whose == "theirs" else [1])
    assert status["collections"]["main.news"]["ambiguous"] == 0


def say(cli: CliRunner, *whose: str, said: bytes = b"user_id,email\n1,home@x.example\n") -> str:
    """Two people say whose it is that is under Ann's address."""
    told = cli.run("attribute", "propose", "-", *whose, "--reason", "A letter", "-c", "acme", "--json", stdin=said)
    made = str(json.loads(told.out)["id"])
    assert cli.run("attribute", "approve", made, "-", stdin=said, settings=SOMEBODY_ELSE).code == 0
    return made


def test_a_controller_with_members_is_named_whole(cli: CliRunner) -> None:
    """As a request names it: of all members together no request would ever look for what was said."""
    listed = b"user_id,email\n1,home@x.example\n"
    refused = cli.run(
        "attribute", "propose", "-", "--as", "others", "--reason", "A letter", "-c", "client", stdin=listed
    )
    assert refused.code == 4, refused.output
    assert "not named whole" in refused.output
    assert json.loads(cli.run("attribute", "list", "--json").out) == {"attributions": []}


def test_what_is_somebody_elses_is_ambiguous_no_more(cli: CliRunner, database: str) -> None:
    """Ann and Bob have one address, and the rest under it is Bob's: also once nobody but Ann has it any more."""
    execute(
        database,
        "UPDATE users SET email = 'home@x.example' WHERE id < 3;"
        "INSERT INTO news VALUES (1, 'home@x.example');"
        "INSERT INTO orders VALUES (1, 'home@x.example', NULL)",
    )
    made = say(cli, "--as", "others")
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n").out)
    assert plan["stores"]["main"]["collections"]["news"]["ambiguous"] == 0
    execute(database, "UPDATE users SET email = 'bob@x.example' WHERE id = 2")
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    status = json.loads(cli.run("status", plan["id"], "--json").out)
    assert status["outcomes"] == {"erased": 1}
    assert left(database, "users") == [2, 3]
    assert left(database, "news") == left(database, "orders") == [1]
    ended = json.loads(cli.run("attribute", "withdraw", made, "--json").out)
    assert ended["state"] == "withdrawn"
    assert json.loads(cli.run("attribute", "list", "--json").out) == {"attributions": []}


def ended(cli: CliRunner, database: str) -> None:
    """A request of Ann's, who alone has the address, that saw two letters under it, was refused and was ended."""
    execute(
        database,
        "UPDATE users SET email = 'home@x.example' WHERE id = 1;"
        "INSERT INTO news VALUES (1, 'home@x.example'), (2, 'home@x.example');"
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        "CREATE TRIGGER no BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION no()",
    )
    plan = json.loads(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n").out)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    assert cli.run("end", plan["id"], "--confirm", plan["digest"]).code == 0
    execute(database, "DROP TRIGGER no ON users")
    assert (left(database, "users"), left(database, "news")) == ([1, 2, 3], [1, 2])


def test_what_an_ended_request_left_under_a_value_of_others_is_settled(cli: CliRunner, database: str) -> None:
    """The letters are somebody else's: the request that comes after leaves nothing of Ann's."""
    ended(cli, database)
    made = say(cli, "--as", "others")
    plan, status = erased(cli, 1)
    assert (plan["users"]["due"], plan["news"]["due"]) == (1, 0)
    assert status["outcomes"] == {"erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([2, 3], [1, 2])
    cli.run("attribute", "withdraw", made)
    assert erased(cli, 1)[1]["outcomes"] == {"not-found": 1}, "the kept keys are gone"


def test_what_is_said_of_another_value_or_person_settles_nothing(cli: CliRunner, database: str) -> None:
    """Ann's row went by other means: her id leads to nothing, and what her address led to is left."""
    ended(cli, database)
    execute(database, "DELETE FROM users WHERE id = 1")
    assert erased(cli, 1)[1]["outcomes"] == {"partially-erased": 1}
    say(cli, "--as", "others", said=b"user_id,email\n1,else@x.example\n")
    say(cli, "--as", "others", said=b"user_id,email\n2,home@x.example\n")
    contrary = say(cli, "--as", "theirs")
    assert erased(cli, 1)[1]["outcomes"] == {"partially-erased": 1}
    assert cli.run("attribute", "withdraw", contrary).code == 0
    say(cli, "--as", "others")
    assert erased(cli, 1)[1]["outcomes"] == {"not-found": 1}
    assert left(database, "news") == [1, 2]


def test_no_record_is_too_old_for_a_value_that_is_theirs(cli: CliRunner, database: str, tmp_path: Path) -> None:
    """A number is handed on; a callback of last year is a predecessor's, or hers, as two people say."""
    document = small_document(_COLLECTIONS.replace("email: email}", "email: email, phone: phone}", 1), email="email/3")
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1", "recycled": True}
    users = document["stores"]["main"]["collections"]["users"]
    users["found_by"] += [{"column": "phone", "identity": "phone"}]
    write_document(tmp_path / "datamap.yaml", document)
    execute(
        database,
        "ALTER TABLE users ADD phone text; UPDATE users SET phone = '+4930123456' WHERE id = 1;"
        "INSERT INTO callbacks VALUES (1, '+4930123456', '2024-06-01'), (2, '+4930123456', '2025-06-01')",
    )
    said, reason = b"user_id,phone\n1,+4930123456\n", ("--reason", "Hers since 2019", "-c", "acme", "--json")
    made = json.loads(cli.run("attribute", "propose", "-", "--as", "theirs", *reason, stdin=said).out)
    approved = cli.run("attribute", "approve", made["id"], "-", stdin=said, settings=SOMEBODY_ELSE)
    assert approved.code == 0
    plan, status = erased(cli, 1)
    assert (plan["callbacks"]["due"], plan["callbacks"]["ambiguous"]) == (2, 0)
    assert status["outcomes"] == {"erased": 1}
    assert left(database, "callbacks") == []


def test_a_plan_counts_what_a_cache_has_under_a_shared_value(
    cli: CliRunner, database: str, keyspace: Keyspace, tmp_path: Path
) -> None:
    """As the receipt will: Ann and Bob have one address, and a key in Redis is called by it."""
    document = small_document(_COLLECTIONS, email="email/3")
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1"}
    profile = {"key": "m:{email}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
    cached = {"connector": "redis", "collections": {"profile": profile | {"undated": "erase"}}}
    write_document(tmp_path / "datamap.yaml", {**document, "stores": {**document["stores"], "cache": cached}})
    execute(database, "UPDATE users SET email = 'home@x.example' WHERE id < 3")
    keyspace.client.set("m:home@x.example", "x")
    ours = {"EXPUNGE_STORES__CACHE__URL": keyspace.url}
    assert cli.run("adopt", "cache", settings=ours).code == 0
    planned = cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n", settings=ours)
    assert json.loads(planned.out)["stores"]["cache"]["collections"]["profile"]["ambiguous"] == 1
