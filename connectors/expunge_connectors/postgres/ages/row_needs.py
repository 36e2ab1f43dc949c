"""Row needs in SQL: which rows that stay need a row that has had its time.

A row is needed by one that points to it with a foreign key, by one that hangs on it (`of`), and by one that is found by
a key that it alone leads to: nobody would find that one any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.contract import GoesWith, NoAge
from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.mapping.erasure_order import children_first
from expunge_connectors.postgres.sql.comparison import (
    compared,
    equal,
    link_text,
    named_there,
    of_its_kind,
    of_kind,
    values,
)
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, not_, or_


@dataclass(frozen=True, slots=True)
class RowNeeds:
    """What keeps rows of one store that are due.

    Attributes:
        store: The map, bound to the catalogue.
        without: The collections without a start.
        goes: Of a row (alias) of a collection with a start of its own: it does not stand in the way.
    """

    store: BoundStore
    without: Mapping[str, GoesWith | NoAge]
    goes: Callable[[BoundTable, str], sql.Composable]

    def along(self, mapped: BoundTable) -> Iterator[tuple[BoundTable, BoundLink]]:
        """The collections whose rows go with rows of this one, and the link by which each hangs on them."""
        for child in self.store.collections.values():
            if isinstance(self.without.get(child.name), GoesWith):
                for link in child.links:
                    if link.of is not None and link.of[0] == mapped.name and not link.below:
                        yield child, link

    def of_row(self, mapped: BoundTable, alias: str, level: int = 0) -> dict[str, sql.Composable]:
        """Where rows may be that need the row `alias`, or one that goes with it -> that one of them stays."""
        found: dict[str, list[sql.Composable]] = {}
        inner = f"c{level}"
        there = mapped.action is Action.TOMBSTONE  # a row that is overwritten is there afterwards
        needing = [] if there else list(self._by_keys(mapped, alias, inner))
        if not there or self._cut(mapped):
            needing += self._by_links(mapped, alias, inner)
        for name, needed in needing:
            found.setdefault(name, []).append(needed)
        for child, link in self.along(mapped):
            for name, needed in self.of_row(child, inner, level + 1).items():
                found.setdefault(name, []).append(
                    _one_of(child.table.identifier, inner, hangs(link, inner, mapped, alias), needed)
                )
        return {name: or_(*conditions) for name, conditions in found.items()}

    def _cut(self, mapped: BoundTable) -> bool:
        """A tombstone replaces what finds its rows, or what leads on from them."""
        links = (one for child in self.store.collections.values() for one in child.links if one.of is not None)
        compared = {name for one in links if one.of is not None and one.of[0] == mapped.name for name in one.of[1]}
        compared |= {column.name for link in mapped.links for column in link.columns}
        compared |= {source.column for source, _ in mapped.yields.values()}
        return not compared.isdisjoint(mapped.spec.tombstone)

    def _by_keys(self, mapped: BoundTable, alias: str, inner: str) -> Iterator[tuple[str, sql.Composable]]:
        """By foreign keys, of whatever table."""
        for key in self.store.foreign_keys:
            if key.parent != mapped.table.text:
                continue
            there = [one for one in self.store.collections.values() if one.table.text == key.child]
            stays = self._stays(there, mapped, alias, inner, key)
            if stays is not FALSE:
                name = next((one.name for one in there), self._log(key.child) or key.child)
                table = sql.Identifier(*key.child.split(".", 1))
                yield name, _one_of(table, inner, _refers(key, inner, alias), stays)

    def _by_links(self, mapped: BoundTable, alias: str, inner: str) -> Iterator[tuple[str, sql.Composable]]:
        """By what the map alone says."""
        overwritten = mapped.action is Action.TOMBSTONE  # then foreign keys are not asked
        pointing = {
            (key.child, frozenset(zip(key.columns, key.parent_columns, strict=True)))
            for key in (() if overwritten else self._keys_to(mapped))
        }
        for child in self.store.collections.values():
            for link in child.links:
                if link.of is not None and link.of[0] == mapped.name:
                    same = frozenset(zip((one.name for one in link.columns), link.of[1], strict=True))
                    if link.towards_parent or (child.table.text, same) in pointing:
                        continue  # such a row needs nobody, or the foreign key says it
                    leads = hangs(link, inner, mapped, alias)
                elif child is not mapped and link.source is not None and link.namespace in mapped.binding:
                    leads = _names(link, inner, mapped, alias)
                else:
                    continue
                if (stays := self._stays([child], mapped, alias, inner, None)) is not FALSE:
                    yield child.name, _one_of(child.table.identifier, inner, leads, stays)

    def _keys_to(self, mapped: BoundTable) -> list[ForeignKey]:
        return [key for key in self.store.foreign_keys if key.parent == mapped.table.text]

    def _stays(
        self, there: list[BoundTable], mapped: BoundTable, alias: str, inner: str, key: ForeignKey | None
    ) -> sql.Composable:
        """The row `inner` does not go with the row `alias`, and its own rule, if any, does not let it go either."""
        hanging = [(one, link) for one in there for child, link in self.along(mapped) if child is one]
        if any(not link.where and (key is None or _same_columns(key, link)) for _, link in hanging):
            return FALSE
        going: list[sql.Composable] = [
            and_(of_kinds(one, inner), hangs(link, inner, mapped, alias)) for one, link in hanging
        ]
        going += [
            and_(of_kinds(one, inner), goes)
            for one in there
            if one.name not in self.without and one.action is not Action.TOMBSTONE
            for goes in [self.goes(one, inner)]
            if goes is not FALSE
        ]
        return not_(or_(*going)) if going else TRUE

    def _log(self, table: str) -> str | None:
        return next((name for name, (text, _) in self.store.logs.items() if text == table), None)


def needing_first(store: BoundStore, without: Mapping[str, GoesWith | NoAge]) -> tuple[str, ...]:
    """The collections in an order in which what needs rows of another one stands before that one, persons last.

    What goes along needs them until that is swept with which it goes.
    """
    collections = store.collections.values()
    edges = [
        (child.name, parent.name)
        for key in store.foreign_keys
        for child in store.takers(key.child)
        for parent in store.takers(key.parent)
    ]
    edges += [(one.name, link.of[0]) for one in collections for link in one.links if link.of is not None]
    edges += [
        (one.name, other.name)
        for one in collections
        for other in collections
        if any(link.source is not None and link.namespace in other.binding for link in one.links)
    ]
    swept = {name: one.collection for name, one in without.items() if isinstance(one, GoesWith)}
    lifted = {(swept.get(child, child), swept.get(parent, parent)) for child, parent in edges}
    needs = sorted((child, parent) for child, parent in lifted if child != parent)
    persons = [one.name for one in collections if one.spec.person is not None]
    return tuple(name for group in children_first(store.collections, needs, (), persons).groups for name in group)


def stands_for(mapped: BoundTable, identity: str) -> bool:
    """A row of the collection is what such a key names: the person, or a thing that no two rows tell."""
    if mapped.spec.person is not None or identity not in mapped.binding:
        return identity == mapped.spec.person
    source, _ = mapped.yields[identity]
    return not source.several and source.column in mapped.table.alone


def of_kinds(mapped: BoundTable, alias: str) -> sql.Composed:
    """The row `alias` of the table is of the collection."""
    return or_(*(of_kind(link.where, alias) for link in mapped.links))


def hangs(link: BoundLink, child: str, mapped: BoundTable, parent: str) -> sql.Composed:
    """The row `child` hangs by the link on the row `parent` of the collection."""
    assert link.of is not None
    columns = zip(link.of[1], link.types, strict=True)
    return equal(link, child, [compared(mapped.table.columns[name], kind, parent) for name, kind in columns])


def _names(link: BoundLink, child: str, mapped: BoundTable, parent: str) -> sql.Composed:
    """The row `child` is found by a key that the row `parent` of the collection tells."""
    source, _ = mapped.yields[link.namespace]
    ours, theirs = link.columns[0], mapped.table.columns[source.column]
    plain = link.normaliser is None and link.ends is None and source.ends is None and not source.decode
    if plain and not source.several and not (link.source and link.source.several) and ours.base == theirs.base:
        key = compared(theirs, link.types[0], parent)  # as the columns are, so that an index serves
        return and_(of_its_kind(link, child), equals(compared(ours, link.types[0], child), key, link.types[0].equality))
    told = named_there(mapped, link.namespace, "w" if source.several else parent)
    inside = link.source is not None and link.source.several
    same = sql.SQL("{} = {}").format(link_text(link, child, column("v", "value") if inside else None), told)
    rows: list[sql.Composable] = []
    if inside and link.source is not None:
        rows.append(sql.SQL("{} AS v (value)").format(values(link.source, child)))
    if source.several:
        rows.append(sql.SQL("{} AS w (value)").format(values(source, parent)))
    if not rows:
        return and_(of_its_kind(link, child), same)
    return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(comma_list(*rows), same)


def _same_columns(key: ForeignKey, link: BoundLink) -> bool:
    ours = zip((one.name for one in link.columns), link.of[1] if link.of else (), strict=True)
    return set(ours) == set(zip(key.columns, key.parent_columns, strict=True))


def _one_of(table: sql.Identifier, alias: str, leads: sql.Composable, condition: sql.Composable) -> sql.Composed:
    """A row of the table leads there, and the condition holds for it."""
    return sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {})").format(
        table, sql.Identifier(alias), and_(leads, condition)
    )


def _refers(key: ForeignKey, child: str, parent: str) -> sql.Composed:
    """The row `child` of the foreign key's table refers to the row `parent`."""
    pairs = zip(key.columns, key.parent_columns, strict=True)
    return and_(*(sql.SQL("{} = {}").format(column(child, ours), column(parent, theirs)) for ours, theirs in pairs))
