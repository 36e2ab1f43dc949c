"""Tombstones against constraints: CHECK, UNIQUE, foreign keys, generated columns.

When a constraint refuses an UPDATE, the server quotes the row in its own log: so it is tried here first, by reading.
"""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.inspection.tombstone_dry_run import EXAMPLES, DryRun
from expunge_connectors.postgres.inspection.tombstone_leftovers import computed_columns
from expunge_connectors.postgres.table_spec import Removal

# conenforced came with 18.
_CHECKS = """
SELECT c.conname::text, pg_catalog.pg_get_expr(c.conbin, c.conrelid)
  FROM pg_catalog.pg_constraint c
 WHERE c.conrelid = %s AND c.contype = 'c'
   AND coalesce((pg_catalog.to_jsonb(c) ->> 'conenforced')::boolean, true)
 ORDER BY 1
"""

# indnullsnotdistinct came with 15. An EXCLUDE constraint forbids two rows with equal values where all of it
# compares by =; what another operator says of two tombstones is not judged.
_UNIQUES = """
SELECT i.relname::text,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, n, true) FROM generate_series(1, x.indnkeyatts) n),
       pg_catalog.pg_get_expr(x.indpred, x.indrelid),
       coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
       x.indisunique
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.contype = 'x'
 WHERE x.indrelid = %s
   AND (x.indisunique
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_operator o
                        WHERE o.oid = ANY (k.conexclop) AND o.oprname <> '=') AND x.indisexclusion)
 ORDER BY x.indnkeyatts, 1
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """What an UPDATE to the tombstone would run into, and what it would leave."""
    for name, spec, table in inspection.live_data():
        if inspection.action(spec) is not Action.TOMBSTONE:
            continue
        formulas: dict[str, str] = {}
        computed: dict[str, set[str]] = {}
        for column, formula, of in computed_columns(connection, table):
            computed[column] = set(of)
            if formula is not None:
                formulas[column] = formula
        for column in sorted(computed.keys() & spec.tombstone.keys()):
            yield inspection.error(
                "tombstone-generated",
                name,
                f"The server computes {table.text}.{column} by itself: nothing can be written there.",
                "Leave the column out; it follows the columns that it is computed from.",
            )
        expressions = {
            column: text
            for column, text in spec.tombstone.items()
            if isinstance(text, str) and column in table.columns and column not in computed
        }
        removals = {
            column: wanted
            for column, wanted in spec.tombstone.items()
            if isinstance(wanted, Removal)
            and column in table.columns
            and table.columns[column].base in {"json", "jsonb"}
        }
        trial = DryRun(connection, table, expressions, removals, formulas)
        yield from _cut(inspection, name, trial)
        yield from _checks(connection, inspection, name, trial)
        yield from _uniques(connection, inspection, name, trial)
        yield from _references(inspection, name, trial)


def _cut(inspection: InspectionContext, name: str, trial: DryRun) -> Iterator[Finding]:
    for column in trial.expressions:
        live = trial.table.columns[column]
        if live.uncut != live.type and any(
            trial.is_cut(column, source) for source in (trial.paper(None), trial.rows(), trial.last())
        ):
            yield inspection.error(
                "tombstone-cut",
                name,
                f"The tombstone of {trial.table.text}.{column} is longer than what the column holds ({live.type}). The"
                " server refuses it: cut, it could be the tombstone of somebody else.",
                f"A shorter expression, as in 'x' || id; or ALTER TABLE {quoted_table(trial.table.text)}"
                f" ALTER {quoted(column)} TYPE text.",
            )


def _checks(connection: Connection, inspection: InspectionContext, name: str, trial: DryRun) -> Iterator[Finding]:
    for constraint, text in connection.execute(_CHECKS, (trial.table.oid,)).fetchall():
        if not trial.touched(text):
            continue
        # A key of a type without an example would be NULL on paper, which no key is.
        on_paper = not trial.others(text) and all(trial.table.columns[key].base in EXAMPLES for key in trial.table.key)
        sources = [trial.paper(None), trial.rows()] if on_paper else [trial.rows()]
        if any(trial.ask(f"NOT ({text})", source) for source in sources):
            yield inspection.error(
                "tombstone-check",
                name,
                f"The tombstone of {trial.table.text} violates the CHECK constraint {constraint}; the server would"
                " refuse it, and quote the row in its log.",
                "Choose another expression for the columns of that constraint, or change the constraint.",
            )


def _uniques(connection: Connection, inspection: InspectionContext, name: str, trial: DryRun) -> Iterator[Finding]:
    """Two rows with different keys whose tombstones would collide."""
    indexes = connection.execute(_UNIQUES, (trial.table.oid,)).fetchall()
    plain = [
        {part.strip('"') for part in parts} for _, parts, predicate, _, whole in indexes if whole and not predicate
    ]
    if not all(trial.table.columns[key].base in EXAMPLES for key in trial.table.key):
        return
    pairs = {column: trial.paper(None, column) for column in trial.table.key or (None,)}
    for index, parts, predicate, nulls_collide, unique in indexes:
        changed = [part for part in parts if trial.touched(part)]
        kept = {part.strip('"') for part in parts if part not in changed}
        if not changed or any(one <= kept for one in plain):
            continue
        # Two rows that differ in a column which the index holds as it was cannot be equal there.
        trials = [pair for column, pair in pairs.items() if column not in kept]
        if (
            predicate is not None
            and not trial.others(predicate)
            and not any(trial.ask(predicate, pair) is not False for pair in trials)
        ):
            continue  # tombstones do not stand in this index
        filled = " AND ".join(f"count({part}) = count(*)" for part in changed) if not nulls_collide else "true"
        same = " AND ".join(f"count(DISTINCT {part}) <= 1" for part in changed)
        if any(trial.ask(f"{filled} AND {same}", pair) for pair in trials):
            yield inspection.error(
                "tombstone-unique",
                name,
                f"The tombstones of two rows of {trial.table.text} would be equal, which the"
                f" {'unique index' if unique else 'EXCLUDE constraint'} {index} forbids.",
                "Let the expression hold the primary key, as in 'erased-' || id; or NULL, where the column allows it.",
            )


def _references(inspection: InspectionContext, name: str, trial: DryRun) -> Iterator[Finding]:
    """A foreign key of the row itself must still point to something."""
    for key in inspection.catalogue.foreign_keys:
        changed = [column for column in key.columns if column in trial.expressions]
        if key.child != trial.table.text or not changed:
            continue
        matches = " AND ".join(
            f"{quoted('parent', theirs)} = {quoted('made', ours)}"
            for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
        )
        filled = " AND ".join(f"{quoted('made', column)} IS NOT NULL" for column in key.columns)
        dangling = f"{filled} AND NOT EXISTS (SELECT FROM {quoted_table(key.parent)} AS parent WHERE {matches})"
        sources = [trial.rows()] if set(key.columns) - set(changed) else [trial.paper(None), trial.rows()]
        if any(trial.ask(dangling, source) for source in sources):
            yield inspection.error(
                "tombstone-foreign-key",
                name,
                f"The tombstone changes {', '.join(changed)} of {trial.table.text} to what {key.parent} does not have"
                f" (constraint {key.name}).",
                "Put NULL there, or leave the column out.",
            )
