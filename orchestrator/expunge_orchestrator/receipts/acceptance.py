"""Acceptance: drafts of `accepted`, which says when each request was received, and by when it is to be answered."""

from __future__ import annotations

from collections.abc import Sequence

from expunge_config.datamap import DataMap
from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.receipts import request_facts, shared_documents, statement_bodies
from expunge_orchestrator.receipts.statement_issuer import StatementDraft, store_document
from expunge_orchestrator.rules import owed
from expunge_reports.statement_payload import EncodedBody


def drafts(
    connection: Transaction, batch: Batch, data_map: DataMap, people: Sequence[Item], plan: str
) -> list[StatementDraft]:
    """One for each person. Whoever asked at one time, or on one day, shares the body and the document of deadlines.

    None is dated before they asked, if a clock was set back since.

    Args:
        connection: Documents are stored in its transaction, in the order of these times: two chunks do not wait for
            each other.
        batch: Theirs.
        data_map: Says which deadlines its controller has.
        people: In any order.
        plan: Cites the document of the plan.
    """
    facts = request_facts.by_time(connection, batch, {item.received_at for item in people}, data_map)
    said = {}
    for time, received in sorted(facts.items(), key=lambda one: one[1].operator):
        clocks = shared_documents.deadlines_document(batch, received, data_map)
        cited = [plan] if clocks is None else [plan, store_document(connection, clocks)]
        said[time] = (
            EncodedBody.of(statement_bodies.accepted(batch, received, cited)),
            owed.answer([] if clocks is None else [clocks]),
        )
    return [
        StatementDraft(
            item.id,
            item.series,
            "accepted",
            item.subjects,
            *said[item.received_at],
            not_before=parse(facts[item.received_at].operator),
        )
        for item in people
    ]
