"""Read samples (`check --sample`): of the values by which rows are found and that lead on, how many can be read.

The values of a sample come to this process, are read there as everywhere else, and are forgotten. What a tombstone put
there is no value.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.contract import ReadSample, SubjectKey
from expunge_connectors.postgres.catalog.key_types import names_people
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.table_sampling import SampledTable
from expunge_connectors.postgres.sql.comparison import taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, raw
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import TableSpec


def read_samples(connection: Connection, inspection: InspectionContext, rows: int) -> Iterator[ReadSample]:
    """One for each identity and each place where it stands; of a table that cannot be read in time `seen` is None."""
    until = time.monotonic() + table_sampling.SECONDS_IN_ALL
    sampled = {one.text: one for one in table_sampling.tables(connection)}
    for name, spec, table in inspection.live_data():
        for identity, source, leads_on in _places(spec):
            live = table.columns.get(source.column)
            known = inspection.data_map.identities.get(identity)
            if live is None or known is None or table.text not in sampled:
                continue  # findings of their own
            if not names_people(live, inside=source.several, of_bytes=source.of_bytes):
                continue
            where = f"{table.text}.{source.column}"
            late = time.monotonic() > until
            statement = _statement(spec, table, sampled[table.text], source, rows, counts=known.rule.counts)
            told = None if late else table_sampling.asked(connection, statement)
            if told is None:
                yield ReadSample(name, where, identity, None)
                continue
            seen = unread = 0
            keys: set[tuple[str | None, SubjectKey]] = set()
            for text, member in told:
                reading = source.read(known.rule, text)
                seen += bool(text.strip())
                unread += not reading.whole
                if leads_on:
                    whose = member or inspection.member_of(table)
                    keys.update((whose, SubjectKey(identity, value)) for value in reading.values)
            yield ReadSample(name, where, identity, seen, unread, frozenset(keys))


def _places(spec: TableSpec) -> Iterator[tuple[str, Source, bool]]:
    """Identity, where it stands, and whether it leads on from there; each place once."""
    yield from ((identity, source, True) for identity, source in spec.yields.items())
    for link in spec.found_by:
        yielded = spec.yields.get(link.identity or "")
        if link.identity is not None and not (yielded is not None and yielded.same_place(link.source)):
            yield link.identity, link.source, False


def _statement(  # noqa: PLR0913 - what is sampled, and how it is read
    spec: TableSpec, table: Table, sampled: SampledTable, source: Source, rows: int, *, counts: bool
) -> sql.Composed:
    """The texts of a sample that no tombstone put there, each with the member whose row it is."""
    member = None if spec.owner is None else spec.owner.column
    expression = spec.tombstone.get(source.column)
    put = expression if isinstance(expression, str) else None
    needed = dict.fromkeys(
        [
            source.column,
            *(kind.column for kind in source.where),
            *(() if member is None else (member,)),
            *(() if put is None else table.key),
        ]
    )
    found: sql.Composable = table_sampling.sample(sampled, rows, needed)
    text = taken_out(source, column("s", source.column))
    if counts and source.ends is None and table.columns[source.column].base == "numeric":
        text = sql.SQL("pg_catalog.trim_scale({})").format(text)  # 7.00 is 7 (see `spelling`)
    if source.several:
        found = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(found, values(source, "s"))
        text = column("v", "value")
    theirs: sql.Composable = sql.SQL("NULL") if member is None else column("s", member)
    ours: sql.Composable = TRUE
    if put is not None and not source.several:
        keys = sql.SQL(", ").join(column("s", key) for key in table.key)
        ours = sql.SQL("{}::text IS DISTINCT FROM (SELECT ({})::text FROM (SELECT {}) AS own_key)").format(
            text, raw(put), keys
        )
    return sql.SQL("SELECT {}::text, {}::text FROM {} WHERE {}").format(
        text, theirs, found, and_(sql.SQL("{} IS NOT NULL").format(text), ours, tells(source.where, "s"))
    )
