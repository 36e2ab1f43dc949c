"""What a receipt says is what was seen: nothing that was ever found ends as not found, and late keys are followed."""

from __future__ import annotations

import copy
import itertools
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.support.bulk_people import POISON, poisoned
from tests.support.cancellation import end, failed_half_way
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import CLIENT, SeededPerson, make_caller, make_holder
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_config.errors import UsageError
from expunge_connectors.contract import BackupConnector, CopyListing, StoreConnector
from expunge_connectors.errors import TerminalError, TransientError
from expunge_orchestrator import backup_copies, clock, json_views
from expunge_orchestrator.cli import status as status_verb
from expunge_orchestrator.execution import evidence
from expunge_orchestrator.ledger import claims, tables
from expunge_orchestrator.ledger.batches import Batch, erasings
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import export, trust
from expunge_reports.verify import verifier

LEAD = (
    "INSERT INTO leads (client_id, caller_id, name, postal_address, email, created_at)"
    " VALUES (%s, %s, 'Late', 'X', %s, now() - interval '40 days')"
)


def main_before(installation: Installation, verb: str, then: Callable[[], object]) -> Any:
    return installation.with_stores({"main": before_call(installation.workspace.stores["main"], verb, then)})  # type: ignore[dict-item]


def body_of(installation: Installation, batch: Batch, event: str) -> Mapping[str, Any]:
    (said,) = statements_of(installation, batch, event)
    return said.body


def copies_cited(installation: Installation, batch: Batch, event: str) -> Mapping[str, Any]:
    """The document on backup copies that the statement of an event cites."""
    (said,) = statements_of(installation, batch, event)
    digests = [one.removeprefix("sha256:") for one in said.context]
    with reading(installation.workspace.ledger) as connection:
        bodies = connection.scalars(sa.select(tables.document.c.body).where(tables.document.c.digest.in_(digests)))
        (found,) = [one for one in map(json.loads, bodies) if one["kind"] == "copies"]
    return dict(found)


def fresh_email() -> str:
    return f"late-{secrets.token_hex(5)}@people.example"


# Found ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("store", "verb"), [("main", "count"), ("recordings", "count"), ("main", "verify")])
def test_somebody_who_appears_late_does_not_end_as_not_found(
    module_installation: Installation, inspector: StoreInspector, store: str, verb: str
) -> None:
    """Before the database is counted, after it, and after it was erased from."""
    email = fresh_email()
    batch = module_installation.plan(f"email\n{email}\n", f"client:{CLIENT}")
    late = before_call(
        module_installation.workspace.stores[store], verb, lambda: inspector.sql(LEAD, CLIENT, None, email)
    )
    module_installation.erase(batch, module_installation.with_stores({store: late}))  # type: ignore[dict-item]
    assert module_installation.events(batch) == [["accepted", "erased"]], module_installation.failures(batch)
    assert lines_of(body_of(module_installation, batch, "erased"))["main.leads"] == ("erased", 1, 0)
    assert inspector.one("SELECT count(*) FROM leads WHERE email = %s", email) == 0


def test_two_people_who_appear_late_are_ambiguous(module_installation: Installation, inspector: StoreInspector) -> None:
    email, ann, bob = fresh_email(), make_caller(inspector), make_caller(inspector)
    batch = module_installation.plan(f"email\n{email}\n", f"client:{CLIENT}")

    def appear() -> None:
        inspector.sql(LEAD, CLIENT, ann.id, email)
        inspector.sql(LEAD, CLIENT, bob.id, email)

    module_installation.erase(batch, main_before(module_installation, "verify", appear))
    assert module_installation.events(batch) == [["accepted", "denied"]], module_installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM leads WHERE email = %s", email) == 2
    assert all(ann.left(inspector).values())
    assert all(bob.left(inspector).values())


def test_found_says_when_it_was_counted(module_installation: Installation, inspector: StoreInspector) -> None:
    """What appears between count and erasure goes too; the receipt's "found" is of the moment that it names."""
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    late = "INSERT INTO messages (user_id, body) VALUES (%s, 'late')"
    module_installation.erase(batch, main_before(module_installation, "erase", lambda: inspector.sql(late, ann.id)))
    body = body_of(module_installation, batch, "erased")
    assert lines_of(body)["main.messages"] == ("erased", 1, 0)
    assert body["countedAt"] <= body["verifiedAt"]
    assert not any(ann.left(inspector).values())


