"""Ages: how many of Calltrack's rows have had their time, by periods written down by hand."""

from __future__ import annotations

from expunge_demo.ground_truth import read_postgres
from expunge_demo.ground_truth.models import Places

_PERIODS = {
    "calls": ("started_at", 2),
    "leads": ("created_at", 2),
    "messages": ("created_at", 2),
    "invoices": ("issued_at", 10),
    "invoice_lines": ("issued_at", 10),
}
"""Table -> where its time begins, and for how many years it lasts."""


def due_by_age(places: Places) -> dict[str, int]:
    """Table -> rows whose time is over (UTC), for those with any.

    Raises:
        JudgeError: The database is not Calltrack's.
    """
    connection = read_postgres.connect(places.postgres_url)
    try:
        found = {
            name: read_postgres.older(connection, name, column, years) for name, (column, years) in _PERIODS.items()
        }
    finally:
        connection.close()
    return {name: number for name, number in found.items() if number}
