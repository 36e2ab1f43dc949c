"""The blind search on a whole company: 30 planted leftovers are found, and of the erased nothing else is."""

from __future__ import annotations

import gzip
import io
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import sql
from tests.support.ambiguous_identifiers import as_csv
from tests.support.blind_search import OTHERS, WRITTEN
from tests.support.canary_values import Flock
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_caller, make_holder
from tests.support.store_inspector import StoreInspector, changed

from expunge_config.errors import InputError
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.report import PlaceFinding, Standing
from expunge_orchestrator.blind_search import BlindSearch, search_blind
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.subjects.csv_input import read_people

NORA = {"email": "nora.left@mail.example", "phone": "+4917655501234"}
EMAIL, PHONE = NORA.values()
# Of the forms in which the matcher's own test writes Nora, those of what a list of people can name.
FORMS = [name for name in WRITTEN if not name.startswith("user name")]
EXPORTS = "calltrack-exports"

Plant = Callable[[StoreInspector], None]


def in_table(name: str, column: str, value: Any) -> Plant:
    def plant(inspector: StoreInspector) -> None:
        with inspector.postgres() as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS forgotten")
            made = sql.SQL("CREATE TABLE forgotten.{} (id int, what {})").format(sql.Identifier(name), sql.SQL(column))  # type: ignore[arg-type]
            connection.execute(made)
            into = sql.SQL("INSERT INTO forgotten.{} VALUES (1, {})").format(sql.Identifier(name), sql.Literal(value))
            connection.execute(into)

    return plant


def in_redis(key: str, put: Callable[[Any, str], object]) -> Plant:
    def plant(inspector: StoreInspector) -> None:
        with inspector.redis() as client:
            put(client, key)

    return plant


def in_s3(key: str, **more: Any) -> Plant:
    return lambda inspector: inspector.s3.put_object(Bucket=EXPORTS, Key=key, Body=b"x", **more) and None


# What it is called -> (how it is left behind, where it is to be found).
LEFTOVERS: dict[str, tuple[Plant, str]] = {
    **{
        f"a text: {form}": (in_table(f"t{at}", "text", WRITTEN[form]), f"main: forgotten.t{at}.what")
        for at, form in enumerate(FORMS)
    },
    "a key in JSON": (in_table("j1", "jsonb", json.dumps({"seen": {EMAIL: 3}})), "main: forgotten.j1.what"),
    "an array": (in_table("j2", "text[]", ["a", PHONE]), "main: forgotten.j2.what"),
    "bytes": (in_table("j3", "bytea", gzip.compress(EMAIL.encode())), "main: forgotten.j3.what"),
    "a name in Redis": (in_redis(f"draft:{EMAIL}", lambda client, key: client.set(key, "x")), "cache: draft:{email}"),
    "a payload in Redis": (
        in_redis("job:1", lambda client, key: client.set(key, json.dumps({"to": EMAIL}))),
        "cache: job:{n}",
    ),
    "a hash in Redis": (in_redis("score:1", lambda client, key: client.hset(key, "by", PHONE)), "cache: score:{n}"),
    "a member in Redis": (in_redis("vote:1", lambda client, key: client.sadd(key, EMAIL)), "cache: vote:{n}"),
    "a scored member in Redis": (
        in_redis("feed:1", lambda client, key: client.zadd(key, {EMAIL: 1})),
        "cache: feed:{n}",
    ),
    "a name in S3": (in_s3(f"old/{EMAIL}.csv"), f"recordings: {EXPORTS}/old/{{email}}"),
    "metadata in S3": (in_s3("doc/1", Metadata={"by": EMAIL}), f"recordings: {EXPORTS}/doc/{{n}}"),
    "a tag in S3": (in_s3("file/1", Tagging="by=nora.left%40mail.example"), f"recordings: {EXPORTS}/file/{{n}}"),
}


def found_by(installation: Installation, csv: str) -> BlindSearch:
    workspace = installation.workspace
    people = read_people(io.BytesIO(csv.encode()), workspace.data_map)
    return search_blind(
        workspace.stores, workspace.data_map, people, effort=Effort(), at_once=3, done=lambda _number: None
    )


def name_of(one: PlaceFinding) -> str:
    return f"{one.place.store}: {one.place.name}"


@pytest.fixture(scope="module")
def planted(module_installation: Installation, inspector: StoreInspector) -> Iterator[BlindSearch]:
    """What a search for Nora and a stranger finds after all of it was planted. All of it is taken away afterwards."""
    for plant, _ in LEFTOVERS.values():
        plant(inspector)
    for at, text in enumerate(OTHERS.values()):
        in_table(f"o{at}", "text", text)(inspector)
    yield found_by(module_installation, as_csv(NORA) + "zoe@nowhere.example,\n")
    inspector.sql("DROP SCHEMA IF EXISTS forgotten CASCADE")
    with inspector.redis() as client:
        client.delete(f"draft:{EMAIL}", "job:1", "score:1", "vote:1", "feed:1")
    for key in (f"old/{EMAIL}.csv", "doc/1", "file/1"):
        for _, version, *_ in inspector.versions(EXPORTS, key):
            inspector.s3.delete_object(Bucket=EXPORTS, Key=key, VersionId=version)


def test_there_are_thirty_leftovers() -> None:
    assert len(LEFTOVERS) >= 30


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_was_left_behind_is_found_and_its_place_is_named(planted: BlindSearch, name: str) -> None:
    [one] = [one for one in planted.leftovers if name_of(one) == LEFTOVERS[name][1]]
    assert (one.records, one.people, one.place.standing) == (1, frozenset({1}), Standing.UNMAPPED)


