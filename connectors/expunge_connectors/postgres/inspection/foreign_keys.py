"""Foreign keys to rows that will be deleted, and what their CASCADE, SET NULL or SET DEFAULT would do."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.dependency_graph import strongly_connected
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.references import links_along, loose_keys, of_another_kind
from expunge_connectors.postgres.table_spec import TableSpec

_EFFECT = {"c": "deletes rows of", "n": "empties columns of", "d": "resets columns of"}


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Keys that are off, or point otherwise than by equal values, cascades, children that stay behind, circles."""
    yield from _off(inspection)
    yield from _by_other_values(inspection)
    for key in inspection.catalogue.foreign_keys:
        for parent in inspection.takers(key.parent):
            if inspection.deletes(inspection.spec.collections[parent]):
                children = inspection.takers(key.child)
                for child in children:
                    if not of_another_kind(
                        inspection.spec.collections, key, child, parent, inspection.takers(key.parent)
                    ):
                        yield from _child(inspection, key, parent, child)
                if not children:
                    yield from _child(inspection, key, parent, None)
    yield from _circles(inspection)


def _off(inspection: InspectionContext) -> Iterator[Finding]:
    for key in inspection.catalogue.foreign_keys:
        child = inspection.collection_of(key.child)
        if child is not None and inspection.collection_of(key.parent) is not None and not key.enforced:
            yield inspection.warning(
                "foreign-key-off",
                child,
                f"The server does not hold constraint {key.name} from {key.child} to {key.parent}: it is NOT ENFORCED,"
                " its triggers are disabled, or sessions have session_replication_role = replica. It is not relied on.",
                f"Make {key.name} anew (DROP CONSTRAINT, ADD CONSTRAINT), which looks at the rows of meanwhile; set"
                " session_replication_role for no database and no role.",
            )


def _by_other_values(inspection: InspectionContext) -> Iterator[Finding]:
    """Keys by which a row points to others than those that hold its values: these would not be seen to point there."""
    for key in inspection.catalogue.foreign_keys:
        parent = inspection.collection_of(key.parent)
        if parent is None or inspection.spec.collections[parent].log is not None:
            continue
        if key.temporal:
            how = "by a period, which lies within that of the row"
        elif _zoned(inspection, key):
            how = "by a time without a zone, which is another moment in each session's TimeZone"
        else:
            continue
        yield inspection.error(
            "foreign-key-values",
            parent,
            f"Rows of {key.child} point to rows of {key.parent} {how} (constraint {key.name}). Which rows point to one"
            " is told by equal values: somebody else's would not be seen to own it, or to be in its way.",
            f"Let {key.child} point to {key.parent} by a key of plain values (its own number) instead of {key.name}.",
        )


def _zoned(inspection: InspectionContext, key: ForeignKey) -> bool:
    """A column with a zone and one without are compared, as far as the tables are known."""
    tables = inspection.catalogue.tables
    if key.child not in tables or key.parent not in tables:
        return False
    ours, theirs = tables[key.child].columns, tables[key.parent].columns
    pairs = zip(key.columns, key.parent_columns, strict=True)
    bases = ({ours[one].base, theirs[other].base} for one, other in pairs)
    return any(len(both) > 1 and "timestamp with time zone" in both for both in bases)


def _child(inspection: InspectionContext, key: ForeignKey, parent: str, child: str | None) -> Iterator[Finding]:
    spec = None if child is None else inspection.spec.collections[child]
    shared = spec is None and inspection.spec.collections[parent].sharing is not None  # rows stay while it points there
    if spec is None and not key.writes_child and not shared and inspection.declared_free(key.child):
        yield inspection.error(
            "retained-child",
            parent,
            f"Rows of {key.child} are left alone (`unmapped_ok`) and point to rows of {key.parent} that are deleted"
            f" (constraint {key.name}).",
            f"Tombstone `{parent}` instead of deleting it; `sharing: last_owner` where people share these rows.",
        )
    if not shared and key.writes_child and (spec is None or spec.log is not None):
        yield inspection.error(
            "cascade-into-log" if spec is not None else "cascade-into-undeclared",
            parent,
            f"A deletion from {key.parent} {_EFFECT[key.on_delete]} {key.child} (constraint {key.name}).",
            f"Tombstone `{parent}` instead of deleting it.",
        )
    if spec is None or child is None:
        return
    stays = spec.log is not None or _stays(inspection, key, parent, child)
    if stays:
        yield inspection.error(
            "retained-child",
            parent,
            f"Rows of {key.child} stay and point to rows of {key.parent} that are deleted (constraint {key.name}).",
            _released(inspection, key, parent, child),
        )
    elif (
        child == parent
        and spec.person is not None
        and not (_linked_below(spec, child, key) and spec.person not in spec.yields)
    ):
        yield inspection.warning(
            "self-reference",
            parent,
            f"Each row of {key.parent} is a person, and may point to another one (constraint {key.name}): whoever is"
            " pointed to by somebody who stays cannot be erased, whatever ON DELETE says (CASCADE, SET NULL and SET"
            " DEFAULT would change the row that stays, which is refused).",
            f"Tombstone `{parent}` instead of deleting it; or let a table of its own, linked by both columns, say who"
            " points to whom. Rows that are the same human's are asked for together, in one request: a link from one to"
            " the other would find several persons, and nobody is erased then.",
        )
    elif (key, parent) in loose_keys(inspection.spec.collections, inspection.data_map, [key]) and not key.writes_child:
        yield from _of_others(inspection, key, parent, child)
    elif key.writes_child:
        yield inspection.warning(
            "cascade",
            parent,
            f"A deletion from {key.parent} {_EFFECT[key.on_delete]} {key.child} (constraint {key.name}): a request"
            " whose rows are pointed to by rows of others is refused.",
            "Make the constraint ON DELETE NO ACTION.",
        )
    owner, parents_owner = spec.owner, inspection.spec.collections[parent].owner
    if owner is not None and parents_owner is not None and owner.controller != parents_owner.controller:
        yield inspection.warning(
            "foreign-controller",
            parent,
            f"{key.child} belongs to another controller and points to {key.parent}: its rows stay, so that deletions"
            " they point to are refused.",
            f"Tombstone `{parent}`, or correct the owners.",
        )


