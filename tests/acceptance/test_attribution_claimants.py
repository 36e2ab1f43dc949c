"""An attribution decides between those who had the value when it was approved; who takes it later is not concerned."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import BucketFactory, Keyspace, wait_until
from tests.support.small_company import installed, succeeded

from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
"""
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE news (id int PRIMARY KEY, email text, {DAY});
INSERT INTO users VALUES (1, 'home@x.example'), (2, 'home@x.example'), (3, 'cleo@x.example');
INSERT INTO news VALUES (1, 'home@x.example');
"""
REGISTERED = "INSERT INTO users VALUES (4, 'HOME@x.example'); INSERT INTO news VALUES (2, 'home@x.example')"
"""Dan registers with the address; the letter under it is older than his account."""
REFUSED = """
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER no BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION no()
"""
SAID = b"user_id,email\n1,home@x.example\n"
SOMEBODY_ELSE = {"EXPUNGE_ACTOR": "somebody else"}


@pytest.fixture(params=["email/1", "email/3"])
def cli(database: str, tmp_path: Path, fork_server: ForkServer, request: pytest.FixtureRequest) -> CliRunner:
    """Ann and Bob have one address, and a letter goes to it."""
    execute(database, SCHEMA)
    return installed(tmp_path, fork_server, small_document(_COLLECTIONS, email=request.param), {"main": database})


def proposed(cli: CliRunner, whose: str = "theirs") -> str:
    reason = ("--reason", "A letter", "-c", "acme", "--json")
    return str(json.loads(succeeded(cli.run("attribute", "propose", "-", "--as", whose, *reason, stdin=SAID)))["id"])


def approved(cli: CliRunner) -> None:
    """Two people say that what is under the address is Ann's."""
    succeeded(cli.run("attribute", "approve", proposed(cli), "-", stdin=SAID, settings=SOMEBODY_ELSE))


def planned(cli: CliRunner, people: str = "1") -> dict[str, Any]:
    listed = ("user_id\n" + "".join(f"{one}\n" for one in people.split())).encode()
    plan: dict[str, Any] = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=listed)))
    return plan


def status(cli: CliRunner, plan: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(succeeded(cli.run("status", plan["id"], "--json")))
    return told


def counted(plan: dict[str, Any], collection: str = "news", store: str = "main") -> tuple[int, int]:
    """How many are due, and how many ambiguous."""
    one = plan["stores"][store]["collections"][collection]
    return one["due"], one["ambiguous"]


def test_between_those_who_had_the_value_then_it_decides_to_the_end(cli: CliRunner, database: str) -> None:
    """Bob had it, and has it still: in plan, erasure and settling check what is under it is Ann's."""
    approved(cli)
    plan = planned(cli)
    assert counted(plan) == (1, 0)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert (left(database, "users"), left(database, "news")) == ([2, 3], [])
    execute(database, "INSERT INTO news VALUES (2, 'home@x.example')")
    succeeded(cli.run("run-due"))
    assert status(cli, plan)["outcomes"] == {"erased": 1}
    assert left(database, "news") == [], "it came late, and is older than the request"


def test_who_took_the_value_before_the_plan_keeps_what_is_under_it(cli: CliRunner, database: str) -> None:
    approved(cli)
    execute(database, REGISTERED)
    plan = planned(cli)
    assert counted(plan) == (0, 2)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    told = status(cli, plan)
    assert told["outcomes"] == {"partially-erased": 1}
    assert told["collections"]["main.news"]["ambiguous"] == 2
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [1, 2])


def test_who_took_the_value_between_plan_and_erasure_keeps_what_is_under_it(cli: CliRunner, database: str) -> None:
    approved(cli)
    plan = planned(cli)
    assert counted(plan) == (1, 0)
    execute(database, REGISTERED)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    assert status(cli, plan)["outcomes"] == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [1, 2])


