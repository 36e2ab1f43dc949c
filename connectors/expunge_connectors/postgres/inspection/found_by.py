"""Links (`found_by`): whether they could lead to a stranger's row, and do lead to the person's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from expunge_config.datamap import Action, IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.unique_columns import Uniques
from expunge_connectors.postgres.claims import PERSONS_KEY, names_people
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.key_flow import one_place
from expunge_connectors.postgres.owner_links import named_by, towards_parent
from expunge_connectors.postgres.table_links import Link, sought_namespace
from expunge_connectors.postgres.table_spec import TableSpec


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Links that are not precise."""
    unique = inspection.uniques
    by_owner = counted_by_owner(inspection, unique)
    for name, spec, _ in inspection.live_data():
        yield from _unscoped(inspection, name, spec)
        yield from _not_told(inspection, name, spec)
        yield from _beside_identities(inspection, name, spec)
        if spec.sharing is not None:
            yield from _unguarded(inspection, name, spec)
        for link in spec.found_by:
            if link.lead is not None and not _precise(inspection, unique, by_owner, spec, link):
                yield inspection.error(
                    "tie-not-unique",
                    name,
                    f"{spec.table}.{', '.join(link.names)} is linked to {link.lead[0]}.{', '.join(link.lead[1])}, but"
                    " rows of several people may hold one value there: rows of strangers could be reached.",
                    f"Link to a unique column of `{link.lead[0]}`, or by `columns` to one and the owner's; or let it"
                    " yield the column as an identity of kind internal, if a value never belongs to two people.",
                )


