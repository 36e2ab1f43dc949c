"""Rows awaiting keys: rows whose keys are not resolved yet stay for now, with the rows they refer to (laws 2 and 6).

They stay due: verification shows them, and once their keys are resolved and durable they go. What is not the request's
stays anyway, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import counted
from expunge_connectors.postgres.connection import only_row
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.sql.comparison import named_there, refers, same_row, values
from expunge_connectors.postgres.sql.subject_search import Search

_KNOWN = sql.SQL("SELECT k.number, k.c0 FROM {} AS k")


def look(search: Search, mapped: BoundTable) -> None:
    """See whether any row found waits."""
    if mapped.binding or any(feed.needed for feed in mapped.feeds):
        statement = search.compiled(
            ("waits", mapped.name),
            lambda: sql.SQL("SELECT EXISTS (SELECT FROM {} AS f WHERE f.asked AND f.waits)").format(
                search.table(mapped.name)
            ),
        )
        if only_row(search.connection.execute(statement))[0]:
            search.waiting.add(mapped.name)


def no_identifiers(search: Search, mapped: BoundTable) -> bool:
    """Take note of values that are no identifiers ("unknown", "n/a"): nothing needs to wait for nobody's keys.

    Whether a value is one, only the normaliser can say; in a column of numbers or UUIDs every value is. Which key a
    value says that has to be decoded is seen here as well: nothing waits for keys that are known. True if there were
    any such values, and the search must be done again.
    """
    found = False
    for identity in mapped.binding:
        source, rule = mapped.yields[identity]
        if not source.several and counted(mapped.table.columns[source.column]):
            continue
        place = search.staged.places[key_staging.yielded(identity)]
        rows = sql.SQL("{} AS f JOIN {} AS t ON {}").format(
            search.table(mapped.name), mapped.table.identifier, same_row(mapped, "t", "f")
        )
        if source.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(rows, values(source, "t"))
        statement = sql.SQL("SELECT DISTINCT f.number, {} FROM {} WHERE f.waits").format(
            named_there(mapped, identity, "v" if source.several else "t"), rows
        )
        told = [(number, text) for number, text in search.connection.execute(statement).fetchall() if text is not None]
        if source.decode:
            known = set(search.connection.execute(_KNOWN.format(place.rows())).fetchall())
            said = ((number, text, source.read(rule, text).values) for number, text in told)
            none = [(number, text) for number, text, keys in said if all((number, key) in known for key in keys)]
        else:
            none = [(number, text) for number, text in told if rule.nobodys(text)]
        if none:
            key_staging.add(search.connection, place, none)
            found = True
    return found


def defer_parents(search: Search, parents: Sequence[BoundTable]) -> None:
    """Let wait what waiting rows refer to, in a circle as often as it takes."""
    while any(_held_back(search, one) for one in parents):
        pass


def _held_back(search: Search, parent: BoundTable) -> int:
    """How many more rows of the parent wait now."""
    held = 0
    children = [
        (key, child)
        for key in search.store.foreign_keys
        if key.parent == parent.table.text
        for child in search.store.takers(key.child)
        if search.found.get(child.name) and child.name in search.waiting
    ]
    for key, child in children:
        held += search.connection.execute(
            sql.SQL(
                "UPDATE {} AS f SET waits = true FROM {} AS t, {} AS c, {} AS g"
                " WHERE NOT f.waits AND g.asked AND g.waits AND {} AND {} AND {}"
            ).format(
                search.table(parent.name),
                parent.table.identifier,
                child.table.identifier,
                search.table(child.name),
                same_row(parent, "t", "f"),
                refers(child, key.columns, key.parent_columns, "c", "t"),
                same_row(child, "c", "g"),
            )
        ).rowcount
    if held:
        search.waiting.add(parent.name)
    return held