def test_who_took_the_value_before_the_settling_check_keeps_what_is_under_it(cli: CliRunner, database: str) -> None:
    """Bob let it go meanwhile: nobody who is left had it when it was said whose it is."""
    approved(cli)
    plan = planned(cli)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    assert left(database, "news") == []
    execute(database, f"UPDATE users SET email = 'bob@x.example' WHERE id = 2; {REGISTERED}")
    succeeded(cli.run("run-due"))
    told = status(cli, plan)
    assert told["state"] == "settled"
    assert told["collections"]["main.news"]["ambiguous"] == 1
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [2])


def test_who_took_the_value_before_a_retry_keeps_what_is_under_it(cli: CliRunner, database: str) -> None:
    approved(cli)
    execute(database, REFUSED)
    plan = planned(cli)
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"]).code == 1
    execute(database, f"DROP TRIGGER no ON users; {REGISTERED}")
    cli.run("retry", plan["id"])
    cli.run("run-due")
    assert status(cli, plan)["outcomes"] == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [1, 2])


def test_who_took_the_value_once_it_was_resolved_keeps_what_is_under_it(cli: CliRunner, database: str) -> None:
    """The process ends between resolution and erasure, and another one goes on from what was sealed."""
    approved(cli)
    plan = planned(cli)
    # Of the erasing call nothing is left but what comes before it.
    code = "import os; from expunge_connectors.postgres import PostgresStore as S; S.erase = lambda *_: os._exit(9)"
    assert cli.run("erase", plan["id"], "--confirm", plan["digest"], code=code).code == 9
    execute(database, REGISTERED)
    cli.run("erase", plan["id"], "--confirm", plan["digest"])
    cli.run("run-due")
    assert status(cli, plan)["outcomes"] == {"partially-erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [1, 2])


def test_said_anew_it_decides_for_the_one_who_took_it_as_well(cli: CliRunner, database: str) -> None:
    """Two people look once more, and say that it is Ann's though Dan has the address by now."""
    approved(cli)
    execute(database, REGISTERED)
    assert counted(planned(cli)) == (0, 2)
    approved(cli)
    plan = planned(cli)
    assert counted(plan) == (2, 0)
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    assert status(cli, plan)["outcomes"] == {"erased": 1}
    assert (left(database, "users"), left(database, "news")) == ([2, 3, 4], [])


def test_it_decides_for_nobody_else_of_the_batch(cli: CliRunner, database: str) -> None:
    """Eve has the address too when it is said that it is Ann's; in one batch with Ann nothing under it is hers."""
    execute(database, "INSERT INTO users VALUES (5, 'home@x.example')")
    approved(cli)
    plan = planned(cli, "1 5")
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    assert (left(database, "users"), left(database, "news")) == ([2, 3], [])


def test_it_is_approved_only_where_the_stores_say_who_has_the_value(cli: CliRunner, database: str) -> None:
    """Of what is others' nothing is asked; nothing is kept of anybody but hashes."""
    made = proposed(cli)
    gone = {"EXPUNGE_STORES__MAIN__URL": "postgresql://nobody@127.0.0.1:1/none"}
    refused = cli.run("attribute", "approve", made, "-", stdin=SAID, settings=SOMEBODY_ELSE | gone)
    assert refused.code == 8, refused.output
    assert "Nothing was approved" in refused.output
    assert f"expunge attribute approve {made}" in refused.output
    [told] = json.loads(cli.run("attribute", "list", "--json").out)["attributions"]
    assert told["state"] == "awaiting-approval"
    assert counted(planned(cli)) == (0, 1)
    others = proposed(cli, "others")
    succeeded(cli.run("attribute", "approve", others, "-", stdin=SAID, settings=SOMEBODY_ELSE | gone))
    succeeded(cli.run("attribute", "withdraw", others))
    succeeded(cli.run("attribute", "approve", made, "-", stdin=SAID, settings=SOMEBODY_ELSE))
    kept = [one.read_bytes() for one in cli.directory.rglob("*") if one.is_file()]
    assert kept
    assert not any(b"home@x" in one for one in kept)


def test_a_value_that_very_many_people_have_is_said_to_be_nobodys(cli: CliRunner, database: str) -> None:
    execute(database, "INSERT INTO users SELECT n, 'home@x.example' FROM generate_series(10, 28) AS n")
    refused = cli.run("attribute", "approve", proposed(cli), "-", stdin=SAID, settings=SOMEBODY_ELSE)
    assert refused.code == 7
    assert "more than 20 people" in " ".join(refused.err.split())
    execute(database, "DELETE FROM users WHERE id = 28")
    approved(cli)
    assert counted(planned(cli)) == (1, 0)


def _ours() -> dict[str, Any]:
    return {"data_type": "gone", "owner": {"controller": "acme"}}


@pytest.fixture
def named(  # noqa: PLR0917 - fixtures
    database: str,
    tmp_path: Path,
    fork_server: ForkServer,
    keyspace: Keyspace,
    servers: Endpoints,
    s3: S3Client,
    bucket: BucketFactory,
) -> tuple[CliRunner, Callable[[], tuple[bool, bool]]]:
    """A cache and a bucket call things by the address; and whether each of them is there."""
    execute(database, SCHEMA)
    name = bucket()
    document = small_document(_COLLECTIONS)
    document["stores"]["cache"] = {
        "connector": "redis",
        "collections": {"profile": {"key": "m:{email}", "type": "string", "undated": "erase", **_ours()}},
    }
    document["stores"]["files"] = {
        "connector": "s3",
        "collections": {"letters": {"bucket": name, "key": "m/{email}", **_ours()}},
    }
    access = {
        "STORES__FILES__ENDPOINT_URL": servers.s3_endpoint,
        "STORES__FILES__ACCESS_KEY_ID": servers.s3_access_key,
        "STORES__FILES__SECRET_ACCESS_KEY": servers.s3_secret_key,
    }
    urls = {"main": database, "cache": keyspace.url}
    made = installed(tmp_path, fork_server, document, urls, **access)
    succeeded(made.run("adopt", "cache"))
    keyspace.client.set("m:home@x.example", "x")
    s3.put_object(Bucket=name, Key="m/home@x.example", Body=b"x")
    written = s3.head_object(Bucket=name, Key="m/home@x.example")["LastModified"]
    # A bucket says whole seconds: what was written in the second in which a plan begins counts as newer than it.
    wait_until(lambda: datetime.now(UTC) >= written + timedelta(seconds=1))

    def there() -> tuple[bool, bool]:
        listed = s3.list_objects_v2(Bucket=name).get("KeyCount", 0)
        return bool(keyspace.client.exists("m:home@x.example")), listed > 0

    return made, there


def test_what_a_cache_and_a_bucket_call_by_the_value_goes_by_it(
    named: tuple[CliRunner, Callable[[], tuple[bool, bool]]],
) -> None:
    cli, there = named
    approved(cli)
    plan = planned(cli)
    assert (counted(plan, "profile", "cache"), counted(plan, "letters", "files")) == ((1, 0), (1, 0))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    assert there() == (False, False)
    assert status(cli, plan)["outcomes"] == {"erased": 1}


@pytest.mark.parametrize("when", ["planned", "resolved", "settling"])
def test_who_took_the_value_keeps_what_a_cache_and_a_bucket_call_by_it(
    named: tuple[CliRunner, Callable[[], tuple[bool, bool]]], database: str, keyspace: Keyspace, when: str
) -> None:
    cli, there = named
    approved(cli)
    plan = planned(cli)
    confirmed = ("erase", plan["id"], "--confirm", plan["digest"])
    if when == "resolved":
        code = "import os; from expunge_connectors.postgres import PostgresStore as S; S.erase = lambda *_: os._exit(9)"
        assert cli.run(*confirmed, code=code).code == 9
    if when == "settling":
        succeeded(cli.run(*confirmed))
        assert there() == (False, False)
        keyspace.client.set("m:home@x.example", "x")
    execute(database, REGISTERED)
    cli.run(*confirmed)
    cli.run("run-due")
    assert there() == (True, when != "settling")
    told = status(cli, plan)["collections"]
    assert told["cache.profile"]["ambiguous"] == 1
    assert left(database, "news") == ([1, 2] if when != "settling" else [2])
