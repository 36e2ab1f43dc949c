"""Persons behind keys: one person's key that leads to several persons, by what rows yield.

Two children's rows belong to one account, and each yields a key of its own: who the request of that account is about
nobody can say, and it can never be carried out. Whether one key leads to several only the data say.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import row_persons, rows_concerned, several_people
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.found_by import counted_by_owner
from expunge_connectors.postgres.inspection.row_persons import Person
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.sql.fragments import and_, column, comma_list
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec

_SECONDS = 20


@dataclass(frozen=True, slots=True)
class _Pair:
    """A person's key by which rows are found, and one that they yield.

    Attributes:
        by: The link by which the rows are found.
    """

    by: Link
    found: Person
    told: Person


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows that yield a person's key and are found by that of another person; an error where one leads to several."""
    until = time.monotonic() + _SECONDS
    mixed = counted_by_owner(inspection, inspection.uniques).keys()
    for name, spec, _ in inspection.live_data():
        if spec.by_elements or spec.sharing is not None:
            continue
        seen: dict[tuple[str, str], list[tuple[str, Concerned | None]]] = {}
        for pair in _pairs(inspection, spec):
            answer = _several(connection, inspection, spec, pair) if time.monotonic() < until else None
            if answer and pair.found.identity in mixed and not _owner(inspection, spec):
                answer = frozenset()  # the accounts 1 of two members, for all that is known
            seen.setdefault((pair.found.identity, pair.told.identity), []).append((pair.by.text, answer))
        for (one, other), asked in seen.items():
            yield _finding(inspection, name, (one, other), asked)


def _finding(
    inspection: InspectionContext, name: str, kinds: tuple[str, str], asked: Sequence[tuple[str, Concerned | None]]
) -> Finding:
    one, other = kinds
    spec = inspection.spec.collections[name]
    answers = [answer for _, answer in asked]
    concerned = rows_concerned.together(answers, rows_concerned.everybody(inspection, spec))
    links = sorted({by for by, answer in asked if answer}) or sorted({by for by, _ in asked})
    rows = (
        f"Rows of {spec.table} yield `{other}`, a person's key, and are found by that of another person"
        f" ({'; '.join(links)})"
    )
    leads = f"one `{one}` leads to {f'several `{other}`' if one != other else 'another'}"
    remedy = (
        f"If these rows go with the `{one}`: let them yield no person's key, and leave `person` out; an identity of"
        " kind `internal` names them in other stores, and where they are found by a key of their own as well, say"
        " `goes_with_any`. If they are people of their own: leave this link out of `found_by`, and give it a"
        " collection of the same table, of a data type that is tombstoned, whose `tombstone` lets go of the column."
    )
    if concerned:
        return inspection.error_of_rows(
            "several-behind-key",
            name,
            f"{rows}: {leads}. Whom such a request means nobody can say: it is ambiguous whenever it is asked, and"
            " nothing of that person can be erased.",
            remedy,
            concerned,
        )
    if None in answers:
        return several_people.unknown(inspection, name, f"{rows}. Whether {leads}")
    return inspection.warning(
        "several-behind-key",
        name,
        f"{rows}. No row is known by which {leads}; as soon as there is one, nothing of that person can be erased.",
        f"A unique index on the columns compared, where there is to be one alone. {remedy}",
    )


def _pairs(inspection: InspectionContext, spec: TableSpec) -> Iterator[_Pair]:
    """But for those that are one person's for certain: a key that is yielded where it is found, or one row each."""
    own = row_persons.own(inspection, spec, "t")
    for number, (identity, source) in enumerate(spec.yields.items()):
        if identity not in inspection.data_map.person_identities:
            continue
        told = row_persons.standing(inspection, spec, identity, source, "t", f"told{number}")
        if told is None:
            continue
        # Of rows that name two people of one kind `several_people` and `led_people` tell, or the map: they go with any.
        known = spec.goes_with_any is not None or told in own.values()
        for place, link in enumerate(spec.found_by):
            if (link.column, link.path, link.each) == (source.column, source.path, source.each):
                continue  # people in one list: `several_people` tells of these as well
            named = own.get(".".join((link.names[0], *(link.path or ()))))
            above = (one for one in row_persons.above(inspection, spec, place, "t") if not one.by_value)
            for found in above if named is None else (named,):
                one_kind = found.identity == identity
                one_each = not source.several and _one_each(inspection, spec, link)
                if not (known or found == told if one_kind else one_each):
                    yield _Pair(link, found, told)


def _one_each(inspection: InspectionContext, spec: TableSpec, link: Link, seen: Collection[str] = ()) -> bool:
    """An index keeps a person who finds rows by this link from finding two."""
    names = {*link.names, *_owner(inspection, spec)}
    unique = inspection.uniques.get(spec.table, ())
    if link.several or spec.table in seen or not any(one <= names for one in unique):
        return False
    if names_people(inspection.spec, link, inspection.data_map) == PERSONS_KEY:
        return True
    if link.lead is None:
        return False
    parent = inspection.spec.collections[link.lead[0]]
    persons = inspection.data_map.person_identities
    naming = [one for one in parent.found_by if one.lead is not None or one.identity in persons]
    return all(_one_each(inspection, parent, one, {spec.table, *seen}) for one in naming)


def _owner(inspection: InspectionContext, spec: TableSpec) -> list[str]:
    """The column that says whose member's a row is: a key is one person of one member."""
    owner = None if spec.owner is None else spec.owner.column
    return [owner] if owner is not None and owner in inspection.catalogue.tables[spec.table].columns else []


def _several(connection: Connection, inspection: InspectionContext, spec: TableSpec, pair: _Pair) -> Concerned | None:
    """Whose rows are found by one key that leads to several persons. None: the server would not say, or not in time."""
    found, told = pair.found, pair.told
    joins = [*found.joins, *(one for one in told.joins if one not in found.joins)]
    if found.identity == told.identity:
        rows = sql.SQL("{} <> {}").format(found.value, told.value)
    else:
        by = comma_list(found.value, *(column("t", one) for one in _owner(inspection, spec)))
        filled = and_(*(sql.SQL("{} IS NOT NULL").format(one.value) for one in (found, told)))
        least, greatest = (sql.SQL("{}({})").format(sql.SQL(one), told.value) for one in ("min", "max"))
        table = inspection.catalogue.tables[spec.table].identifier
        rows = sql.SQL("({}) IN (SELECT {} FROM {} AS t{} WHERE {} GROUP BY {} HAVING {} <> {})").format(
            by, by, table, sql.Composed(joins), filled, by, least, greatest
        )
    return rows_concerned.rows_of(connection, inspection, spec, rows, joins)
