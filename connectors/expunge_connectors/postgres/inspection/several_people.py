"""Several people: rows that name more than one, and would go, or be cleared, for all with one of them.

What a column of the catalogue cannot say (whether a path leads to lists) the data says. Where the server would not
tell, or not in time, that is told as well: it is not taken for fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, permutations

from psycopg import sql

from expunge_connectors.contract import Finding, Scope
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import rows_concerned, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.sql.comparison import normalised, taken_out, tells, values
from expunge_connectors.postgres.sql.fragments import column
from expunge_connectors.postgres.sql.tombstones import without_elements
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import Elements, TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Collections of such rows, unless the map says that they go with anybody."""
    for name, spec, _ in inspection.live_data():
        yield from _nested(connection, inspection, name, spec)
        if spec.goes_with_any is not None:
            continue
        if spec.by_elements:
            yield from _elements(connection, inspection, name, spec)
        else:
            yield from _taken(connection, inspection, name, spec)


def unknown(inspection: InspectionContext, name: str | None, what: str) -> Finding:
    """What nobody could look at."""
    return inspection.warning(
        "several-people-unknown",
        name,
        f"{inspection.in_any_schema(what)}: the server would not say, or not in {table_sampling.SECONDS_A_TABLE}"
        " seconds. Unknown, not fine.",
        "Look yourself; or give the columns compared an index, or `check` a role that may read them.",
    )


