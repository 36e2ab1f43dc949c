"""Triggers, rules and event triggers that run when rows are written.

A function's source is read as text, so what it composes at run time (EXECUTE), or what a function that it calls does,
is not seen: every trigger is reported, those whose source names a table besides. What happens all the same is seen in
the transaction that erases (`side_effect_guard`): it is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.large_objects import LARGE_OBJECTS
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.table_spec import TableSpec

# The triggers of partitions and children fire when their rows are written through the root.
_TRIGGERS = """
WITH RECURSIVE tree AS (
    SELECT o AS root, o AS oid FROM unnest(%s::oid[]) AS o
    UNION
    SELECT tree.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT tree.root::bigint, min(t.tgname::text), bit_or(t.tgtype::integer), bool_or(t.tgqual IS NULL),
       bool_and(t.tgattr::text <> ''), p.prosecdef, p.prosrc
  FROM tree
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 GROUP BY tree.root, t.tgname, t.tgfoid, p.prosecdef, p.prosrc
 ORDER BY 2
"""
_RULES = """
SELECT w.ev_class::bigint, w.rulename::text
  FROM pg_catalog.pg_rewrite w
 WHERE w.ev_class = ANY (%s::oid[])
 ORDER BY 2
"""
_EVENTS = """
SELECT e.evtname::text
  FROM pg_catalog.pg_event_trigger e
 WHERE e.evtenabled NOT IN ('D', 'R') AND e.evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
   AND (e.evttags IS NULL OR e.evttags && ARRAY['CREATE TABLE', 'CREATE TABLE AS', 'CREATE INDEX', 'DROP TABLE'])
 ORDER BY 1
"""
_NAMES = """
SELECT n.nspname::text, c.relname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""

_DELETE, _UPDATE = 8, 16  # pg_trigger.tgtype, src/include/catalog/pg_trigger.h
_INSERTING = frozenset({"INSERT", "MERGE", "COPY"})
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# Functions of the server, and of its extension `lo`; a function in C has its symbol for a source.
_LARGE_OBJECTS = re.compile(r"\b(?:lo_unlink|lo_manage|lo_put|lo_truncate(?:64)?|lowrite)\b", re.IGNORECASE)
_PART = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_WRITES = re.compile(
    rf"\b(insert\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?|merge\s+into|truncate(?:\s+table)?|drop\s+table(?:\s+if\s+exists)?|copy)\s+"
    rf"({_PART}(?:\s*\.\s*{_PART})?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger, in the order of the query's columns.

    Attributes:
        events: `pg_trigger.tgtype`.
        always: It has no WHEN condition.
        narrow: Of updates, it is for those of some columns.
        definer: Its function runs with the rights of its owner.
        source: Of the function.
    """

    name: str
    events: int
    always: bool
    narrow: bool
    definer: bool
    source: str


def read(connection: Connection, tables: list[int]) -> dict[int, list[Trigger]]:
    """The triggers of tables (oids), and of the partitions and children of each, that are switched on."""
    found: dict[int, list[Trigger]] = {}
    for oid, *parts in connection.execute(_TRIGGERS, (tables,)).fetchall():
        found.setdefault(oid, []).append(Trigger(*parts))
    return found


def ours(inspection: InspectionContext, spec: TableSpec) -> int:
    """The event (`pg_trigger.tgtype`) of what Expunge does with a collection's rows."""
    return _DELETE if inspection.deletes(spec) else _UPDATE


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Triggers and rules of the mapped tables, and event triggers of the database."""
    mapped = {table.oid: (name, spec, table) for name, spec, table in inspection.live_data()}
    triggers = read(connection, list(mapped))
    rules: dict[int, list[str]] = {}
    for oid, rule in connection.execute(_RULES, (list(mapped),)).fetchall():
        rules.setdefault(oid, []).append(rule)
    named = [(str(schema), str(table)) for schema, table in connection.execute(_NAMES).fetchall()]
    # A name without a schema is one of the trigger's own schema: of tenants' tables the first one's.
    tables = [one for one in named if inspection.like_first(".".join(one)) == ".".join(one)]
    for oid, (name, spec, table) in mapped.items():
        accepted = {one.trigger: frozenset(one.writes) for one in spec.triggers_ok}
        here = [one.name for one in triggers.get(oid, [])]
        for gone in sorted(accepted.keys() - set(here)):
            yield inspection.warning(
                "trigger-unknown",
                name,
                f"The map accepts the trigger {gone}, which {table.text} has not, or which is switched off.",
                "Correct or remove the entry under `triggers_ok`.",
            )
        for kind, names in (("trigger", [one for one in here if one not in accepted]), ("rule", rules.get(oid, []))):
            if names:
                yield inspection.warning(
                    kind,
                    name,
                    f"{table.text} has {kind}s of its own ({', '.join(names)}). What they write cannot be seen from"
                    " here: a copy of the row, perhaps, when it came. When Expunge erases, a transaction in which"
                    " other rows than the request's change is rolled back.",
                    "Read them; map the tables they write, or accept a trigger by its name, under `triggers_ok`.",
                )
        for trigger in triggers.get(oid, []):
            yield from _written(inspection, name, spec, table, trigger, tables)
    events = [row[0] for row in connection.execute(_EVENTS).fetchall()]
    if events:
        yield inspection.warning(
            "event-trigger",
            None,
            f"Event triggers ({', '.join(events)}) run when Expunge makes its temporary tables.",
            "Let them pass over temporary objects, or over this role.",
        )


def _written(  # noqa: PLR0913, PLR0917 - one trigger and its place
    inspection: InspectionContext,
    name: str,
    spec: TableSpec,
    table: Table,
    trigger: Trigger,
    tables: list[tuple[str, str]],
) -> Iterator[Finding]:
    event = ours(inspection, spec)
    fires = bool(trigger.events & event) and trigger.always
    accepted = {one.trigger: frozenset(one.writes) for one in spec.triggers_ok}.get(trigger.name, frozenset())
    copied = {place for place, words in written(trigger.source, tables).items() if words & _INSERTING}
    for place in sorted(targets(trigger.source, tables)):
        collection = inspection.collection_of(place)
        log = collection is not None and inspection.spec.collections[collection].log is not None
        free = place in accepted or (collection is None and inspection.declared_free(place))
        if log and fires:
            yield inspection.error(
                "trigger-into-log",
                name,
                f"The trigger {trigger.name} of {table.text} writes the log {place} when Expunge"
                f" {'deletes' if event == _DELETE else 'overwrites'} a row: such a transaction is rolled back.",
                "Give the trigger a WHEN condition that leaves out Expunge's role, or "
                + ("tombstone the collection." if event == _DELETE else "limit it to other columns."),
            )
        elif fires and collection is not None and place in copied and _stays_newer(inspection, collection):
            yield inspection.error(
                "trigger-copies",
                name,
                f"The trigger {trigger.name} of {table.text} inserts into {place} when Expunge"
                f" {'deletes' if event == _DELETE else 'overwrites'} a row. Rows there are found by a value alone,"
                " where they are older than the request: a copy of the row would count as newer, and stay.",
                "Give the trigger a WHEN condition that leaves out Expunge's role; or let it write a key as well that"
                f" is never given to somebody else, and let {collection} be found by it.",
            )
        elif fires and not log and not free:
            yield inspection.error(
                "trigger-writes",
                name,
                f"The trigger {trigger.name} of {table.text} writes {place} when Expunge"
                f" {'deletes' if event == _DELETE else 'overwrites'} a row: rows of other people, perhaps, or a copy."
                " Such a transaction is rolled back.",
                "Give the trigger a WHEN condition that leaves out Expunge's role; or accept it by its name, under"
                f" `triggers_ok`, with {place} in `writes`.",
            )
        elif collection is None and not free:
            yield inspection.warning(
                "trigger-into-unmapped",
                name,
                f"The trigger {trigger.name} of {table.text} writes {place}, which the map does not name: a copy of"
                " the row may stand there.",
                f"Map {place}, declare it a log, or say under `unmapped_ok` that it holds no personal data.",
            )


def _stays_newer(inspection: InspectionContext, collection: str) -> bool:
    """What is written into it while Expunge erases is found by values alone, and so as a record that came later."""
    spec = inspection.spec.collections[collection]
    by_value = (
        link.identity is not None and inspection.data_map.identities[link.identity].kind is IdentityKind.REUSABLE
        for link in spec.found_by
    )
    return all(by_value) and (spec.created is not None or spec.undated == "keep")


def targets(source: str, tables: list[tuple[str, str]]) -> set[str]:
    """The tables (`schema.table`) that a function's source says it writes; large objects as a table of the server's."""
    found = set(written(source, tables))
    return found | {LARGE_OBJECTS} if _LARGE_OBJECTS.search(_COMMENT.sub(" ", source)) else found


def written(source: str, tables: list[tuple[str, str]]) -> dict[str, set[str]]:
    """The tables (`schema.table`) that a function's source says it writes, each with the words of it: {"UPDATE"}.

    Args:
        source: In whatever language; SQL is looked for.
        tables: (schema, name) of every table. A name without a schema means every table of that name.
    """
    code = _COMMENT.sub(" ", source)
    found: dict[str, set[str]] = {}
    for match in _WRITES.finditer(code):
        parts = [_name(part) for part in re.findall(_PART, match.group(2))]
        for schema, table in tables:
            if table == parts[-1] and (len(parts) == 1 or schema == parts[0]):
                found.setdefault(f"{schema}.{table}", set()).add(match.group(1).split()[0].upper())
    return found


def _name(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()
