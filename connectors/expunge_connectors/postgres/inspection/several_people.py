"""Several people: rows that name more than one, and would go, or be cleared, for all with one of them.

What a column of the catalogue cannot say (whether a path leads to lists) the data says. Where the server would not
tell, or not in time, that is told as well: it is not taken for fine.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.claims import names_people
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.sql.comparison import normalised, values
from expunge_connectors.postgres.sql.fragments import column
from expunge_connectors.postgres.table_spec import Elements, Link, TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Collections of such rows, unless the map says that they go with anybody."""
    for name, spec, _ in inspection.live_data():
        yield from _nested(connection, inspection, name, spec)
        if spec.goes_with_any is not None:
            continue
        if inspection.action(spec) is Action.TOMBSTONE:
            yield from _cleared(connection, inspection, name, spec)
        else:
            yield from _taken(connection, inspection, name, spec)


def unknown(inspection: InspectionContext, name: str, what: str) -> Finding:
    """What nobody could look at."""
    return inspection.warning(
        "several-people-unknown",
        name,
        f"{what}: the server would not say, or not in {table_sampling.SECONDS_A_TABLE} seconds. Unknown, not fine.",
        "Look yourself; or give the columns compared an index, or `check` a role that may read them.",
    )


def _taken(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Rows that would go whole with one of the people whom they name, and are the others' as well."""
    by: dict[str, set[tuple[str, ...]]] = {}
    for link in spec.found_by:
        kind = names_people(inspection.spec, link, inspection.data_map)
        if kind is None:
            continue
        by.setdefault(kind, set()).add(link.names)
        lists = _lists(connection, inspection, spec, link)
        if lists is None:
            yield unknown(inspection, name, _MAY_HOLD.format(spec.table, link.names[0]))
        elif lists:
            by[kind].add((*link.names, "each"))
    columns = sorted({names[0] for found in by.values() if len(found) > 1 for names in found})
    if columns:
        yield inspection.error(
            "several-people",
            name,
            f"A row of {spec.table} may name several people ({', '.join(columns)}): with one of them it goes whole.",
            "Let this collection find the one person with whom the row goes. Give every other person a collection of"
            " the same table, of a data type that is tombstoned, whose `tombstone` clears that person's part. Or say"
            " `goes_with_any: {reason: ..., approved_by: ...}`.",
        )


def _cleared(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Tombstones that clear a whole list of people for one of them."""
    for link in spec.found_by:
        wanted = spec.tombstone.get(link.names[0])
        if wanted is None or isinstance(wanted, Elements):
            continue
        if names_people(inspection.spec, link, inspection.data_map) is None:
            continue
        lists = _lists(connection, inspection, spec, link)
        if lists is None:
            yield unknown(inspection, name, _MAY_HOLD.format(spec.table, link.names[0]))
        elif lists:
            yield inspection.error(
                "several-people",
                name,
                f"{spec.table}.{link.names[0]} names several people, and its tombstone clears it for all with one of"
                " them.",
                "Take out what is this person's alone: `{elements: true}`. Or say `goes_with_any: {reason: ...,"
                " approved_by: ...}`.",
            )


def _nested(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Arrays of arrays, out of which no single element can be taken."""
    taken = {link.names[0] for link in spec.found_by if link.each}
    for place in sorted(place for place in taken if isinstance(spec.tombstone.get(place), Elements)):
        statement = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE pg_catalog.array_ndims({}) > 1)").format(
            inspection.catalogue.tables[spec.table].identifier, column("t", place)
        )
        answer = table_sampling.asked(connection, statement)
        if answer is None:
            yield unknown(inspection, name, f"Whether arrays of arrays stand in {spec.table}.{place}")
        elif answer == [(True,)]:
            yield inspection.error(
                "nested-array",
                name,
                f"Arrays of arrays stand in {spec.table}.{place}: no element of one can be taken out, so it stays as it"
                " is, and due.",
                "Keep lists of one dimension there, or a JSON document; or give an expression in the place of"
                " `elements`, which clears the whole column, and `goes_with_any`.",
            )


_MAY_HOLD = "Whether a row of {} names several people in {}"


def _lists(connection: Connection, inspection: InspectionContext, spec: TableSpec, link: Link) -> bool | None:
    """Several values may stand where one link leads, of a row that is no person: in an array, or in some document.

    None: nobody knows.
    """
    if spec.person is not None or link.path is None:
        return spec.person is None and link.each
    rule = inspection.data_map.identities[link.identity or ""].rule
    several = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE (SELECT count(DISTINCT {}) FROM {} AS v (value)) > 1)")
    statement = several.format(
        inspection.catalogue.tables[spec.table].identifier,
        normalised(rule.sql, column("v", "value")),
        values(link.source, "t"),
    )
    answer = table_sampling.asked(connection, statement)
    return None if answer is None else answer == [(True,)]
