"""Tenants by pattern: how many schemas there are, which are built otherwise, and what leads from one into another.

One schema of the usual shape is inspected in full, by the other modules; what they say holds for all of that shape.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Finding, Scope
from expunge_connectors.postgres.catalog import tenant_shapes
from expunge_connectors.postgres.catalog.tables import Catalogue, ForeignKey
from expunge_connectors.postgres.catalog.tenant_shapes import Differences, Tenants
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted
from expunge_connectors.postgres.inspection.found_by import counted_by_owner
from expunge_connectors.postgres.mapping.table_binding import store_spec
from expunge_connectors.postgres.table_spec import TableSpec

_NAMED = 5
_MAY_BOTH = "Two members may each have one `{}`"


def split(catalogue: Catalogue, tenants: Tenants) -> tuple[Catalogue, list[ForeignKey]]:
    """The catalogue without foreign keys of other schemas that the first one's stand for, and those between two."""

    def elsewhere(table: str) -> bool:
        return table not in catalogue.tables and tenants.covers(table)

    keys = [one for one in catalogue.foreign_keys if not elsewhere(one.child) and not elsewhere(one.parent)]
    schemas = [(one, one.child.partition(".")[0], one.parent.partition(".")[0]) for one in catalogue.foreign_keys]
    crossing = [one for one, ours, theirs in schemas if ours != theirs and {ours, theirs} <= tenants.shapes.keys()]
    return replace(catalogue, foreign_keys=tuple(keys)), crossing


def findings(
    connection: Connection, inspection: InspectionContext, data_map: DataMap, crossing: Collection[ForeignKey]
) -> Iterator[Finding]:
    """Of a store with tables by pattern.

    Args:
        connection: In a transaction.
        inspection: Of the first schema.
        data_map: As the file has it, with the pattern.
        crossing: The foreign keys between two schemas.
    """
    tenants = inspection.tenants
    if tenants is None or store_spec(inspection.store, data_map).tenants is None:
        return  # of one member's view nothing is to be told
    if tenants.first is None:
        yield inspection.warning(
            "tenants",
            None,
            f"No schema {tenants.pattern.text} has a table of the data map: every request of a member is refused.",
            "Correct `table`; or wait for the first member.",
        )
    else:
        alike = [one for one, shape in tenants.shapes.items() if tenants.nameable(one) and shape == tenants.usual]
        inspected = (
            f"{tenants.pattern.text}: {_counted(len(tenants.shapes))}, {', '.join(tenants.newest)} made last."
            f" {tenants.first} was inspected for all that are built like it"
        )
        if len(inspection.schemas) == len(alike):
            nothing = "Nothing to do: a new member's schema is covered by itself."
            yield inspection.info("tenants", None, f"{inspected}, and their rows were looked at in each.", nothing)
        else:
            yield inspection.warning(
                "tenants",
                None,
                f"{inspected}, and rows were looked at in {len(inspection.schemas)} of {len(alike)}: unknown of the"
                " others, not fine.",
                "Look yourself whether rows of the others name several people.",
            )
    yield from _unnameable(inspection, tenants)
    yield from _differing(connection, inspection, tenants, data_map)
    yield from _crossing(inspection, crossing)
    yield from _counted_anew(inspection, data_map)


def sampled(inspection: InspectionContext) -> Iterator[Finding]:
    """Which schema samples are taken of."""
    if inspection.tenants is not None and len(inspection.tenants.shapes) > 1:
        yield inspection.info(
            "tenants-sampled",
            None,
            f"Of the mapped tables of {_counted(len(inspection.tenants.shapes))}, samples were taken in"
            f" {inspection.tenants.first} alone: what stands in the others is unknown, not fine.",
            "Look yourself where a member's records come from elsewhere.",
        )


def _unnameable(inspection: InspectionContext, tenants: Tenants) -> Iterator[Finding]:
    if names := [one for one in sorted(tenants.shapes) if not tenants.nameable(one)]:
        yield inspection.error(
            "tenant-differs",
            None,
            f"No request can name the member of {_listed(names)}: a dot, or a `*`, stands in the schema's name.",
            "ALTER SCHEMA ... RENAME TO a name without it.",
        )


