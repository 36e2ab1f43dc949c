"""What a law kept until a day goes by age on that day, and the request's receipt says so (`kept-gone`)."""

from __future__ import annotations

import json
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.notifications import waited
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.receipt_schemas import assert_has_published_form
from tests.support.redis.keyspace import free_port
from tests.support.servers import fresh_database
from tests.support.small_company import installed, succeeded

from expunge_connectors.errors import ConnectorError
from expunge_reports import trust
from expunge_reports.verify import verifier

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id}, found_by: [{column: id, identity: user_id}]}
invoices: {table: public.invoices, data_type: kept, start: issued, found_by: [{column: user_id, identity: user_id}]}
lines: {table: public.lines, data_type: kept, start: issued, found_by: [{column: invoice_id, of: invoices.id}]}
"""
_SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE invoices (id int PRIMARY KEY, user_id int, issued date);
CREATE TABLE lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices, issued date);
INSERT INTO users VALUES (1), (2);
INSERT INTO invoices SELECT n, n, (now() AT TIME ZONE 'UTC')::date - interval '10 years' + interval '2 days'
  FROM generate_series(1, 2) n;
INSERT INTO invoices VALUES (3, 2, (now() AT TIME ZONE 'UTC')::date);
INSERT INTO lines SELECT id, id, issued FROM invoices;
"""
DAYS = timedelta(days=3)
WRONG = """
import sys
from datetime import timedelta
from expunge_orchestrator import clock
ours = clock.now
def later(ours=ours, days=timedelta(days=3)):
    return ours() + days
for module in list(sys.modules.values()):
    if getattr(module, "now", None) is ours:
        module.now = later
"""
LATER = f"""{WRONG}
from expunge_connectors.postgres.connector import PostgresStore
def store_later(self, ours=PostgresStore.identity_at, days=timedelta(days=3)):
    identity, at = ours(self)
    return identity, at + days
PostgresStore.identity_at = store_later
"""


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    """Two customers, erased, with an invoice each of almost ten years ago; the second one has a new one as well."""
    execute(database, _SCHEMA)
    made = installed(tmp_path, fork_server, small_document(_COLLECTIONS, user_id="integer/2"), {"main": database})
    plan = json.loads(succeeded(made.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n2\n")))
    succeeded(made.run("erase", plan["id"], "--confirm", plan["digest"]))
    return made


def later(cli: CliRunner, *words: str, **settings: str) -> CliResult:
    """A command three days from now."""
    return cli.run(*words, code=LATER, settings=settings)


def sweep(cli: CliRunner) -> None:
    plan = json.loads(succeeded(later(cli, "retention", "plan", "--json")))
    succeeded(later(cli, "retention", "arm", plan["id"], "--confirm", plan["digest"]))
    succeeded(later(cli, "retention", "run", "--busy", "1"))


def receipts(cli: CliRunner, ahead: timedelta = DAYS) -> list[list[Any]]:
    """The statements of each person's receipt, as an auditor reads them three days from now."""
    found = []
    for one in json.loads(succeeded(cli.run("receipts", "list", "--json")))["receipts"]:
        name = f"{one['id']}.json"
        succeeded(later(cli, "receipts", "export", one["id"], "-o", name))
        data, vouched = ((cli.directory / file).read_bytes() for file in (name, "trust.json"))
        assert_has_published_form(data)
        verdict = verifier.verify(data, trust.parse(vouched), [], datetime.now(UTC) + ahead)
        assert (verdict.reason, verdict.contradictions) == (None, ())
        assert verdict.complete
        found.append(list(verdict.statements))
    return sorted(found, key=len)


def test_on_its_day_it_goes_and_the_receipt_says_so(cli: CliRunner, database: str) -> None:
    succeeded(cli.run("run-due"))
    assert left(database, "invoices") == [1, 2, 3]
    assert [[one.event for one in said][-1] for said in receipts(cli)] == ["settled", "settled"]
    sweep(cli)
    assert left(database, "invoices") == [3]
    assert left(database, "lines") == [3]
    told = json.loads(succeeded(later(cli, "run-due", "--json")))
    assert told["people_of_whom_what_was_kept_is_gone"] == 1
    of_two, of_one = receipts(cli)
    assert [one.event for one in of_one] == ["accepted", "partially-erased", "settled", "kept-gone"]
    assert of_one[-1].body["places"] == ["main.invoices", "main.lines"]
    assert of_one[-1].open.items == 0
    assert of_one[-2].open.items == 2
    assert of_one[-1].body["identifiers"]["destroyedInLedger"] is True
    assert of_two[-1].event == "settled", "an invoice of today is kept for ten years"
    assert json.loads(succeeded(later(cli, "run-due", "--json")))["people_of_whom_what_was_kept_is_gone"] == 0


def test_a_day_after_it_is_gone_the_request_is_closed(cli: CliRunner) -> None:
    """No backup copies are made of this store: what was kept was the last that there was of the first customer."""
    succeeded(cli.run("run-due"))
    sweep(cli)
    assert json.loads(succeeded(later(cli, "run-due", "--json")))["people_closed"] == 0
    told = json.loads(succeeded(cli.run("run-due", "--json", code=LATER.replace("days=3", "days=4"))))
    assert told["people_closed"] == 1
    of_two, of_one = receipts(cli, timedelta(days=4, minutes=5))
    assert [one.event for one in of_one] == ["accepted", "partially-erased", "settled", "kept-gone", "closed"]
    assert of_one[-1].body["nothingLeftAt"] == of_one[-2].body["verifiedAt"]
    assert of_two[-1].event == "settled"


_PREDECESSOR = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
invoices: {table: public.invoices, data_type: kept, start: issued, found_by: [{column: user_id, identity: user_id}]}
letters: {table: public.letters, created: created_at, found_by: [{column: email, identity: email}]}
"""
_LETTER = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE invoices (id int PRIMARY KEY, user_id int, issued date);
CREATE TABLE letters (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-02-01');
INSERT INTO users VALUES (1, '1@x.example');
INSERT INTO invoices VALUES (1, 1, (now() AT TIME ZONE 'UTC')::date - interval '10 years' + interval '2 days');
INSERT INTO letters VALUES (9, '1@x.example', '2024-06-01');
"""


def test_a_request_with_something_that_may_be_another_persons_is_not_closed(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    execute(database, _LETTER)
    document = small_document(_PREDECESSOR, user_id="integer/2")
    document["identities"]["email"]["recycled"] = True
    cli = installed(tmp_path, fork_server, document, {"main": database})
    plan = json.loads(succeeded(cli.run("plan", "-", "-c", "acme", "--json", stdin=b"user_id\n1\n")))
    succeeded(cli.run("erase", plan["id"], "--confirm", plan["digest"]))
    succeeded(cli.run("run-due"))
    sweep(cli)
    later(cli, "run-due")
    told = json.loads(succeeded(cli.run("run-due", "--json", code=LATER.replace("days=3", "days=4"))))
    (said,) = receipts(cli, timedelta(days=4, minutes=5))
    assert (told["people_closed"], said[-1].event) == (0, "kept-gone")


def test_a_service_says_so_by_itself(cli: CliRunner) -> None:
    succeeded(cli.run("run-due"))
    sweep(cli)
    serving = cli.start("serve", "--port", str(free_port()), code=LATER)
    try:
        waited(lambda: receipts(cli)[-1][-1].event == "kept-gone")
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait() == 0


def test_on_the_very_day_it_goes_and_the_receipt_says_so(cli: CliRunner, database: str) -> None:
    """Its last day is the first on which a law keeps it no more."""
    on_the_day = LATER.replace("days=3", "days=2")
    succeeded(cli.run("run-due"))
    plan = json.loads(succeeded(cli.run("retention", "plan", "--json", code=on_the_day)))
    succeeded(cli.run("retention", "arm", plan["id"], "--confirm", plan["digest"], code=on_the_day))
    succeeded(cli.run("retention", "run", "--busy", "1", code=on_the_day))
    assert left(database, "invoices") == [3]
    told = json.loads(succeeded(cli.run("run-due", "--json", code=on_the_day)))
    assert told["people_of_whom_what_was_kept_is_gone"] == 1
    of_one = receipts(cli)[-1]
    assert of_one[-1].event == "kept-gone"
    assert {line["until"] for line in of_one[1].body["stores"][0]["collections"] if line["retained"]} == {
        of_one[-1].body["verifiedAt"][:10]
    }


def test_what_is_there_under_another_name_is_not_stated_to_be_gone(cli: CliRunner, database: str) -> None:
    """An archive by rename and create left the look nothing to see."""
    succeeded(cli.run("run-due"))
    execute(
        database,
        "ALTER TABLE lines RENAME TO lines_old; ALTER TABLE invoices RENAME TO invoices_old;"
        "CREATE TABLE invoices (id int PRIMARY KEY, user_id int, issued date);"
        "CREATE TABLE lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices, issued date)",
    )
    told = json.loads(succeeded(later(cli, "run-due", "--json")))
    assert told["people_of_whom_what_was_kept_is_gone"] == 0
    assert told["people_of_whom_what_was_kept_is_left_or_unknown"] == 1
    assert {said[-1].event for said in receipts(cli)} == {"settled"}


def test_what_was_moved_to_a_table_that_was_mapped_since_is_not_stated_to_be_gone(
    cli: CliRunner, database: str, tmp_path: Path
) -> None:
    """The kept keys lead there, too: nothing is left only where they lead to nothing."""
    succeeded(cli.run("run-due"))
    execute(
        database,
        "CREATE TABLE archive AS SELECT * FROM invoices WHERE id = 1; ALTER TABLE archive ADD PRIMARY KEY (id);"
        "CREATE INDEX ON archive (user_id); DELETE FROM lines WHERE id = 1; DELETE FROM invoices WHERE id = 1",
    )
    by_user = "found_by: [{column: user_id, identity: user_id}]"
    archive = f"archive: {{table: public.archive, data_type: kept, start: issued, {by_user}}}"
    write_document(tmp_path / "datamap.yaml", small_document(_COLLECTIONS + archive, user_id="integer/2"))
    told = json.loads(succeeded(later(cli, "run-due", "--json")))
    assert told["people_of_whom_what_was_kept_is_gone"] == 0
    assert told["people_of_whom_what_was_kept_is_left_or_unknown"] == 1
    execute(database, "DELETE FROM archive")
    told = json.loads(succeeded(cli.run("run-due", "--json", code=LATER.replace("days=3", "days=4"))))
    assert told["people_of_whom_what_was_kept_is_gone"] == 1


def test_what_is_there_still_is_not_stated_to_be_gone(cli: CliRunner, database: str) -> None:
    """Its day is over, and nobody swept."""
    succeeded(cli.run("run-due"))
    told = json.loads(succeeded(later(cli, "run-due", "--json")))
    assert told["people_of_whom_what_was_kept_is_gone"] == 0
    assert told["people_of_whom_what_was_kept_is_left_or_unknown"] == 1
    assert {said[-1].event for said in receipts(cli)} == {"settled"}
    sweep(cli)
    assert left(database, "invoices") == [3]


def test_a_day_that_no_statement_names_is_none(cli: CliRunner, database: str) -> None:
    """The start was changed between the answer and the settling check: nothing is stated of the other day."""
    execute(database, "UPDATE invoices SET issued = issued - 1; UPDATE lines SET issued = issued - 1")
    succeeded(cli.run("run-due"))
    sweep(cli)
    told = json.loads(succeeded(later(cli, "run-due", "--json")))
    assert told["people_of_whom_what_was_kept_is_gone"] == 0
    assert told["people_of_whom_what_was_kept_is_left_or_unknown"] == 0, "there is no day on which to look"
    assert {said[-1].event for said in receipts(cli)} == {"settled"}


def test_a_clock_that_is_wrong_by_days_says_nothing(cli: CliRunner, database: str) -> None:
    """Its rows went before their day, by hand: on a day that is not there yet nobody says that they are gone."""
    succeeded(cli.run("run-due"))
    execute(database, "DELETE FROM lines WHERE id = 1; DELETE FROM invoices WHERE id = 1")
    done = cli.run("run-due", code=WRONG)
    assert done.code == ConnectorError.exit_code, done.output
    assert "differ by more than a day" in done.output
    assert {said[-1].event for said in receipts(cli)} == {"settled"}
    assert json.loads(succeeded(later(cli, "run-due", "--json")))["people_of_whom_what_was_kept_is_gone"] == 1


def test_no_sweep_begins_by_a_clock_that_is_wrong_by_days(cli: CliRunner, database: str) -> None:
    """It would be of a day that is not there yet, and stand still until then."""
    plan = json.loads(succeeded(cli.run("retention", "plan", "--json")))
    succeeded(cli.run("retention", "arm", plan["id"], "--confirm", plan["digest"]))
    done = cli.run("retention", "run", "--busy", "1", code=WRONG)
    assert done.code == ConnectorError.exit_code, done.output
    assert "differ by more than a day" in done.output
    assert left(database, "invoices") == [1, 2, 3]
    before = datetime.now(UTC).date()
    told = json.loads(succeeded(cli.run("retention", "run", "--busy", "1", "--json")))
    assert told["state"] == "done"
    assert before <= date.fromisoformat(told["day"]) <= datetime.now(UTC).date()


def test_a_clock_that_is_set_back_within_a_sweep_makes_no_statement_untrue(cli: CliRunner) -> None:
    """It was an hour ahead, within the day, until the sweep was begun."""
    plan = json.loads(succeeded(cli.run("retention", "plan", "--json")))
    succeeded(cli.run("retention", "arm", plan["id"], "--confirm", plan["digest"]))
    started = datetime.now(UTC)
    midnight = started.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    moved = min(timedelta(hours=1), (midnight - started) / 2)
    ahead = f"""
import itertools
from datetime import timedelta
from expunge_orchestrator.retention import sweep_run
def ahead(calls=itertools.count(), right=sweep_run.now, moved=timedelta(seconds={moved.total_seconds()})):
    return right() + (moved if next(calls) < 3 else 0 * moved)
sweep_run.now = ahead
"""
    swept = json.loads(succeeded(cli.run("retention", "run", "--busy", "1", "--json", code=ahead)))
    for series in swept["series"].values():
        succeeded(cli.run("receipts", "export", series, "-o", "sweep.json"))
        data, vouched = ((cli.directory / file).read_bytes() for file in ("sweep.json", "trust.json"))
        verdict = verifier.verify(data, trust.parse(vouched), [], datetime.now(UTC) + DAYS)
        begun, done = verdict.statements
        assert begun.issued_at >= started + moved - timedelta(seconds=1)
        assert (done.event, verdict.reason, verdict.contradictions) == ("swept", None, ())


def test_another_store_at_the_address_says_nothing(cli: CliRunner, database: str) -> None:
    """A store that was moved, or one of tests: the same tables, and nothing in them."""
    succeeded(cli.run("run-due"))
    with fresh_database(database) as other:
        execute(other, _SCHEMA.split("INSERT", maxsplit=1)[0])
        told = json.loads(later(cli, "run-due", "--json", EXPUNGE_STORES__MAIN__URL=other).out)
    assert told["people_of_whom_what_was_kept_is_gone"] == 0
    assert told["people_of_whom_what_was_kept_is_left_or_unknown"] == 1
    assert {said[-1].event for said in receipts(cli)} == {"settled"}
