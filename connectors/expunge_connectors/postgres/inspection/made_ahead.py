"""Made ahead (`check --sample`): rows that say they were made in the future. A request takes them for newer ones.

An account under a person's id that was made after the erasure began is somebody else's (ADR 18); an import that wrote
2030, or `infinity`, makes such rows, of which every request fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext

_AHEAD = "{} > pg_catalog.now() + interval '1 day'"  # clocks differ, and so do time zones


def findings(connection: Connection, inspection: InspectionContext, rows: int) -> Iterator[Finding]:
    """One for each `created` of which rows of a sample lie more than a day ahead."""
    places = {
        (table.text, live.name): (name, table, live)
        for name, spec, table in inspection.live_data()
        for live in [table.columns.get(spec.created or "")]
        if live is not None
    }
    for name, table, live in places.values():
        sampled = table_sampling.sampled(connection, table, [live])
        ahead = sql.SQL(_AHEAD).format(sql.Identifier("s", live.name))
        answer = table_sampling.counted(connection, sampled, rows, {"ahead": ahead})
        place = f"{table.text}.{live.name}"
        if answer is None:
            yield inspection.info(
                "sweep-unfinished",
                name,
                f"A sample of {place} could not be read in time: whether rows say that they were made in the future is"
                " unknown, not fine.",
                "Try again with fewer rows (--rows), or look yourself.",
            )
        elif count := answer[1]["ahead"]:
            yield inspection.warning(
                "made-ahead",
                name,
                f"{count} of {answer[0]} rows looked at in {place} say that they were made in the future: a request"
                " takes them for rows of somebody who came after it, and leaves them or fails.",
                "Correct them: an import, or a clock that runs ahead, wrote them.",
            )
