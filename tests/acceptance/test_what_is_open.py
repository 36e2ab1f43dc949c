"""What a receipt says is open: what the request itself owes, by when, and the backup copies beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import make_caller, make_holder
from tests.support.statements import statements_of
from tests.support.store_inspector import StoreInspector

from expunge_config.settings import SearchSettings
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import export, trust
from expunge_reports import statement as statements
from expunge_reports.verify import verifier
from expunge_reports.verify.verdict import Verdict


def receipt(installation: Installation, batch: Batch, now: datetime) -> tuple[Verdict, list[dict[str, Any]]]:
    """The verdict on the receipt of the first person at a time, and the documents that it encloses."""
    workspace = installation.workspace
    with reading(workspace.ledger) as connection:
        found = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
    data = receipt_export.exported(workspace, found[0].series).data
    verdict = verifier.verify(data, trust.parse(receipt_export.trust_file(workspace)), [], now)
    return verdict, [dict(one) for one in export.parse(data).shared.values() if isinstance(one, dict)]


def opened(installation: Installation, batch: Batch, event: str) -> statements.Open:
    return statements_of(installation, batch, event)[0].open


def test_accepted_owes_an_answer_by_the_deadline(installation: Installation, inspector: StoreInspector) -> None:
    caller = make_caller(inspector)
    batch = installation.plan(caller.csv, caller.controller)
    installation.erase(batch)
    accepted = statements_of(installation, batch, "accepted")[0]
    _, documents = receipt(installation, batch, accepted.issued_at)
    (by,) = (datetime.fromisoformat(one["answerBy"]) for one in documents if one["kind"] == "deadlines")
    assert accepted.open == statements.Open(1, by)


def test_accepted_owes_an_answer_where_nobody_was_promised_a_day(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = installation.plan(f"user_id\n{make_holder(inspector).id}\n")
    installation.erase(batch)
    assert opened(installation, batch, "accepted") == statements.Open(1)


def test_the_settling_check_is_owed_and_copies_stand_beside_it(
    installation: Installation, inspector: StoreInspector
) -> None:
    """One copy that no rule ends does not hide the days of the others."""
    batch = installation.plan(f"user_id\n{make_holder(inspector).id}\n")
    installation.erase(batch)
    (erased,) = statements_of(installation, batch, "erased")
    verdict, documents = receipt(installation, batch, erased.issued_at)
    (copies,) = (one["mayHoldTheRecords"] for one in documents if one["kind"] == "copies")
    days = sorted(datetime.fromisoformat(one["expectedBy"]) for one in copies if one["status"] == "due")
    assert 0 < len(days) < len(copies)
    expected = statements.OpenCopies(len(copies), len(copies) - len(days), days[0], days[-1])
    due = erased.issued_at + installation.settings.settling + timedelta(days=1)
    assert erased.open.copies == expected
    assert (erased.open.items, abs(erased.open.expected_by - due) < timedelta(minutes=1)) == (1, True)
    assert verdict.complete
    assert receipt(installation, batch, erased.open.expected_by + timedelta(seconds=1))[0].status == "incomplete"
    installation.settle()
    settled = opened(installation, batch, "settled")
    assert (settled.items, settled.expected_by, settled.copies) == (0, None, expected)
    for day in (days[0], days[-1] + timedelta(days=9)):
        later = receipt(installation, batch, day)[0]
        assert (later.complete, later.copies_past) == (True, 0), "nothing is late while a copy has no day"


def test_a_settling_check_that_waits_for_a_search_is_owed_that_much_later(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    every = timedelta(days=7)
    with fresh_installation(calltrack, tmp_path / "expunge", search=SearchSettings(every=every)) as installation:
        batch = installation.plan(make_holder(inspector).csv)
        installation.erase(batch)
        (erased,) = statements_of(installation, batch, "erased")
        due = erased.issued_at + installation.settings.settling + every + timedelta(days=1)
        assert abs(erased.open.expected_by - due) < timedelta(minutes=1)


def test_where_nothing_was_found_copies_may_still_hold_the_person(installation: Installation) -> None:
    batch = installation.plan("user_id\n999999991\n")
    installation.erase(batch)
    missing = opened(installation, batch, "not-found")
    assert (missing.items, missing.copies.count > 0) == (1, True)
    installation.settle()
    settled = opened(installation, batch, "settled")
    assert (settled.items, settled.copies) == (0, missing.copies)


def test_copies_that_no_listing_shows_and_nobody_saw_gone_are_counted(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Their place is not in the data map any more: the ledger knows them, and they may be there."""
    batch = installation.plan(make_holder(inspector).csv)
    installation.erase(batch)
    answered = opened(installation, batch, "erased").copies
    assert answered.count
    installation.settle(replace(installation.workspace, backups={}))
    (settled,) = statements_of(installation, batch, "settled")
    assert settled.open.copies == statements.OpenCopies(answered.count, answered.count)
    verdict, _ = receipt(installation, batch, settled.issued_at)
    assert (verdict.genuine, verdict.contradictions) == (True, ())
