"""Sample findings (`check --sample`): addresses in mapped tables by which no row is found.

A row goes with the people that `found_by` names. Somebody who stands in another of its columns is not one of them: the
recipient of a message that is found by its sender. A request of theirs leaves the row, and says nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from expunge_config.datamap import Action
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.column_classifier import contacts, look
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.table_spec import TableSpec


def findings(connection: Connection, inspection: InspectionContext, rows: int) -> Iterator[Finding]:
    """A warning for each column, or place in a document, that mostly holds addresses and that no part of the map reads.

    What a tombstone leaves as it is has a finding of its own (`unmapped_identifiers`); what the server computes says
    nothing new.
    """
    until = time.monotonic() + table_sampling.SECONDS_IN_ALL
    unknown: list[str] = []
    for table in table_sampling.tables(connection):
        collection = inspection.collection_of(table.root)
        specs = inspection.parts(collection)
        if not specs or any(one.log is not None for one in specs) or inspection.like_first(table.root) != table.root:
            continue
        replaced = {column for one in specs for column in one.tombstone}
        left = any(inspection.action(one) is Action.TOMBSTONE for one in specs)
        live = inspection.catalogue.tables.get(table.text)
        computed = set() if live is None else {name for name, one in live.columns.items() if one.generated}
        read = _read(specs)
        if time.monotonic() > until:
            unknown.append(table.text)
            continue
        seen = look(connection, table, rows)
        unknown += [f"{table.text}.{column}" for column in seen.unread]
        for place, kind in contacts(seen.kinds).items():
            where = f"{table.text}.{place.column}"
            known = read & {(place.column, ()), (place.column, place.path)}
            stays = left and place.column not in replaced
            if known or stays or place.column in computed or inspection.declared_free(where):
                continue
            at = f" ({'.'.join(place.path)})" if place.path else ""
            yield inspection.warning(
                "unlinked-addresses",
                collection,
                f"{where}{at} seems, by its name or by most of its values, to hold a {kind}, and no link or yield reads"
                " it: nobody who stands only there is found.",
                _remedy(specs, where),
            )
    if unknown:
        yield inspection.info(
            "sweep-unfinished",
            None,
            f"Whether {', '.join(unknown)} hold addresses by which no row is found was not seen: unknown, not fine.",
            "Give the role the right to SELECT, try again with fewer rows (--rows), or look yourself.",
        )


def _read(specs: Sequence[TableSpec]) -> frozenset[tuple[str, tuple[str, ...]]]:
    """(column, path) of all that the map reads; without a path the whole of a column."""
    links = [(name, tuple(link.path or ())) for one in specs for link in one.found_by for name in link.names]
    yields = [(source.column, tuple(source.path or ())) for one in specs for source in one.yields.values()]
    return frozenset([*links, *yields])


def _remedy(specs: Sequence[TableSpec], where: str) -> str:
    if any(one.person is not None for one in specs):
        return (
            f"Name it under `yields` and `found_by` if it is one more address of this person; else put {where} under"
            " `unmapped_ok`."
        )
    return (
        f"Where it is another person: a link by it, or a second collection of the table with that person's part. Where"
        f" it is the same one: put {where} under `unmapped_ok`."
    )