def _taken(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Rows that would go, or be cleared, with one of the people whom they name, and are the others' as well."""
    by: dict[str, dict[str, str]] = {}
    listed: set[str] = set()
    seen: dict[str, list[Concerned]] = {}
    for link in spec.found_by:
        kind = names_people(inspection.spec, link, inspection.data_map)
        if kind is None:
            continue
        by.setdefault(kind, {})[_place(link)] = "" if _own_key(inspection, spec, link) else _place(link)
        if spec.person is not None or link.path is None:
            listed |= {kind} if spec.person is None and link.each else set()
            continue
        lists = _lists(connection, inspection, spec, link)
        if lists is None:
            yield unknown(inspection, name, _MAY_HOLD.format(spec.table, link.names[0]))
        elif lists:
            seen.setdefault(kind, []).append(lists)
    listed |= {kind for kind, found in by.items() if len(set(found.values())) > 1}
    places = sorted({place for kind in (*listed, *seen) for place in by[kind]})
    message = (
        f"A row of {spec.table} may name several people ({', '.join(places)}): with one of them it goes whole, or is"
        " cleared, for all."
    )
    remedy = (
        "Let this collection find the one person with whom the row goes, or whose part it clears. Give every other"
        " person a collection of the same table, of a data type that is tombstoned, whose `tombstone` clears that"
        " person's part alone (of a list: `{elements: true}`). Or say `goes_with_any: {reason: ...,"
        " approved_by: ...}`."
    )
    if listed:
        yield inspection.error("several-people", name, message, remedy)
    elif seen:
        concerned = frozenset[Scope]().union(*chain.from_iterable(seen.values()))
        yield inspection.error_of_rows("several-people", name, message, remedy, concerned)


def _own_key(inspection: InspectionContext, spec: TableSpec, link: Link) -> bool:
    """A person's own row yields it: of whichever identity (a user's and their contact's), it is that person's."""
    return spec.person is not None and any(
        identity in inspection.data_map.person_identities
        and (source.column, source.path) == (link.names[0], link.path)
        and len(link.names) == 1
        for identity, source in spec.yields.items()
    )


def _elements(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Elements of lists in documents that would go with one of the people whom they name, and are another's as well."""
    people = [
        (kind, link, one is spec)
        for one in inspection.spec.collections.values()
        if one is spec or (one.table == spec.table and one.by_elements)
        for link in one.found_by
        if link.path is not None and (kind := names_people(inspection.spec, link, inspection.data_map)) is not None
    ]
    # Of what names its person by a key, an address does not say whose it is.
    pairs = [
        (link, other)
        for (kind, link, ours), (theirs, other, _) in permutations(people, 2)
        if ours and theirs in {kind, PERSONS_KEY}
    ]
    asked: dict[str, list[Concerned | None]] = {}
    for link, other in pairs:
        both = " and ".join(sorted((_place(link), _place(other))))
        joins, lost = _lost(inspection, spec, link, other)
        asked.setdefault(both, []).append(rows_concerned.rows_of(connection, inspection, spec, lost, [joins]))
    every = rows_concerned.everybody(inspection, spec)
    found = {both: rows_concerned.together(answers, every) for both, answers in asked.items()}
    if strange := sorted(both for both, answer in found.items() if answer):
        yield inspection.error_of_rows(
            "several-people",
            name,
            f"An element of a list in {spec.table} may name several people (by {'; by '.join(strange)}): with one of"
            " them it goes.",
            "Let this collection find the one person with whom an element goes, and leave the other link out; what"
            " names the other stays in the element, and no request finds it. Or say `goes_with_any: {reason: ...,"
            " approved_by: ...}`.",
            rows_concerned.together(found.values(), every) or (),
        )
    if unsaid := sorted(both for both, answer in found.items() if answer is None):
        yield unknown(inspection, name, f"Whether elements in {spec.table} name two people by {'; by '.join(unsaid)}")


def _place(link: Link) -> str:
    return ".".join((*link.names, *(link.path or ())))


def _lost(inspection: InspectionContext, spec: TableSpec, link: Link, other: Link) -> tuple[sql.Composed, sql.Composed]:
    """Joins and a condition: by the one link a person's elements would go with what names another by the other link.

    Where the two name people by different identities, that is anybody.
    """
    table, rules = inspection.catalogue.tables[spec.table], inspection.data_map.identities
    rule, theirs = rules[link.identity or ""].rule, rules[other.identity or ""].rule
    going = normalised(rule.sql, taken_out(link.source, column("held", "value")))
    live, place = table.columns[link.names[0]], link.path or ()
    named = normalised(theirs.sql, column("w", "value"))
    someone = sql.SQL("{} <> one.value" if link.identity == other.identity else "{} IS NOT NULL").format(named)
    joins = _LOST_JOINS.format(
        named=normalised(rule.sql, column("v", "value")),
        held=values(link.source, "t"),
        left=without_elements(column("t", live.name), [(place, sql.SQL("{} = one.value").format(going))], live.type),
        column=sql.Identifier(live.name),
    )
    return joins, _LOST.format(
        kind=tells(other.where, "t"),
        someone=someone,
        before=values(other.source.model_copy(update={"where": ()}), "t"),
        after=values(other.source.model_copy(update={"where": ()}), "after"),
    )


_LOST_JOINS = sql.SQL(
    " CROSS JOIN LATERAL (SELECT DISTINCT {named} AS value FROM {held} AS v (value)) AS one"
    " CROSS JOIN LATERAL (SELECT {left} AS {column}) AS after"
)
_LOST = sql.SQL(
    "{kind} AND (SELECT count(*) FROM {before} AS w (value) WHERE {someone})"
    " > (SELECT count(*) FROM {after} AS w (value) WHERE {someone})"
)


def _nested(connection: Connection, inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Arrays of arrays, out of which no single element can be taken."""
    taken = {link.names[0] for link in spec.found_by if link.each}
    for place in sorted(place for place in taken if isinstance(spec.tombstone.get(place), Elements)):
        nested = sql.SQL("pg_catalog.array_ndims({}) > 1").format(column("t", place))
        answer = rows_concerned.rows_of(connection, inspection, spec, nested)
        if answer is None:
            yield unknown(inspection, name, f"Whether arrays of arrays stand in {spec.table}.{place}")
        elif answer:
            yield inspection.error_of_rows(
                "nested-array",
                name,
                f"Arrays of arrays stand in {spec.table}.{place}: no element of one can be taken out, so it stays as it"
                " is, and due.",
                "Keep lists of one dimension there, or a JSON document; or give an expression in the place of"
                " `elements`, which clears the whole column, and `goes_with_any`.",
                answer,
            )


_MAY_HOLD = "Whether a row of {} names several people in {}"


def _lists(connection: Connection, inspection: InspectionContext, spec: TableSpec, link: Link) -> Concerned | None:
    """Whose documents hold several values where one link leads.

    None: nobody knows.
    """
    rule = inspection.data_map.identities[link.identity or ""].rule
    several = sql.SQL("(SELECT count(DISTINCT {}) FROM {} AS v (value)) > 1").format(
        normalised(rule.sql, column("v", "value")), values(link.source, "t")
    )
    return rows_concerned.rows_of(connection, inspection, spec, several)
