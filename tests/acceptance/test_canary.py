"""Law 5: no value of a person's record is in anything that we write or make a server write, in any encoding."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
from psycopg.types.json import Json, Jsonb
from pydantic import SecretStr
from rich.console import Console
from rich.traceback import Traceback
from tests.support.canary_values import Flock, files_below, forms, word
from tests.support.cancellation import ended_half_way, keys_left
from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import start_fork_server
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.servers import s3_client
from tests.support.store_inspector import StoreInspector

from expunge_config.datamap import load
from expunge_config.settings import Settings
from expunge_connectors.contract import Scope, Subject, SubjectKey, no_beat
from expunge_connectors.errors import ConnectorError
from expunge_connectors.registry import installed
from expunge_demo import dev_servers
from expunge_orchestrator.workspace import connected

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# As talkative as a server can be made: what is not in these logs was never handed to it as text.
HARSH = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "verbose",
    "log_lock_waits": "on",
}
# So does Python.
TALKATIVE = {"PYTHONFAULTHANDLER": "1", "PYTHONWARNINGS": "default", "PYTHONASYNCIODEBUG": "1"}
BUCKET = "canary-files"

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TYPE place AS (street text, number integer);
CREATE DOMAIN alias AS text CHECK (length(VALUE) < 100);
CREATE TABLE people (
    id bigint PRIMARY KEY, email text NOT NULL UNIQUE, phone varchar(40), nick citext, handle text, code uuid,
    member_no numeric, doc jsonb, raw json, tags text[], photo bytea, short integer, born date, seen timestamptz,
    ip inet, mood mood, active boolean, created_at timestamptz NOT NULL DEFAULT now(),
    stay interval, wakes time, page name, pin char(24), span int8range, dwelling place, alias alias, words tsvector,
    friends bigint[], flags bit(64), card macaddr8, weight double precision, spot point
);
CREATE INDEX ON people (lower(normalize(btrim(email), NFC)));
CREATE TABLE notes (
    id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES people, reply_to bigint REFERENCES notes,
    body text NOT NULL, file_key text UNIQUE
);
CREATE TABLE badges (badge uuid PRIMARY KEY, code uuid NOT NULL, label text);
CREATE TABLE scores (id bigint PRIMARY KEY, member_no numeric NOT NULL, points numeric);
"""

MAP = """
expunge: 1
backups: {none: A database of a test lives as long as the test, approved_by: Whoever wrote the test}
operator: {name: Canary House, contact: privacy@canary.example, log_origin: receipts.canary.example}
controllers: {house: {name: Canary House}}
identities:
  person_id: {kind: person, normaliser: integer/2}
  code: {kind: person, normaliser: uuid/1}
  member_no: {kind: person}
  handle: {kind: person}
  email: {kind: reusable, normaliser: email/1}
  phone: {kind: reusable, normaliser: e164/1}
  token: {kind: internal}
  file: {kind: internal}
data_types:
  anchor:
    purpose: Keep the row
    categories: [everything]
    rule: {start: collected, period: P1Y}
    on_request: tombstone
  content:
    purpose: Content
    categories: [everything]
    rule: {start: collected, period: P1Y}
    on_request: delete
stores:
  main:
    connector: postgres
    collections:
      people:
        table: public.people
        data_type: anchor
        owner: {controller: house}
        person: person_id
        found_by:
          - {column: id, identity: person_id}
          - {column: email, identity: email}
          - {column: phone, identity: phone}
          - {column: code, identity: code}
          - {column: member_no, identity: member_no}
          - {column: handle, identity: handle}
        created: created_at
        yields: {person_id: id, email: email, phone: phone, code: code, member_no: member_no, handle: handle}
        tombstone:
          email: "'gone-' || id"
          phone: "NULL"
          nick: "NULL"
          handle: "NULL"
          code: "NULL"
          member_no: "NULL"
          doc: "NULL"
          raw: "NULL"
          tags: "NULL"
          photo: "NULL"
          short: "NULL"
          born: "NULL"
          seen: "NULL"
          ip: "NULL"
          mood: "NULL"
          active: "NULL"
          stay: "NULL"
          wakes: "NULL"
          page: "NULL"
          pin: "NULL"
          span: "NULL"
          dwelling: "NULL"
          alias: "NULL"
          words: "NULL"
          friends: "NULL"
          flags: "NULL"
          card: "NULL"
          weight: "NULL"
          spot: "NULL"
      notes:
        table: public.notes
        data_type: content
        owner: {controller: house}
        found_by: [{column: person_id, of: people.id}]
        yields: {file: file_key}
      badges:
        table: public.badges
        data_type: content
        owner: {controller: house}
        found_by: [{column: code, identity: code}]
      scores:
        table: public.scores
        data_type: content
        owner: {controller: house}
        found_by: [{column: member_no, identity: member_no}]
  files:
    connector: s3
    collections:
      attachments:
        bucket: canary-files
        key: "{file}"
        data_type: content
        owner: {controller: house}
      homes:
        bucket: canary-files
        prefix: "homes/{handle}/"
        undivided: {reason: handles are letters, approved_by: A. Officer}
        data_type: content
        owner: {controller: house}
  cache:
    connector: redis
    collections:
      index: {key: "idx:{person_id}", type: set, yields: token, data_type: content, owner: {controller: house}}
      sessions: {key: "sess:{token}", type: hash, data_type: content, owner: {controller: house}}
      mails: {key: "mail:{email}", type: string, undated: erase, data_type: content, owner: {controller: house}}
      queue: {key: "queue:{handle}", type: list, data_type: content, owner: {controller: house}}
      present: {key: "present", type: zset, member: "{handle}", data_type: content, owner: {controller: house}}
"""