def _of_others(inspection: InspectionContext, key: ForeignKey, parent: str, child: str) -> Iterator[Finding]:
    parts = [spec for _, spec in inspection.data() if spec.table == key.child]
    if any(links_along(spec, key, parent) for spec in parts):
        return
    yield inspection.info(
        "foreign-key-of-others",
        parent,
        f"Rows of {key.child} may be other people's than the rows of {key.parent} to which they point (constraint"
        f" {key.name}): a person to whose rows somebody points who is not in the request is not erased, and fails. A"
        " plan says how many are in the way.",
        f"Link `{child}`, if its rows go with those they point to ({_link(key, parent)}); or tombstone `{parent}`; or"
        f" let a collection of {key.child} tombstone {', '.join(key.columns)}.",
    )


def _released(inspection: InspectionContext, key: ForeignKey, parent: str, child: str) -> str:
    """What to do about rows that stay: a shared row cannot be tombstoned, it goes with the last that lets go of it."""
    spec = inspection.spec.collections[child]
    if inspection.spec.collections[parent].sharing is None or inspection.action(spec) is not Action.TOMBSTONE:
        return f"Tombstone `{parent}` instead of deleting it."
    live = inspection.catalogue.tables.get(key.child)
    columns = ", ".join(key.columns)
    filled = live is not None and all(live.columns[one].not_null for one in key.columns)
    instead = f"the key of a row of {key.parent} made for it, which is nobody's" if filled else "NULL"
    return f"Let the tombstone of `{child}` put into {columns} what points to nobody's row: {instead}."


def _linked_below(spec: TableSpec, name: str, key: ForeignKey) -> bool:
    """The map says that whoever points to a person's row through this key of its own table is the same person's."""
    equal = set(zip(key.columns, key.parent_columns, strict=True))
    leads = [(link.names, link.lead) for link in spec.found_by if link.lead is not None]
    return any(lead[0] == name and equal.issuperset(zip(names, lead[1], strict=True)) for names, lead in leads)


def _link(key: ForeignKey, name: str) -> str:
    """The link of the rows below, to be pasted."""
    if len(key.columns) == 1:
        return f"{{column: {key.columns[0]}, of: {name}.{key.parent_columns[0]}}}"
    return f"{{columns: [{', '.join(key.columns)}], of: {name}, of_columns: [{', '.join(key.parent_columns)}]}}"


def _stays(inspection: InspectionContext, key: ForeignKey, parent: str, child: str) -> bool:
    """Rows of the child are kept, with their reference, though the parent's go."""
    spec = inspection.spec.collections[child]
    parts = [one for name, one in inspection.data() if one.table == key.child and inspection.is_part(name)]
    if set(key.columns) <= {column for one in parts for column in one.tombstone}:
        return False  # the part of whom it points to is replaced
    if inspection.action(spec) is Action.RETAIN:
        return inspection.action(inspection.spec.collections[parent]) is Action.DELETE
    return inspection.action(spec) is Action.TOMBSTONE and not set(key.columns) <= set(spec.tombstone)


def _circles(inspection: InspectionContext) -> Iterator[Finding]:
    """Rows in a circle go in one statement; but who else points to a shared row is asked before."""
    deleted = [name for name, spec in inspection.data() if inspection.deletes(spec)]
    edges = [
        (child, parent)
        for key in inspection.catalogue.foreign_keys
        for child in inspection.takers(key.child)
        for parent in inspection.takers(key.parent)
        if child in deleted and parent in deleted
    ]
    for circle in strongly_connected(tuple(deleted), edges):
        for name in circle:
            if inspection.spec.collections[name].sharing is None:
                continue
            if len(circle) > 1:
                yield inspection.error(
                    "foreign-key-circle",
                    name,
                    f"The foreign keys of {', '.join(circle)} run in a circle around a shared row.",
                    "Tombstone one of these collections: which of them goes first cannot be decided.",
                )
            elif (name, name) in edges:
                yield inspection.error(
                    "foreign-key-circle",
                    name,
                    f"Rows of `{name}` are shared, and point to rows of their own table: whoever's row is pointed to by"
                    " one that stays could not be erased.",
                    f"Tombstone `{name}` instead of deleting it.",
                )
