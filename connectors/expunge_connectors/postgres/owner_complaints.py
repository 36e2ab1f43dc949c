"""Owner complaints: what a map may not say, for whose the rows are it leads to nobody could tell. Pure (ADR 18)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.postgres.table_spec import TableSpec

Complaint = tuple[tuple[str, ...], str]

_OF_ALL = "what hangs on a row is of everybody whom it names, and would go with the first of them"
_KEY_INSIDE = (
    "the key of a person stands in a column of its own: whose a value is, and whether the key was given again, is asked"
    " by it. Let the server generate one (GENERATED ALWAYS AS (doc ->> 'id') STORED)"
)


def complaints(collections: Mapping[str, TableSpec], data_map: DataMap) -> Iterator[Complaint]:
    """(path below the store, message).

    Of a row from whose list one's elements go, others are in the list still. A row that hangs in two trees of its table
    has two rows above it, of which one may be somebody else's. Claims are asked about by the column of a person's key.
    """
    for name, table in collections.items():
        here = ("collections", name)
        own = 0
        for index, link in enumerate(table.found_by):
            lead = None if link.lead is None else collections.get(link.lead[0])
            if lead is table:
                own += 1
            if lead is table and own > 1:
                yield (
                    (*here, "found_by", str(index), "of"),
                    "is a second link to rows of the same table: a tree hangs by one",
                )
            elif lead is not None and lead.by_elements:
                yield (
                    (*here, "found_by", str(index), "of"),
                    f"only elements leave these rows of {lead.table}: {_OF_ALL}",
                )
        for identity, source in table.yields.items():
            declared = data_map.identities.get(identity)
            if table.by_elements and declared is not None and declared.kind is IdentityKind.INTERNAL:
                yield (*here, "yields", identity), f"only elements leave these rows: {_OF_ALL}"
            elif identity == table.person and source.several:
                yield (*here, "yields", identity), _KEY_INSIDE