def person() -> dict[str, Any]:
    """One canary for every place."""
    return {
        "id": secrets.randbelow(9 * 10**17) + 10**17,
        "email": f"k{secrets.token_hex(9)}+tag@canary.example",
        "phone": f"+4{secrets.randbelow(9 * 10**12) + 10**12}",
        "nick": word(),
        "handle": word(),
        "code": uuid.uuid4(),
        "member_no": secrets.randbelow(9 * 10**14) + 10**14,
        "doc": {word(): [word(), {"deep": word()}]},
        "raw": {word(): word()},
        "tags": [word(), word()],
        "photo": secrets.token_bytes(24),
        "short": secrets.randbelow(10**9) + 10**9,
        "born": f"1{secrets.randbelow(3) + 5}{secrets.randbelow(90) + 10}-0{secrets.randbelow(9) + 1}-17",
        "seen": f"2001-02-03 04:05:06.{secrets.randbelow(900000) + 100000}+00",
        "ip": "2001:db8:" + ":".join(f"{secrets.randbelow(60000) + 4096:x}" for _ in range(4)) + "::17",
        "note_id": secrets.randbelow(9 * 10**17) + 10**17,
        "body": word(),
        "file": f"files/{word()}.bin",
        "badge": uuid.uuid4(),
        "label": word(),
        "score_id": secrets.randbelow(9 * 10**17) + 10**17,
        "token": word(),
        "session_field": word(),
        "session_value": word(),
        "cached": word(),
        "queued": word(),
        "home": word(),
        "object_body": word(),
        "object_metadata": secrets.token_hex(12),
        "stay": f"{secrets.randbelow(9 * 10**8) + 10**8} days 03:04:05.{secrets.randbelow(900000) + 100000}",
        "wakes": f"03:04:05.{secrets.randbelow(900000) + 100000}",
        "page": word(),
        "pin": secrets.token_hex(12),
        "span": secrets.randbelow(9 * 10**17) + 10**17,
        "dwelling": word(),
        "alias": word(),
        "words": word(),
        "friends": [secrets.randbelow(9 * 10**17) + 10**17],
        "flags": f"{secrets.randbits(64):064b}",
        "card": ":".join(f"{secrets.randbelow(240) + 16:02x}" for _ in range(8)),
        "weight": str(secrets.randbelow(9 * 10**14) + 10**14 + 0.5),
        "spot": f"({secrets.randbelow(9 * 10**8) + 10**8},{secrets.randbelow(9 * 10**8) + 10**8})",
        "stray": f"{word()}@canary.example",
    }


def flock(birds: dict[str, Any]) -> Flock:
    """All values of a person, those inside of documents and lists too."""

    def inside(value: Any) -> Iterator[str | bytes]:
        if isinstance(value, dict):
            for key, one in value.items():
                yield from (*inside(key), *inside(one))
        elif isinstance(value, list):
            for one in value:
                yield from inside(one)
        elif value != "deep":
            yield value if isinstance(value, bytes) else str(value)

    return Flock({f"{name}/{place}": one for name, value in birds.items() for place, one in enumerate(inside(value))})


