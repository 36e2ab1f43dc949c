"""Internal identities (session tokens, object keys): whether each value belongs to one person's rows only.

What other stores hold under such a value goes with whoever's row yields it (law 2).
"""

from __future__ import annotations

from collections.abc import Iterator

from expunge_config.datamap import IdentityKind
from expunge_config.decodings import one_to_one
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.key_types import as_it_is
from expunge_connectors.postgres.catalog.unique_columns import Uniques
from expunge_connectors.postgres.inspection.context import InspectionContext, quoted, quoted_table
from expunge_connectors.postgres.table_links import Link, Source
from expunge_connectors.postgres.table_spec import TableSpec

# Any other spelling rule makes one key of values that a unique index takes for two.


def findings(inspection: InspectionContext) -> Iterator[Finding]:
    """Columns that yield an internal identity and whose values two people's rows may share."""
    unique = inspection.uniques
    for name, spec, table in inspection.live_data():
        for identity, source in spec.yields.items():
            if inspection.data_map.identities[identity].kind is not IdentityKind.INTERNAL:
                continue
            if source.column not in table.columns or _distinguished(inspection, spec, identity, source):
                continue
            exact = as_it_is(inspection.data_map.identities[identity].rule, table.columns[source.column])
            exact = exact and one_to_one(source.decode)
            if exact and not source.several and _one_persons(inspection, unique, name, _told_by(source), frozenset()):
                continue
            place = f"{table.text}.{source.column}"
            if source.never_shared is not None:
                yield inspection.warning(
                    "internal-not-unique",
                    name,
                    f"{place} yields `{identity}`, and nothing in the database keeps two rows from holding one value."
                    " The map says that none is shared; a row whose value is stays, and its person fails.",
                    f"Make the column unique; or link the table by `{identity}` as well and let it yield the person.",
                )
                continue
            remedy = (
                f"link the table by `{identity}` as well and let it yield the person, so that a value of two people is"
                " ambiguous; or say under `never_shared`, with reason and name, that there is none."
            )
            if not source.several and one_to_one(source.decode):
                index = (
                    f"CREATE UNIQUE INDEX CONCURRENTLY ON {quoted_table(table.text)} ({quoted(source.column)});"
                    if table.kind == "r" and not table.tree
                    else "Make the column unique;"
                )
                remedy = f"{index} or {remedy}"
            yield inspection.error(
                "internal-not-unique",
                name,
                f"{place} yields `{identity}`, but rows of two people may hold one value there: with one person's, the"
                " other one's record in another store would go.",
                remedy[0].upper() + remedy[1:],
            )


def _told_by(source: Source) -> frozenset[str]:
    """The columns of which a value is one thing's: with a kind of which there is one value, that of the pair."""
    return frozenset({source.column, *(kind.column for kind in source.where if len(kind.values) == 1)})


def _distinguished(inspection: InspectionContext, spec: TableSpec, identity: str, source: Source) -> bool:
    """Every row with the value is found by it and says whose it is: two people behind one value are ambiguous."""
    return any(
        link.identity == identity and (link.names[0], link.path, link.each) == (source.column, source.path, source.each)
        for link in spec.found_by
    ) and any(
        not one.several and inspection.data_map.identities[name].kind is IdentityKind.PERSON
        for name, one in spec.yields.items()
    )


def _one_persons(
    inspection: InspectionContext, unique: Uniques, name: str, columns: frozenset[str], seen: frozenset[str]
) -> bool:
    """No value of these columns stands in rows of two people.

    They are unique; or they name a person; or the rows are found by these columns alone, through values that are one
    person's.
    """
    spec = inspection.spec.collections[name]
    if spec.sharing is not None:  # one row, several people: with the last of them its values go
        return any(one <= columns for one in unique.get(spec.table, ()))
    if any(one <= columns for one in unique.get(spec.table, ())) or _names_person(inspection, spec, columns):
        return True
    if name in seen or not spec.found_by:
        return False

    def own(link: Link) -> bool:
        if not set(link.names) <= columns or link.several:
            return False
        if link.lead is None:
            return inspection.data_map.identities[link.identity or ""].kind is not IdentityKind.REUSABLE
        return _one_persons(inspection, unique, link.lead[0], frozenset(link.lead[1]), seen | {name})

    return all(own(link) for link in spec.found_by)


def _names_person(inspection: InspectionContext, spec: TableSpec, columns: frozenset[str]) -> bool:
    return any(
        source.column in columns
        and not source.several
        and inspection.data_map.identities[identity].kind is IdentityKind.PERSON
        for identity, source in spec.yields.items()
    )
