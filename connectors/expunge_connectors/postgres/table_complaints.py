"""What a map may not say of one table, whatever else stands in the store (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.postgres.table_spec import Elements, TableSpec

Complaint = tuple[tuple[str, ...], str]
"""(path below the store or the collection, message)"""
NO_TEMPLATE = "is for identities of kind internal or person, and not for the person's own row"
NO_REGION = "is for phone numbers: an identity with the normaliser phone/1"


def complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    """What is wrong with a table by itself: (path below the collection, message)."""
    yield from _identity_complaints(table, data_map)
    yield from _since_complaints(table, data_map)
    yield from _decision_complaints(table, data_map)


def _identity_complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    for identity, source in table.yields.items():
        if identity not in data_map.identities:
            yield ("yields", identity), "unknown identity: the map does not declare it"
        elif source.template is not None and (
            not templated(data_map, identity, table) or Template.parse(source.template).namespace != identity
        ):
            yield ("yields", identity, "template"), f"{NO_TEMPLATE}; it names the identity that is yielded"
        elif source.region is not None and not regional(data_map, identity):
            yield ("yields", identity, "region"), NO_REGION
        elif source.decode and data_map.identities[identity].kind is IdentityKind.REUSABLE:
            yield ("yields", identity, "decode"), "is for identities of kind internal or person"
        elif source.never_shared is not None and data_map.identities[identity].kind is not IdentityKind.INTERNAL:
            yield ("yields", identity, "never_shared"), "is for identities of kind internal"
    if table.person is not None and (
        table.person not in data_map.identities
        or data_map.identities[table.person].kind is not IdentityKind.PERSON
        or table.person not in table.yields
    ):
        yield ("person",), "names no identity of kind person that this table also `yields`"
    elif table.person is not None:
        yield from _unsought(table, data_map)


def _since_complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    for identity in table.since:
        declared = data_map.identities.get(identity)
        if table.person is None or identity not in table.yields:
            yield ("since", identity), "is for reusable identities that a person's row yields: it claims their values"
        elif declared is not None and not declared.handed_on:
            yield ("since", identity), "would say nothing: the identity is not `recycled`, so no row is too old"


def _unsought(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    """Identities that a person's row tells and by which no request reaches it."""
    for identity, source in table.yields.items():
        known = data_map.identities.get(identity)
        if known is None or known.kind is IdentityKind.INTERNAL or known.shareable:
            continue  # no request names the one, and the other selects no record
        if not any(link.identity == identity and link.source.same_place(source) for link in table.found_by):
            message = (
                f"a row is a person and yields `{identity}`, but is not found by it there: a request that names it"
                f" never reaches the row. Add `{{{source.text}, identity: {identity}}}` to `found_by`"
            )
            yield ("yields", identity), message


def _decision_complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    identities = [data_map.identities[link.identity] for link in table.found_by if link.identity in data_map.identities]
    by_reusable = any(one.kind is IdentityKind.REUSABLE and not one.shareable for one in identities)
    if by_reusable and table.created is None and table.undated is None:
        yield (), "rows are found by a reusable identifier: give `created`, or decide `undated: erase | keep`"
    data_type = data_map.data_types.get(table.data_type or "")
    if data_type is None:
        return
    if data_type.on_request is Action.RETAIN and table.start is None:
        needed = "`start` must name the column in which its period starts, one of the table itself"
        yield (), f"the data type is retained: {needed} (docs/data-map.md says what to do where it has none)"
    yield from _tombstone_complaints(table, data_type.on_request)
    if data_type.on_request is Action.RETAIN and table.sharing is not None:
        yield ("sharing",), "a retained data type stays for its period, not as long as it has owners"


def _tombstone_complaints(table: TableSpec, action: Action) -> Iterable[Complaint]:
    if action is Action.TOMBSTONE and not table.tombstone:
        yield (), "the data type is tombstoned: `tombstone` must say what stands in which column"
    if action is not Action.TOMBSTONE and table.tombstone:
        yield ("tombstone",), "the data type is not tombstoned: this would never be used"
    if action is not Action.TOMBSTONE and table.keeps:
        yield ("keeps",), "the data type is not tombstoned: no column is kept"
    for column, wanted in table.tombstone.items():
        if isinstance(wanted, Elements) and not all(
            link.several and link.names == (column,) for link in table.found_by
        ):
            needed = "every link of the collection must be over this column, with `each` or `path`"
            yield ("tombstone", column), f"`elements` takes out what rows are found by: {needed}"
    for column in table.keeps.keys() & table.tombstone.keys():
        yield ("keeps", column), "`tombstone` replaces this column: it cannot be kept as well"


def regional(data_map: DataMap, identity: str) -> bool:
    """How the identity is read depends on a region."""
    spellings = data_map.identities[identity].rule.spellings
    return spellings is not None and spellings.regional


def templated(data_map: DataMap, identity: str, table: TableSpec) -> bool:
    """The identity may stand in a text with a template."""
    return data_map.identities[identity].kind is not IdentityKind.REUSABLE and identity != table.person
