"""A client's receipt says by when it was to be answered: the promise, and the law's clock beside it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.receipt_schemas import assert_has_published_form
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator import clock, deadlines
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution import operator_cancel
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import export, trust
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log
from expunge_reports.page.render import receipt_page
from expunge_reports.verify import verifier
from expunge_reports.verify.verdict import Verdict

BERLIN = ZoneInfo("Europe/Berlin")


def receipt(installation: Installation, batch: Batch) -> tuple[list[Any], str]:
    """The documents that the first statement cites, and the page, of a batch of one."""
    ((_, documents, shown),) = receipts(installation, batch)
    return documents, shown


def receipts(installation: Installation, batch: Batch) -> list[tuple[Verdict, list[Any], str]]:
    """The verdict of each person, in order, the documents that the first statement cites, and the page."""
    settings, operator, keys = (
        installation.settings,
        installation.workspace.data_map.operator,
        installation.workspace.keys,
    )
    log = Log.open(settings.log, signed_note.log_key(operator.log_origin, keys.log.public_key()))
    with reading(installation.workspace.ledger) as connection:
        series = receipt_export.series_of(connection, batch.uid, None, Tagger(keys.suppression))
        exported = [receipt_export.export_of(connection, log, one.series) for one in series]
    trusted, found = trust.parse((settings.keys / TRUST_FILE).read_bytes()), []
    for data in exported:
        assert_has_published_form(data)
        verdict = verifier.verify(data, trusted, [], datetime.now(UTC))
        assert verdict.authentic, verdict
        shared = export.parse(data).shared
        cited = [shared[digest] for digest in verdict.statements[0].context]
        found.append((verdict, cited, receipt_page(verdict, shared)))
    return found


def test_a_clients_receipt_holds_both_clocks(module_installation: Installation, inspector: StoreInspector) -> None:
    caller = make_caller(inspector)
    batch = module_installation.plan(caller.csv, caller.controller)
    module_installation.erase(batch)
    (_, stated), shown = receipt(module_installation, batch)
    spec = module_installation.workspace.data_map.controllers["client"].deadline
    assert spec is not None
    assert stated == deadlines.document(deadlines.calculate(spec, clock.parse(batch.created_at)))
    assert [one["clock"] for one in stated["clocks"]] == ["promise", "statute"]
    assert "By when it is to be answered" in shown


def test_a_request_that_was_cancelled_says_so_too(module_installation: Installation, inspector: StoreInspector) -> None:
    caller = make_caller(inspector)
    batch = module_installation.plan(caller.csv, caller.controller)
    operator_cancel.cancel(module_installation.workspace.ledger, batch, "ops")
    attach(module_installation.workspace, batch, only=batch.id)
    (_, stated), _ = receipt(module_installation, batch)
    assert stated["kind"] == "deadlines"


def test_who_was_promised_nothing_gets_no_clock(module_installation: Installation, inspector: StoreInspector) -> None:
    batch = module_installation.plan(f"user_id\n{module_installation.calltrack.take_holders()[0]}\n")
    module_installation.erase(batch)
    documents, shown = receipt(module_installation, batch)
    assert [one["kind"] for one in documents] == ["plan"]
    assert "By when it is to be answered" not in shown


def test_the_clocks_of_a_request_run_from_its_own_receipt_not_from_its_batch(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """A request has waited for its grace before it had a batch, and its controller had it earlier still."""
    caller = make_caller(inspector)
    batch = module_installation.plan(caller.csv, caller.controller)
    row = {"uid": "rq_1", "origin": "controller", "controller": "client", "state": "started", "asked_by": "client"}
    times = {
        "received_at": "2026-11-02T09:00:00Z",
        "controller_received_at": "2026-10-30T08:00:00Z",
        "due_at": "2026-11-16T09:00:00Z",
        "state_at": "2026-11-16T09:00:00Z",
    }
    with module_installation.workspace.ledger.begin() as connection:
        connection.execute(sa.insert(request).values(**row, **times, grace_waived=False, batch_id=batch.id))
    module_installation.erase(batch)
    (_, stated), _ = receipt(module_installation, batch)
    assert (stated["receivedAt"], stated["controllerReceivedAt"]) == (
        times["received_at"],
        times["controller_received_at"],
    )
    assert [one["lastDay"] for one in stated["clocks"]] == ["2026-12-14", "2026-11-30"]


# Lists: when each person of them asked -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cli(
    module_installation: Installation, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> CliRunner:
    environment = module_installation.calltrack.environment(module_installation.home)
    return CliRunner(tmp_path_factory.mktemp("cli"), environment, fork_server)


def planned(cli: CliRunner, installation: Installation, people: str, *options: str) -> Batch:
    answer = cli.run("plan", "-", "-c", "client:42", "--json", *options, stdin=people.encode())
    assert answer.code == 0, answer
    with reading(installation.workspace.ledger) as connection:
        return batch_by_uid(connection, json.loads(answer.out)["id"])


def today_in_berlin() -> date:
    return datetime.now(BERLIN).date()


def first_moment(day: date) -> str:
    """Of a day of the client, whose deadline has its own time zone."""
    return clock.stamp(datetime(day.year, day.month, day.day, tzinfo=BERLIN))


def test_the_deadlines_of_a_list_run_from_when_each_person_asked(
    module_installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    """From the column, else from the option; one body and one document of deadlines for each time."""
    first, second = today_in_berlin() - timedelta(days=9), today_in_berlin() - timedelta(days=60)
    moment = datetime.now(UTC) - timedelta(days=2)
    fields = [str(first), "", str(first), moment.isoformat(timespec="seconds"), ""]
    lines = [f"{make_caller(inspector).id},{field}" for field in fields]
    people = "\n".join(["caller_id,received_at", *lines, ""])
    batch = planned(cli, module_installation, people, "--received-at", str(second))
    module_installation.erase(batch)
    told = receipts(module_installation, batch)
    expected = [first_moment(one) for one in (first, second, first)] + [clock.stamp(moment), first_moment(second)]
    assert [verdict.statements[0].body["receivedAt"] for verdict, _, _ in told] == expected
    spec = module_installation.workspace.data_map.controllers["client"].deadline
    assert spec is not None
    for at, (verdict, (_, stated), shown) in zip(expected, told, strict=True):
        accepted = verdict.statements[0]
        assert stated == deadlines.document(deadlines.calculate(spec, clock.parse(at)))
        assert accepted.open.expected_by == clock.parse(stated["answerBy"])
        assert (
            ("receivedAtIs" in accepted.body) == ("at what time is not known" in shown) == (at != clock.stamp(moment))
        )
    assert [verdict.statements[0].body.get("receivedAtIs") for verdict, _, _ in told] == ["day"] * 3 + [None, "day"]
    assert len({tuple(verdict.statements[0].context) for verdict, _, _ in told}) == 3


def test_whoever_is_said_to_have_asked_at_no_time_is_dated_by_the_planning_and_that_is_said(
    module_installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    day = today_in_berlin() - timedelta(days=9)
    people = f"received_at,caller_id\n,{make_caller(inspector).id}\n{day},{make_caller(inspector).id}\n"
    batch = planned(cli, module_installation, people)
    module_installation.erase(batch)
    (unsaid, (_, stated), shown), (said, _, _) = receipts(module_installation, batch)
    body = unsaid.statements[0].body
    assert (body["receivedAt"], body["receivedAtIs"], stated["receivedAt"]) == (
        batch.created_at,
        "planning",
        batch.created_at,
    )
    assert "nobody said when it came in" in shown
    assert said.statements[0].body["receivedAt"] == first_moment(day)
    assert said.statements[0].body["receivedAtIs"] == "day"


def test_a_list_that_was_cancelled_says_when_it_was_received(
    module_installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    day = today_in_berlin() - timedelta(days=9)
    batch = planned(cli, module_installation, make_caller(inspector).csv, "--received-at", str(day))
    operator_cancel.cancel(module_installation.workspace.ledger, batch, "ops")
    attach(module_installation.workspace, batch, only=batch.id)
    ((verdict, (_, stated), _),) = receipts(module_installation, batch)
    assert verdict.statements[0].body["receivedAt"] == stated["receivedAt"] == first_moment(day)


def test_erase_plans_with_the_same_option(
    module_installation: Installation, inspector: StoreInspector, cli: CliRunner
) -> None:
    """It asks first, and nobody answers: the plan is there, and knows when the person asked."""
    day, people = today_in_berlin() - timedelta(days=3), cli.directory / "people.csv"
    people.write_text(make_caller(inspector).csv)
    options = ["--people", str(people), "-c", "client:42", "--received-at", str(day)]
    refused = cli.run("erase", *options)
    assert refused.code == 7, refused
    with reading(module_installation.workspace.ledger) as connection:
        newest = sa.select(tables.item.c.received_at).order_by(tables.item.c.id.desc()).limit(1)
        assert connection.scalar(newest) == str(day)
    of_a_batch = cli.run("erase", "bt_000000000000", "--received-at", str(day))
    assert (of_a_batch.code, "--received-at needs --people" in of_a_batch.output) == (2, True)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("2001-02-03", "--received-at is years in the past"),
        ("2999-01-01", "--received-at is in the future"),
        ("zyqv-4711", "--received-at is neither a day"),
        ("2026-11-20T09:30", "--received-at is neither a day"),
    ],
)
def test_a_time_at_which_nobody_can_have_asked_is_refused(cli: CliRunner, told: str, why: str) -> None:
    answer = cli.run("plan", "-", "-c", "client:42", "--received-at", told, stdin=b"caller_id\n1\n")
    assert (answer.code, why in answer.output) == (2, True), answer
    assert told not in answer.output.replace("(2026-11-20T09:30:00+01:00)", "")


def test_a_column_at_which_nobody_can_have_asked_is_refused(cli: CliRunner) -> None:
    lines = b"caller_id,received_at\n1,\n2,zyqv-4711\n3,2999-01-01\n,2026-11-20\n"
    answer = cli.run("plan", "-", "-c", "client:42", stdin=lines)
    assert answer.code == 4, answer
    for why in (
        "line 3, column received_at: is neither a day",
        "line 4, column received_at: is in the future",
        "line 5: nobody is named in it",
    ):
        assert why in answer.output
    assert "zyqv" not in answer.output
