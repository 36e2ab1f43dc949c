"""Accepted triggers (`triggers_ok`): whether the role has the privileges that their functions need.

What a function needs exactly cannot be known: which columns, what it reads, what a function that it calls does and with
whose rights. Seen is a role that may not write at all what the map says is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog import large_objects
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import triggers
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table

_MEANS = """
SELECT w.place,
       pg_catalog.has_table_privilege(c.oid, 'DELETE, TRUNCATE')
       OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')
  FROM unnest(%s::text[]) AS w (place)
  JOIN pg_catalog.pg_namespace n ON n.nspname <> 'pg_catalog'
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND n.nspname || '.' || c.relname = w.place
 WHERE c.relkind IN ('r', 'p', 'f', 'v')
"""
_NEEDS = {
    "INSERT": ("INSERT",),
    "COPY": ("INSERT",),
    "UPDATE": ("SELECT", "UPDATE"),
    "DELETE": ("SELECT", "DELETE"),
    "MERGE": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "TRUNCATE": ("TRUNCATE",),
}


@dataclass(frozen=True, slots=True)
class Written:
    """One table that a trigger of a collection writes as this role when the collection is erased."""

    collection: str
    trigger: triggers.Trigger
    place: str


def read(connection: Connection, inspection: InspectionContext) -> list[Written]:
    """What accepted triggers write with the rights of the role: their functions are not SECURITY DEFINER."""
    mapped = {table.oid: (name, spec) for name, spec, table in inspection.live_data() if spec.triggers_ok}
    if not mapped:
        return []
    return [
        Written(mapped[oid][0], one, place)
        for oid, there in triggers.read(connection, list(mapped)).items()
        for one in there
        if one.events & triggers.ours(inspection, mapped[oid][1]) and not one.definer
        for entry in mapped[oid][1].triggers_ok
        if entry.trigger == one.name
        for place in entry.writes
    ]


def missing(connection: Connection, inspection: InspectionContext, written: Sequence[Written]) -> Iterator[Finding]:
    """Tables among them that the role may not write by any means, where the trigger fires without a condition."""
    places = sorted({one.place for one in written})
    means: dict[str, bool] = dict(connection.execute(_MEANS, (places,)).fetchall()) if places else {}
    yield from _large_objects(connection, inspection, written)
    for one in written:
        if means.get(one.place, True) or not one.trigger.always or one.trigger.narrow:
            continue
        schema, _, table = one.place.partition(".")
        said = triggers.written(one.trigger.source, [(schema, table)]).get(one.place, set())
        here, role = quoted_table(one.place), quoted(inspection.role)
        message = (
            f"The accepted trigger {one.trigger.name} runs with the rights of the role and writes {one.place}, on which"
            " the role has neither INSERT nor UPDATE nor DELETE"
        )
        if said and not _chooses(one.trigger.source):
            wanted = ", ".join(dict.fromkeys(right for verb in sorted(said) for right in _NEEDS.get(verb, ("ALL",))))
            yield inspection.error(
                "right-missing",
                one.collection,
                f"{message}: erasing would fail. What exactly it needs cannot be known from here.",
                f"GRANT {wanted} ON {here} TO {role}; (perhaps less is enough, some columns for instance); or make its"
                " function SECURITY DEFINER, with a search_path of its own.",
            )
        else:
            yield inspection.warning(
                "right-missing",
                one.collection,
                f"{message}; its source does not say how, or that it does so whenever it runs. Where it writes nothing"
                " when we erase, or another function does so with rights of its own, nothing is missing; otherwise"
                " erasing will fail.",
                f"Read it, and GRANT what it needs ON {here} TO {role}; or make its function SECURITY DEFINER, with a"
                " search_path of its own.",
            )


def _large_objects(
    connection: Connection, inspection: InspectionContext, written: Sequence[Written]
) -> Iterator[Finding]:
    removing = [one for one in written if one.place == large_objects.LARGE_OBJECTS]
    others = large_objects.owners(connection) if removing else []
    for one in removing if others else ():
        yield inspection.warning(
            "right-missing",
            one.collection,
            f"The accepted trigger {one.trigger.name} runs with the rights of the role and removes large objects; there"
            f" are some that only {', '.join(others)} may remove. Erasing a row that names one would fail.",
            large_objects.remedy(connection, others),
        )


def _chooses(source: str) -> bool:
    """The function looks which event it runs for: what it writes then may be another event's."""
    return "tg_op" in source.lower()
