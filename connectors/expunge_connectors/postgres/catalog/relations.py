"""Relations: what the collections of a plan are, and whether they still are that when a later command asks (ADR 20).

A name says nothing of what stands under it: a table is known by its oid, its columns by number and type, and its
partitions by theirs. What only comes (a column, an index, a constraint, a partition) changes nothing that was planned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from expunge_connectors.contract import RelationChange
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec

Planned = Mapping[str, Mapping[str, Any]]
"""Collection -> {"oid", "columns": [[name, number, type's oid]], "below": [oid]}: plain data, frozen with a plan."""

# Of each relation, by name or by number: its name; its columns; and everything below it, however deep: partitions, and
# tables that inherit. A partition whose detaching began and did not end is not seen through its parent any more
# (`inhdetachpending`, which servers before 14 do not have): it stands outside.
_BUILT = """
SELECT c.oid::bigint, n.nspname || '.' || c.relname,
       (SELECT coalesce(pg_catalog.jsonb_agg(
                 pg_catalog.jsonb_build_array(a.attname, a.attnum, a.atttypid::bigint) ORDER BY a.attnum), '[]')
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       ARRAY(WITH RECURSIVE tree (oid) AS (
                 SELECT i.inhrelid FROM pg_catalog.pg_inherits i
                  WHERE i.inhparent = c.oid AND pg_catalog.to_jsonb(i) @> '{"inhdetachpending": true}' IS NOT TRUE
                 UNION
                 SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
                  WHERE pg_catalog.to_jsonb(i) @> '{"inhdetachpending": true}' IS NOT TRUE)
             SELECT tree.oid::bigint FROM tree ORDER BY 1)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND (c.oid = ANY (%(oids)s::bigint[]::oid[]) OR n.nspname || '.' || c.relname = ANY (%(names)s))
"""


def planned(connection: Connection, spec: PostgresSpec) -> dict[str, dict[str, Any]]:
    """What the collections are now; one without a table is absent."""
    built = _built(connection, spec, ())
    found = {}
    for name, oid in _by_name(spec, built).items():
        _, columns, below = built[oid]
        used = spec.used_columns(name)
        found[name] = {"oid": oid, "columns": [one for one in columns if one[0] in used], "below": below}
    return found


def changed(connection: Connection, spec: PostgresSpec, before: Planned) -> dict[str, RelationChange]:
    """Collection -> what is otherwise than it was planned.

    A table that is dropped is gone with its rows, and so is a partition: that is looked for and not there. One that was
    taken out stands somewhere, and is no longer looked into.
    """
    built = _built(connection, spec, {oid for one in before.values() for oid in (one["oid"], *one["below"])})
    oids = _by_name(spec, built)
    found = {}
    for name, one in before.items():
        known = name in spec.collections
        said = _difference(spec, name, one, oids.get(name), built) if known else _unmapped(name, one, built)
        if said is not None:
            found[name] = said
    return found | _out_of_reach(spec, found)


def followed(spec: PostgresSpec, changes: Mapping[str, RelationChange]) -> PostgresSpec:
    """The spec with renamed tables under the names that they have, and without the other collections that changed."""
    collections = {
        name: table if name not in changes else table.model_copy(update={"table": changes[name].called})
        for name, table in spec.collections.items()
        if name not in changes or changes[name].called is not None
    }
    return spec.model_copy(update={"collections": collections})


_Built = Mapping[int, tuple[str, list[list[Any]], list[int]]]


def _difference(
    spec: PostgresSpec, name: str, before: Mapping[str, Any], oid: int | None, built: _Built
) -> RelationChange | None:
    table, was = spec.collections[name].table, built.get(before["oid"])
    if was is None:
        return (
            _dropped(f"{table} was dropped", before, built)
            if oid is None
            else _otherwise(f"{table} was dropped and created anew")
        )
    if oid is not None and oid != before["oid"]:
        return _otherwise(f"{table} is another table now; the planned one is called {was[0]}")
    live = {number: (column, type_) for column, number, type_ in was[1]}
    used = spec.used_columns(name)
    for column, number, type_ in before["columns"]:
        called, of_type = live.get(number, (None, None))
        if called is None or (called != column and called not in used):
            return _otherwise(f"the column {column} of {table} is gone")
        if of_type != type_:
            return _otherwise(f"the column {column} of {table} has another type")
    taken_out = [built[part][0] for part in before["below"] if part in built and part not in was[2]]
    if taken_out:
        return _otherwise(f"{', '.join(taken_out[:5])} was taken out of {table}")
    return RelationChange(f"{table} is called {was[0]} now", called=was[0]) if oid is None else None


def _unmapped(name: str, before: Mapping[str, Any], built: _Built) -> RelationChange:
    """What became of a collection that the map does not name any more."""
    was = built.get(before["oid"])
    if was is None:
        return _dropped("its table was dropped", before, built)
    return _otherwise(f"the data map has no collection {name} any more, and its table {was[0]} is still there")


def _dropped(said: str, before: Mapping[str, Any], built: _Built) -> RelationChange:
    """Unless a part of it was taken out before: its rows are somewhere."""
    left = [built[part][0] for part in before["below"] if part in built]
    return _otherwise(f"{said}, and {', '.join(left[:5])} was taken out of it") if left else RelationChange(said, True)


def _otherwise(said: str) -> RelationChange:
    return RelationChange(said)


def _out_of_reach(spec: PostgresSpec, found: Mapping[str, RelationChange]) -> dict[str, RelationChange]:
    """What cannot be looked into any more because others changed, or what nobody can judge.

    Rows that stay and were found through rows of a table that is gone; and a dropped table of persons, which alone said
    whose a value is by now.
    """
    edges = {name: {link.lead[0] for link in one.found_by if link.lead} for name, one in spec.collections.items()}
    gone = {name for name, one in found.items() if one.called is None}
    added: dict[str, RelationChange] = {}
    for name in gone & spec.collections.keys():
        if found[name].dropped and spec.collections[name].person is not None:
            added[name] = _otherwise(f"{found[name].said}: its rows said whose a value is by now")
    while fresh := {name: ways & gone for name, ways in edges.items() if name not in gone and ways & gone}:
        for name, ways in fresh.items():
            table = spec.collections[name].table
            added[name] = _otherwise(f"{table} is found through {', '.join(sorted(ways))}, which is not there any more")
        gone |= fresh.keys()
    return added


def _by_name(spec: PostgresSpec, built: _Built) -> dict[str, int]:
    """Collection, no log -> oid of the relation that has the table's name."""
    oids = {text: oid for oid, (text, _, _) in built.items()}
    return {name: oids[one.table] for name, one in spec.collections.items() if one.log is None and one.table in oids}


def _built(connection: Connection, spec: PostgresSpec, oids: Collection[int]) -> _Built:
    """The relations that have the collections' names, and those of these oids that there still are."""
    names = sorted(one.table for one in spec.collections.values() if one.log is None)
    rows = connection.execute(_BUILT, {"oids": sorted(oids), "names": names}).fetchall()
    return {oid: (name, columns, below) for oid, name, columns, below in rows}