@dataclass(frozen=True, slots=True)
class House:
    """Servers, an installation beside them, and everything that commands said and left behind.

    Attributes:
        said: Command -> its answer.
        disk: Command and file -> every byte of the installation after it: the ledger forgets, and must not have known.
        logs: Name -> a server's log after the whole walk, a failing constraint included.
    """

    stack: dev_servers.Stack
    cli: CliRunner
    home: Path
    s3: S3Client = field(repr=False)
    said: dict[str, CliResult] = field(default_factory=dict)
    disk: dict[str, bytes] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)

    def heard(self, title: str, answer: CliResult, code: int) -> CliResult:
        """Keep what a command said and left."""
        title = f"{len(self.said)} {title}"
        self.said[title] = answer
        self.disk.update(
            {
                f"{title}: {path}": path.read_bytes()
                for path in files_below([self.home, self.home.with_name("expunge-keys")])
            }
        )
        assert answer.code == code, (title, answer.code, answer.output[-300:])
        return answer

    def run(self, title: str, *arguments: str, stdin: str = "", code: int = 0, **settings: str) -> CliResult:
        return self.heard(title, self.cli.run(*arguments, stdin=stdin.encode(), settings=settings), code)

    @contextmanager
    def quietly(self) -> Iterator[psycopg.Connection]:
        """A superuser's session whose own statements are not logged: what is in the logs came from us."""
        with psycopg.connect(self.stack.endpoints.postgres_url, autocommit=True) as connection:
            for name, value in (("log_statement", "none"), ("log_min_duration_statement", "-1")):
                connection.execute(f"SET {name} = '{value}'")  # type: ignore[call-overload]
            connection.execute("SET log_min_messages = 'panic'")
            yield connection

    @contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(self.stack.endpoints.redis_url) as client:
            yield client

    def plant(self, birds: dict[str, Any]) -> None:
        """Put a person into every store."""
        with self.quietly() as connection:
            connection.execute(
                "INSERT INTO people VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'cross', true,"
                " default, %s, %s, %s, %s, int8range(%s, NULL), ROW(%s, 12)::place, %s,"
                " array_to_tsvector(ARRAY[%s]), %s, %s::bit(64), %s, %s, %s)",
                (
                    *(birds[name] for name in ("id", "email", "phone", "nick", "handle", "code", "member_no")),
                    Jsonb(birds["doc"]),
                    Json(birds["raw"]),
                    *(birds[name] for name in ("tags", "photo", "short", "born", "seen", "ip")),
                    *(birds[name] for name in ("stay", "wakes", "page", "pin", "span", "dwelling", "alias", "words")),
                    *(birds[name] for name in ("friends", "flags", "card", "weight", "spot")),
                ),
            )
            connection.execute(
                "INSERT INTO notes VALUES (%s, %s, NULL, %s, %s)",
                (birds["note_id"], birds["id"], birds["body"], birds["file"]),
            )
            connection.execute(
                "INSERT INTO badges VALUES (%s, %s, %s)", (birds["badge"], birds["code"], birds["label"])
            )
            connection.execute("INSERT INTO scores VALUES (%s, %s, 1)", (birds["score_id"], birds["member_no"]))
            connection.execute("INSERT INTO strays VALUES (%s)", (birds["stray"],))
        with self.redis() as client:
            client.sadd(f"idx:{birds['id']}", birds["token"])
            client.hset(f"sess:{birds['token']}", mapping={birds["session_field"]: birds["session_value"]})
            client.set(f"mail:{birds['email']}", birds["cached"])
            client.rpush(f"queue:{birds['handle']}", birds["queued"])
            client.zadd("present", {birds["handle"]: 1.0})
            client.set(f"lost:{birds['stray']}", "x")
        self.s3.put_object(Bucket=BUCKET, Key=f"lost/{birds['stray']}", Body=b"x")
        for key in (birds["file"], f"homes/{birds['handle']}/{birds['home']}.txt"):
            self.s3.put_object(
                Bucket=BUCKET, Key=key, Body=birds["object_body"].encode(), Metadata={"mark": birds["object_metadata"]}
            )

    def left(self, birds: dict[str, Any]) -> int:
        """Records still there, by our own look."""
        with self.quietly() as connection, self.redis() as client:
            rows = connection.execute(
                "SELECT (SELECT count(*) FROM people WHERE email = %s) + (SELECT count(*) FROM notes WHERE id = %s)"
                " + (SELECT count(*) FROM badges WHERE badge = %s) + (SELECT count(*) FROM scores WHERE id = %s)",
                (birds["email"], birds["note_id"], birds["badge"], birds["score_id"]),
            ).fetchone()
            assert rows is not None
            keys = client.exists(
                f"idx:{birds['id']}", f"sess:{birds['token']}", f"mail:{birds['email']}", f"queue:{birds['handle']}"
            )
            member = client.zscore("present", birds["handle"]) is not None
        objects = self.s3.list_object_versions(Bucket=BUCKET)
        return (
            rows[0]
            + keys
            + member
            + sum(birds["handle"] in o["Key"] or birds["file"] == o["Key"] for o in objects.get("Versions", []))
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    (directory / "datamap.yaml").write_text(MAP)
    with (
        dev_servers.stack(postgres_settings=HARSH) as stack,
        s3_client(stack.endpoints) as client,
        start_fork_server(TALKATIVE) as fork_server,
    ):
        with psycopg.connect(stack.endpoints.postgres_url, autocommit=True) as connection:
            connection.execute(SCHEMA)
            connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
            connection.execute("GRANT SELECT, DELETE ON notes, badges, scores TO clerk")
            connection.execute("GRANT SELECT, UPDATE ON people TO clerk")
            connection.execute("CREATE TABLE strays (body text); GRANT SELECT ON strays TO clerk")
        client.create_bucket(Bucket=BUCKET)
        home = directory / "expunge"
        place = stack.endpoints.postgres_url.rpartition("@")[2]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
            **TALKATIVE,
            "EXPUNGE_HOME": str(home),
            "EXPUNGE_SETTLING": "PT0S",
            "EXPUNGE_SEARCH__EVERY": "PT0S",
            "EXPUNGE_MAX_ATTEMPTS": "2",
            "EXPUNGE_RETRY_PAUSE": "PT0.01S",
            "EXPUNGE_STORES__MAIN__URL": f"postgresql://clerk:clerk@{place}",
            "EXPUNGE_STORES__MAIN__LOCK_TIMEOUT": "100ms",
            "EXPUNGE_STORES__CACHE__URL": stack.endpoints.redis_url,
            "EXPUNGE_STORES__FILES__ENDPOINT_URL": stack.endpoints.s3_endpoint,
            "EXPUNGE_STORES__FILES__ACCESS_KEY_ID": stack.endpoints.s3_access_key,
            "EXPUNGE_STORES__FILES__SECRET_ACCESS_KEY": stack.endpoints.s3_secret_key,
        }
        made = House(stack, CliRunner(directory, environment, fork_server), home, client)
        made.run("keys", "keys", "init")
        made.run("adopt", "adopt", "cache")
        yield made


