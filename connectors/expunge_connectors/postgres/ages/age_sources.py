"""Age sources: where the period of a collection's rows starts, or with which other rows they go; or why none goes."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import GoesWith, NoAge
from expunge_connectors.postgres.ages.row_needs import stands_for
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.mapping.table_binding import store_spec
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_spec import TableSpec

NO_START = "No `start` names a column in which the period begins"
BY_PATTERN = "Where members have schemas of their own, no table is looked at by age yet"
NAMED_AGAIN = (
    "Rows name things of other stores by a column that is not unique: which of them is the last one to name a thing is"
    " not known"
)
ANOTHERS_TOO = (
    "Rows of it, or that go with it, can be another collection's as well, or hang on two rows: which rule they go by is"
    " not known"
)
PARTS = "Only parts of rows are this collection's, and parts have no age"


def without_age(spec: PostgresSpec) -> dict[str, GoesWith | NoAge]:
    """The collections of which the map names no column to count by. Logs are left out."""
    data = {name: one for name, one in spec.collections.items() if one.log is None}
    found: dict[str, GoesWith | NoAge] = {}
    for name, one in data.items():
        if spec.tenants is not None:
            found[name] = NoAge(BY_PATTERN)
        elif one.by_elements:
            found[name] = NoAge(PARTS)
        elif one.start is None:
            above = _goes_with(name, data)
            found[name] = NoAge(NO_START) if above is None else GoesWith(above)
    return found


def without_way(store: BoundStore, data_map: DataMap) -> dict[str, GoesWith | NoAge]:
    """The same of the live tables, with what must not go by age: rows that others name as well lead to one thing."""
    spec = store_spec(store.name, data_map)
    without = without_age(spec)
    elsewhere = {
        identity
        for name, other in data_map.stores.items()
        if name != store.name
        for flow in (other.key_flow(name, data_map) or {}).values()
        for identity in flow.incoming
        if identity in data_map.identities and data_map.identities[identity].kind is IdentityKind.INTERNAL
    }
    again = {
        name
        for name, mapped in store.collections.items()
        if any(one in elsewhere and not stands_for(mapped, one) for one in mapped.yields)
    }
    above = {one.collection for name, one in without.items() if name in again and isinstance(one, GoesWith)}
    stays = again | above
    joint = {
        name
        for name, mapped in store.collections.items()
        if _is_anothers_too(store, mapped) or _hangs_otherwise(without, mapped)
    }
    joint |= {one.collection for name, one in without.items() if name in joint and isinstance(one, GoesWith)}
    joint |= {name for name, one in without.items() if isinstance(one, GoesWith) and one.collection in joint}
    stays |= {name for name, one in without.items() if isinstance(one, GoesWith) and one.collection in stays}
    return without | dict.fromkeys(joint, NoAge(ANOTHERS_TOO)) | dict.fromkeys(stays, NoAge(NAMED_AGAIN))


def _is_anothers_too(store: BoundStore, mapped: BoundTable) -> bool:
    """A row of it can be a record of another collection as well, of another rule or under another person's hold."""
    others = (one for one in store.collections.values() if one is not mapped and one.table.oid == mapped.table.oid)
    return any(not one.spec.apart(mapped.spec) for one in others)


def _hangs_otherwise(without: Mapping[str, GoesWith | NoAge], mapped: BoundTable) -> bool:
    """It goes with rows on which it does not hang alone: by two columns, or as what such a row points to."""
    if not isinstance(without.get(mapped.name), GoesWith):
        return False
    return len(mapped.links) != 1 or mapped.links[0].towards_parent or mapped.spec.sharing is not None


def _goes_with(name: str, data: Mapping[str, TableSpec]) -> str | None:
    """The collection with whose rows these go: each hangs on one row of the same data type, which has a start or goes.

    By its only way to a person: rows that are found otherwise too would be left without what they hang on.
    """
    seen = [name]
    while True:
        one = data[seen[-1]]
        leads = {link.lead[0] for link in one.found_by if link.lead is not None} - {seen[-1]}
        if len(leads) != 1 or any(link.lead is None for link in one.found_by):
            return None
        above = leads.pop()
        if above in seen or above not in data or data[above].data_type != one.data_type:
            return None
        if data[above].start is not None:
            return above
        seen.append(above)