def test_nothing_else_is_found_and_nothing_shows_a_value(planted: BlindSearch) -> None:
    assert {name_of(one) for one in planted.leftovers} == {place for _, place in LEFTOVERS.values()}
    assert [gap for report in planted.reports for gap in report.gaps] == []
    assert Flock(NORA).found_in(repr(planted).encode()) == []


def test_of_the_erased_nothing_is_found_but_what_is_retained_or_a_log(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    installation = module_installation
    holders = [make_holder(inspector) for _ in range(3)]
    caller = make_caller(inspector)
    inspector.sql("UPDATE marketing_optouts SET created_at = now() WHERE email = %s", holders[0].email)
    inspector.sql(
        "INSERT INTO access_log (ip, browser, url, status) VALUES ('10.0.0.1', 'b', %s, 200)",
        f"/?mail={holders[1].email.replace('@', '%40')}",
    )
    generated = [installation.calltrack.company.holder(one).user for one in installation.calltrack.take_holders(15)]
    clients = {
        row[0]
        for row in inspector.sql(
            "SELECT phone FROM callers UNION SELECT phone FROM leads UNION SELECT email FROM leads"
            " UNION SELECT phone FROM users GROUP BY phone HAVING count(*) > 1"
        )
    }
    people = [(one.email, one.phone) for one in (*holders, caller)]
    # Some rang a client as well, and stay in that client's records.
    people += [
        (one.email, one.phone if one.phone not in clients else "") for one in generated if one.email not in clients
    ]
    csv = "email,phone\n" + "".join(f"{email},{phone}\n" for email, phone in people)
    before = found_by(installation, csv)
    mapped = {one.place.collection for one in before.leftovers}
    assert {"users", "sessions", "callers", "calls", "leads", "caller_cache"} <= mapped
    assert {one.place.standing for one in before.leftovers} == {Standing.MAPPED}
    ids = "user_id\n" + "".join(f"{one.id}\n" for one in (*holders, *generated))
    for batch in (installation.plan(ids), installation.plan(caller.csv, caller.controller)):
        assert installation.erase(batch).state is BatchState.ERASED
    after = found_by(installation, csv)
    assert after.leftovers == ()
    assert after.whole
    assert {(one.place.standing, one.place.collection) for report in after.reports for one in report.findings} == {
        (Standing.RETAINED, "marketing_optouts"),
        (Standing.LOG, "access_log"),
    }


def test_what_nobody_searches_for_is_said(module_installation: Installation) -> None:
    found = found_by(module_installation, "user_id,email,postal_address\n1,zoe@nowhere.example,x\n999999999,,\n")
    assert found.unsearched == {"postal_address": 1, "user_id": 2}
    assert found.nameless == {2}
    assert not found.whole
    with pytest.raises(InputError, match="can be searched for"):
        found_by(module_installation, "user_id\n1\n")


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cli(
    module_installation: Installation, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> CliRunner:
    assert module_installation.workspace
    return CliRunner(
        tmp_path_factory.mktemp("cli"),
        module_installation.calltrack.environment(module_installation.home),
        fork_server,
    )


def test_the_command_tells_places_and_no_value_and_writes_nothing(inspector: StoreInspector, cli: CliRunner) -> None:
    ann = make_holder(inspector)
    in_table("late", "text", f"from {ann.email}")(inspector)
    canaries = Flock({"email": ann.email, "phone": ann.phone, "mark": ann.email[7:19]})
    csv = as_csv({"email": ann.email, "phone": ann.phone}).encode()
    was = inspector.contents()
    try:
        shown = cli.run("search", "--blind", "-", "--share", "100", stdin=csv)
        told = cli.run("search", "--blind", "-", "--share", "100", "--json", stdin=csv)
        one = cli.run("search", "--blind", "-", "--store", "recordings", stdin=csv)
        late = cli.run("search", "--blind", "-", "--minutes", "0", "--store", "main", stdin=csv)
    finally:
        inspector.sql("DROP SCHEMA IF EXISTS forgotten CASCADE")
    assert (shown.code, told.code, one.code, late.code) == (14, 14, 0, 13), (shown, told, one, late)
    document = json.loads(told.out)
    places = {(place["place"], place["standing"], place["collection"]) for place in document["findings"]}
    assert {
        ("forgotten.late.what", "unmapped", None),
        ("public.users.email", "mapped", "users"),
        ("public.marketing_optouts.email", "retained", "marketing_optouts"),
    } <= places
    assert document["whole"]
    assert "forgotten.late.what" in shown.out
    assert "not in time" in late.out
    assert changed(was, inspector.contents()).keys() <= {"table forgotten.late"}
    for answer in (shown, told, one, late):
        assert canaries.found_in((answer.out + answer.err).encode()) == []


def test_the_command_finds_nothing_of_a_stranger(cli: CliRunner) -> None:
    stranger = f"email\n{secrets.token_hex(6)}@nowhere.example\n".encode()
    answer = cli.run("search", "--blind", "-", "--share", "100", stdin=stranger)
    assert answer.code == 0, answer
    assert "Nothing was found." in answer.out


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (("search",), b"", 2),
        (("search", "--blind", "-", "--store", "nowhere"), b"email\na@b.example\n", 2),
        (("search", "--blind", "-"), b"user_id\n7\n", 4),
        (("search", "--blind", "-"), b"email\nno address\n", 4),
        (("search", "--blind", "missing.csv"), b"", 4),
    ],
)
def test_a_wrong_call_is_refused(cli: CliRunner, arguments: tuple[str, ...], stdin: bytes, code: int) -> None:
    answer = cli.run(*arguments, stdin=stdin)
    assert answer.code == code, answer
    assert "no address" not in answer.output
    assert "nowhere" not in answer.output