def _differing(
    connection: Connection, inspection: InspectionContext, tenants: Tenants, data_map: DataMap
) -> Iterator[Finding]:
    first, usual = tenants.first, tenants.usual
    alike: dict[tenant_shapes.Shape, list[str]] = {}
    for schema in sorted(tenants.shapes):
        if tenants.nameable(schema) and tenants.shapes[schema] != usual:
            alike.setdefault(tenants.shapes[schema], []).append(schema)
    spec = store_spec(inspection.store, data_map)
    for schemas in alike.values():
        assert first is not None
        found = tenant_shapes.differences(connection, spec, data_map, schemas[0], first)
        rights = _rights(inspection, schemas, found)
        if not found.built:
            members = {tenants.member(schema) for schema in schemas}
            owners = {one.owner.controller for one in spec.collections.values() if one.by_pattern and one.owner}
            yield inspection.error_of_schemas(
                "tenant-differs",
                f"The role has other rights in {_listed(schemas)} than in {first}: it has there"
                f" {'no' if found.lacking else 'also'} {_listed(_in_words(found.lacking or found.further))}.",
                rights,
                {Scope(owner, member) for owner in owners for member in members},
            )
            continue
        said = found.built
        more = f"; and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
        yield inspection.error(
            "tenant-differs",
            None,
            f"{_listed(schemas)} {'is' if len(schemas) == 1 else 'are'} not built like {first}, for which the map was"
            f" held against the database: {'; '.join(said[:_NAMED])}{more}.",
            "Migrate it as the others are. Or rename it so that the pattern does not match, and map it by that name."
            f"{f' {rights}' if found.lacking else ''}",
        )


def _in_words(rights: Mapping[tuple[str, str], Sequence[str]]) -> list[str]:
    said = (
        "USAGE ON SCHEMA" if right == "USAGE" else f"{_on(right, columns)} ON {table}"
        for (table, right), columns in _usage_first(rights)
    )
    return list(dict.fromkeys(said))


def _usage_first(rights: Mapping[tuple[str, str], Sequence[str]]) -> list[tuple[tuple[str, str], Sequence[str]]]:
    return sorted(rights.items(), key=lambda one: one[0][1] != "USAGE")


def _on(right: str, columns: Iterable[str]) -> str:
    names = ", ".join(columns)
    return f"{right} ({names})" if names else right


def _rights(inspection: InspectionContext, schemas: Iterable[str], found: Differences) -> str:
    """What makes the role's rights those of the first schema: what is lacking; what is too much, if nothing is."""
    rights = found.lacking or found.further
    verb, to = ("GRANT", "TO") if found.lacking else ("REVOKE", "FROM")
    said: dict[str, None] = {}
    for schema in schemas:
        for (table, right), columns in _usage_first(rights):
            on = f"{_on(right, map(quoted, columns))} ON {quoted(schema, table)}"
            on = f"USAGE ON SCHEMA {quoted(schema)}" if right == "USAGE" else on
            said[f"{verb} {on} {to} {quoted(inspection.role)};"] = None
    return " ".join(said)


def _crossing(inspection: InspectionContext, crossing: Collection[ForeignKey]) -> Iterator[Finding]:
    for key in crossing:
        yield inspection.error(
            "tenant-crossed",
            None,
            f"{key.child} points to {key.parent} (constraint {key.name}), a table of another member: erasing in the one"
            " would be refused because of the other, or would change it.",
            f"Drop the constraint {key.name}, or keep what both need in a schema that is nobody's.",
        )


