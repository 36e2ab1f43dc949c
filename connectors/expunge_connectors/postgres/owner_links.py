"""Owner links: by which links a row says whose it is, itself or through rows above it. Pure (ADR 18).

A link says it by a person's key, in a column, a document or an array; by a row above, of whatever table; or by an
internal key (the number of an order) that another row holds, in this store or another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.postgres.claims import Claim, claiming
from expunge_connectors.postgres.row_kinds import disjoint
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link, Source
from expunge_connectors.postgres.table_spec import TableSpec


def own_links(spec: PostgresSpec, table: TableSpec) -> list[Link]:
    """The links from row to row of the table: from a folder to those in it."""
    return [one for one in table.found_by if one.lead is not None and spec.collections[one.lead[0]] is table]


def named_by(
    spec: PostgresSpec, table: TableSpec, link: Link, claims: Sequence[Claim], data_map: DataMap
) -> tuple[Link, ...]:
    """The links by which a row names people, beside the one that led there, where rows of persons hold such values.

    Those rows say whose a value is, whichever store they are in and whatever kind of person. So a row that names
    somebody is theirs, whatever value stands in it: the order of a gift is the customer's, so is a line of it, and the
    booking of a guest is the guest's, though no row of guests holds an address.
    """
    own = any(_of_one_controller(table, spec.collections[one.collection]) for one in claims)
    if table.person is not None or table.by_elements or not (own or _held(table, link, data_map)):
        return ()  # of an element of a list the element says whose it is
    return tuple(one for one in table.found_by if one != link and persons_named(spec, one, data_map))


def beside(spec: PostgresSpec, table: TableSpec, link: Link, data_map: DataMap) -> tuple[Link, ...]:
    """The links by which a row that this one leads to names people as it does by this one: it is theirs as well.

    A row goes when everybody does whom it names, unless the map says that it goes with any of them. A document or an
    array may name several people by one link. Of a shared row its owners decide, of an element that is taken out of a
    list the element; a row of one kind names nobody by what another kind says.
    """
    if table.person is not None or table.sharing is not None or table.goes_with_any is not None or table.by_elements:
        return ()  # a person's own key says who it is
    named = persons_found(spec, link, data_map)
    return tuple(
        one
        for one in table.found_by
        if (one != link or one.several)
        and not disjoint(one.where, link.where)
        and persons_named(spec, one, data_map) & named
    )


def of_one_row(spec: PostgresSpec, table: TableSpec, link: Link, data_map: DataMap) -> tuple[Link, ...]:
    """Of a row that is a person and is found by a key: the links by which another identity says who it is.

    A customer's row says it by the customer's number, and by the account: of whom both are known, it is not hers that
    says the one and somebody else's other one. Nor is the row hers that has her device by now, and another id.
    """
    ours = proven_keys(spec, table, link, data_map)
    if table.person is None or not (ours or _of_the_row(table, link, data_map)):
        return ()
    return tuple(one for one in table.found_by if one != link and proven_keys(spec, table, one, data_map) - ours)


def proven_keys(spec: PostgresSpec, table: TableSpec, link: Link, data_map: DataMap) -> frozenset[str]:
    """The same as `person_keys`; of a row that is a person, none by an internal key of its own, which is handed on."""
    if table.person is not None and _of_the_row(table, link, data_map):
        return frozenset()
    return person_keys(spec, link, data_map)


def _of_the_row(table: TableSpec, link: Link, data_map: DataMap) -> bool:
    """By this link an internal key is compared that the row itself tells, and no other row's."""
    told = table.yields.get(link.identity or "")
    return told is not None and _internal(link, data_map) and link.source.same_place(told)


def _internal(link: Link, data_map: DataMap) -> bool:
    declared = data_map.identities.get(link.identity or "")
    return declared is not None and declared.kind is IdentityKind.INTERNAL


def names_itself(spec: PostgresSpec, table: TableSpec, link: Link, row_key: Collection[str], data_map: DataMap) -> bool:
    """A row says itself by this link whose it is: by a person's key, or a key that nothing but persons' rows hold."""
    if link.lead is not None:
        lead = spec.collections[link.lead[0]]
        return lead.person is not None and lead is not table and not towards_parent(spec, link, row_key)
    if link.identity in data_map.person_identities:
        return True
    holders = [one.person for _, _, _, one in holding(link, data_map)]
    return bool(holders) and None not in holders


def values_beside(
    spec: PostgresSpec, table: TableSpec, link: Link, row_key: Collection[str], data_map: DataMap
) -> tuple[Link, ...]:
    """The links by whose values a row says whose it is, where this one led there and no key in the row says it.

    Bob's post in Ann's thread, by the user name that his account holds; a lead with Ann's address, by Bob's number; a
    letter to both of them, by the other address on it. Of a row that is a person its own key says it, of an element
    that is taken out of a list the element. A shareable value leads nowhere: what it finds is told. What stands where
    the value was found is that value, but for a list. One link a place and kind of row (see `reading`).
    """
    return values_said(spec, table, link, row_key, data_map) if table.goes_with_any is None else ()


def values_said(
    spec: PostgresSpec, table: TableSpec, link: Link, row_key: Collection[str], data_map: DataMap
) -> tuple[Link, ...]:
    """The same of a row that goes with any of those whom it names: what it tells is theirs whose it is."""
    if table.person is not None or table.by_elements:
        return ()
    declared = data_map.identities.get(link.identity or "")
    by_value = declared is not None and declared.kind is IdentityKind.REUSABLE
    if (by_value and not _passes_on(link, data_map)) or names_itself(spec, table, link, row_key, data_map):
        return ()
    found = (
        one
        for one in table.found_by
        if _passes_on(one, data_map)
        and not disjoint(one.where, link.where)
        and (one.several or not by_value or _place(one) != _place(link))
    )
    return tuple({(_place(one), one.where): one for one in found}.values())


