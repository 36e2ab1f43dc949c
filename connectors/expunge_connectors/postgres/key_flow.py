"""Key flow: which keys lead to a table's rows, and which are lost with them. Pure, over the map alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expunge_config.datamap import Action, DataMap, KeyFlow, Reader
from expunge_connectors.postgres.row_kinds import disjoint
from expunge_connectors.postgres.table_links import Link, ends, internal_namespace
from expunge_connectors.postgres.table_spec import TableSpec


def key_flows(store: str, collections: Mapping[str, TableSpec], data_map: DataMap) -> dict[str, KeyFlow]:
    """The key flow of every collection that is no log."""
    data = {name: table for name, table in collections.items() if table.log is None}
    led_from: dict[str, set[tuple[str, ...]]] = {name: set() for name in data}
    for name, table in data.items():
        for link in table.found_by:
            if link.lead is not None and link.lead[0] != name and link.lead[0] in data:
                led_from[link.lead[0]].add(link.lead[1])
    return {
        name: KeyFlow(
            frozenset(_incoming(store, name, table, data_map)),
            frozenset()
            if _stays_whole(table, led_from[name], data_map)
            else frozenset(
                [
                    *(internal_namespace(store, name, columns) for columns in led_from[name]),
                    *(one for one in table.yields if not _known_before(one, table, data)),
                ]
            ),
            overlaps=_parts(name, data, data_map),
            beside=_of_one_row(name, data),
            outgoing=frozenset(
                [*(internal_namespace(store, name, columns) for columns in led_from[name]), *table.yields]
            ),
            joint=frozenset() if table.sharing is None else frozenset(table.yields),
        )
        for name, table in data.items()
    }


def read_together(collections: Mapping[str, TableSpec]) -> list[frozenset[Reader]]:
    """How two links read one place of a row, of all collections of a table: by two identities, or of two regions.

    Rows that are persons aside.
    """
    links = [
        (table.table, Reader(link.identity, link.region), link)
        for table in collections.values()
        if table.log is None and table.person is None
        for link in table.found_by
        if link.identity is not None
    ]
    return [
        frozenset([ours, theirs])
        for at, (table, ours, link) in enumerate(links)
        for other_table, theirs, other in links[at + 1 :]
        if table == other_table and ours != theirs and one_place(link, other)
    ]


def one_place(link: Link, other: Link) -> bool:
    """Two links of a table compare what stands in one place of a row."""
    same = (link.names, link.path, link.each, ends(link.template))
    return same == (other.names, other.path, other.each, ends(other.template)) and not disjoint(link.where, other.where)


def _parts(name: str, data: Mapping[str, TableSpec], data_map: DataMap) -> frozenset[str]:
    """The other collections of the table, where this one takes the row: each has a part of it."""
    if data_map.data_types[data[name].data_type or ""].on_request is Action.TOMBSTONE:
        return frozenset()
    return _of_one_row(name, data)


def _of_one_row(name: str, data: Mapping[str, TableSpec]) -> frozenset[str]:
    """The other collections of the table of which a row may be one of this collection."""
    table = data[name]
    return frozenset(
        other for other, one in data.items() if other != name and one.table == table.table and not table.apart(one)
    )


def _incoming(store: str, name: str, table: TableSpec, data_map: DataMap) -> Iterator[str]:
    for link in table.found_by:
        if link.lead is not None:
            if link.lead[0] != name:
                yield internal_namespace(store, *link.lead)
        elif not data_map.identities[link.identity or ""].shareable:
            yield link.identity or ""


def _stays_whole(table: TableSpec, led_from: set[tuple[str, ...]], data_map: DataMap) -> bool:
    """The row stays, and so does everything by which it is found and leads on."""
    if data_map.data_types[table.data_type or ""].on_request is not Action.TOMBSTONE:
        return False
    used = {column for link in table.found_by for column in link.names}
    used |= {kind.column for kind in table.kinds}
    used |= {source.column for source in table.yields.values()}
    used |= {column for columns in led_from for column in columns}
    return not used & table.tombstone.keys()


def _known_before(identity: str, table: TableSpec, data: dict[str, TableSpec]) -> bool:
    """Whatever led to the row was this very value, in this very column: the row tells nothing new."""
    source = table.yields[identity]
    if source.several:
        return False

    def says_it(lead: tuple[str, tuple[str, ...]] | None, named: str | None) -> bool:
        if lead is None:
            return named == identity
        theirs = data[lead[0]].yields.get(identity) if lead[0] in data else None
        return theirs is not None and not theirs.several and lead[1] == (theirs.column,)

    return all(
        link.names == (source.column,)
        and link.template == source.template
        and not link.several
        and says_it(link.lead, link.identity)
        for link in table.found_by
    )