# A defect: a connector whose text and whose local variables hold values.
DEFECT = """
from expunge_connectors.redis import RedisStore
def broken(self, subjects, *rest):
    values = [key.value for subject in subjects for key in subject.keys]
    raise RuntimeError(f"cannot work on {values}")
RedisStore.{verb} = broken
"""


@pytest.fixture(scope="module")
def walked(house: House) -> tuple[House, Flock]:
    """The whole walk of one person's request, with everything going wrong on the way that can go wrong."""
    birds = person()
    house.plant(birds)
    csv = request_of(birds)
    house.run("check", "check")
    swept = house.run("sweep", "check", "--sample")
    assert "public.strays.body" in swept.output, "an unmapped place is searched, and named"
    assert "Names of the shape {text}:{email}" in swept.output
    with failing(house, birds, "wrong type"):
        house.run("plan, wrong type", "plan", "-", "-c", "house", stdin=csv, code=8)
    defective(house, "count", "plan, defect", "plan", "-", "-c", "house", stdin=csv, code=70)
    house.run("plan, bad list", "plan", "-", "-c", "house", stdin=csv.replace(",", ";"), code=4)
    house.run(
        "plan, timeout", "plan", "-", "-c", "house", stdin=csv, code=8, EXPUNGE_STORES__MAIN__STATEMENT_TIMEOUT="1ms"
    )
    located(house, birds, csv)
    plan = json.loads(house.run("plan", "plan", "-", "-c", "house", "--json", stdin=csv).out)
    batch = plan["id"]
    confirmed = ("erase", batch, "--confirm", plan["digest"])
    house.run("erase, unconfirmed", "erase", batch, code=7)
    # The locked row last: on a slow machine the notes are erased by then, in a transaction of their own.
    for why, typed in (
        ("reply of another", confirmed),
        ("wrong type", ("erase", batch)),
        ("locked row", ("erase", batch)),
    ):
        with failing(house, birds, why):
            house.run(f"erase, {why}", *typed, code=1)
            house.run("status", "status", batch)
    defective(house, "erase", "erase, defect", "erase", batch, code=1)
    assert house.left(birds) > 0
    house.run("erase", "erase", batch)
    assert house.left(birds) == 0
    # Back again before the settling check, which erases it once more.
    with house.redis() as client:
        client.rpush(f"queue:{birds['handle']}", birds["queued"])
    left_behind(house, birds, batch)
    assert "searched without the map" in house.run("run-due", "run-due").output
    assert house.left(birds) == 0
    house.run("status", "status", batch)
    house.run("status of all", "status", "--json")
    (receipt,) = json.loads(house.run("list", "receipts", "list", "--people", "-", "--json", stdin=csv).out)["receipts"]
    assert receipt["events"][-2:] == ["re-erased", "settled"]
    series = receipt["id"]
    house.run("show", "receipts", "show", series)
    house.run("export", "receipts", "export", series, "-o", "receipt.json", "--page", "receipt.html")
    house.run("opening", "receipts", "opening", series, "-", "-o", "openings", stdin=csv)
    written = house.run("opening", "receipts", "opening", series, "-", "-o", "openings", "--json", stdin=csv)
    assert {"email", "phone"} <= json.loads(written.out)["openings"].keys()
    opening = next((house.cli.directory / "openings").iterdir())
    house.run(
        "verify",
        "receipts",
        "verify",
        "receipt.json",
        "--trust",
        str(house.home.with_name("expunge-keys") / "trust.json"),
        "--opening",
        str(opening),
    )
    house.run("opening of a stranger", "receipts", "opening", series, "-", stdin="email\nx@y.example\n", code=4)
    unlucky = person()
    violated(house, unlucky)
    house.logs.update((path.name, path.read_bytes()) for path in house.stack.endpoints.log_files)
    return house, Flock({**flock(birds).birds, **{f"second {name}": one for name, one in flock(unlucky).birds.items()}})


