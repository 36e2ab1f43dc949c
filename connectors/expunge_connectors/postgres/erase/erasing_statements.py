"""DELETE and tombstone UPDATE statements, which check again on the row what it was found by.

The condition is named twice: once to choose at most so many rows, once as the condition of the deletion itself, which
the server checks again on a row that changed in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.erase.found_rows import FoundRows
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import (
    itself,
    normalised,
    of_kind,
    place_names,
    refers,
    same_row,
    taken_out,
)
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.sql.retention import retained
from expunge_connectors.postgres.sql.row_conditions import in_scope, older
from expunge_connectors.postgres.sql.row_owners import requested
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, joined, reached
from expunge_connectors.postgres.sql.tombstones import is_tombstone, put, without_elements
from expunge_connectors.postgres.statement_cache import Placeholder
from expunge_connectors.postgres.table_links import Source
from expunge_connectors.postgres.table_spec import Elements


def delete(
    search: Search,
    mapped: BoundTable,
    paths: Sequence[SearchPath],
    limit: int | None,
    only: sql.Composable = TRUE,
) -> sql.Composed:
    """DELETE what is due, at most `limit` rows of it, and of these only what the extra condition allows."""
    chosen = _chosen(search, mapped, paths, limit, only)
    using = sql.SQL("") if chosen.found is None else sql.SQL(" USING {} AS f").format(chosen.found)
    return sql.SQL("DELETE FROM {} AS t{} WHERE {} AND {}").format(
        mapped.table.identifier, using, chosen.condition, _still(search, mapped, paths, only)
    )


def tombstone(
    search: Search,
    mapped: BoundTable,
    paths: Sequence[SearchPath],
    limit: int | None,
    further: sql.Composable = TRUE,
) -> sql.Composed:
    """UPDATE what is due and no tombstone yet, and of these only what the further condition allows.

    A row with an array of arrays stays as it is, and due: without some elements it would be a flat list of the others.
    """
    only = and_(sql.SQL("NOT ({})").format(is_tombstone(mapped, "t")), further, *_flat(mapped))
    chosen = _chosen(search, mapped, paths, limit, only)
    using = sql.SQL("") if chosen.found is None else sql.SQL(" FROM {} AS f").format(chosen.found)
    return sql.SQL("UPDATE {} AS t SET {}{} WHERE {} AND {}").format(
        mapped.table.identifier,
        comma_list(
            *(
                sql.SQL("{} = {}").format(sql.Identifier(name), replacement(search, mapped, name))
                for name in mapped.spec.tombstone
            )
        ),
        using,
        chosen.condition,
        _still(search, mapped, paths, only),
    )


def replacement(search: Search, mapped: BoundTable, name: str) -> sql.Composable:
    """What a tombstone puts into a column of the row `t`."""
    if isinstance(mapped.spec.tombstone[name], Elements):
        return _other_elements(search, mapped, name)
    return put(mapped, name, "t")


def _flat(mapped: BoundTable) -> Iterator[sql.Composed]:
    """No array of which elements are taken out has more than one dimension."""
    for name in sorted({link.names[0] for link in mapped.spec.found_by if link.each}):
        if isinstance(mapped.spec.tombstone.get(name), Elements):
            yield sql.SQL("(pg_catalog.array_ndims({}) > 1) IS NOT TRUE").format(column("t", name))


def _other_elements(search: Search, mapped: BoundTable, name: str) -> sql.Composed:
    """What is left of an array, or of lists in a document, without the elements of everybody who is erased here.

    All at once: an UPDATE that joins people would take out those of one of them.
    """
    type_ = mapped.table.columns[name].type
    ways = [
        (path.link.source, path)
        for path in search_paths(search, mapped.erasing)
        if path.link.source is not None and path.link.source.column == name
    ]
    documents = [(source.path, _held(path, source, column("held", "value"))) for source, path in ways if source.path]
    if documents:
        return sql.Composed([without_elements(column("t", name), documents, type_)])
    return sql.SQL(
        "ARRAY(SELECT e.item FROM pg_catalog.unnest({}) WITH ORDINALITY AS e (item, place)"
        " WHERE {} IS NOT TRUE ORDER BY e.place)::{}"
    ).format(
        column("t", name), or_(*(_held(path, source, sql.SQL("e.item::text")) for source, path in ways)), raw(type_)
    )


def _held(path: SearchPath, source: Source, item: sql.Composable) -> sql.Composed:
    """A value of the row `t` is a key of somebody who is erased in this transaction."""
    return and_(
        of_kind(path.link.where, "t"),
        sql.SQL("{} IN (SELECT k.c0 FROM {} AS k{})").format(
            normalised(path.link.normaliser or "{column}::text", taken_out(source, item)),
            path.table,
            sql.SQL("")
            if path.since is None
            else sql.SQL(" WHERE ({}) IS NOT TRUE").format(older(path.link, "t", path.since)),
        ),
    )


def still_due(
    search: Search, mapped: BoundTable, paths: Sequence[SearchPath], only: sql.Composable = TRUE
) -> sql.Composed:
    """How many of the found rows either of these statements would choose now."""
    if mapped.action is Action.TOMBSTONE:
        only = and_(sql.SQL("NOT ({})").format(is_tombstone(mapped, "t")), only, *_flat(mapped))
    return sql.SQL("SELECT count(*) FROM {} AS t WHERE EXISTS (SELECT FROM {} AS f WHERE {} AND {} AND {})").format(
        mapped.table.identifier,
        search.table(mapped.name),
        same_row(mapped, "t", "f"),
        due("f"),
        _still(search, mapped, paths, only),
    )


def nothing(mapped: BoundTable) -> sql.Composed:
    """The same of no row: a table that may not be written is not one that holds nothing."""
    if mapped.action is Action.TOMBSTONE:
        columns = comma_list(*(sql.SQL("{0} = {0}").format(sql.Identifier(name)) for name in mapped.spec.tombstone))
        return sql.SQL("UPDATE {} AS t SET {} WHERE false").format(mapped.table.identifier, columns)
    return sql.SQL("DELETE FROM {} AS t WHERE false").format(mapped.table.identifier)


def _chosen(
    search: Search, mapped: BoundTable, paths: Sequence[SearchPath], limit: int | None, only: sql.Composable
) -> _Chosen:
    if mapped.name in search.found:
        rows: sql.Composable = search.table(mapped.name)
        if limit is not None and search.found[mapped.name] > limit:
            # The limit counts rows; one that was found for several subjects stands there often.
            places = comma_list(*(raw(name) for name in place_names(mapped)))
            rows = sql.SQL(
                "(SELECT f.* FROM {found} AS f JOIN (SELECT DISTINCT {names} FROM {found} AS f JOIN {table} AS t"
                " ON {same} WHERE {condition} LIMIT {limit}) AS c USING ({places}))"
            ).format(
                found=rows,
                names=comma_list(*(column("f", name) for name in place_names(mapped))),
                table=mapped.table.identifier,
                same=same_row(mapped, "t", "f"),
                condition=and_(due("f"), only),
                limit=Placeholder("limit", limit),
                places=places,
            )
        return _Chosen(and_(same_row(mapped, "t", "f"), due("f")), rows)
    bound = sql.SQL("") if limit is None else sql.SQL(" LIMIT {}").format(Placeholder("limit", limit))
    conditions = sql.SQL("NOT {}").format(retained(mapped, "t", search.cutoff)), only
    found = sql.SQL(" UNION ").join(
        joined(
            mapped,
            path,
            sql.SQL("DISTINCT t.ctid"),  # the limit counts rows, and two subjects may share one
            requested(search, mapped, path.link, "t", path.since),
            *conditions,
        )
        for path in paths
    )
    return _Chosen(sql.SQL("t.ctid = ANY (ARRAY({}{}))").format(found, bound))


def _still(search: Search, mapped: BoundTable, paths: Sequence[SearchPath], only: sql.Composable) -> sql.Composed:
    """The same condition, said of the row as it is when the statement reaches it."""
    rest = (
        in_scope(mapped, "t"),
        sql.SQL("NOT {}").format(retained(mapped, "t", search.cutoff)),
        only,
    )
    if mapped.name in search.found:
        return and_(FoundRows.of(search, mapped).still(), *rest)
    linked = or_(*(and_(reached(path, "t"), requested(search, mapped, path.link, "t")) for path in paths))
    return and_(linked, *rest)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The rows at work: a condition on `t`, and the found rows `f` that it speaks of."""

    condition: sql.Composed
    found: sql.Composable | None = None


def due(found: str) -> sql.Composed:
    """The row `found` is to go."""
    return sql.SQL("{f}.asked AND NOT {f}.stays AND NOT {f}.waits").format(f=sql.Identifier(found))


def unreferred(mapped: BoundTable, columns: Sequence[str], parent_columns: Sequence[str]) -> sql.Composed:
    """No other row of the same table refers to `t`."""
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS c WHERE {} AND NOT ({}))").format(
        mapped.table.identifier, refers(mapped, columns, parent_columns, "c", "t"), itself(mapped, "c", "t")
    )
