"""Named people: whether a row names a person, by the keys in it and in the rows above it (ADR 18).

`k` is a staged key of somebody who goes in this transaction, `v` a value inside a row; rows above are called `u` and
how far above they are, `w` the values inside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import (
    compared,
    equal,
    link_text,
    may_lead,
    named_there,
    values,
)
from expunge_connectors.postgres.sql.fragments import FALSE, and_, any_of, column, not_, or_
from expunge_connectors.postgres.sql.row_conditions import says_nothing
from expunge_connectors.postgres.sql.staged_keys import from_the_start, known_as
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, reached


class Who(Enum):
    """Whom a row is to name: anybody at all, somebody who does not go in this transaction, or one who does."""

    ANYBODY = auto()
    OTHER = auto()
    GOING = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a row names such a person, by the keys of one search.

    Attributes:
        kinds: The identities of persons that are asked about.
        way: The tables on the way up to the row.
        number: By keys alone of a kind of which this subject has one.
        whole: Whose what the row tells is: a row above says so by its own keys, whether it goes with any person or not.
    """

    search: Search
    who: Who
    kinds: frozenset[str]
    way: tuple[str, ...] = ()
    number: sql.Composable | None = None
    whole: bool = False

    @property
    def _upper(self) -> str:
        """The row above."""
        return f"u{len(self.way)}"

    def asked_of(self, link: BoundLink, alias: str) -> sql.Composable:
        """The row names one by this link, itself or through the rows above it; FALSE: no row does."""
        if not self.kinds & link.persons:
            return FALSE
        if link.of is not None:
            lead = self.search.store.collections[link.of[0]]
            anybody = self.who is Who.ANYBODY and self.number is None
            if lead.spec.person in self.kinds and anybody and not link.towards_parent:
                return and_(*_there(link, alias))
            theirs = [
                compared(lead.table.columns[name], kind, self._upper)
                for name, kind in zip(link.of[1], link.types, strict=True)
            ]
            return self._above(lead, sql.SQL(""), equal(link, alias, theirs))
        if not link.holders and not link.held_elsewhere:
            return self._itself(link, alias)
        found = [self._itself(link, alias)] if link.held_elsewhere else []
        return any_of([*found, *(self._held(link, alias, self.search.store.collections[one]) for one in link.holders)])

    def _itself(self, link: BoundLink, alias: str) -> sql.Composable:
        """The key that stands in the row is such a person's, or that of such a person's row."""
        if self.who is Who.GOING:
            return any_of(reached(path, alias) for path in self._keys(link))
        if link.source is not None and link.source.several:
            value = column("v", "value")
            theirs = [
                sql.SQL("{} IN (SELECT k.c0 FROM {} AS k)").format(link_text(link, alias, value), path.table)
                for path in self._keys(link)
            ]
            said = [sql.SQL("{} IS NOT NULL").format(value), *self._none_of(theirs), *self._known(link)]
            return sql.SQL("EXISTS (SELECT FROM {} AS v (value) WHERE {})").format(
                values(link.source, alias), and_(*said)
            )
        theirs = [reached(path, alias) for path in self._keys(link)]
        return and_(*_there(link, alias), *self._none_of(theirs), *self._known(link))

    def _none_of(self, theirs: list[sql.Composed]) -> list[sql.Composable]:
        return [not_(or_(*theirs))] if theirs and self.who is Who.OTHER else []

    def _known(self, link: BoundLink) -> Iterator[sql.Composable]:
        """The subject has a key of this kind; or had, where it is found to be somebody else's on the way.

        Otherwise it would depend on which of two keys is looked at first whether the other one leads to somebody else.
        """
        if self.number is None:
            return
        namespace, types = link.staged
        if link.staged in self.search.store.deciding:
            tables = [self.search.staged.table(from_the_start(namespace), types)]
        else:
            tables = [path.table for path in self._keys(link)]
        yield any_of(
            sql.SQL("{} IN (SELECT m.number FROM {} AS m)").format(self.number, keys)
            for keys in tables
            if keys is not None
        )

    def _keys(self, link: BoundLink) -> Iterator[SearchPath]:
        """From the keys that this search follows, and those that earlier rounds of a resolution did."""
        namespace, types = link.staged
        for name in (namespace, known_as(namespace)):
            keys = self.search.staged.table(name, types)
            if keys is not None:
                yield SearchPath(link, keys, tuple(f"c{at}" for at in range(len(types))))

    def _held(self, link: BoundLink, alias: str, lead: BoundTable) -> sql.Composable:
        """A row that holds the internal key which stands in this one names such a person."""
        source, _ = lead.yields[link.namespace]
        inner = f"w{len(self.way)}"
        held: sql.Composable = sql.SQL("")
        if source.several:
            held = sql.SQL(" CROSS JOIN LATERAL {} AS {} (value)").format(
                values(source, self._upper), sql.Identifier(inner)
            )
        theirs = named_there(lead, link.namespace, inner if source.several else self._upper)
        if link.source is not None and link.source.several:
            same: sql.Composable = sql.SQL("{} IN (SELECT {} FROM {} AS v (value))").format(
                theirs, link_text(link, alias, column("v", "value")), values(link.source, alias)
            )
            return self._above(lead, held, same)
        live, kind = lead.table.columns[source.column], link.types[0]
        as_it_is = not (source.several or source.ends or source.where or link.normaliser or link.ends or kind.cast)
        if as_it_is and live.base == link.columns[0].base:
            ours = compared(link.columns[0], kind, alias)
            same = equals(ours, compared(live, kind, self._upper), kind.equality)
        else:
            same = sql.SQL("{} = {}").format(link_text(link, alias), theirs)
        return self._above(lead, held, and_(*may_lead(link, alias), same))

    def _above(self, lead: BoundTable, held: sql.Composable, same: sql.Composable) -> sql.Composable:
        """There is a row above, and it is, or names, such a person; or one above it does, in a tree.

        A person's own key says who it is, whoever stands above them.
        One that people share, or that goes with any of them, is somebody else's where none of them goes.
        """
        if lead.name in self.way:
            return FALSE
        if lead.spec.person in self.kinds:
            own = next(one for one in lead.links if one.namespace == lead.spec.person and one.of is None)
            said = self._itself(own, self._upper)
        elif self.whole:
            said = replace(self, way=(*self.way, lead.name)).of_row(lead, self._upper)
        elif self.who is Who.OTHER and (lead.spec.goes_with_any is not None or lead.spec.sharing is not None):
            said, going = (replace(self, who=who).of_links(lead) for who in (Who.ANYBODY, Who.GOING))
            if said is not FALSE and going is not FALSE:
                said = and_(said, not_(going))
        else:
            said = self.of_links(lead)
        if said is FALSE:
            return FALSE
        upper, table = sql.Identifier(self._upper), lead.table.identifier
        if not lead.own or lead.spec.person is not None:
            return sql.SQL("EXISTS (SELECT FROM {} AS {}{} WHERE {} AND ({}))").format(table, upper, held, same, said)
        further = []
        for link in lead.own:
            assert link.of is not None
            theirs = [
                compared(lead.table.columns[name], kind, "p") for name, kind in zip(link.of[1], link.types, strict=True)
            ]
            further.append(and_(equal(link, "b", theirs)))
        return _OF_TREE.format(upper=upper, table=table, held=held, same=same, said=said, further=or_(*further))

    def of_row(self, mapped: BoundTable, alias: str, found: BoundLink | None = None) -> sql.Composable:
        """The row's own keys name another; or they name nobody, and those of a row above it do (see `anothers`).

        First those by which the collection finds it, then those of other collections of the table: the author's, where
        comments are found by their post.
        """
        itself = found is not None and any(_same(one, found) for one in mapped.naming)
        named = [self._own(one, mapped, alias, found) for one in mapped.naming]
        nobody = [says_nothing(self.search.store, one, alias) for one in mapped.naming]
        beside = [] if itself else mapped.naming_beside
        named += [and_(*nobody, said) for one in beside if (said := self._other(one, beside, alias)) is not FALSE]
        above = [
            replace(self, kinds=one.persons).asked_of(one, alias)
            for one in mapped.links
            if one.sure and not itself and not any(_same(own, one) for own in mapped.naming)
            if self.way or mapped.spec.goes_with_any is not None or _mixed(self.search, one, ())
        ]
        if (said := any_of(above)) is not FALSE:
            nobody += [says_nothing(self.search.store, one, alias) for one in beside]
            named.append(and_(*nobody, said))
        return any_of(named)

    def _own(self, one: BoundLink, mapped: BoundTable, alias: str, found: BoundLink | None) -> sql.Composable:
        """By this link the row itself names another, and by none of the other kinds of person one who goes."""
        if not self.way and _asked_before(mapped, one, found):
            return FALSE
        apart = (own for own in mapped.naming if own.persons.isdisjoint(one.persons))
        if found is not None and any(_same(own, found) for own in apart):
            return FALSE
        return self._other(one, mapped.naming, alias)

    def _other(self, one: BoundLink, naming: Iterable[BoundLink], alias: str) -> sql.Composable:
        apart = [own for own in naming if own.persons.isdisjoint(one.persons)]
        other = replace(self, kinds=one.persons, whole=False).asked_of(one, alias)
        going = [replace(self, who=Who.GOING, kinds=own.persons, whole=False).asked_of(own, alias) for own in apart]
        return and_(other, *(not_(own) for own in going if own is not FALSE)) if other is not FALSE else FALSE

    def of_links(self, lead: BoundTable) -> sql.Composable:
        """The row above names one by any of its links."""
        further = replace(self, way=(*self.way, lead.name))
        return any_of(further.asked_of(link, self._upper) for link in lead.links if not link.below)