def left_behind(house: House, birds: dict[str, Any], batch: str) -> None:
    """Something stands where the map does not look: the search before settling names the place."""
    with house.quietly() as connection:
        connection.execute("INSERT INTO strays VALUES (%s)", (f"call {birds['email']} back",))
    house.run("run-due, left behind", "run-due", code=1)
    assert "public.strays.body (1)" in house.run("status, left behind", "status", batch).output
    with house.quietly() as connection:
        connection.execute("DELETE FROM strays WHERE body LIKE 'call %'")
    house.run("retry", "retry", batch)


def located(house: House, birds: dict[str, Any], csv: str) -> None:
    """Ask what is held of the person, with and without something in the way."""
    with failing(house, birds, "wrong type"):
        house.run("locate, wrong type", "locate", "-", "-c", "house", stdin=csv, code=8)
    defective(house, "count", "locate, defect", "locate", "-", "-c", "house", stdin=csv, code=70)
    assert "main.people" in house.run("locate", "locate", "-", "-c", "house", stdin=csv).output
    house.run("locate for machines", "locate", "-", "-c", "house", "--json", stdin=csv)


def request_of(birds: dict[str, Any]) -> str:
    """The list with this one person, by every identifier."""
    columns = {
        "person_id" if name == "id" else name: str(birds[name])
        for name in ("id", "email", "phone", "code", "member_no", "handle")
    }
    return f"{','.join(columns)}\n{','.join(columns.values())}\n"


def violated(house: House, birds: dict[str, Any]) -> None:
    """A constraint fails on a value of the row. A server quotes it, to the driver and in its own log alike.

    It must get into neither, at whatever verbosity.
    """
    house.plant(birds)
    plan = json.loads(house.run("plan", "plan", "-", "-c", "house", "--json", stdin=request_of(birds)).out)
    with failing(house, birds, "duplicate key"):
        house.run("erase, duplicate key", "erase", plan["id"], "--confirm", plan["digest"], code=1)
        told = house.run("status", "status", plan["id"])
        assert "23505" in told.output
    house.run("erase", "erase", plan["id"])
    house.run("run-due", "run-due")
    assert house.left(birds) == 0