def reading(table: TableSpec, link: Link, data_map: DataMap) -> tuple[Link, ...]:
    """The links that read a value where this one does, as another identity or in another region: any may know it."""
    return tuple(
        one
        for one in table.found_by
        if _passes_on(one, data_map) and _place(one) == _place(link) and not disjoint(one.where, link.where)
    )


def _place(link: Link) -> Source:
    """Where the value stands, whatever kind of row it is and however it is read."""
    return link.source.model_copy(update={"region": None, "where": ()})


def held_elsewhere(store: str, table: TableSpec, identity: str, data_map: DataMap) -> bool:
    """Persons of the same controller hold such values in rows of another store."""
    return any(
        _of_one_controller(table, other)
        and claiming(other) is not None
        and any(one.identity == identity for one in other.found_by)
        for name, spec in data_map.stores.items()
        if isinstance(spec, PostgresSpec) and name != store
        for other in spec.collections.values()
    )


def _passes_on(link: Link, data_map: DataMap) -> bool:
    declared = data_map.identities.get(link.identity or "")
    return declared is not None and declared.kind is IdentityKind.REUSABLE and not declared.shareable


def persons_found(spec: PostgresSpec, link: Link, data_map: DataMap) -> frozenset[str]:
    """The identities of the persons whose a row may be that is found by a link.

    Those that it names by it; anybody's where that is not known: below a guest's order, or by a token that an index in
    another store tells. By a value it is nobody's but the one's who holds it (see `named_by`).
    """
    declared = data_map.identities.get(link.identity or "")
    if declared is not None and declared.kind is IdentityKind.REUSABLE:
        return frozenset()
    return persons_named(spec, link, data_map) or data_map.person_identities


def towards_parent(spec: PostgresSpec, link: Link, row_key: Collection[str]) -> bool:
    """The row is named by the one that leads there, and names nobody: a contact to which its person's row points.

    Its own key is compared, and with what is not the other row's person's key: no column of it says whether such a row
    is there.
    """
    if link.lead is None or not row_key or not set(row_key) <= set(link.names):
        return False
    lead, columns = link.lead
    other = spec.collections[lead]
    own = None if other.person is None else other.yields.get(other.person)
    return own is None or own.column not in columns


def persons_named(spec: PostgresSpec, link: Link, data_map: DataMap) -> frozenset[str]:
    """The identities of the persons whom a row names by a link, by whichever of them it does."""
    keys = person_keys(spec, link, data_map)
    return keys.union(*(_of_one_human(one, data_map) for one in keys))


def person_keys(spec: PostgresSpec, link: Link, data_map: DataMap, *through: TableSpec) -> frozenset[str]:
    """The identities of persons by whose keys a row names somebody by a link.

    Args:
        spec: The store.
        link: Of a table.
        data_map: Says which identities are persons'.
        through: The tables on the way here.
    """
    if link.lead is not None:
        return _of_rows(spec, spec.collections[link.lead[0]], data_map, *through)
    if link.identity in data_map.person_identities:
        return frozenset({link.identity or ""})
    above = (_of_rows(other, table, data_map, *through) for _, other, _, table in holding(link, data_map))
    return frozenset().union(*above)


def _of_rows(spec: PostgresSpec, table: TableSpec, data_map: DataMap, *through: TableSpec) -> frozenset[str]:
    own = frozenset() if table.person is None else frozenset({table.person})
    if any(one is table for one in through):
        return own
    return own.union(*(person_keys(spec, one, data_map, *through, table) for one in table.found_by))


def _of_one_human(identity: str, data_map: DataMap) -> frozenset[str]:
    """The identity, and those that a row which is a person yields beside it.

    An account's id and its customer number name one human: where one row says the one and another row the other, they
    are compared by what the account's row says of both.
    """
    together = {identity}
    told = [
        data_map.person_identities & table.yields.keys()
        for spec in data_map.stores.values()
        if isinstance(spec, PostgresSpec)
        for table in spec.collections.values()
        if table.person is not None
    ]
    while more := [one for one in told if one & together and not one <= together]:
        together.update(*more)
    return frozenset(together)


def holding(link: Link, data_map: DataMap) -> Iterator[tuple[str, PostgresSpec, str, TableSpec]]:
    """(store, its spec, collection, its spec) of the rows that an internal key names, whatever row names it.

    They yield it. One that is found by it in the same place and names nobody otherwise is a row beside the one asked
    about, and says nothing of whose that is.
    """
    if not _internal(link, data_map):
        return
    for store, spec in data_map.stores.items():
        for name, table in spec.collections.items() if isinstance(spec, PostgresSpec) else ():
            source = table.yields.get(link.identity or "")
            found = (one for one in table.found_by if one.identity == link.identity)
            if source is None or (_beside(table, data_map) and any(one.source.same_place(source) for one in found)):
                continue
            assert isinstance(spec, PostgresSpec)
            yield store, spec, name, table


def _beside(table: TableSpec, data_map: DataMap) -> bool:
    """No person is named by its rows but through internal keys."""
    named = (one.lead is not None or one.identity in data_map.person_identities for one in table.found_by)
    return table.person is None and not any(named)


def _held(table: TableSpec, link: Link, data_map: DataMap) -> bool:
    """Rows of the same controller's persons hold such values, in any store of the map."""
    return _passes_on(link, data_map) and held_elsewhere("", table, link.identity or "", data_map)


def _of_one_controller(table: TableSpec, other: TableSpec) -> bool:
    return table.owner is not None and other.owner is not None and table.owner.controller == other.owner.controller
