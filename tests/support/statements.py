"""What was stated of a batch: its statements, their collections, the chain of a series."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from tests.support.installation import Installation
from tests.support.receipt_schemas import assert_has_published_form

from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import dsse, trust
from expunge_reports import statement as statements
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log
from expunge_reports.verify import verifier


def statements_of(installation: Installation, batch: Batch, event: str) -> list[statements.Statement]:
    """The statements of one event, in the order of the list."""
    with reading(installation.workspace.ledger) as connection:
        envelopes = connection.scalars(
            sa.select(tables.statement.c.envelope)
            .join(tables.item, tables.item.c.id == tables.statement.c.item_id)
            .where(tables.item.c.batch_id == batch.id, tables.statement.c.event == event)
            .order_by(tables.item.c.line)
        ).all()
    return [statements.parse(dsse.parse(one).payload) for one in envelopes]


def destroyed(said: statements.Statement) -> bool:
    """Whether a statement says that the ledger holds no key to the request's identifiers any more."""
    identifiers = said.body["identifiers"]
    assert isinstance(identifiers, dict)
    return identifiers["destroyedInLedger"] is True


def lines_of(body: Mapping[str, Any]) -> dict[str, tuple[str, int, int]]:
    """`store.collection` -> outcome, found, due; of one that nobody looked at any more, all that was found."""
    return {
        f"{store['store']}.{one['collection']}": (
            one["outcome"],
            one["found"],
            one["found"] if one.get("unseen") else one["due"],
        )
        for store in body.get("stores", [])
        for one in store["collections"]
    }


def grounds_of(body: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """`store.collection` -> ground and last day, where something is kept."""
    return {
        f"{store['store']}.{one['collection']}": (one["ground"], one["until"])
        for store in body.get("stores", [])
        for one in store["collections"]
        if "ground" in one
    }


def assert_chain_intact(installation: Installation, batch: Batch, ahead: timedelta = timedelta(0)) -> None:
    """The export of every receipt verifies, statement by statement, against the log, and has the published form.

    `ahead`: by so much the reader's clock is.
    """
    settings, operator, keys = (
        installation.settings,
        installation.workspace.data_map.operator,
        installation.workspace.keys,
    )
    log = Log.open(settings.log, signed_note.log_key(operator.log_origin, keys.log.public_key()))
    pinned = trust.parse((settings.keys / TRUST_FILE).read_bytes())
    with reading(installation.workspace.ledger) as connection:
        for one in receipt_export.series_of(connection, batch.uid, None, Tagger(keys.suppression)):
            data = receipt_export.export_of(connection, log, one.series)
            verdict = verifier.verify(data, pinned, [], datetime.now(UTC) + ahead)
            assert (verdict.reason, verdict.contradictions) == (None, ())
            assert_has_published_form(data)
            assert [statement.event for statement in verdict.statements] == list(one.events)


def limits_of(installation: Installation, batch: Batch) -> dict[str, Any]:
    """Event -> what its statement says the request was limited to, of the first person."""
    events = installation.events(batch)[0]
    return {event: statements_of(installation, batch, event)[0].body.get("dataTypes") for event in events}


def chunks(installation: Installation, batch: Batch) -> list[tuple[str, int]]:
    """State and number of people of every chunk."""
    with reading(installation.workspace.ledger) as connection:
        rows = connection.execute(
            sa.select(tables.chunk.c.state, sa.func.count(tables.item.c.id).label("people"))
            .join(tables.item, tables.item.c.chunk_id == tables.chunk.c.id)
            .where(tables.chunk.c.batch_id == batch.id)
            .group_by(tables.chunk.c.id)
        )
        return [(row.state, row.people) for row in rows]