def defective(house: House, verb: str, title: str, *arguments: str, stdin: str = "", code: int) -> None:
    answer = house.cli.run(*arguments, stdin=stdin.encode(), code=DEFECT.replace("{verb}", verb))
    house.heard(title, answer, code)
    assert "RuntimeError" in answer.output


@contextmanager
def failing(house: House, birds: dict[str, Any], why: str) -> Iterator[None]:
    """Something stands in the way of the erasure, for the block."""
    with house.quietly() as connection, house.redis() as client:
        match why:
            case "wrong type":
                client.rename(f"queue:{birds['handle']}", "aside")
                client.set(f"queue:{birds['handle']}", "x")
                yield
                client.delete(f"queue:{birds['handle']}")
                client.rename("aside", f"queue:{birds['handle']}")
            case "locked row":
                connection.execute("BEGIN")
                connection.execute("SELECT FROM people WHERE id = %s FOR UPDATE", (birds["id"],))
                yield
                connection.execute("ROLLBACK")
            case "reply of another":
                connection.execute("INSERT INTO people (id, email) VALUES (7, 'seven@canary.example')")
                connection.execute("INSERT INTO notes VALUES (7, 7, %s, 'an answer')", (birds["note_id"],))
                yield
                connection.execute("DELETE FROM notes WHERE id = 7")
                connection.execute("DELETE FROM people WHERE id = 7")
            case "duplicate key":
                connection.execute("INSERT INTO people (id, email) VALUES (8, 'gone-' || %s)", (str(birds["id"]),))
                yield
                connection.execute("DELETE FROM people WHERE id = 8")
            case _:
                pytest.fail(f"no such failure: {why}")


def test_nothing_of_it_is_in_what_the_commands_said(walked: tuple[House, Flock]) -> None:
    house, canaries = walked
    seen = {title: canaries.found_in((answer.out + answer.err).encode()) for title, answer in house.said.items()}
    assert {title: found for title, found in seen.items() if found} == {}


def test_nothing_of_it_is_in_ledger_log_keys_receipts_and_pages(walked: tuple[House, Flock]) -> None:
    house, canaries = walked
    places = [path for path in house.cli.directory.iterdir() if path.name not in {"openings", "datamap.yaml"}]
    names = {path.name for path in files_below(places)}
    assert {"ledger.sqlite3", "checkpoint", "receipt.json", "receipt.html", "trust.json"} <= names
    assert canaries.found_below(places) == {}
    assert canaries.found_in_each(house.disk) == {}


def test_openings_are_the_one_place_that_holds_an_identifier(walked: tuple[House, Flock]) -> None:
    house, canaries = walked
    found = canaries.found_below([house.cli.directory / "openings"])
    assert {one.partition("/")[0] for seen in found.values() for one in seen} >= {"email", "phone"}


def test_nothing_of_it_is_in_the_servers_own_logs(walked: tuple[House, Flock]) -> None:
    house, canaries = walked
    seen = {name: canaries.found_in(content) for name, content in house.logs.items()}
    assert seen.keys() == {"postgres.log", "valkey.log", "seaweedfs.log"}
    assert {name: found for name, found in seen.items() if found} == {}


def test_the_servers_logs_are_as_talkative_as_they_can_be(walked: tuple[House, Flock]) -> None:
    """The control: our statements are there, with their parameters, and so are their failures."""
    house, _ = walked
    (log,) = [path.read_text() for path in house.stack.endpoints.log_files if path.name == "postgres.log"]
    for words in ("COPY ", "DELETE FROM", "UPDATE ", "55P03", "23505", "duration:", "arameters: $1"):
        assert words in log, words


