"""What is wrong is refused with a documented exit code and without repeating anybody's data; nothing changes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import Contents, StoreInspector, changed

SECRET = "zyqv-4711"  # stands in every bad value: seen in an answer, a value was repeated
DOCUMENTED = Path(__file__).parents[2] / "docs" / "exit-codes.md"


@dataclass(frozen=True, slots=True)
class World:
    """The command line, a plan that waits to be carried out, and the stores as they are."""

    cli: CliRunner
    batch: str
    digest: str
    before: Contents = field(repr=False)
    inspector: StoreInspector = field(repr=False)

    def plan(self, people: bytes, controller: str = "calltrack") -> CliResult:
        return self.cli.run("plan", "-", "--controller", controller, stdin=people)

    def refused(self, answer: CliResult, code: int, *words: str) -> None:
        """The command said what is wrong with this code, without a value; nothing changed; the plan still waits."""
        assert answer.code == code, answer
        assert re.search(rf"^\| {code} \|", DOCUMENTED.read_text(), re.MULTILINE)
        for word in words:
            assert word in answer.output, answer.output
        assert "error" in answer.err
        assert "Traceback" not in answer.output
        assert SECRET not in answer.output
        assert changed(self.before, self.inspector.contents()) == {}


@pytest.fixture(scope="module")
def world(
    module_installation: Installation,
    inspector: StoreInspector,
    tmp_path_factory: pytest.TempPathFactory,
    fork_server: ForkServer,
) -> World:
    holder = make_holder(inspector)
    cli = CliRunner(
        tmp_path_factory.mktemp("cli"),
        module_installation.calltrack.environment(module_installation.home),
        fork_server,
    )
    planned = cli.run("plan", "-", "-c", "calltrack", "--json", stdin=holder.csv.encode())
    assert planned.code == 0, planned
    document = json.loads(planned.out)
    return World(cli, document["id"], document["digest"], inspector.contents(), inspector)


@pytest.fixture
def plan_still_waits(module_installation: Installation, world: World) -> Iterator[None]:
    """The waiting plan is not touched by the test."""
    yield
    status = json.loads(world.cli.run("status", world.batch, "--json").out)
    assert status["state"] == "planned"
    assert status["outcomes"] == {"open": 1}


# Lists of people -----------------------------------------------------------------------------------------------------

LISTS = {
    "empty": (b"", ["The list is empty"]),
    "only blank lines": (b"\n\n\n", ["The list is empty"]),
    "no person": (b"email\n", ["no person"]),
    "NUL byte": (f"email\nann\x00{SECRET}@people.example\n".encode(), ["NUL byte in line 2"]),
    "bad UTF-8": (b"email\nann@people.example\n" + SECRET.encode() + b"\xff\xfe@people.example\n", ["UTF-8 (line 3)"]),
    "UTF-16": (f"email\n{SECRET}@people.example\n".encode("utf-16"), ["NUL byte in line 1"]),
    "unknown identity": (f"shoe_size\n{SECRET}\n".encode(), ["Column 1", "caller_id, email"]),
    "internal identity": (f"session_token\n{SECRET}\n".encode(), ["Column 1"]),
    "no header": (f"{SECRET}@people.example\n".encode(), ["Column 1"]),
    "too many fields": (f"email\n{SECRET}@people.example,x\n".encode(), ["line 2: 2 fields"]),
    "too long": (f"email\n{SECRET}{'x' * 2000}@people.example\n".encode(), ["line 2, column email"]),
    "open quote": (f'email\n"{SECRET}@people.example\n'.encode(), ["not CSV"]),
    "the same person twice": (
        f"email\n{SECRET}@people.example\n{SECRET.upper()}@people.example\n".encode(),
        ["line 3: the same person as line 2"],
    ),
    "wrong kind of value": (f"user_id\n{SECRET}\n".encode(), ["line 2, column user_id", "whole number"]),
    "SQL": (f"user_id\n1; DELETE FROM users WHERE email = '{SECRET}'; --\n".encode(), ["line 2, column user_id"]),
    "SQL as e-mail": (f"email\n'{SECRET}'; DROP TABLE users; --@x.example\n".encode(), ["line 2, column email"]),
    "formula": (f'email\n"=HYPERLINK(""http://{SECRET}.example"")"\n'.encode(), ["line 2, column email"]),
    "markup": (f"email\n[bold]{SECRET}[/bold]\n".encode(), ["line 2, column email"]),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_bad_list(world: World, name: str) -> None:
    people, words = LISTS[name]
    world.refused(world.plan(people), 4, *words)


@pytest.mark.parametrize("controller", [f"{SECRET}", "client", f"calltrack:{SECRET}", ""])
def test_a_controller_that_is_not_there(world: World, controller: str) -> None:
    world.refused(world.plan(b"user_id\n1\n", controller), 4, "controller")


@pytest.mark.parametrize("member", ["42' OR '1'='1", "*", f"4{SECRET}", "042"])
def test_a_member_that_no_column_spells_so(world: World, member: str) -> None:
    world.refused(world.plan(b"caller_id\n1\n", f"client:{member}"), 4, "spelled")


def test_a_list_that_is_not_there(world: World) -> None:
    world.refused(world.cli.run("plan", f"/nowhere/{SECRET}.csv", "-c", "calltrack"), 4, "cannot be read")


@pytest.mark.parametrize(
    ("people", "controller"),
    [
        (f'postal_address\n"\'; DELETE FROM users; -- {SECRET}"\n', "client:42"),
        (f"postal_address\n\"=cmd|'/C calc'!A0 {SECRET}\"\n", "client:42"),
    ],
    ids=["SQL as address", "formula as address"],
)
def test_text_that_looks_like_code_is_only_text(world: World, people: str, controller: str) -> None:
    """An address may hold anything. It is never run, and finds nobody."""
    planned = world.cli.run("plan", "-", "-c", controller, "--json", stdin=people.encode())
    assert planned.code == 0, planned
    plan = json.loads(planned.out)
    assert {one["due"] for store in plan["stores"].values() for one in store["collections"].values()} == {0}
    assert plan["ambiguous"] + plan["not_found"] == 1
    erased = world.cli.run("erase", plan["id"], "--confirm", plan["digest"], "--json")
    assert erased.code in {0, 1}, erased
    assert json.loads(erased.out)["outcomes"].keys() <= {"ambiguous", "not-found"}
    assert SECRET not in planned.output + erased.output
    assert changed(world.before, world.inspector.contents()) == {}


# The data map and the settings ---------------------------------------------------------------------------------------

PACKAGED = (files("expunge_demo.calltrack") / "datamap.yaml").read_text()
MAPS = {
    "not YAML": ("expunge: 1\n  stores: [", ["line"]),
    "empty": ("", ["not a mapping"]),
    "a list": ("- expunge: 1\n", ["not a mapping"]),
    "unknown key": (PACKAGED.replace("    purpose: Bookkeeping", "    purposes: Bookkeeping"), ["purposes", "line"]),
    "wrong type": (PACKAGED.replace("created: created_at", "created: [created_at]", 1), ["created", "line"]),
    "unknown identity": (PACKAGED.replace("identity: user_id}", "identity: userid}", 1), ["unknown identity", "line"]),
    "unknown connector": (PACKAGED.replace("connector: redis", "connector: memcached"), ["connector", "line"]),
}


@pytest.mark.usefixtures("plan_still_waits")
@pytest.mark.parametrize("name", MAPS)
def test_a_bad_data_map(world: World, tmp_path: Path, name: str) -> None:
    text, words = MAPS[name]
    assert text != PACKAGED
    path = tmp_path / "datamap.yaml"
    path.write_text(text)
    answer = world.cli.run("erase", world.batch, "--confirm", world.digest, settings={"EXPUNGE_DATA_MAP": str(path)})
    world.refused(answer, 3, *words)


def test_a_data_map_that_is_not_there(world: World, tmp_path: Path) -> None:
    settings = {"EXPUNGE_DATA_MAP": str(tmp_path / "none.yaml")}
    world.refused(world.cli.run("check", settings=settings), 3, "data map")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"EXPUNGE_SETLING": "PT1S"}, ["EXPUNGE_SETLING"]),
        ({"EXPUNGE_CHUNK_SIZE": SECRET}, ["EXPUNGE_CHUNK_SIZE"]),
        ({"EXPUNGE_STORES__MAIN__LOCK_TIMEOUT": SECRET}, ["EXPUNGE_STORES__MAIN__LOCK_TIMEOUT"]),
        ({"EXPUNGE_STORES__MAINE__URL": SECRET}, ["maine"]),
        ({"EXPUNGE_STORES__CACHE__URL": f"http://{SECRET}"}, ["cache"]),
    ],
    ids=["unknown setting", "wrong type", "wrong type of a store's", "unknown store", "unreadable URL"],
)
def test_bad_settings(world: World, settings: dict[str, str], words: list[str]) -> None:
    answer = world.cli.run("check", settings=settings)
    world.refused(answer, 8 if words == ["cache"] else 3, *words)


# Confirmation --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("plan_still_waits")
def test_a_wrong_digest(world: World) -> None:
    world.refused(world.cli.run("erase", world.batch, "--confirm", "0" * 64), 7, "digest")


@pytest.mark.usefixtures("plan_still_waits")
def test_nobody_there_to_ask(world: World) -> None:
    world.refused(world.cli.run("erase", world.batch, stdin=b"1\n"), 7, "--confirm")


@pytest.mark.usefixtures("plan_still_waits")
@pytest.mark.parametrize("arguments", [("erase", "bt_000000000000"), ("status", f"bt_{SECRET}"), ("erase",)])
def test_a_batch_that_is_not_there(world: World, arguments: tuple[str, ...]) -> None:
    world.refused(world.cli.run(*arguments), 2)


# Findings ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("plan_still_waits")
def test_an_undeclared_table_with_a_foreign_key_to_a_person(world: World, inspector: StoreInspector) -> None:
    inspector.sql(
        "CREATE TABLE public.stray_notes (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, note text)"
    )
    try:
        check = world.cli.run("check")
        plan = world.plan(b"user_id\n1\n")
        erase = world.cli.run("erase", world.batch, "--confirm", world.digest)
    finally:
        inspector.sql("DROP TABLE public.stray_notes")
    assert check.code == 5, check
    assert "public.stray_notes points to public.users" in check.output
    assert "(undeclared-table)" in check.output
    world.refused(plan, 5, "main.users", "public.stray_notes")
    world.refused(erase, 5, "main.users", "public.stray_notes")
    assert world.cli.run("check").code == 0


def test_the_plan_that_waited_can_still_be_carried_out(world: World) -> None:
    """The proof that the refusals above were refusals of something that works."""
    done = world.cli.run("erase", world.batch, "--confirm", world.digest, "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["state"] == "erased"
    assert changed(world.before, world.inspector.contents()) != {}


def test_keys_below_a_directory_that_is_copied_block(world: World) -> None:
    """A copy of the log's directory holds what is sealed and what opens it."""
    home = world.cli.environment["EXPUNGE_HOME"]
    below = {"EXPUNGE_KEYS_DIR": f"{home}/log/keys"}
    shutil.copytree(f"{home}-keys", f"{home}/log/keys")
    for verb in (("check",), ("plan", "-", "-c", "calltrack")):
        refused = world.cli.run(*verb, stdin=b"user_id\n1\n", settings=below)
        assert (refused.code, "what is sealed and what opens it" in refused.output) == (5, True), refused
    allowed = {**below, "EXPUNGE_ALLOW_KEYS_BESIDE_LEDGER": "true"}
    assert world.cli.run("check", settings=allowed).code == 0
    shutil.rmtree(f"{home}/log/keys")
