"""Store drift: each collection's table held against the map."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from functools import partial

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Drift, DriftReport, GoesWith, Heartbeat, NoAge
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.drift import detached_parts, log_ages, partitions, partman_sets
from expunge_connectors.postgres.drift.places import places, unjudged
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.transactions import Transactions

UNREAD = "We may not read all of it: grant our role SELECT on it and on its partitions, and no policy that hides rows"


def drift(  # noqa: PLR0913, PLR0917 - what is read, by whom, when, and what is kept
    transactions: Transactions,
    spec: PostgresSpec,
    data_map: DataMap,
    live: Catalogue,
    without: Mapping[str, GoesWith | NoAge],
    held: Collection[str],
    today: date,
    beat: Heartbeat,
) -> DriftReport:
    """Partitions, what was detached, pg_partman, and the ages of logs.

    What is due in a table of data is no drift: `expunge retention run` deletes it, and `plan` shows it.

    Args:
        transactions: To read with.
        spec: The store in the map.
        data_map: The periods.
        live: The tables of the map.
        without: The collections from which no sweep deletes by a start of their own, and why.
        held: Collections of which holds keep something.
        today: UTC.
        beat: Called after each piece.
    """
    there = {one.name: one for one in places(spec, data_map, live, held, today)}
    apart = [one for one in there.values() if one.table.kind == "p"]
    known = {one.table for one in spec.collections.values()} | {one.place for one in spec.unmapped_ok}

    def sets(connection: Connection) -> tuple[list[Drift], dict[str, str]]:
        found: list[Drift] = []
        tables: dict[str, list[str]] = {}
        for place in apart:
            parts = partitions.read(connection, place)
            tables[place.name] = [place.table.text, *sorted({one.above for one in parts} - {place.table.text})]
            found += partitions.findings(connection, place, parts)
            beat()
        found += detached_parts.findings(connection, apart, known)
        managed, unknown = partman_sets.findings(connection, tables, there)
        return [*found, *managed], unknown

    found, unknown = transactions.look(sets) if apart else ([], {})
    told = unjudged(spec, live, without) | unknown
    for place in there.values():
        if not place.log or place.start is None:
            continue
        if transactions.look(partial(log_ages.readable, place=place)):
            found += log_ages.findings(transactions, place, place.start, beat)
        else:
            told[place.name] = UNREAD
    return DriftReport(found, told)
