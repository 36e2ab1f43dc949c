"""Earlier lines: what the statements before one say is gone of each person, which the next one does not take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from expunge_orchestrator.ledger import Ledger
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules.count_records import Place
from expunge_reports import consistency, dsse
from expunge_reports import statement as statements
from expunge_reports.forms import bodies, form_reader

Gone = Mapping[Place, int]
"""(store, collection) -> how many records are stated as gone."""


def gone_so_far(ledger: Ledger, people: Iterable[Item]) -> dict[str, Gone]:
    """Series -> what its last statement that states each collection says is gone; those without one are left out."""
    series = [item.series for item in people]
    if not series:
        return {}
    with reading(ledger) as connection:
        last = ledger_statements.last_of(connection, series, consistency.LINES)
    return {name: _gone(envelope) for name, envelope in last.items()}


def _gone(envelope: bytes) -> Gone:
    body = statements.parse(dsse.payload_of(envelope)).body
    stores = form_reader.required(tuple[bodies.Store, ...], body["stores"], "the stores")
    return {
        (store.store, line.collection): number
        for store in stores
        for line in store.collections
        if (number := consistency.gone(line))
    }