def test_the_count_before_erasing_is_that_of_the_first_round(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """The database was erased from in the first round already: a later count is not before it."""
    batch = failed_half_way(module_installation, make_holder(inspector), "cache")
    logged = tables.step_log.c
    of_batch = sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch.id).scalar_subquery()
    with module_installation.workspace.ledger.begin() as connection:
        until_counted = sa.and_(logged.chunk_id == of_batch, logged.name.in_(["accept", "recount"]))
        at = connection.scalars(sa.select(logged.at).where(until_counted)).first()
        earlier = clock.stamp(clock.parse(str(at)) - timedelta(minutes=5))
        connection.execute(sa.update(tables.step_log).where(until_counted).values(at=earlier))
    assert module_installation.erase(batch).state is BatchState.ERASED, module_installation.failures(batch)
    assert body_of(module_installation, batch, "erased")["countedAt"] == earlier
    assert_chain_intact(module_installation, batch)


def test_what_was_erased_before_something_came_back_is_still_found(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    module_installation.settle()
    first, again = (lines_of(body_of(module_installation, batch, event)) for event in ("erased", "re-erased"))
    assert again == first | {"main.messages": ("erased", first["main.messages"][1] + 1, 0)}
    assert first["main.users"] == ("tombstoned", 1, 0)
    assert_chain_intact(module_installation, batch)


def test_what_was_erased_before_something_that_came_back_was_left_is_still_found(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", ann.id, POISON)
    with poisoned(inspector, []):
        module_installation.settle()
        end(module_installation, batch)
    first, last = (lines_of(body_of(module_installation, batch, event)) for event in ("erased", "partially-erased"))
    assert last == first | {"main.messages": ("left", first["main.messages"][1] + 1, 1)}
    reason = body_of(module_installation, batch, "partially-erased")["reason"]
    assert reason == "Ended by the operator: what is listed as left was not erased"
    assert_chain_intact(module_installation, batch)


def test_what_was_erased_before_a_hold_keeps_what_came_back_is_still_found(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    hold = place(module_installation, [key("user_id", ann.id)])
    module_installation.settle()
    first, held = (body_of(module_installation, batch, event) for event in ("erased", "on-hold"))
    before = lines_of(first)
    assert lines_of(held) == before | {"main.messages": ("retained", before["main.messages"][1] + 1, 0)}
    lift(module_installation, hold)
    module_installation.erase(batch)
    module_installation.settle()
    again = lines_of(body_of(module_installation, batch, "re-erased"))
    assert again == before | {"main.messages": ("erased", before["main.messages"][1] + 1, 0)}
    assert_chain_intact(module_installation, batch)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_storage_whose_clock_is_off_makes_no_receipt_untrue(
    module_installation: Installation, inspector: StoreInspector, minutes: int
) -> None:
    """S3 takes requests for a quarter of an hour of difference: what it says of itself is not when it was asked."""
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    workspace, off = module_installation.workspace, timedelta(minutes=minutes)
    shifted = {name: FaultyConnector(one, copies=_shifted(one, off)) for name, one in workspace.backups.items()}  # type: ignore[arg-type]
    begun = datetime.now(UTC).replace(microsecond=0)
    module_installation.erase(batch, replace(workspace, backups=shifted))  # type: ignore[arg-type]
    ended = datetime.now(UTC)
    cited = copies_cited(module_installation, batch, "erased")
    assert cited["listings"]
    for one in cited["listings"]:
        assert begun <= datetime.fromisoformat(one["at"]) <= ended
        assert begun + off <= datetime.fromisoformat(one["storageAt"]) <= ended + off
    assert_chain_intact(module_installation, batch)


def _shifted(inner: BackupConnector, off: timedelta) -> Callable[[], CopyListing]:
    def copies() -> CopyListing:
        listing = inner.copies()
        return replace(listing, at=listing.at + off)

    return copies


def test_an_operators_clock_that_was_set_back_makes_no_receipt_untrue(
    module_installation: Installation, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was an hour ahead, from after the acceptance until the outcome was stated."""
    batch = module_installation.plan(make_holder(inspector).csv)
    steps = itertools.count()
    monkeypatch.setattr(claims, "now", lambda: datetime.now(UTC) + timedelta(hours=min(1, next(steps))))
    assert module_installation.erase(batch).state is BatchState.ERASED, module_installation.failures(batch)
    assert_chain_intact(module_installation, batch)


def test_a_clock_that_was_set_back_before_the_settling_check_makes_no_receipt_untrue(
    module_installation: Installation, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was an hour ahead, from after the acceptance until after the answer; something came back by the check."""
    ann, hour = make_holder(inspector), timedelta(hours=1)
    batch = module_installation.plan(ann.csv)
    steps = itertools.count()
    with monkeypatch.context() as clocks:
        clocks.setattr(claims, "now", lambda: datetime.now(UTC) + min(1, next(steps)) * hour)
        clocks.setattr(evidence, "now", lambda: datetime.now(UTC) + hour)
        assert module_installation.erase(batch).state is BatchState.ERASED, module_installation.failures(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    module_installation.settle()
    assert module_installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert_chain_intact(module_installation, batch, ahead=hour)


def test_what_came_and_went_between_two_looks_is_in_no_number(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """A connector's own count of what it deleted is no evidence; docs/receipts.md says what `not-found` means here."""
    ann = make_holder(inspector)
    inspector.sql("DELETE FROM messages WHERE user_id = %s", ann.id)
    batch = module_installation.plan(ann.csv)
    late = "INSERT INTO messages (user_id, body) VALUES (%s, 'late')"
    module_installation.erase(batch, main_before(module_installation, "erase", lambda: inspector.sql(late, ann.id)))
    body = body_of(module_installation, batch, "erased")
    assert lines_of(body)["main.messages"] == ("not-found", 0, 0)
    assert body["countedAt"] <= body["verifiedAt"]
    assert not any(ann.left(inspector).values())


def test_what_is_retained_at_one_look_and_due_at_the_next_is_one_record(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """An invoice is dated back while the erasure runs: it was kept, and then it was too old to be kept."""
    ann = make_holder(inspector)
    inspector.sql("DELETE FROM invoice_lines WHERE invoice_id IN (SELECT id FROM invoices WHERE user_id = %s)", ann.id)
    inspector.sql("UPDATE invoices SET issued_at = now() WHERE user_id = %s", ann.id)
    batch = module_installation.plan(ann.csv)

    def back() -> None:
        inspector.sql("UPDATE invoices SET issued_at = now() - interval '11 years' WHERE user_id = %s", ann.id)

    module_installation.erase(batch, main_before(module_installation, "verify", back))
    assert lines_of(body_of(module_installation, batch, "erased"))["main.invoices"] == ("erased", 1, 0)
    assert not any(ann.left(inspector).values())


def test_what_an_ended_request_left_was_found(module_installation: Installation, inspector: StoreInspector) -> None:
    """It came after the count, and a verification saw it before the end."""
    ann = make_holder(inspector)
    inspector.sql("DELETE FROM messages WHERE user_id = %s", ann.id)
    batch = module_installation.plan(ann.csv)

    def late() -> None:
        inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", ann.id, POISON)

    with poisoned(inspector, []):
        assert (
            module_installation.erase(batch, main_before(module_installation, "verify", late)).state
            is BatchState.FAILED
        )
        end(module_installation, batch)
    assert lines_of(body_of(module_installation, batch, "partially-erased"))["main.messages"] == ("left", 1, 1)


def test_an_end_of_whom_nothing_went_says_so(module_installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    inspector.sql("UPDATE messages SET body = %s WHERE user_id = %s", POISON, ann.id)
    batch = module_installation.plan(ann.csv, data_types=["messages"])
    with poisoned(inspector, []):
        assert module_installation.erase(batch).state is BatchState.FAILED
        end(module_installation, batch)
    said = body_of(module_installation, batch, "partially-erased")
    assert lines_of(said) == {"main.messages": ("left", 1, 1)}
    assert said["reason"] == (
        "Ended by the operator: what is listed as left was not erased,"
        " and nothing of the rest is known to have been deleted"
    )


def test_kept_in_part_says_how_many_went(module_installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    inspector.sql(
        "INSERT INTO invoices (user_id, number, billing_name, cents, issued_at) VALUES (%s, %s, 'Young', 1, now())",
        ann.id,
        secrets.token_hex(6),
    )
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    body = body_of(module_installation, batch, "partially-erased")
    (invoices,) = (one for store in body["stores"] for one in store["collections"] if one["collection"] == "invoices")
    assert {name: invoices[name] for name in ("outcome", "found", "retained", "gone")} == {
        "outcome": "retained",
        "found": 2,
        "retained": 1,
        "gone": 1,
    }


@pytest.mark.parametrize("types", [["gone2"], None])
def test_what_stays_with_an_account_that_somebody_joined_is_not_called_erased(
    database: str, calltrack: CompanyStack, tmp_path: Path, types: list[str] | None
) -> None:
    """The plan said 1 due; it stays, being both's by now, and the receipt said `erased`, found 1, due 0."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE accounts (id int PRIMARY KEY);"
        "CREATE TABLE owners (user_id int REFERENCES users, account_id int REFERENCES accounts);"
        "CREATE TABLE tx (id int PRIMARY KEY, account_id int REFERENCES accounts);"
        "INSERT INTO users VALUES (1), (2); INSERT INTO accounts VALUES (11);"
        "INSERT INTO owners VALUES (1, 11); INSERT INTO tx VALUES (1, 11)",
    )
    document = small_document(
        """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
owners: {table: public.owners, found_by: [{column: user_id, of: users.id}]}
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: owners.account_id}]}
tx: {table: public.tx, data_type: gone2, found_by: [{column: account_id, of: accounts.id}]}
"""
    )
    document["data_types"]["gone2"] = copy.deepcopy(document["data_types"]["gone"])
    write_document(tmp_path / "datamap.yaml", document)
    places = {"data_map": tmp_path / "datamap.yaml", "stores": {"main": {"url": SecretStr(database)}}}
    with fresh_installation(calltrack, tmp_path / "expunge", **places) as installation:
        joins = "INSERT INTO owners VALUES (2, 11)"
        batch = installation.plan("user_id\n1\n", "acme", data_types=types)
        installation.erase(batch, main_before(installation, "erase", lambda: execute(database, joins)))
        assert installation.outcomes(batch) == {"partially-erased": 1}
        body = body_of(installation, batch, "partially-erased")
        assert lines_of(body)["main.tx"] == ("retained", 1, 0)
        [line] = [one for one in body["stores"][0]["collections"] if one["collection"] == "tx"]
        assert line["retained"] == 1
        assert line["ground"].startswith("Other people's right")
    assert left(database, "tx") == [1]


def test_not_found_names_the_spellings_and_the_scope(module_installation: Installation) -> None:
    batch = module_installation.plan(f"email\n{fresh_email()}\n", f"client:{CLIENT}")
    module_installation.erase(batch)
    body = body_of(module_installation, batch, "not-found")
    assert body["controller"] == f"client:{CLIENT}"
    assert "email/2" in body["normalisers"]


def test_erased_again_names_the_cutoffs(module_installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    module_installation.settle()
    first, again = body_of(module_installation, batch, "erased"), body_of(module_installation, batch, "re-erased")
    assert [one["cutoff"] for one in again["stores"]] == [one["cutoff"] for one in first["stores"]]
    assert None not in [one["cutoff"] for one in again["stores"]]


def test_what_an_older_copy_of_the_ledger_opens_is_not_called_gone(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The key is destroyed in the ledger; a copy of it that was made before, and today's wrapping key, open it."""
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    whose = sa.select(tables.item).where(tables.item.c.batch_id == batch.id)
    with reading(installation.workspace.ledger) as connection:
        older = connection.execute(whose).one()
    installation.erase(batch)
    installation.settle()
    with reading(installation.workspace.ledger) as connection:
        assert connection.execute(whose).one().wrapped_key is None
    seal = ItemCipher(installation.workspace.keys.wrapping)
    assert seal.open(older.wrapped_key, Sealed.IDENTIFIERS, older.series, older.sealed_identifiers)
    said = body_of(installation, batch, "settled")["identifiers"]
    assert (said["destroyedInLedger"], said["until"]) == (True, None)
    assert (said["level"], "may hold them until that room is used again" in said["levelMeans"]) == ("deleted", True)
    assert "Copies of the ledger that were made before" in said["openableFrom"]
    assert "as long as such a copy and the wrapping key exist" in said["means"]


def test_by_when_a_declared_place_holds_no_older_copy_of_the_ledger_is_said(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    document = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    dumps = next(iter(document["backups"].values()))
    document["backups"]["ledgers"] = {**dumps, "of": "ledger"}
    write_document(tmp_path / "datamap.yaml", document)
    stores = calltrack.settings(tmp_path / "expunge").stores
    stores["ledgers"] = stores[next(iter(document["backups"]))]
    with fresh_installation(
        calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml", stores=stores
    ) as installation:
        batch = installation.plan(make_holder(inspector).csv)
        installation.erase(batch)
        (listing,) = [one for one in backup_copies.observe(installation.workspace.backups) if one.place == "ledgers"]
        days = {copy.expected_by and copy.expected_by.date().isoformat() for copy in listing.copies}
        installation.settle()
        said = body_of(installation, batch, "settled")["identifiers"]
    assert days
    assert said["until"] == (None if None in days else max(str(day) for day in days))


def test_a_copy_of_an_object_is_named_in_nobodys_receipt(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    """Its name is a key, and in everybody's receipt stands every object of a mirror."""
    document = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    name, dumps = next(iter(document["backups"].items()))
    document["backups"] |= {name: {**dumps, "kind": "objects"}}
    write_document(tmp_path / "datamap.yaml", document)
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=tmp_path / "datamap.yaml") as installation:
        batch = installation.plan(make_holder(inspector).csv)
        installation.erase(batch)
        installation.settle()
        workspace = installation.workspace
        (listing,) = [one for one in backup_copies.observe(workspace.backups) if one.place == name]
        with reading(workspace.ledger) as connection:
            (one,) = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
        data = receipt_export.exported(workspace, one.series).data
        held = [
            copy
            for cited in export.parse(data).shared.values()
            if isinstance(cited, dict) and cited["kind"] == "copies"
            for copy in cited["mayHoldTheRecords"]
            if copy["place"] == name
        ]
    assert listing.copies
    assert held
    assert not any(copy.id.encode() in data for copy in listing.copies)
    assert all("id" not in copy and copy["copies"] > 0 for copy in held)


# Not in the log yet --------------------------------------------------------------------------------------------------


def test_a_receipt_whose_last_statement_is_not_in_the_log_yet_is_shown_as_far_as_it_is(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Between the ledger's commit and the log's, or as long as somebody else writes to the log."""
    batch = installation.plan(make_holder(inspector).csv)
    installation.erase(batch)
    installation.settle()
    workspace = installation.workspace
    with reading(workspace.ledger) as connection:
        (one,) = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
    assert receipt_export.exported(workspace, one.series).said is None

    def not_logged(number: int) -> None:
        last = sa.select(tables.statement.c.id).where(tables.statement.c.series == one.series)
        with workspace.ledger.begin() as connection:
            ids = connection.scalars(last.order_by(tables.statement.c.seq.desc()).limit(number)).all()
            connection.execute(sa.update(tables.statement).where(tables.statement.c.id.in_(ids)).values(log_index=None))

    not_logged(1)
    made = receipt_export.exported(workspace, one.series)
    assert made.following == 1
    verdict = verifier.verify(made.data, trust.parse(receipt_export.trust_file(workspace)), [], datetime.now(UTC))
    assert (verdict.genuine, [each.event for each in verdict.statements]) == (True, list(one.events)[:-1])
    page = receipt_export.as_html(workspace, made, datetime.now(UTC))
    assert "1 more statement was issued and will follow: not in the log yet." in page
    not_logged(len(one.events))
    with pytest.raises(UsageError, match="in the log yet"):
        receipt_export.exported(workspace, one.series)


# What the planner remembers ------------------------------------------------------------------------------------------


def sampled_people(database: str, directory: Path) -> dict[str, Any]:
    """Places of an installation with one table, whose planner remembers six people."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, mail text);"
        "INSERT INTO users SELECT n, 'person-' || n || '@x.example' FROM generate_series(1, 6) n; ANALYZE users",
    )
    people = "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}]"
    write_document(directory / "datamap.yaml", small_document(f"{people}, yields: {{user_id: id}}}}"))
    return {"data_map": directory / "datamap.yaml", "stores": {"main": {"url": SecretStr(database)}}}


def remembered(database: str) -> str:
    query = (
        "SELECT string_agg(concat(most_common_vals, histogram_bounds), '') FROM pg_stats WHERE schemaname = 'public'"
    )
    return str(execute(database, query)[0][0])


DRAWN = [{"store": "main", "drawnAnew": ["users"], "older": []}]


def test_what_the_planner_remembers_is_drawn_anew_before_settling_or_told(
    calltrack: CompanyStack, database: str, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise TransientError

    with fresh_installation(calltrack, tmp_path / "expunge", **sampled_people(database, tmp_path)) as installation:
        first, second, nobody = (installation.plan(f"user_id\n{n}\n", "acme") for n in (3, 4, 99))
        for batch in (first, nobody):
            installation.erase(batch)
        assert "person-3" in remembered(database)
        installation.settle()
        assert "person-3" not in remembered(database)
        installation.erase(second)
        installation.settle(main_before(installation, "refresh_statistics", refuse))
        told = [body_of(installation, batch, "settled").get("plannerSamples") for batch in (first, second, nobody)]
    assert "person-4" in remembered(database)
    assert told == [
        DRAWN,
        [
            {
                "store": "main",
                "drawnAnew": [],
                "older": [{"collection": "users", "why": "the store could not be asked to draw them anew"}],
            }
        ],
        None,
    ]


def test_what_the_planner_remembers_is_drawn_anew_once_for_all_that_were_erased_before(
    calltrack: CompanyStack, database: str, tmp_path: Path
) -> None:
    drawn: list[object] = []
    with fresh_installation(calltrack, tmp_path / "expunge", **sampled_people(database, tmp_path)) as installation:
        main: Any = installation.workspace.stores["main"]

        def refresh(*arguments: Any) -> object:
            if not drawn:
                log_erasing(installation, batches[2])
            drawn.append(main.refresh_statistics(*arguments))
            return drawn[-1]

        counting = installation.with_stores({"main": FaultyConnector(main, refresh_statistics=refresh)})  # type: ignore[dict-item]
        batches = [installation.plan(f"user_id\n{n}\n", "acme") for n in (3, 4, 5)]
        for batch in batches[:2]:
            installation.erase(batch)
        installation.settle(counting)
        assert len(drawn) == 1
        with reading(installation.workspace.ledger) as connection:
            meanwhile = erasings(connection, "main")
        assert meanwhile
        assert not meanwhile & installation.workspace.samples.covered["main", batches[2].scope, "users"]
        installation.erase(batches[2])
        installation.settle(counting)
        assert len(drawn) == 2
        told = [body_of(installation, batch, "settled").get("plannerSamples") for batch in batches]
    assert told == [DRAWN] * 3
    assert not any(f"person-{n}" in remembered(database) for n in (3, 4, 5))


def test_what_could_not_be_drawn_anew_for_one_request_is_tried_for_the_next(
    calltrack: CompanyStack, database: str, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise TransientError

    with fresh_installation(calltrack, tmp_path / "expunge", **sampled_people(database, tmp_path)) as installation:
        batches = [installation.plan(f"user_id\n{n}\n", "acme") for n in (3, 4)]
        for batch in batches:
            installation.erase(batch)
        installation.settle(main_before(installation, "refresh_statistics", refuse))
        told = [body_of(installation, batch, "settled").get("plannerSamples") for batch in batches]
    assert [one == DRAWN for one in told].count(True) == 1
    assert not any(f"person-{n}" in remembered(database) for n in (3, 4))


@pytest.mark.parametrize("rounds", [1, 2])
def test_what_the_planner_remembers_is_drawn_anew_after_an_erasing_that_was_never_logged(
    calltrack: CompanyStack, database: str, tmp_path: Path, rounds: int
) -> None:
    """The store erased, and then failed: an operator ends the request. That of an earlier round is no measure."""
    with fresh_installation(calltrack, tmp_path / "expunge", **sampled_people(database, tmp_path)) as installation:
        main = installation.workspace.stores["main"]
        asked: list[int] = []

        def erase(*arguments: Any) -> int:
            asked.append(main.erase(*arguments))
            if len(asked) == rounds:
                raise TerminalError("store main: refused.")
            return asked[-1]

        def come_back() -> None:
            if rounds == 2:
                drawn_now(installation, batch)
                execute(database, "INSERT INTO users VALUES (3, 'person-3@x.example')")

        batch = installation.plan("user_id\n3\n", "acme")
        failing = FaultyConnector(before_call(main, "verify", come_back), erase=erase)  # type: ignore[arg-type]
        assert installation.erase(batch, installation.with_stores({"main": failing})).state is BatchState.FAILED  # type: ignore[dict-item]
        assert len(asked) == rounds
        assert end(installation, batch).state is BatchState.ERASED, installation.failures(batch)
        installation.settle()
        assert body_of(installation, batch, "settled").get("plannerSamples") == DRAWN
    assert "person-3" not in remembered(database)


def test_what_the_planner_remembers_is_drawn_anew_after_erasing_again(
    calltrack: CompanyStack, database: str, tmp_path: Path
) -> None:
    with fresh_installation(calltrack, tmp_path / "expunge", **sampled_people(database, tmp_path)) as installation:
        batch = installation.plan("user_id\n3\n", "acme")
        installation.erase(batch)
        drawn_now(installation, batch)
        execute(database, "INSERT INTO users VALUES (3, 'person-3@x.example'); ANALYZE users")
        installation.settle()
        assert body_of(installation, batch, "settled").get("plannerSamples") == DRAWN
        assert statements_of(installation, batch, "re-erased")
    assert "person-3" not in remembered(database)


def log_erasing(installation: Installation, batch: Batch) -> None:
    """As if a chunk of it was erased from at this moment."""
    chunk = tables.chunk.c
    with installation.workspace.ledger.begin() as connection:
        logged = {"chunk_id": connection.scalar(sa.select(chunk.id).where(chunk.batch_id == batch.id))}
        logged |= {"round": 99, "step": 0, "name": "erase:main", "epoch": 0, "at": batch.created_at}
        connection.execute(sa.insert(tables.step_log).values(**logged))


def drawn_now(installation: Installation, batch: Batch) -> None:
    """As if a chunk that settles at this moment had the samples drawn anew."""
    workspace = installation.workspace
    with reading(workspace.ledger) as connection:
        done = erasings(connection, "main")
    assert done
    workspace.samples.covered["main", batch.scope, "users"] = done


# Late keys -----------------------------------------------------------------------------------------------------------


def new_recording(inspector: StoreInspector, caller: SeededPerson) -> str:
    """One more call with a recording; returns the object's name."""
    sound = f"{CLIENT}/test/late-{secrets.token_hex(5)}.wav"
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=sound, Body=b"VOICE")
    call = inspector.one(
        "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at)"
        " VALUES (%s, (SELECT id FROM callers WHERE id = %s), %s, 9, now()) RETURNING id",
        CLIENT,
        caller.id,
        caller.phone,
    )
    inspector.sql("INSERT INTO recordings (call_id, object_key, bytes) VALUES (%s, %s, 5)", call, sound)
    return sound


def test_a_key_that_comes_up_late_is_followed_in_the_next_round(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """A session is opened between erasing and verifying: its index leads on, and only a new resolution sees that."""
    ann = make_holder(inspector)
    token = secrets.token_hex(20)
    batch = module_installation.plan(ann.csv)

    def log_in() -> None:
        with inspector.redis() as client:
            client.sadd(f"user:{ann.id}:sessions", token)
            client.hset(f"session:{token}", mapping={"user_id": ann.id, "email": ann.email})

    cache = module_installation.workspace.stores["cache"]
    module_installation.erase(batch, module_installation.with_stores({"cache": before_call(cache, "verify", log_in)}))  # type: ignore[dict-item]
    assert module_installation.events(batch) == [["accepted", "erased"]], module_installation.failures(batch)
    with inspector.redis() as client:
        assert not client.exists(f"session:{token}")
    assert not any(ann.left(inspector).values())


def test_a_key_that_comes_up_before_settling_is_durable_before_anything_is_erased_by_it(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    token = secrets.token_hex(20)
    batch = module_installation.plan(ann.csv)
    module_installation.erase(batch)
    with inspector.redis() as client:
        client.sadd(f"user:{ann.id}:sessions", token)
        client.hset(f"session:{token}", mapping={"user_id": ann.id, "email": ann.email})
    module_installation.settle()
    assert module_installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]], (
        module_installation.failures(batch)
    )
    with inspector.redis() as client:
        assert not client.exists(f"session:{token}")


def test_a_key_that_comes_up_while_a_batch_has_failed_is_followed_by_the_retry(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    caller = make_caller(inspector)
    batch = module_installation.plan(caller.csv, caller.controller)
    main = out_of_order(module_installation.workspace.stores["main"], "erase")
    assert module_installation.erase(batch, module_installation.with_stores({"main": main})).state is BatchState.FAILED  # type: ignore[dict-item]
    sound = new_recording(inspector, caller)
    assert module_installation.erase(batch).state is BatchState.ERASED, module_installation.failures(batch)
    assert inspector.versions("calltrack-recordings", sound) == []
    assert not any(caller.left(inspector).values())


def test_two_identifiers_still_agree_in_a_further_round(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """The e-mail leads to nobody any more, because the account is a tombstone: that is no disagreement."""
    ann = make_holder(inspector)
    batch = module_installation.plan(f"user_id,email\n{ann.id},{ann.email}\n")
    late = "INSERT INTO messages (user_id, body) VALUES (%s, 'late')"
    module_installation.erase(batch, main_before(module_installation, "verify", lambda: inspector.sql(late, ann.id)))
    assert module_installation.events(batch) == [["accepted", "erased"]], module_installation.failures(batch)
    assert not any(ann.left(inspector).values())


# Attempts ------------------------------------------------------------------------------------------------------------


def out_of_order(inner: StoreConnector, verb: str) -> FaultyConnector:
    def refuse(*_: Any) -> Any:
        raise TransientError(f"store {inner.name}: out of order for a test.")

    return FaultyConnector(inner, **{verb: refuse})


@pytest.mark.parametrize("store", ["main", "recordings", "cache"])
def test_a_store_that_cannot_be_verified_ends_the_chunk(
    module_installation: Installation, inspector: StoreInspector, store: str
) -> None:
    """Stores before it are verified again with every attempt; that is no progress."""
    ann = make_holder(inspector)
    batch = module_installation.plan(ann.csv)
    broken = module_installation.with_stores(
        {store: out_of_order(module_installation.workspace.stores[store], "verify")}
    )  # type: ignore[dict-item]
    assert module_installation.erase(batch, broken).state is BatchState.FAILED
    assert f"verify:{store}" in module_installation.failures(batch)
    assert module_installation.erase(batch).state is BatchState.ERASED
    module_installation.settle(broken)
    assert module_installation.again(batch).state is BatchState.FAILED
    assert f"review:{store}" in module_installation.failures(batch)
    assert module_installation.erase(batch).state is BatchState.SETTLED


def test_what_nobody_can_read_is_told(
    module_installation: Installation, inspector: StoreInspector, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would have led on: plan and receipt say that nothing was searched for by it, and not what it is."""
    ann = make_holder(inspector)
    inspector.sql("UPDATE users SET phone = '030 secret' WHERE id = %s", ann.id)
    batch = module_installation.plan(ann.csv)
    planned = batch.plan["stores"]["main"]["collections"]
    assert {name: one["unread"] for name, one in planned.items() if one["unread"]} == {"users": 1}
    module_installation.erase(batch)
    body = body_of(module_installation, batch, "erased")
    told = {
        one["collection"]: one["unread"] for store in body["stores"] for one in store["collections"] if "unread" in one
    }
    assert told == {"users": 1}
    assert "secret" not in str(body)
    module_installation.settle()  # the keys are destroyed by now
    view = json_views.batch_view(module_installation.workspace, module_installation.again(batch))
    assert {name: one["unread"] for name, one in view["collections"].items() if one["unread"]} == {"main.users": 1}
    status_verb.show(view)
    said = capsys.readouterr().out
    assert "main.users: 1 value could not be read and was not searched for." in said
    assert "unread" in said
