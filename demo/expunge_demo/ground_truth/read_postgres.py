"""Reads Calltrack's database in one repeatable-read transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from expunge_demo.ground_truth.models import (
    Caller,
    Holder,
    JudgeError,
    Key,
    Lead,
    Record,
    image,
    value,
    words,
)
from expunge_demo.ground_truth.ownership import TABLES

_FETCH = 5_000


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a read-only transaction in which a row's text depends on the row alone; the caller closes it.

    Raises:
        JudgeError: The tables are not the ones that the judge knows.
    """
    connection = psycopg.connect(url)
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("SET LOCAL TimeZone = 'UTC'")
    connection.execute("SET LOCAL DateStyle = 'ISO'")
    connection.execute("SET LOCAL bytea_output = 'hex'")
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    if {name for (name,) in tables} != TABLES.keys():
        connection.close()
        raise JudgeError("The tables in schema public are not Calltrack's.")
    return connection


def today(connection: psycopg.Connection[Any]) -> date:
    """Return the database's day."""
    row = connection.execute("SELECT now()::date").fetchone()
    if row is None:
        raise JudgeError("The database does not know which day it is.")
    day: date = row[0]
    return day


def older(connection: psycopg.Connection[Any], name: str, column: str, years: int) -> int:
    """Return how many rows of a table began so many years ago, or more."""
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}::date + make_interval(years => %s) <= now()::date")
    row = connection.execute(query.format(sql.Identifier(name), sql.Identifier(column)), (years,)).fetchone()
    return 0 if row is None else int(row[0])


def table(connection: psycopg.Connection[Any], name: str) -> Iterator[tuple[Key, Record, str]]:
    """Yield every row of a table: key, record, and its text."""
    with connection.cursor(name=f"judge_{name}") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(TABLES[name])
        for key, person, until, text in cursor:
            yield key, Record(person, image(text), until), text


def holders(connection: psycopg.Connection[Any]) -> dict[int, Holder]:
    """Return the account holders by id."""
    found = connection.execute(
        "SELECT id, concat_ws(' ', id, client_id, created_at), email, full_name, phone FROM public.users"
    )
    return {
        ident: Holder(
            anchor=image(anchor),
            values=frozenset(value(text) for text in (email, name, phone) if text),
            words=words(email, name, phone),
            closed=email.endswith(".invalid") and phone is None,
        )
        for ident, anchor, email, name, phone in found
    }


def callers(connection: psycopg.Connection[Any]) -> dict[int, Caller]:
    """Return the callers by id."""
    found = connection.execute("SELECT id, client_id, phone, name FROM public.callers")
    return {ident: Caller(client, value(phone), value(name) if name else None) for ident, client, phone, name in found}


def leads(connection: psycopg.Connection[Any]) -> dict[int, Lead]:
    """Return the web forms by id."""
    found = connection.execute("SELECT id, client_id, caller_id, email, phone, name FROM public.leads")
    return {
        ident: Lead(client, caller, value(email), value(phone) if phone else None, value(name))
        for ident, client, caller, email, phone, name in found
    }


def recording_keys(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return whose recording each object is: object key -> caller."""
    found = connection.execute(
        "SELECT r.object_key, c.caller_id FROM public.recordings r JOIN public.calls c ON c.id = r.call_id"
    )
    return dict(found.fetchall())