def _counted_anew(inspection: InspectionContext, data_map: DataMap) -> Iterator[Finding]:
    """Keys that each schema counts for itself, and places that tell no members apart and go by them."""
    spec = store_spec(inspection.store, data_map)
    for name, table in spec.collections.items():
        if not table.by_pattern or table.log is not None or table.owner is None:
            continue
        for identity in sorted(_by_schema(table, data_map)):
            if places := list(_going_by(inspection.store, identity, table.owner.controller, data_map)):
                reusable = data_map.identities[identity].kind is IdentityKind.REUSABLE
                counted = _MAY_BOTH.format(identity) if reusable else f"Each schema counts `{identity}` for itself"
                yield _elsewhere(inspection, name, identity, places, counted)


def by_owner(inspection: InspectionContext) -> Iterator[Finding]:
    """Keys that are unique only together with the owner's column, and places that tell no members apart by them."""
    counted = counted_by_owner(inspection, inspection.uniques)
    for identity, (name, spec, column) in sorted(counted.items()):
        assert spec.owner is not None
        if places := list(_going_by(inspection.store, identity, spec.owner.controller, inspection.data_map)):
            together = f"{spec.table}.{column} is unique only together with {spec.owner.column}"
            yield _elsewhere(inspection, name, identity, places, together)
    for identity, (name, controller) in sorted(_values_of_members(inspection).items()):
        places = [one for one in _going_by(inspection.store, identity, controller, inspection.data_map) if "." in one]
        if places:  # of another store; of tables of this one `inherited-identity` tells
            yield _elsewhere(inspection, name, identity, places, _MAY_BOTH.format(identity))


def _values_of_members(inspection: InspectionContext) -> Mapping[str, tuple[str, str]]:
    """Identities of values that no unique index makes one person's -> a collection that names owners, and their kind.

    A row of this member with the value proves nothing of a place that goes by it alone: another member's may have it.
    """
    found: dict[str, tuple[str, str]] = {}
    alone: set[str] = set()
    for name, spec, _ in inspection.live_data():
        if spec.owner is None or spec.owner.column is None:
            continue
        columns = {identity: {source.column} for identity, source in spec.yields.items()}
        columns |= {link.identity: set(link.names) for link in spec.found_by if link.identity is not None}
        for identity, held in columns.items():
            declared = inspection.data_map.identities[identity]
            if declared.kind is not IdentityKind.REUSABLE:
                continue
            found.setdefault(identity, (name, spec.owner.controller))
            if declared.same_person is not None or (spec.person and held in inspection.uniques.get(spec.table, ())):
                alone.add(identity)
    return {identity: place for identity, place in found.items() if identity not in alone}


def _elsewhere(
    inspection: InspectionContext, name: str, identity: str, places: Collection[str], counted: str
) -> Finding:
    return inspection.error(
        "tenant-key-elsewhere",
        name,
        f"{counted}, and {_listed(places)}, where no member is told from another, goes by `{identity}`: the same one"
        " of two members is one there.",
        "Have the name of the record hold the member, `{controller}`. Or, if no value is ever given to two people of"
        f" any members, say so: `same_person` of the identity `{identity}`, or `never_shared` where an internal one is"
        " yielded.",
    )


def _by_schema(table: TableSpec, data_map: DataMap) -> Iterator[str]:
    for identity, source in table.yields.items():
        declared = data_map.identities[identity]
        assured = source.never_shared if declared.kind is IdentityKind.INTERNAL else declared.same_person
        if assured is None:
            yield identity
    for link in table.found_by:
        if link.identity is None or link.identity in table.yields:
            continue
        declared = data_map.identities[link.identity]
        if declared.kind is IdentityKind.REUSABLE and declared.same_person is None:
            yield link.identity


def _going_by(store: str, identity: str, controller: str, data_map: DataMap) -> Iterator[str]:
    for other, spec in data_map.stores.items():
        flows = spec.key_flow(other, data_map) or {}
        for name, one in spec.collection_specs().items():
            theirs = one.owner is not None and one.owner.controller == controller
            apart = one.tells_member or one.names_member
            if theirs and not apart and name in flows and identity in flows[name].incoming:
                yield name if other == store else f"{other}.{name}"


def _counted(number: int) -> str:
    return "1 schema" if number == 1 else f"{number} schemas"


def _listed(names: Collection[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_NAMED]) + (f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else "")