_OF_TREE = sql.SQL(
    "EXISTS (WITH RECURSIVE up (o, c) AS (SELECT {upper}.tableoid, {upper}.ctid FROM {table} AS {upper}{held}"
    " WHERE {same} UNION SELECT p.tableoid, p.ctid FROM up JOIN {table} AS b ON b.tableoid = up.o AND b.ctid = up.c"
    " JOIN {table} AS p ON {further})"
    " SELECT FROM up JOIN {table} AS {upper} ON {upper}.tableoid = up.o AND {upper}.ctid = up.c WHERE {said})"
)
"""The row above, all rows above that one, and what is so of one of them."""


def _there(link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """The row holds a key by this link."""
    yield from (sql.SQL("{} IS NOT NULL").format(column(alias, one.name)) for one in link.columns)
    yield from may_lead(link, alias)


def _same(one: BoundLink, other: BoundLink) -> bool:
    """The two are one link of a collection, whatever else is known of it."""
    return (one.columns, one.source, one.namespace, one.of) == (other.columns, other.source, other.namespace, other.of)


def _several(link: BoundLink) -> bool:
    return link.source is not None and link.source.several


def _asked_before(mapped: BoundTable, one: BoundLink, found: BoundLink | None) -> bool:
    """Of a row that is the request's it is known that this link names nobody else (see `requested`)."""
    if found is not None and _same(one, found):
        return not _several(one)
    goes = mapped.spec.goes_with_any is not None or mapped.spec.sharing is not None
    return not goes and all(
        one.persons & link.found
        or any(_same(one, told) for told in link.told_by)
        or (_same(one, link) and not _several(one))
        for link in (mapped.links if found is None else (found,))
    )


def _mixed(search: Search, link: BoundLink, way: tuple[str, ...]) -> bool:
    """A row above that is the request's may be another's by its own keys."""
    leads = [*link.holders, *(() if link.of is None else (link.of[0],))]
    for lead in (search.store.collections[name] for name in leads if name not in way):
        if lead.spec.person is not None:
            continue
        if lead.spec.goes_with_any is not None or not all(_asked_before(lead, one, None) for one in lead.naming):
            return True
        if any(_mixed(search, one, (*way, lead.name)) for one in lead.links if one.sure):
            return True
    return False


def kinds(links: Iterable[BoundLink]) -> frozenset[str]:
    """The identities of the persons whom a row names by these links."""
    return frozenset[str]().union(*(one.persons for one in links))
