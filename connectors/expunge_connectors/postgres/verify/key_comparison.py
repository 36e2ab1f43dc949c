"""Key comparison of the verifying side: the columns of the row `r` hold the key `a` that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.verify.expressions import (
    as_stored,
    equal,
    in_row,
    no_empty_text,
    of_kind,
    readable,
    text_of,
    verbatim,
    with_key,
    without_template,
)
from expunge_connectors.postgres.verify.verified_store import VerifiedStore


def equal_to_key(store: VerifiedStore, table: Table, link: Link) -> sql.Composed:
    """The row's value, or values, are those of the key `a`, and it is of the link's kind."""
    return sql.SQL(" AND ").join(
        [
            _compared(store, table, link),
            *of_kind(link.where, table),
            *no_empty_text(link, table),
            *not_itself(store, table, link),
        ]
    )


def not_itself(store: VerifiedStore, table: Table, link: Link) -> Iterator[sql.Composed]:
    """Where a link leads from row to row of a collection, the row `r` is not the one above it."""
    lead, columns = link.lead or (None, ())
    if lead is not None and link in store.spec.collections[lead].found_by:
        same = (
            equal(table.columns[ours], sql.Identifier("r", ours), sql.Identifier("r", theirs))
            for ours, theirs in zip(link.names, columns, strict=True)
        )
        yield sql.SQL("({}) IS NOT TRUE").format(sql.SQL(" AND ").join(same))


def _compared(store: VerifiedStore, table: Table, link: Link) -> sql.Composed:
    if link.identity is None:
        return key_of([table.columns[one] for one in link.names])
    identity = store.data_map.identities[link.identity]
    column = table.columns[link.names[0]]
    if link.template is not None:
        text = text_of(link, column)
        if identity.rule.plain or identity.rule.counts:  # one spelling: of the whole text, by the column's index
            return sql.SQL("{} = {}").format(text, with_key(link.template, "a.value"))
        head, tail = identity.rule.sql.split("{column}", 1)
        spelt = sql.Composed([verbatim(head), without_template(link.template, text), verbatim(tail)])
        return sql.SQL("{} = a.value").format(spelt)
    if link.several or identity.kind is IdentityKind.REUSABLE or not readable(column, identity.rule):
        value: sql.Composable = sql.Identifier("inside", "value") if link.several else in_row(column, identity.rule)
        head, tail = identity.rule.sql.split("{column}", 1)
        return sql.SQL("{} = a.value").format(sql.Composed([verbatim(head), value, verbatim(tail)]))
    if column.equality is not None:  # equal in spelling too, which the type's own equality does not ask for
        return sql.SQL("{} AND {}::text = a.value").format(
            as_stored(column, "a.value"), sql.Identifier("r", column.name)
        )
    return as_stored(column, "a.value")


def key_of(columns: Sequence[Column]) -> sql.Composed:
    """These columns of the row `r` hold the values of the key `a`."""
    keys = ["a.value"] if len(columns) == 1 else [f"(a.value::jsonb) ->> {at}" for at in range(len(columns))]
    return sql.SQL(" AND ").join([as_stored(one, key) for one, key in zip(columns, keys, strict=True)])
