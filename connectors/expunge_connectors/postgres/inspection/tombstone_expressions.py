"""Tombstone expressions: computable from the key alone, idempotent, and of the column's type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from expunge_config.datamap import Action, IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.inspection.tombstone_dry_run import EXAMPLES
from expunge_connectors.postgres.sql.fragments import raw
from expunge_connectors.postgres.sql.tombstones import comparable
from expunge_connectors.postgres.table_spec import Elements, Removal, TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Try every expression on an example of a key."""
    for name, spec, table in inspection.live_data():
        if inspection.action(spec) is not Action.TOMBSTONE:
            continue
        yield from _personal_key(inspection, name, spec, table)
        yield from _referenced(inspection, name, spec, table)
        values = _fine(connection, spec, table)
        for column in spec.tombstone:
            if column in table.columns:
                yield from _expression(connection, inspection, name, spec, table, column, values)


def _another(table: Table) -> str:
    """How the key is chosen, where it is no primary key."""
    if table.primary_key:
        return ""
    return f" (a primary key, or ALTER TABLE {quoted_table(table.text)} REPLICA IDENTITY USING INDEX …)"


def _personal_key(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    named = [(link.names[0], link.identity) for link in spec.found_by if link.identity]
    named += [(source.column, identity) for identity, source in spec.yields.items()]
    personal = {
        column for column, identity in named if inspection.data_map.identities[identity].kind is IdentityKind.REUSABLE
    }
    for column in sorted(personal.intersection(table.key)):
        yield inspection.error(
            "tombstone-personal-key",
            name,
            f"{table.text} cannot be tombstoned: the column {column} of its key says itself who it was.",
            f"Delete the collection, or give the table a key without personal data{_another(table)}.",
        )


def _referenced(inspection: InspectionContext, name: str, spec: TableSpec, table: Table) -> Iterator[Finding]:
    for key in inspection.catalogue.foreign_keys:
        changed = set(key.parent_columns).intersection(spec.tombstone)
        if key.parent == table.text and changed:
            yield inspection.error(
                "tombstone-referenced",
                name,
                f"The tombstone changes {', '.join(sorted(changed))}, to which {key.child} points ({key.name}).",
                "Leave the column out of the tombstone, or point to another column.",
            )


def _expression(  # noqa: PLR0913, PLR0917 - the place of one expression
    connection: Connection,
    inspection: InspectionContext,
    name: str,
    spec: TableSpec,
    table: Table,
    column: str,
    values: Mapping[str, Any],
) -> Iterator[Finding]:
    where = f"The tombstone of {table.text}.{column}"
    live = table.columns[column]
    if column in table.key:
        yield inspection.error(
            "tombstone-expression",
            name,
            f"{where} changes the key by which its rows are known ({', '.join(table.key)}).",
            f"Leave this column out of the tombstone, or give the table another key{_another(table)}.",
        )
        return
    if live.generated:
        return  # see constraints
    wanted = spec.tombstone[column]
    if isinstance(wanted, Removal):
        if live.base not in {"json", "jsonb"}:
            yield inspection.error(
                "tombstone-expression",
                name,
                f"{where} removes paths, but the column is no JSON.",
                "Give an expression.",
            )
        return
    if isinstance(wanted, Elements):
        return
    try:
        value = values[column] if column in values else _value(connection, _trial(wanted, table, column))
        reads_rows = column not in values and _reads_rows(connection, table, {column: wanted})
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        yield _not_computed(connection, inspection, name, table, column, error)
        return
    if reads_rows:
        yield inspection.error(
            "tombstone-expression",
            name,
            f"{where} reads other rows: another person's value could stand there afterwards.",
            "Write an SQL expression over the key's columns, without a sub-select.",
        )
        return
    examples = all(table.columns[key].base in EXAMPLES for key in table.key)
    if value is None and examples and live.not_null:
        yield inspection.error(
            "tombstone-null", name, f"{where} is NULL, but the column is NOT NULL.", "Put a fixed value there instead."
        )


# By the names that stand in an expression, quoted or not; which of several functions of a name it calls, nobody knows.
_UNUSABLE = r"""
WITH lacking (right_on, name) AS (
    SELECT 'USAGE ON SCHEMA ' || pg_catalog.quote_ident(n.nspname), n.nspname
      FROM pg_catalog.pg_namespace n
     WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT 'EXECUTE ON ROUTINE ' || pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,
             pg_catalog.pg_get_function_identity_arguments(p.oid)), p.proname
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
)
SELECT right_on FROM lacking
 WHERE %s ~* ('(^|\W)' || pg_catalog.regexp_replace(name, '(\W)', '\\\1', 'g') || '(\W|$)')
 ORDER BY right_on DESC
"""


def _not_computed(  # noqa: PLR0913, PLR0917 - the place of one expression
    connection: Connection,
    inspection: InspectionContext,
    name: str,
    table: Table,
    column: str,
    error: psycopg.Error,
) -> Finding:
    where = f"The tombstone of {table.text}.{column} cannot be computed"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        expression = inspection.spec.collections[name].tombstone[column]
        lacking = [right for (right,) in connection.execute(_UNUSABLE, (expression,)).fetchall()]
        grants = " ".join(f"GRANT {right} TO {quoted(inspection.role)};" for right in lacking)
        return inspection.error(
            "right-missing" if grants else "tombstone-expression",
            name,
            f"{where}: the role may not use what it takes (SQLSTATE {error.sqlstate}).",
            grants or "GRANT what the functions in the expression use, and the schema of the column's type.",
        )
    return inspection.error(
        "tombstone-expression",
        name,
        f"{where} from the key ({', '.join(table.key)}) alone: SQLSTATE {error.sqlstate}."
        if table.key
        else f"{where}, for {table.text} has no key: SQLSTATE {error.sqlstate}.",
        "Write an SQL expression over the key's columns only."
        if table.key
        else "Write a constant, or give the table a primary key.",
    )


def _fine(connection: Connection, spec: TableSpec, table: Table) -> Mapping[str, Any]:
    """The value of each expression of a table, if they all can be computed and read no rows; otherwise none."""
    plain = {
        column: wanted
        for column, wanted in spec.tombstone.items()
        if isinstance(wanted, str) and column in table.columns and column not in table.key
    }
    if not plain:
        return {}
    try:
        values = _all_values(connection, [_trial(wanted, table, column) for column, wanted in plain.items()])
        return {} if _reads_rows(connection, table, plain) else dict(zip(plain, values, strict=True))
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        return {}


def unstable(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Expressions that depend on the time or on chance: they have another value in another transaction.

    Args:
        connection: Outside a transaction.
        inspection: What is inspected.
    """
    trials = {
        (name, f"{table.text}.{column}"): _trial(wanted, table, column)
        for name, spec, table in inspection.live_data()
        if inspection.action(spec) is Action.TOMBSTONE
        for column, wanted in spec.tombstone.items()
        if column in table.columns and isinstance(wanted, str)
    }
    if not trials:
        return
    first, second = (_values(connection, trials) for _ in range(2))
    for name, place in trials:
        if first[name, place] != second[name, place]:
            yield inspection.error(
                "tombstone-unstable",
                name,
                f"The tombstone of {place} is not the same twice.",
                "Use nothing that depends on time or chance.",
            )


def _values(
    connection: Connection, trials: Mapping[tuple[str, str], sql.Composed]
) -> Mapping[tuple[str, str], Any | None]:
    """What each expression says, in one transaction; None where it cannot be computed, which is another finding."""
    with connection.transaction(force_rollback=True):
        try:
            return dict(zip(trials, _all_values(connection, trials.values()), strict=True))
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
        return {place: _value_or_none(connection, statement) for place, statement in trials.items()}


def _all_values(connection: Connection, statements: Iterable[sql.Composed]) -> tuple[Any, ...]:
    """What each statement says, in one message."""
    each = [
        sql.SQL("(SELECT CASE WHEN same IS NOT NULL THEN value END FROM ({}) AS tried (value, same))").format(statement)
        for statement in statements
    ]
    with connection.transaction(force_rollback=True):
        return connection.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(each))).fetchall()[0]


def _value_or_none(connection: Connection, statement: sql.Composed) -> Any | None:  # noqa: ANN401 - only compared
    try:
        return _value(connection, statement)
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        return None


def _trial(expression: str, table: Table, column: str) -> sql.Composed:
    keys = sql.SQL(", ").join(
        sql.SQL("{}::{} AS {}").format(
            sql.Literal(EXAMPLES.get(table.columns[key].base, (None,))[0]),
            raw(table.columns[key].type),
            sql.Identifier(key),
        )
        for key in table.key
    )
    value = sql.SQL("({})::{}").format(raw(expression), raw(table.columns[column].type))
    equal = comparable(table.columns[column], sql.SQL("tried.value"))
    # The comparison is tried as well: a type of an extension may have an equality that nobody finds unqualified.
    return sql.SQL(
        "SELECT tried.value::text, {} IS NOT DISTINCT FROM {}"
        " FROM (SELECT {} AS value FROM (SELECT {}) AS key) AS tried"
    ).format(equal, equal, value, keys)


def _reads_rows(connection: Connection, table: Table, expressions: Mapping[str, str]) -> bool:
    """Whether an expression of a column holds a sub-select: the server allows none in a CHECK constraint, and is asked.

    What a function does inside is not seen. There the key stands in a table of another name than in our statements, so
    that an expression which holds such a name (`key.id`) cannot be computed: nor can it when we erase or verify.
    """
    columns = sql.SQL(", ").join(
        [
            *(sql.SQL("{} {}").format(sql.Identifier(key), raw(table.columns[key].type)) for key in table.key),
            *(
                sql.SQL("CHECK (({})::{} IS NULL)").format(raw(expression), raw(table.columns[column].type))
                for column, expression in expressions.items()
            ),
        ]
    )
    trial = sql.SQL("CREATE TEMPORARY TABLE expunge_trial ({})").format(columns)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(trial)
    except psycopg.errors.FeatureNotSupported:
        return True
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return False  # said by `right-missing` or `read-only`, which block as well
    return False


def _value(connection: Connection, statement: sql.Composed) -> Any:  # noqa: ANN401 - only compared
    with connection.transaction(force_rollback=True):
        row = connection.execute(statement).fetchone()
    return None if row is None else row[0]