def _not_told(inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """Rows that name their person by a key, are found by what passes on as well, and do not say whose they are.

    Where rows of persons hold such values none has to: the key in a row says whose it is, whatever value stands there.
    """
    if spec.person is not None or spec.goes_with_any is not None or spec.by_elements:
        return
    passing = inspection.passing
    persons = [
        link for link in spec.found_by if names_people(inspection.spec, link, inspection.data_map) == PERSONS_KEY
    ]
    keys = {link.names[0]: _person(inspection, link) for link in persons}
    values = sorted(
        {
            link.names[0]
            for link in spec.found_by
            if link not in persons
            and (claims := passing.get(sought_namespace(inspection.store, link))) is not None
            and not named_by(inspection.spec, spec, link, claims, inspection.data_map)
        }
    )
    key = inspection.catalogue.tables[spec.table].key
    above = [link for link in spec.found_by if towards_parent(inspection.spec, link, key)]
    pointing = sorted(
        link.lead[0]
        for link in above
        if link.lead is not None and inspection.spec.collections[link.lead[0]].person is not None
    )
    values = [one for one in values if not any(one == link.names[0] for link in above)]
    if values and pointing:
        yield inspection.error(
            "person-not-told",
            name,
            f"A row of {spec.table} is the person's whose row of {pointing[0]} points to it, and is found by"
            f" {', '.join(values)} as well: by such a value it would go alone, whoever points to it, and that person"
            " would not be found.",
            f"Leave {', '.join(values)} out of `found_by`: a request names the person by a key of {pointing[0]}. Or say"
            " `goes_with_any: {reason: ..., approved_by: ...}`.",
        )
    told = {source.column for one, source in spec.yields.items() if one in inspection.data_map.person_identities}
    if keys and values and not told & keys.keys():
        column, person = min(keys.items())
        yield inspection.error(
            "person-not-told",
            name,
            f"A row of {spec.table} says by {column} whose it is, and is found by {', '.join(values)} as well: a row of"
            " somebody else's in which this person's value stands would go with this person.",
            f"Say whose a row is: `yields: {{{person}: {column}}}`; a row of others waits then, and is told."
            " Or say `goes_with_any: {reason: ..., approved_by: ...}`.",
        )


def _beside_identities(inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """A place that is compared with an identity, and with a column of persons' rows whose values pass on as well.

    By the column alone a value there would be a key, and by the identity one that anybody may have.
    """
    if spec.person is not None:
        return
    beside = [one for one in inspection.spec.collections.values() if one.table == spec.table and one.log is None]
    values = [link for one in beside for link in one.found_by if link.identity in inspection.passing]
    for link in spec.found_by:
        lead, columns = link.lead or ("", ())
        if lead and inspection.passing.get(sought_namespace(inspection.store, link)):
            for value in (one for one in values if one_place(link, one)):
                yield inspection.error(
                    "link-beside-identity",
                    name,
                    f"{spec.table}.{', '.join(link.names)} is compared with `{value.identity}`, and with"
                    f" {', '.join(columns)} of {lead}, whose values pass from one person to another: what stands there"
                    " may be one person's by the one and another's by the other, and only identities are asked about"
                    " together.",
                    f"Declare an identity of kind reusable for {lead}.{', '.join(columns)}, let {lead} yield it and be"
                    f" found by it, and find {name} by that identity instead of `of`.",
                )
        elif (
            link.identity not in inspection.passing and names_people(inspection.spec, link, inspection.data_map) is None
        ):
            for value in (one for one in values if one_place(link, one)):
                of = f"keys of `{link.identity}`" if link.lead is None else f"{', '.join(columns)} of {lead}"
                yield inspection.error(
                    "link-beside-identity",
                    name,
                    f"{spec.table}.{', '.join(link.names)} is compared with `{value.identity}`, whose values pass from"
                    f" one person to another, and with {of}: one text there may be the number of a thing of one"
                    " person's, and a value of another person.",
                    "Say by `where` on both links in which rows which of them stands, or leave one of them out.",
                )


def _person(inspection: InspectionContext, link: Link) -> str:
    """The identity by which a link names a person."""
    lead = None if link.lead is None else inspection.spec.collections[link.lead[0]].person
    return lead or link.identity or ""


def _precise(
    inspection: InspectionContext, unique: Uniques, by_owner: Collection[str], spec: TableSpec, link: Link
) -> bool:
    lead, columns = link.lead or ("", ())
    search = _OfOnePerson(inspection, unique, frozenset() if spec.tells_member else frozenset(by_owner))
    if spec.sharing is not None or search.holds(lead, frozenset(columns), frozenset()):
        return True
    # Towards a parent. A deletion that would take a row which others point to is refused by the foreign key; a
    # tombstone would not be.
    lead_table = inspection.spec.collections[lead].table
    live = inspection.catalogue.tables.get(lead_table)
    if live is None:
        return True  # that it is missing is told already
    if live.tree:
        return False  # its foreign keys do not hold for the rows below it
    return inspection.action(spec) is not Action.TOMBSTONE and any(
        key.child == lead_table
        and key.parent == spec.table
        and set(zip(key.columns, key.parent_columns, strict=True)) == set(zip(columns, link.names, strict=True))
        for key in inspection.catalogue.foreign_keys
    )


@dataclass(frozen=True)
class _OfOnePerson:
    """Whether no value of some columns stands in rows of two people.

    Attributes:
        by_owner: Identities of which two members may have one value; none where the rows that are found tell theirs.
    """

    inspection: InspectionContext
    unique: Uniques
    by_owner: frozenset[str]

    def holds(self, lead: str, columns: frozenset[str], seen: frozenset[str]) -> bool:
        """The columns are unique.

        Or the map says so (an identity that is never re-used); or the rows themselves are found through these columns,
        by values that are one person's.
        """
        spec = self.inspection.spec.collections[lead]
        if any(one <= columns for one in self.unique.get(spec.table, ())):
            return True
        if any(
            not source.several and source.column in columns and self._one_persons(identity)
            for identity, source in spec.yields.items()
        ):
            return True
        if lead in seen or not spec.found_by:
            return False

        def own(link: Link) -> bool:
            if not set(link.names) <= columns or link.several:
                return False
            if link.lead is None:
                return self._one_persons(link.identity or "")
            return self.holds(link.lead[0], frozenset(link.lead[1]), seen | {lead})

        return all(own(link) for link in spec.found_by)

    def _one_persons(self, identity: str) -> bool:
        reusable = self.inspection.data_map.identities[identity].kind is IdentityKind.REUSABLE
        return not reusable and identity not in self.by_owner


def counted_by_owner(inspection: InspectionContext, unique: Uniques) -> Mapping[str, tuple[str, TableSpec, str]]:
    """Identities of which two members may have one value -> the collection, its table, and the column there.

    In the table that counts them the column is unique only together with the owner's, and nobody says that two members
    never have one value.
    """
    found: dict[str, tuple[str, TableSpec, str]] = {}
    alone: set[str] = set()
    for name, spec, _ in inspection.live_data():
        owner = None if spec.owner is None else spec.owner.column
        for identity, source in spec.yields.items():
            declared = inspection.data_map.identities[identity]
            reusable = declared.kind is IdentityKind.REUSABLE
            if reusable or (declared.kind is IdentityKind.PERSON and spec.person != identity):
                continue
            there = unique.get(spec.table, ())
            if {source.column} in there or declared.same_person is not None or source.never_shared is not None:
                alone.add(identity)
            elif owner is not None and any({source.column, owner} <= one for one in there):
                found.setdefault(identity, (name, spec, source.column))
    return {identity: place for identity, place in found.items() if identity not in alone}


def _unscoped(inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """A store that checks owners is also told keys that nobody proved to be the member's."""
    owner = spec.owner
    if owner is None or not owner.inherited or not inspection.data_map.controllers[owner.controller].many:
        return
    for identity in sorted({link.identity for link in spec.found_by if link.identity is not None}):
        if inspection.data_map.identities[identity].kind is not IdentityKind.INTERNAL:
            yield inspection.error(
                "inherited-identity",
                name,
                f"{spec.table} is linked by `{identity}`, which a request of any {owner.controller} may name, and its"
                " owner is inherited: nothing keeps the rows of another one apart.",
                "Give the owner a `column`, or link the table with `of` to one that has it.",
            )


def _unguarded(inspection: InspectionContext, name: str, spec: TableSpec) -> Iterator[Finding]:
    """A shared row that nothing leads to is deleted; a foreign key alone keeps links from being made at that moment."""
    for link in spec.found_by:
        if link.lead is None:
            continue
        lead, columns = link.lead
        table = inspection.spec.collections[lead].table
        pairs = set(zip(columns, link.names, strict=True))
        same = [
            key
            for key in inspection.catalogue.foreign_keys
            if (key.child, key.parent, key.whole) == (table, spec.table, True)
            and set(zip(key.columns, key.parent_columns, strict=True)) == pairs
        ]
        if any(key.enforced for key in same):
            continue
        constraint = quoted(f"{table.partition('.')[2]}_{'_'.join(columns)}_shared"[:63])
        alter = f"ALTER TABLE {quoted_table(table)}"
        live = inspection.catalogue.tables.get(table)
        later = "" if live is not None and live.kind == "p" else " NOT VALID"  # of partitioned tables: from 18 on
        yield inspection.warning(
            "shared-unguarded",
            name,
            f"No foreign key holds {table}.{', '.join(columns)} to the shared rows of {spec.table}: one that somebody"
            " links to at the moment when its last owner is erased is deleted all the same.",
            f"Make {same[0].name} anew: it is off."
            if same
            else f"{alter} ADD CONSTRAINT {constraint} FOREIGN KEY ({', '.join(map(quoted, columns))}) REFERENCES"
            f" {quoted_table(spec.table)} ({', '.join(map(quoted, link.names))}){later};"
            f" {alter} VALIDATE CONSTRAINT {constraint}",
        )
