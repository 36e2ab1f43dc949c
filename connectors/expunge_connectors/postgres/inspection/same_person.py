"""Same person: whether samples contradict the map where it says that two tables of persons are the same people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import as_it_is, same_value, spelling
from expunge_connectors.postgres.catalog.tables import Column, Table
from expunge_connectors.postgres.catalog.unique_columns import Uniques
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import member_schemas, rows_concerned, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.sql.comparison import normalised
from expunge_connectors.postgres.table_spec import TableSpec

_ROWS = 1000

Holder = tuple[str, TableSpec, Table]


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Declarations that two tables of this store contradict, and those of which nothing was compared."""
    for identity, declared in inspection.data_map.identities.items():
        holders = [one for one in inspection.live_data() if one[1].person == identity]
        if declared.same_person is None or not holders:
            continue
        others = [
            f"{store}.{name}"
            for store, name, spec in inspection.data_map.collections()
            if store != inspection.store and spec.person_identity == identity
        ]
        if others:
            yield _uncompared(inspection, holders[0][0], identity, f"with {', '.join(others)}, in another store")
        for one, other in combinations(holders, 2):
            yield from _pair(connection, inspection, identity, one, other)


def _pair(
    connection: Connection, inspection: InspectionContext, identity: str, one: Holder, other: Holder
) -> Iterator[Finding]:
    told = [
        name
        for name in one[1].yields.keys() & other[1].yields.keys()
        if inspection.data_map.identities[name].kind is IdentityKind.REUSABLE
        and not inspection.data_map.identities[name].shareable
        and not one[1].yields[name].several
        and not other[1].yields[name].several
    ]
    place = f"with {inspection.store}.{other[0]}"
    unique = inspection.uniques
    if several := [name for name, spec, _ in (one, other) if not _one_row_each(unique, spec, identity)]:
        where = f"a person may have several rows in {' and '.join(several)}, and so values that the other does not tell"
        yield _uncompared(inspection, one[0], identity, f"{place}: {where}")
        return
    if not told or one[1].yields[identity].several or other[1].yields[identity].several:
        yield _uncompared(inspection, one[0], identity, f"{place}: both yield no identifier to compare")
        return
    told.sort()
    differ = [
        sql.SQL("count(*) FILTER (WHERE {} <> {})").format(
            _spelled(inspection, name, one, "s"), _spelled(inspection, name, other, "o")
        )
        for name in told
    ]
    sampled = table_sampling.sampled(connection, one[2])
    if inspection.in_schemas(one[2]):
        sampled = replace(sampled, rows=0, pages=0)  # how large the table of another schema is nobody has asked
    question = sql.SQL("(SELECT ARRAY[count(*), {}] FROM {} JOIN {} AS o ON {})").format(
        sql.SQL(", ").join(differ),
        table_sampling.sample(sampled, _ROWS, one[2].columns),
        other[2].identifier,
        _same(inspection, identity, one, other, "s"),
    )
    answers = member_schemas.told(connection, inspection, (one[2], other[2]), question)
    if None in answers:
        yield _uncompared(inspection, one[0], identity, f"{place}: the server would not, or not in time")
    if not (known := [answer for answer in answers if answer is not None]):
        return
    both, *counts = map(sum, zip(*known, strict=True))
    if not both:
        yield _uncompared(inspection, one[0], identity, f"{place}: no value of the sample stands in both")
    for name, count in zip(told, counts, strict=True):
        if count:
            yield inspection.error_of_rows(
                "same-person-contradicted",
                one[0],
                f"`{identity}` is said to be the same person in {one[0]} and {other[0]}, but of {both} values looked at"
                f" that stand in both, {count} have another `{name}` there: different people, or a stale copy.",
                f"Give each an identity of its own, without `same_person`; or make `{name}` agree in both.",
                _contradicting(connection, inspection, identity, name, (one, other)),
            )


def _contradicting(
    connection: Connection, inspection: InspectionContext, identity: str, told: str, pair: tuple[Holder, Holder]
) -> Concerned:
    """Whose rows they are, of both tables, that hold another value where they are said to be the same person's."""
    found: Concerned = frozenset()
    for one, other in (pair, pair[::-1]):
        differ = sql.SQL("{} <> {}").format(
            _spelled(inspection, told, one, "t"), _spelled(inspection, told, other, "o")
        )
        join = sql.SQL(" JOIN {} AS o ON {}").format(other[2].identifier, _same(inspection, identity, one, other, "t"))
        rows = rows_concerned.rows_of(connection, inspection, one[1], differ, [join])
        found |= rows or rows_concerned.everybody(inspection, one[1])
    return found


def _one_row_each(unique: Uniques, spec: TableSpec, identity: str) -> bool:
    """No two rows are one person's: what one table tells beside the other is no contradiction otherwise."""
    return any(one <= {spec.yields[identity].column} for one in unique.get(spec.table, ()))


def _uncompared(inspection: InspectionContext, name: str, identity: str, why: str) -> Finding:
    return inspection.warning(
        "same-person-unknown",
        name,
        f"`{identity}` is said to be the same person in several collections; samples were not compared {why}.",
        "Compare some people by hand: the same value, and the same e-mail address or phone number?",
    )


def _column(identity: str, holder: Holder) -> Column:
    return holder[2].columns[holder[1].yields[identity].column]


def _spelled(inspection: InspectionContext, identity: str, holder: Holder, alias: str) -> sql.Composed:
    live = _column(identity, holder)
    return normalised(spelling(inspection.data_map.identities[identity].rule, live), sql.Identifier(alias, live.name))


def _same(inspection: InspectionContext, identity: str, one: Holder, other: Holder, alias: str) -> sql.Composed:
    rule = inspection.data_map.identities[identity].rule
    ours, theirs = _column(identity, one), _column(identity, other)
    if ours.base == theirs.base and as_it_is(rule, ours):
        return same_value(theirs, sql.Identifier("o", theirs.name), sql.Identifier(alias, ours.name))
    return sql.SQL("{} = {}").format(
        _spelled(inspection, identity, other, "o"), _spelled(inspection, identity, one, alias)
    )