@pytest.mark.heavy
def test_tracebacks_with_local_variables_do_not_tell_either(house: House, walked: tuple[House, Flock]) -> None:
    del walked
    birds = person()
    house.plant(birds)
    canaries = flock(birds)
    keys = frozenset(
        SubjectKey(name, str(birds[key]))
        for name, key in (
            *((one, one) for one in ("email", "phone", "code", "member_no", "handle", "token", "file")),
            ("person_id", "id"),
            ("main.people.id", "id"),
        )
    )
    registry = installed()
    path = house.cli.directory / "datamap.yaml"
    data_map = load(path, registry.store_specs, registry.backup_specs)
    stores: dict[str, dict[str, SecretStr]] = {}
    for name, value in house.cli.environment.items():
        if name.startswith("EXPUNGE_STORES__"):
            _, store, option = name.split("__")
            stores.setdefault(store.lower(), {})[option.lower()] = SecretStr(value)
    told: dict[str, str] = {}
    with connected(Settings(stores=stores, data_map=path), data_map, registry) as (made, _):
        subjects = [Subject(1, keys)]
        scope = Scope("house")
        cutoff = made["main"].now()
        actions = {
            store: {
                name: data_map.data_types[str(spec.data_type)].on_request
                for name, spec in one.collection_specs().items()
            }
            for store, one in data_map.stores.items()
        }
        calls: dict[str, tuple[str, Callable[[], object]]] = {
            "wrong type": ("cache", lambda: made["cache"].count(subjects, scope, cutoff)),
            "reply of another": ("main", lambda: made["main"].erase(subjects, actions["main"], scope, cutoff, no_beat)),
            "duplicate key": ("main", lambda: made["main"].erase(subjects, actions["main"], scope, cutoff, no_beat)),
            # Last: on a slow machine the notes may be erased by then, in a slice of their own.
            "locked row": ("main", lambda: made["main"].erase(subjects, actions["main"], scope, cutoff, no_beat)),
        }
        for why, (_, call) in calls.items():
            with failing(house, birds, why), pytest.raises(ConnectorError) as caught:
                call()
            told[why] = rendered(caught.value)
        house.stack.s3.stop()
        try:
            with pytest.raises(ConnectorError) as caught:
                made["files"].count(subjects, scope, cutoff)
            told["stopped"] = rendered(caught.value)
        finally:
            house.stack.s3.start()
    assert all("subjects" in text for text in told.values())
    seen = {why: canaries.found_in(text.encode()) for why, text in told.items()}
    assert {why: found for why, found in seen.items() if found} == {}


def rendered(error: BaseException) -> str:
    """A traceback with local variables, as the standard library and as rich print it, from our first frame on."""
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_globals["__name__"].startswith("expunge_"):
        trace = trace.tb_next
    assert trace is not None
    error = error.with_traceback(trace)
    console = Console(width=300, record=True, quiet=True)
    console.print(
        Traceback.from_exception(
            type(error), error, trace, show_locals=True, locals_max_string=None, locals_max_length=None
        )
    )
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return plain + console.export_text()


def test_the_sealed_identifiers_are_destroyed_in_the_end(walked: tuple[House, Flock]) -> None:
    house, _ = walked
    with sqlite3.connect(house.home / "ledger.sqlite3") as ledger:
        rows = ledger.execute(
            "SELECT wrapped_key, sealed_identifiers, sealed_keys FROM item"
            " JOIN batch ON batch.id = batch_id WHERE batch.state = 'settled'"
        ).fetchall()
    ledger.close()
    assert rows == [(None, None, None)] * 2


def test_so_they_are_of_whom_an_operator_ends(installation: Installation, inspector: StoreInspector) -> None:
    """No settling check follows, which destroys everybody else's."""
    batch = ended_half_way(installation, make_holder(inspector))
    assert keys_left(installation, batch) == 0


ENCODINGS = sorted(forms("text"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_canary_that_is_there_is_found(tmp_path: Path, encoding: str) -> None:
    """The negative control: in each encoding, at any place of a longer text."""
    birds = flock(person())
    name, value = next((name, value) for name, value in birds.birds.items() if name == "body/0")
    form = forms(value)[encoding]
    assert len(form) > 8
    (tmp_path / "some.log").write_bytes(b"2026-01-01 LOG: x " + form + b" y\n")
    assert f"{name} as {encoding}" in birds.found_below([tmp_path])["some.log"]


@pytest.mark.parametrize("shift", range(3))
def test_base64_of_a_longer_text_is_found(shift: int) -> None:
    birds = flock(person())
    value = birds.birds["body/0"]
    assert isinstance(value, str)
    longer = base64.b64encode(b"x" * shift + b"abc" + value.encode() + b"tail")
    assert any("base64" in one for one in birds.found_in(longer))
