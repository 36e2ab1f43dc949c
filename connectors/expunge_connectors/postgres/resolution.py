"""Resolve: what the subjects' rows say about further keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from psycopg import sql

from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import Scope, Subject, SubjectKey, Yield
from expunge_connectors.postgres import paths, selection, staging
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapped import MappedStore, MappedTable, MappedTie


def resolve(
    connection: Connection, store: MappedStore, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None
) -> list[Yield]:
    """Declared yields and internal keys of every row tied to these keys; paths inside the store are followed.

    A row found through a shareable identity yields, so that it can help to agree, but leads nowhere.
    """
    found: dict[Yield, None] = {}
    with translated(store.name):
        staging.stage(connection, store, subjects, scope)
    for mapped in store.scoped.values():
        with translated(store.name, mapped.name):
            for tie in mapped.ties:
                found.update(dict.fromkeys(_yields(connection, store, mapped, tie, cutoff)))
            paths.feed(connection, store, mapped, mapped.selecting, cutoff)
    return list(found)


def _yields(
    connection: Connection, store: MappedStore, mapped: MappedTable, tie: MappedTie, cutoff: datetime | None
) -> Iterator[Yield]:
    declared = list(mapped.yields)
    internal = [column.name for column, _ in mapped.feeds]
    if not declared and not internal:
        return
    values = [_declared(mapped, identity) for identity in declared]
    values += [sql.SQL("{}::text").format(selection.column("t", name)) for name in internal]
    statement = selection.rows(
        mapped,
        tie,
        sql.SQL("DISTINCT k.number, k.value::text, {}").format(sql.SQL(", ").join(values)),
        selection.requested(mapped, tie, "t", cutoff),
    )
    namespaces = declared + [store.namespace(mapped, name) for name in internal]
    with connection.cursor() as cursor:
        for number, via, *texts in cursor.execute(statement):
            for key in _keys(mapped, namespaces, texts):
                yield Yield(number, SubjectKey(tie.namespace, via), mapped.name, key)


def _declared(mapped: MappedTable, identity: str) -> sql.Composable:
    """The column under the identity's normaliser; nothing where a tombstone stands."""
    column, rule = mapped.yields[identity]
    before, _, after = rule.sql.partition("{column}")
    value = sql.Composed([selection.raw(before), selection.column("t", column.name), selection.raw(after)])
    if column.name not in mapped.spec.tombstone:
        return value
    return sql.SQL("CASE WHEN NOT ({}) THEN {} END").format(selection.entombed(mapped, "t"), value)


def _keys(mapped: MappedTable, namespaces: Sequence[str], texts: Sequence[Any]) -> Iterator[SubjectKey]:
    for namespace, text in zip(namespaces, texts, strict=True):
        if text is None:
            continue
        if namespace not in mapped.yields:
            yield SubjectKey(namespace, text)
            continue
        try:
            yield SubjectKey(namespace, mapped.yields[namespace][1].normalise(text))
        except NotNormalisable:
            # What stands in the column is no such identifier ("unknown", "n/a"): it leads nowhere.
            continue
