"""A client's receipt says by when it was to be answered: the promise, and the law's clock beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator import clock, deadlines
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution import operator_cancel
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import request
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import export, trust
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log
from expunge_reports.page.render import receipt_page
from expunge_reports.verify import verifier


def receipt(installation: Installation, batch: Batch) -> tuple[list[Any], str]:
    """The documents that the first statement cites, and the page."""
    settings, operator, keys = (
        installation.settings,
        installation.workspace.data_map.operator,
        installation.workspace.keys,
    )
    log = Log.open(settings.log, signed_note.log_key(operator.log_origin, keys.log.public_key()))
    with reading(installation.workspace.ledger) as connection:
        (one,) = receipt_export.series_of(connection, batch.uid, None, Tagger(keys.suppression))
        data = receipt_export.export_of(connection, log, one.series)
    verdict = verifier.verify(data, trust.parse((settings.keys / TRUST_FILE).read_bytes()), [], datetime.now(UTC))
    assert verdict.authentic
    shared = export.parse(data).shared
    return [shared[digest] for digest in verdict.statements[0].context], receipt_page(verdict, shared)


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
