"""`expunge locate`: what is held and where, beside a count that knows nothing of Expunge. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.support.ambiguous_identifiers import CASES, Case, as_csv
from tests.support.canary_values import Flock
from tests.support.cancellation import ended_half_way
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.locate import located, records, the_one
from tests.support.outages import SERVERS, rename, server_of
from tests.support.people import SeededPerson, fresh_phone, make_caller, make_holder
from tests.support.store_inspector import StoreInspector, changed

from expunge_config.errors import InputError
from expunge_connectors.contract import StoreConnector, SubjectKey
from expunge_connectors.errors import ConnectorError, TerminalError
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger import request_tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.tables import backup_copy
from expunge_orchestrator.locate import MAX_PEOPLE, LocateResult, locate
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.workspace import Workspace

# What is held --------------------------------------------------------------------------------------------------------


def test_an_account_holder_is_found_in_every_collection(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    for word in ("second", "third"):
        inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", ann.id, word)
    found = located(module_installation, ann.csv, ann.controller)
    one = the_one(found)
    assert records(one) == ann.left(inspector)
    assert records(one)["main.messages"] == 3
    assert (one.answer, one.ambiguity, one.unfollowed, one.unfinished) == (LocateResult.HELD, None, 0, {})
    assert {held.unsure for held in one.per_collection} == {0}
    assert found.collections == tuple(held.info for held in one.per_collection)
    assert found.looked_at.keys() == {"main", "recordings", "cache"}


def test_a_caller_is_found_by_phone_with_every_version_of_a_recording(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    one = the_one(located(module_installation, f"phone\n{ann.phone}\n", ann.controller))
    assert records(one) == ann.left(inspector)
    assert records(one)["recordings.recordings"] == 2


def test_several_people_each_have_their_own(module_installation: Installation, inspector: StoreInspector) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'second')", bob.id)
    people = located(module_installation, f"user_id\n{ann.id}\n{bob.id}\n0\n", "calltrack").people
    assert [one.number for one in people] == [1, 2, 3]
    assert [records(one) for one in people[:2]] == [ann.left(inspector), bob.left(inspector)]
    assert people[2].answer is LocateResult.NOT_FOUND
    assert set(records(people[2]).values()) == {0}


def test_what_a_request_for_erasure_would_leave_is_told_with_its_ground(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    issued = datetime.now(UTC) - timedelta(days=10)
    inspector.sql(
        "INSERT INTO invoices (user_id, number, billing_name, cents, issued_at) VALUES (%s, %s, 'x', 1, %s)",
        ann.id,
        f"L-{ann.id}",
        issued,
    )
    found = located(module_installation, ann.csv, ann.controller)
    (invoices,) = [held for held in the_one(found).per_collection if held.info.name == "main.invoices"]
    assert (invoices.records, invoices.kept) == (2, 1)
    assert invoices.ground == found.data_types["invoices"].ground
    assert invoices.until is not None
    assert invoices.until.year == issued.year + 10
    assert invoices.info.found_by == ("public.invoices.user_id is users.id",)
    (messages,) = [held for held in the_one(found).per_collection if held.info.name == "main.messages"]
    assert (messages.kept, messages.ground, messages.until) == (0, None, None)


def test_how_records_are_linked_is_told_of_every_store(module_installation: Installation) -> None:
    told = {
        info.name: list(info.found_by)
        for controller in ("calltrack", "client:42")
        for info in located(module_installation, "phone\n+4930123450\n", controller).collections
    }
    assert all(told.values())
    assert told["main.users"] == [
        "public.users.id is user_id",
        "public.users.email is email",
        "public.users.phone is phone",
    ]
    assert told["cache.sessions"] == ["key session:{session_token}"]
    assert told["cache.online_users"] == ["member {user_id} of key online"]
    assert told["recordings.exports"] == ["objects below users/{user_id}/ in calltrack-exports"]
    assert told["recordings.recordings"] == ["object {recording_object} in calltrack-recordings"]


def test_what_only_an_identifier_leads_to_and_nothing_vouches_for_is_unsure(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    inspector.sql("UPDATE marketing_optouts SET created_at = now() + interval '1 day' WHERE email = %s", ann.email)
    (held,) = [
        one
        for one in the_one(located(module_installation, ann.csv, ann.controller)).per_collection
        if one.info.name == "main.marketing_optouts"
    ]
    assert (held.records, held.unsure) == (0, 1)
    assert not held.empty


def test_an_identifier_that_others_have_as_well_is_not_followed_and_told(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    phone = fresh_phone()
    ann, _ = make_holder(inspector, phone), make_holder(inspector, phone)
    one = the_one(located(module_installation, ann.csv, ann.controller))
    assert records(one) == ann.left(inspector)
    assert one.unfollowed == 1


# What is not looked into ---------------------------------------------------------------------------------------------


def test_clients_records_of_the_same_phone_are_not_the_companys(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    make_caller(inspector, ann.phone)
    found = located(module_installation, f"phone\n{ann.phone}\n", "calltrack")
    assert records(the_one(found)) == ann.left(inspector)
    (other,) = found.others
    assert (other.controller, other.name) == ("client:<id>", "A client of Calltrack")
    assert other.data_types == ("calls", "leads")


def test_another_clients_records_are_not_counted(module_installation: Installation, inspector: StoreInspector) -> None:
    ours = make_caller(inspector)
    theirs = make_caller(inspector, ours.phone, client_id=43)
    found = located(module_installation, f"phone\n{ours.phone}\n", ours.controller)
    assert records(the_one(found)) == ours.left(inspector)
    assert [one.controller for one in found.others] == ["calltrack", "client:<other id>"]
    reaching = the_one(located(module_installation, theirs.csv, ours.controller))
    assert reaching.answer is LocateResult.NOT_FOUND


def test_logs_and_copies_are_listed(module_installation: Installation) -> None:
    found = located(module_installation, "user_id\n0\n", "calltrack")
    assert [f"{one.store}.{one.collection}" for one in found.logs] == ["main.access_log", "recordings.web_access_log"]
    assert {copy.id for copy in found.copies} == {
        copy.id for copy in module_installation.workspace.backups["dumps"].copies().copies
    }
    assert found.copies
    assert (found.unseen_copies, found.unproven_places) == ((), ())
    assert found.without_backups == ("cache", "recordings")


def test_a_copy_that_was_seen_once_and_not_proved_gone_is_listed(installation: Installation) -> None:
    first = located(installation, "user_id\n0\n", "calltrack").copies[0]
    values = {
        "store": "main",
        "kind": "pg_dump",
        "taken_from": "2026-01-01T00:00:00Z",
        "taken_until": "2026-01-01T00:00:00Z",
        "status": "unknown",
        "ground": "none",
        "first_seen": "2026-01-01T00:00:00Z",
        "last_seen": "2026-02-02T00:00:00Z",
    }
    here = installation.workspace.backups["dumps"].copies().identity
    with installation.workspace.ledger.begin() as connection:
        for place, identity, copy_id, gone in (
            ("elsewhere", "0" * 64, "moved away", None),
            ("dumps", "0" * 64, "other bucket", None),
            ("dumps", here, first.id, None),
            ("elsewhere", "0" * 64, "gone", "2026-03-03T00:00:00Z"),
        ):
            row = {**values, "place": place, "identity": identity, "copy_id": copy_id, "observed_gone_at": gone}
            connection.execute(sa.insert(backup_copy).values(**row))
    found = located(installation, "user_id\n0\n", "calltrack")
    assert [(one.place, one.id) for one in found.unseen_copies] == [
        ("dumps", "other bucket"),
        ("elsewhere", "moved away"),
    ]


# Nothing certain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CASES)
def test_of_somebody_ambiguous_nothing_is_counted(
    module_installation: Installation, inspector: StoreInspector, make: Callable[[StoreInspector], Case]
) -> None:
    case = make(inspector)
    person = "user_id" if case.controller == "calltrack" else "caller_id"
    csv = as_csv(case.columns, {person: str(case.bystander.id)})
    unclear, clear = located(module_installation, csv, case.controller).people
    assert (unclear.answer, unclear.ambiguity, unclear.per_collection) == (LocateResult.AMBIGUOUS, case.reason, ())
    assert records(clear) == case.bystander.left(inspector)


def failed_half_way(installation: Installation, person: SeededPerson) -> str:
    def refuse(*_: object) -> int:
        raise TerminalError("recordings: refused.")

    batch = installation.plan(person.csv, person.controller)
    ended = installation.erase(
        batch, installation.with_stores({"recordings": broken(installation, "recordings", erase=refuse)})
    )
    assert ended.state is BatchState.FAILED
    return batch.uid


def broken(installation: Installation, store: str, **verbs: Callable[..., object]) -> StoreConnector:
    return FaultyConnector(installation.workspace.stores[store], **verbs)  # type: ignore[return-value]


def test_what_a_failed_request_left_is_not_called_all(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    batch = failed_half_way(installation, ann)
    one = the_one(located(installation, f"phone\n{ann.phone}\n", ann.controller))
    assert not any(records(one).values()), "the way there is gone"
    assert one.answer is LocateResult.INCOMPLETE
    assert ("recordings", "recordings") in one.unfinished[batch]
    stranger = make_caller(inspector, client_id=43)
    assert the_one(located(installation, stranger.csv, stranger.controller)).answer is LocateResult.HELD


def test_what_an_ended_request_left_is_found_by_an_id_and_told_to_a_phone(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    batch = ended_half_way(installation, ann)
    proven = the_one(located(installation, ann.csv, ann.controller))
    assert records(proven)["recordings.recordings"] == 2
    assert records(proven) == ann.left(inspector)
    by_phone = the_one(located(installation, f"phone\n{ann.phone}\n", ann.controller))
    assert by_phone.answer is LocateResult.INCOMPLETE
    assert ("recordings", "recordings") in by_phone.unfinished[batch.uid]


# Fail closed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", SERVERS)
def test_a_store_that_is_down_is_an_error_and_not_an_empty_place(
    module_installation: Installation, inspector: StoreInspector, store: str
) -> None:
    ann = make_holder(inspector)
    server = server_of(inspector, store)
    stopped = broken_before_counting(module_installation, store, server.stop)
    try:
        with pytest.raises(ConnectorError, match=store) as refused:
            located(module_installation, ann.csv, ann.controller, stopped)
        assert refused.value.exit_code == 8
        with pytest.raises(ConnectorError, match=store):
            located(module_installation, ann.csv, ann.controller)
    finally:
        server.start()
    assert records(the_one(located(module_installation, ann.csv, ann.controller))) == ann.left(inspector)


def broken_before_counting(installation: Installation, store: str, then: Callable[[], object]) -> Workspace:
    inner = before_call(installation.workspace.stores[store], "count", then)
    return installation.with_stores({store: inner})  # type: ignore[dict-item]


def test_a_backup_place_that_cannot_be_listed_is_an_error(module_installation: Installation) -> None:
    class Unlisted:
        name = "dumps"

        def __getattr__(self, verb: str) -> object:
            return getattr(module_installation.workspace.backups["dumps"], verb)

        def copies(self) -> object:
            raise TerminalError("dumps: refused.")

    unlisted = replace(module_installation.workspace, backups={"dumps": Unlisted()})  # type: ignore[dict-item]
    with pytest.raises(TerminalError, match="dumps"):
        located(module_installation, "user_id\n0\n", "calltrack", unlisted)


def test_a_store_that_says_nothing_of_a_collection_is_an_error(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    count = module_installation.workspace.stores["cache"].count

    def partly(*arguments: object) -> object:
        counted = count(*arguments)  # type: ignore[arg-type]
        return {
            number: {name: tally for name, tally in tallies.items() if name != "sessions"}
            for number, tallies in counted.items()
        }

    silent = module_installation.with_stores({"cache": broken(module_installation, "cache", count=partly)})
    with pytest.raises(TerminalError, match=r"cache\.sessions"):
        located(module_installation, ann.csv, ann.controller, silent)


@pytest.mark.usefixtures("fresh_inspections")
def test_findings_block(module_installation: Installation, inspector: StoreInspector) -> None:
    rename(inspector, "messages", "messages_away")
    try:
        with pytest.raises(FindingsError, match=r"main\.messages"):
            located(module_installation, "user_id\n1\n", "calltrack")
    finally:
        rename(inspector, "messages_away", "messages")


def test_a_list_that_is_too_long(module_installation: Installation) -> None:
    people = [frozenset([SubjectKey("user_id", str(number))]) for number in range(MAX_PEOPLE + 1)]
    scope = parse_scope("calltrack", module_installation.workspace.data_map)
    with pytest.raises(InputError, match=str(MAX_PEOPLE)):
        locate(module_installation.workspace, people, scope)
    assert len(locate(module_installation.workspace, people[:-1], scope).people) == MAX_PEOPLE


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


def ledger_of(installation: Installation) -> list[str]:
    with reading(installation.workspace.ledger) as connection:
        return [
            f"{table.name}: {row}"
            for table in request_tables.metadata.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key))
        ]


def files_of(installation: Installation) -> dict[str, bytes]:
    return {
        str(path.relative_to(installation.home)): path.read_bytes()
        for path in installation.home.rglob("*")
        if path.is_file() and not path.name.startswith("ledger.sqlite3")
    }


def test_the_command_writes_nothing_and_tells_no_value(
    module_installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    ann = make_holder(inspector)
    # Long enough to be no count by chance.
    canaries = Flock({"email": ann.email, "phone": ann.phone, "mark": ann.email[7:19]})
    csv = as_csv({"email": ann.email, "phone": ann.phone}).encode()
    was, ledger, files = inspector.contents(), ledger_of(module_installation), files_of(module_installation)
    shown = cli.run("locate", "-", "-c", "calltrack", stdin=csv)
    told = cli.run("locate", "-", "-c", "calltrack", "--json", stdin=csv)
    assert (shown.code, told.code) == (0, 0), (shown, told)
    assert changed(was, inspector.contents()) == {}
    assert ledger_of(module_installation) == ledger
    assert files_of(module_installation) == files
    for answer in (shown, told):
        assert canaries.found_in((answer.out + answer.err).encode()) == []
        assert ann.id not in [int(word) for word in answer.out.replace(",", " ").split() if word.isdigit()]
    document = json.loads(told.out)
    (person,) = document["people"]
    assert person["answer"] == "held"
    assert {f"{one['store']}.{one['collection']}": one["records"] for one in person["held"]} == ann.left(inspector)
    away = document["not_searched"]
    assert [one["controller"] for one in away["other_controllers"]] == ["client:<id>"]
    assert away["stores_without_backup_place"] == ["cache", "recordings"]
    assert away["backup_copies"]
    for words in (
        "Person 1 of the list",
        "main.messages",
        "log main.access_log",
        "client:<id>",
        "Nothing was written.",
    ):
        assert words in shown.out, shown.out


@pytest.mark.parametrize("controller", ["calltrack", "client:42"])
def test_nobody_found_is_an_answer(cli: CliRunner, controller: str) -> None:
    answer = cli.run("locate", "-", "-c", controller, stdin=b"email\nnobody@people.example\n")
    assert answer.code == 0, answer
    assert "nothing is held" in answer.output


def test_somebody_ambiguous_ends_the_command_with_1(inspector: StoreInspector, cli: CliRunner) -> None:
    case = CASES[0](inspector)
    people = as_csv(case.columns, {"user_id": str(case.bystander.id)}).encode()
    shown = cli.run("locate", "-", "-c", "calltrack", stdin=people)
    told = cli.run("locate", "-", "-c", "calltrack", "--json", stdin=people)
    assert (shown.code, told.code) == (1, 1), (shown, told)
    assert "1 of 2 people is ambiguous" in shown.output
    assert case.reason.value in shown.output
    unclear, clear = json.loads(told.out)["people"]
    assert (unclear["answer"], unclear["reason"], unclear["held"]) == ("ambiguous", case.reason.value, [])
    assert clear["answer"] == "held"


@pytest.mark.parametrize(
    ("people", "controller", "code"),
    [
        (b"", "calltrack", 4),
        (b"shoe_size\n44\n", "calltrack", 4),
        (b"user_id\n1\n", "nobody", 4),
        (b"user_id\n" + b"".join(b"%d\n" % number for number in range(MAX_PEOPLE + 1)), "calltrack", 4),
    ],
    ids=["empty", "unknown identity", "unknown controller", "too many"],
)
def test_what_cannot_be_asked(cli: CliRunner, people: bytes, controller: str, code: int) -> None:
    answer = cli.run("locate", "-", "-c", controller, stdin=people)
    assert answer.code == code, answer
    assert "error" in answer.err
    assert "next" in answer.err
