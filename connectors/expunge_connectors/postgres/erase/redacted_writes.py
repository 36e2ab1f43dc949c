"""Redacted writes: statements whose errors put no value of a row into the server's log (law 5).

A refusal quotes what it refuses: `Key (email)=(…) already exists`, `Failing row contains (…)`, and whatever a trigger
raises. An error that PL/pgSQL catches is not logged; the one raised in its place has the same SQLSTATE and names
the constraint, if the catalogue has it: a trigger may give any text as a name (`USING CONSTRAINT = OLD.email`). A
cancelled statement is not caught, and quotes nothing.

Triggers find what they name without a schema as they do when the application writes: by the search path that the role
has by itself. Ours is empty everywhere else; here, too, the server's own operators and functions come first.
"""

from __future__ import annotations

from psycopg import sql

from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.errors import OF_THE_CATALOGUE

_BLOCK = """DO {quote}
#variable_conflict use_column
DECLARE
  expunge_touched bigint;
  expunge_state text;
  expunge_schema text;
  expunge_table text;
  expunge_constraint text;
BEGIN
  SET LOCAL search_path TO DEFAULT;
  PERFORM pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog',
    nullif(pg_catalog.current_setting('search_path'), '')), true);
  {statement};
  {counted}
  PERFORM pg_catalog.set_config('search_path', '', true);
  PERFORM pg_catalog.set_config('expunge.touched', expunge_touched::text, true);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS
    expunge_state = RETURNED_SQLSTATE, expunge_schema = SCHEMA_NAME,
    expunge_table = TABLE_NAME, expunge_constraint = CONSTRAINT_NAME;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conname = expunge_constraint)
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_class i WHERE i.relname = expunge_constraint AND i.relkind IN ('i', 'I'))
  THEN
    expunge_constraint := '';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relname = expunge_table AND n.nspname = expunge_schema)
  THEN
    expunge_schema := '';
    expunge_table := '';
  END IF;
  RAISE EXCEPTION USING
    ERRCODE = expunge_state, MESSAGE = 'refused', SCHEMA = expunge_schema,
    TABLE = expunge_table, CONSTRAINT = expunge_constraint, DATATYPE = {looked_up};
END {quote}"""
_ROWS = sql.SQL("GET DIAGNOSTICS expunge_touched = ROW_COUNT;")


def execute(connection: Connection, statement: sql.Composed) -> int:
    """Run one DELETE or UPDATE; returns how many rows it touched."""
    return _run(connection, statement, _ROWS)


def overwrite(connection: Connection, update: sql.Composed, written: sql.Composable) -> int | None:
    """Run one UPDATE; returns how many rows it touched, or None: of one of them `written` does not hold now."""
    statement = sql.SQL(
        "WITH put AS ({} RETURNING ({}) IS TRUE AS written)"
        " SELECT CASE WHEN bool_and(written) IS FALSE THEN -1 ELSE count(*) END INTO expunge_touched FROM put"
    ).format(update, written)
    touched = _run(connection, statement, sql.SQL(""))
    return None if touched < 0 else touched


def carry_out_together(connection: Connection, deletions: list[sql.Composed]) -> int:
    """Run several DELETEs as one statement, at whose end the server looks at its constraints; returns their rows."""
    gone = [
        sql.SQL("gone_{} AS ({} RETURNING 1)").format(sql.SQL(str(at)), one)  # pyright: ignore[reportArgumentType]
        for at, one in enumerate(deletions)
    ]
    counts = [
        sql.SQL("(SELECT count(*) FROM gone_{})").format(sql.SQL(str(at)))  # pyright: ignore[reportArgumentType]
        for at in range(len(deletions))
    ]
    statement = sql.SQL("WITH {} SELECT {} INTO expunge_touched").format(
        sql.SQL(", ").join(gone), sql.SQL(" + ").join(counts)
    )
    return _run(connection, statement, sql.SQL(""))


def check_constraints(connection: Connection) -> None:
    """Let happen now what is deferred to the commit."""
    _run(connection, sql.SQL("SET CONSTRAINTS ALL IMMEDIATE").format(), sql.SQL("expunge_touched := 0;"))


def _run(connection: Connection, statement: sql.Composed, counted: sql.SQL) -> int:
    text = statement.as_string(connection)
    mark = "expunge"
    while f"${mark}$" in text:
        mark += "_"
    quote = sql.SQL(f"${mark}$")  # pyright: ignore[reportArgumentType]
    cursor = connection.execute(
        sql.SQL("{}; SELECT pg_catalog.current_setting('expunge.touched')").format(
            sql.SQL(_BLOCK).format(
                quote=quote, statement=statement, counted=counted, looked_up=sql.Literal(OF_THE_CATALOGUE)
            )
        )
    )
    cursor.nextset()
    (touched,) = only_row(cursor)
    return int(touched)
