"""Loads Calltrack's database: schema, rows, and the roles that Expunge gets."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib import resources
from typing import get_type_hints
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from expunge_demo.calltrack import Company
from expunge_demo.calltrack.rows import TABLES, Row
from expunge_demo.errors import DemoError, NotEmptyError

ROLE = "expunge_app"
SEARCH_ROLE = "expunge_search"
_DELETED = (
    "user_profiles",
    "api_tokens",
    "user_addresses",
    "addresses",
    "messages",
    "invoices",
    "invoice_lines",
    "marketing_optouts",
    "callers",
    "calls",
    "call_notes",
    "recordings",
    "transcripts",
    "leads",
    "lead_answers",
)
_TOMBSTONED = ("email", "full_name", "phone", "status")


def load_rows(company: Company, url: str) -> int:
    """Create the schema and COPY every row, in one transaction with all foreign keys checked.

    Returns:
        Number of rows.

    Raises:
        NotEmptyError: There is a table already.
        DemoError: Postgres refused; the message names the SQLSTATE only.
    """
    try:
        with psycopg.connect(url) as connection:
            _refuse_tables(connection)
            connection.execute(schema())
            rows = sum(
                _copy(connection, table, chunk) for chunks in company.row_chunks() for table, chunk in chunks.items()
            )
            _set_sequences(connection)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    except psycopg.Error as error:
        raise DemoError(f"Postgres refused the example company (SQLSTATE {error.sqlstate}).") from None
    return rows


def schema() -> bytes:
    """Return the packaged schema.sql."""
    return resources.files("expunge_demo.calltrack").joinpath("schema.sql").read_bytes()


def grant_role(url: str) -> str:
    """Make the role that Expunge works as, with a fresh password, and return its URL.

    It may read what the map names, delete what the map deletes, write the four columns that a tombstone covers, and
    has no right at all on the access log. A role of that name from an earlier run is taken over.
    """
    role = sql.Identifier(ROLE)
    return _made(
        url,
        ROLE,
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role),
        sql.SQL("GRANT SELECT, DELETE ON {} TO {}").format(_tables(_DELETED), role),
        sql.SQL("GRANT SELECT, UPDATE ({}) ON public.users TO {}").format(
            sql.SQL(", ").join(map(sql.Identifier, _TOMBSTONED)), role
        ),
        # SELECT FOR UPDATE wants UPDATE on some column; this one can never be given another value.
        sql.SQL("GRANT UPDATE (id) ON public.addresses TO {}").format(role),
    )


def grant_search_role(url: str) -> str:
    """Make the role of the blind search in the same way: it may read everything, and nothing else."""
    return _made(url, SEARCH_ROLE, sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(SEARCH_ROLE)))


def _made(url: str, name: str, *grants: sql.Composed) -> str:
    password = secrets.token_urlsafe(24)
    role = sql.Identifier(name)
    try:
        with psycopg.connect(url) as connection:
            # Only the verifier travels: a statement log would keep the password.
            verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None
            make = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(make.format(role, sql.Literal(verifier)))
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, role))
            for grant in grants:
                connection.execute(grant)
    except psycopg.Error as error:
        raise DemoError(f"Postgres refused to make the role {name} (SQLSTATE {error.sqlstate}).") from None
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{name}:{quote(password, safe='')}@{place}").geturl()


def _refuse_tables(connection: psycopg.Connection) -> None:
    row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    if row is None or row[0] != 0:
        raise NotEmptyError("The database has tables in schema public already; the example company needs an empty one.")


def _copy(connection: psycopg.Connection, table: str, rows: Sequence[Row]) -> int:
    columns = sql.SQL(", ").join(map(sql.Identifier, TABLES[table]._fields))
    # COPY fills identity columns that are GENERATED ALWAYS, as INSERT ... OVERRIDING SYSTEM VALUE does.
    statement = sql.SQL("COPY public.{} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        return cursor.rowcount


def _set_sequences(connection: psycopg.Connection) -> None:
    for table, row_type in TABLES.items():
        if get_type_hints(row_type).get("id") is not int:
            continue
        connection.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM public.{}").format(
                sql.Literal(f"public.{table}"), sql.Identifier(table)
            )
        )


def _tables(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("public", name) for name in names)
