"""Missing indexes: without them a request, or each deletion of a referenced row, scans whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import psycopg
from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.catalog.key_types import TEXT, as_it_is, key_type, spelling
from expunge_connectors.postgres.catalog.tables import ForeignKey, Table
from expunge_connectors.postgres.claims import told
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.row_kinds import compared
from expunge_connectors.postgres.sql.comparison import normalised, taken_out
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.table_links import Link

_INDEXES = """
SELECT n.nspname || '.' || c.relname,
       ARRAY(SELECT a.attname::text
               FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
              WHERE k.position <= x.indnkeyatts
              ORDER BY k.position)
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = i.relam AND m.amname IN ('btree', 'hash')
 WHERE n.nspname || '.' || c.relname = ANY (%s)
   AND x.indisvalid AND x.indpred IS NULL
"""

Indexes = Mapping[str, Sequence[Sequence[str | None]]]
"""`schema.table` -> the columns of each whole index, in its order; None for an expression."""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Links and foreign keys that no index serves."""
    yield from _scans(inspection)
    keys = [key for key in inspection.catalogue.foreign_keys if _deleted(inspection, key)]
    there = _indexes(connection, {*inspection.catalogue.tables, *(key.child for key in keys)})
    missing: dict[str, tuple[str, str]] = {}
    unclear: dict[str, tuple[str, str, sql.Composed]] = {}
    for name, spec, table in inspection.live_data():
        for link in (*spec.found_by, *told(inspection.spec, spec, inspection.data_map)):
            named = {*link.names, *(kind.column for kind in link.where)}
            if link.several or not named <= set(table.columns):
                continue
            where = f"{table.text} ({', '.join(link.names)})"
            if (tokens := _tokens(inspection, link)) is not None:
                statement = f"{_create(inspection, table.text)} USING gin ({tokens.as_string(connection)});"
                unclear.setdefault(statement, (name, where, _asked_for_any(table, tokens)))
            expression = _expression(inspection, table, link)
            written = expression.as_string(connection)
            statement = f"{_create(inspection, table.text)} ({written});"
            if not written.startswith('"'):
                unclear.setdefault(statement, (name, where, _asked(table, link, expression)))
            elif not any(_leading(one, table, link) == link.names[0] for one in there.get(table.text, ())):
                missing.setdefault(statement, (name, where))
    served = _served(connection, [asked for _, _, asked in unclear.values()])
    missing |= {
        statement: (name, where)
        for (statement, (name, where, _)), fine in zip(unclear.items(), served, strict=True)
        if not fine
    }
    for statement, (name, where) in missing.items():
        yield inspection.warning(
            "tie-index",
            name,
            f"No index serves the look-up of {where}: every chunk reads the whole table.",
            statement,
        )
    for key in keys:
        columns = ", ".join(map(quoted, key.columns))
        statement = f"{_create(inspection, key.child)} ({columns});"
        wanted = set(key.columns)
        if statement not in missing and not any(set(one[: len(wanted)]) == wanted for one in there.get(key.child, ())):
            collection = inspection.collection_of(key.child) or inspection.collection_of(key.parent) or ""
            missing[statement] = (collection, key.child)
            yield inspection.warning(
                "foreign-key-index",
                collection,
                f"No index serves {key.child} ({columns}): every row deleted from {key.parent} reads that whole table.",
                statement,
            )


def _scans(inspection: InspectionContext) -> Iterator[Finding]:
    """Columns whose values are looked through, each once, whatever is looked for in them."""
    for name, spec, table in inspection.live_data():
        columns = [one for link in spec.found_by if link.several for one in link.names if one in table.columns]
        for column in dict.fromkeys(columns):
            yield inspection.info(
                "tie-scan",
                name,
                f"Identifiers are looked for inside the values of {table.text} ({column}): every chunk reads the whole"
                " table.",
                "Keep them in a column or a table of their own, if that takes too long.",
            )


def _deleted(inspection: InspectionContext, key: ForeignKey) -> bool:
    """Rows of the parent are deleted."""
    parent = inspection.collection_of(key.parent)
    return parent is not None and inspection.deletes(inspection.spec.collections[parent])


def _indexes(connection: Connection, tables: Iterable[str]) -> Indexes:
    found: dict[str, list[list[str | None]]] = {}
    for table, columns in connection.execute(_INDEXES, (sorted(tables),)).fetchall():
        found.setdefault(table, []).append(columns)
    return found


def _leading(columns: Sequence[str | None], table: Table, link: Link) -> str | None:
    """The first column of an index behind those of which the link names the value."""
    named = {kind.column for kind in compared(link.where) if not key_type(table.columns[kind.column]).cast}
    return next((one for one in columns if one not in named), None)


def _create(inspection: InspectionContext, table: str) -> str:
    """The beginning of the statement. The server makes no index of a partitioned table CONCURRENTLY."""
    live = inspection.catalogue.tables.get(table)
    how = "" if live is not None and live.kind == "p" else "CONCURRENTLY "
    return f"CREATE INDEX {how}ON {quoted_table(table)}"


def _expression(inspection: InspectionContext, table: Table, link: Link) -> sql.Composed:
    """What is compared, as it would stand in an index definition."""
    if link.identity is None:
        return sql.SQL(", ").join(_plain(table, name) for name in link.names)
    identity = inspection.data_map.identities[link.identity]
    [name] = link.names
    live = table.columns[name]
    if link.template is not None:
        there = sql.Identifier(name)
        if identity.rule.plain or identity.rule.counts:
            return sql.Composed([there]) if key_type(live) == TEXT else sql.SQL("({}::text)").format(there)
        return sql.SQL("({})").format(normalised(identity.rule.sql, taken_out(link.source, there)))
    if identity.kind is IdentityKind.REUSABLE or not as_it_is(identity.rule, live):
        before, _, after = spelling(identity.rule, live).partition("{column}")
        return sql.Composed([raw("("), raw(before), sql.Identifier(name), raw(after), raw(")")])
    return _plain(table, name)


def _tokens(inspection: InspectionContext, link: Link) -> sql.Composed | None:
    """Where texts have to be read: by which expression those are found that may say a key (ADR 22)."""
    spellings = inspection.data_map.identities[link.identity].rule.spellings if link.identity is not None else None
    if spellings is None:
        return None
    before, _, after = spellings.sql.partition("{column}")
    return sql.Composed([raw("(("), raw(before), sql.Identifier(link.names[0]), raw(after), raw("))")])


def _asked_for_any(table: Table, tokens: sql.Composed) -> sql.Composed:
    """The look-up of texts by their tokens, as the planner is asked about it."""
    return sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {} WHERE {} && (SELECT NULL::text[])").format(
        table.identifier, tokens
    )


def _plain(table: Table, name: str) -> sql.Composed:
    """A column as it is compared."""
    column = sql.Identifier(name)
    return sql.SQL("({}::text)").format(column) if key_type(table.columns[name]).cast else sql.Composed([column])


def _asked(table: Table, link: Link, expression: sql.Composed) -> sql.Composed:
    """The look-up of an expression, as the planner is asked about it. Of several columns, the first decides."""
    first = expression if link.identity is not None else _plain(table, link.names[0])
    return sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {} WHERE {} = (SELECT NULL::text)").format(
        table.identifier, first
    )


def _served(connection: Connection, statements: Sequence[sql.Composed]) -> list[bool]:
    """Whether an index would do."""
    try:
        return index_use.planned(connection, statements)
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        if len(statements) == 1:
            return [True]  # a missing right, a part that cannot be planned: reported for itself; no need to guess
        return [fine for statement in statements for fine in _served(connection, [statement])]
