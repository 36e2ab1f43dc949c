"""Held people: the keys of each person's own row: a hold by an e-mail keeps what is found by the id beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Heartbeat, SubjectKey
from expunge_connectors.postgres.ages.table_slices import TableSlice, TableSlices, grown, leaves
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.transactions import Transactions


def people(
    transactions: Transactions, store: BoundStore, data_map: DataMap, identities: Collection[str], beat: Heartbeat
) -> Iterator[Sequence[frozenset[SubjectKey]]]:
    """Of the rows that are persons: of tables that tell one of these identities, all that each row tells."""
    for mapped in store.collections.values():
        told = dict(_told(mapped))
        if mapped.spec.person is None or told.keys().isdisjoint(identities):
            continue
        for leaf in transactions.look(partial(leaves, oid=mapped.table.oid)):
            slices = TableSlices(leaf, grown=grown(transactions, leaf))
            for rows in slices.each(partial(_of_slice, transactions.in_slices, store, mapped, told)):
                yield _keys(rows, told, data_map)
                beat()


def _of_slice(
    transactions: Transactions, store: BoundStore, mapped: BoundTable, told: dict[str, Source], part: TableSlice
) -> list[tuple[str, str, str]]:
    statement = _statement(told, part.table, part.within)

    def read(connection: Connection) -> list[tuple[str, str, str]]:
        with translated(store.name, mapped.name):
            return connection.execute(statement).fetchall()

    return transactions.look(read)


def _told(mapped: BoundTable) -> Iterator[tuple[str, Source]]:
    """Identity -> where a row tells it."""
    for link in mapped.links:
        if link.source is not None:
            yield link.namespace, link.source
    for identity, (source, _) in mapped.yields.items():
        yield identity, source


def _statement(told: dict[str, Source], table: sql.Composable, within: sql.Composable) -> sql.Composed:
    selects: list[sql.Composed] = []
    for identity, source in told.items():
        beside: sql.Composable = sql.SQL("")
        text: sql.Composable = taken_out(source, column("t", source.column))
        if source.several:
            beside, text = (
                sql.SQL(" CROSS JOIN LATERAL {} AS v (value)").format(values(source, "t")),
                sql.SQL("v.value"),
            )
        selects.append(
            sql.SQL("SELECT t.ctid::text, {}, {}::text FROM {} AS t{} WHERE {}").format(
                sql.Literal(identity), text, table, beside, and_(within, tells(source.where, "t"))
            )
        )
    return sql.SQL(" UNION ALL ").join(selects)


def _keys(rows: list[tuple[str, str, str]], told: dict[str, Source], data_map: DataMap) -> list[frozenset[SubjectKey]]:
    found: dict[str, set[SubjectKey]] = defaultdict(set)
    for place, identity, text in rows:
        if text is not None:
            reading = told[identity].read(data_map.identities[identity].rule, text)
            found[place].update(SubjectKey(identity, value) for value in reading.values)
    return [frozenset(keys) for keys in found.values()]
