"""Row owners: whose a row is, by the keys in it and in the rows above it, whatever led there (ADR 18).

Bob's order that goes to Ann's address is Bob's, and so is a line of it. A comment of Bob's below Ann's post is both
theirs: it goes when both go. `t` is a row that was found, `k` a staged key of somebody who goes in this transaction,
`v` a value inside a row; rows above are called `u` and how far above they are, `w` the values inside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from psycopg import sql

from expunge_connectors.postgres.catalog.key_types import equals
from expunge_connectors.postgres.mapping.bound_tables import BoundLink, BoundTable
from expunge_connectors.postgres.sql import held_values
from expunge_connectors.postgres.sql.comparison import (
    compared,
    equal,
    link_text,
    may_lead,
    named_there,
    values,
)
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, or_
from expunge_connectors.postgres.sql.row_conditions import old_enough, older, says_nothing
from expunge_connectors.postgres.sql.staged_keys import from_the_start, known_as
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, reached


def requested(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable | None = None,
) -> sql.Composable:
    """A row found through this link belongs to the request; otherwise it is newer, or another's.

    Args:
        search: Its staged keys are of everybody who goes.
        mapped: The collection.
        link: What it was found through.
        alias: The row.
        since: When the claim began on the value that led there; None: no row is too old.
        number: The subject's, of whom every key is known; None: there may be some yet to be learnt from the row.
    """
    old = _old(search, mapped, link, alias)
    return and_(old, *map(_not, _others(search, link, alias, since, number)))


def unclear(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable | None = None,
) -> sql.Composable:
    """A row found through this link is of an age with the request, and another's."""
    others = list(_others(search, link, alias, since, number))
    return and_(_old(search, mapped, link, alias), or_(*others)) if others else FALSE


def anothers(search: Search, mapped: BoundTable, alias: str, found: BoundLink | None = None) -> sql.Composable:
    """What the row tells is somebody else's who does not go, though the row may go with others; FALSE: of no row.

    Whose it is its own keys say, and the rows above it only where none stands in it. What a row of two people of one
    kind tells is both's; where they are of two kinds (a customer, and who served them) it is the one's who goes.

    Args:
        search: Its staged keys are of everybody who goes.
        mapped: The collection.
        alias: The row.
        found: By this link, and it is requested; None: any may have led there.
    """
    if not (mapped.passing_on or mapped.tells) or (found is not None and found.lookup_only):
        return FALSE  # what a shareable value finds agrees or disagrees, and leads nowhere
    return _Question(search, _Who.OTHER, _kinds(mapped.naming), whole=True).of_row(mapped, alias, found)


def _kinds(links: Iterable[BoundLink]) -> frozenset[str]:
    return frozenset[str]().union(*(one.persons for one in links))


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a row found through a link.

    Attributes:
        asked: See `requested`.
        unclear: See `unclear`.
        beside: What stands behind the tables joined, for these two to speak of.
    """

    asked: sql.Composable
    unclear: sql.Composable
    beside: sql.Composable = field(default_factory=lambda: sql.SQL(""))


def judged(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable,
) -> Judged:
    """Both, decided once for each row where people have to be looked up for it (OFFSET 0 is a fence)."""
    if not link.values:
        asked = requested(search, mapped, link, alias, since, number=number)
        return Judged(asked, unclear(search, mapped, link, alias, since, number=number))
    old, others = _old(search, mapped, link, alias), or_(*_others(search, link, alias, since, number))
    theirs = column("whose", "others")
    return Judged(
        and_(old, sql.SQL("NOT {}").format(theirs)),
        and_(old, theirs),
        sql.SQL(" CROSS JOIN LATERAL (SELECT ({}) IS TRUE AS others OFFSET 0) AS whose").format(others),
    )


def _old(search: Search, mapped: BoundTable, link: BoundLink, alias: str) -> sql.Composable:
    return TRUE if link.sure else old_enough(mapped, alias, search.cutoff)


def _others(
    search: Search, link: BoundLink, alias: str, since: sql.Composable | None, number: sql.Composable | None
) -> Iterator[sql.Composable]:
    """What makes it another's: it says so, or was there before this person had the value.

    A value leads to no row that names anybody: that person's own key leads there too. By a key it is the request's
    unless it names somebody else of the same kind as well; where the row above names people of several kinds, and goes
    with one of another kind, the others have no say. Nor if it names nobody itself, and a value in it is somebody
    else's. A row that is a person is not this one's if it has another key than theirs of a kind of which theirs is
    known: the row of their customer's number was handed to somebody else.
    """
    for one in link.told_by:
        yield _Question(search, _Who.ANYBODY, one.persons).asked_of(one, alias)
    for one in link.beside:
        other = _Question(search, _Who.OTHER, one.persons & link.found).asked_of(one, alias)
        going = _Question(search, _Who.GOING, link.persons - one.persons).asked_of(link, alias)
        if other is not FALSE:
            yield other if going is FALSE else and_(other, _not(going))
    yield from held_values.of_others(search, link, alias)
    for one in () if number is None else link.of_one_row:
        yield _Question(search, _Who.OTHER, one.person_keys - link.person_keys, number=number).asked_of(one, alias)
    if since is not None:
        yield older(link, alias, since)


class _Who(Enum):
    """Whom a row is to name: anybody at all, somebody who does not go in this transaction, or one who does."""

    ANYBODY = auto()
    OTHER = auto()
    GOING = auto()


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether a row names such a person, by the keys of one search.

    Attributes:
        kinds: The identities of persons that are asked about.
        way: The tables on the way up to the row.
        number: By keys alone of a kind of which this subject has one.
        whole: Whose what the row tells is: a row above says so by its own keys, whether it goes with any person or not.
    """

    search: Search
    who: _Who
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
            anybody = self.who is _Who.ANYBODY and self.number is None
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
        return _any([*found, *(self._held(link, alias, self.search.store.collections[one]) for one in link.holders)])

    def _itself(self, link: BoundLink, alias: str) -> sql.Composable:
        """The key that stands in the row is such a person's, or that of such a person's row."""
        if self.who is _Who.GOING:
            return _any(reached(path, alias) for path in self._keys(link))
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
        return [_not(or_(*theirs))] if theirs and self.who is _Who.OTHER else []

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
        yield _any(
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
        elif self.who is _Who.OTHER and (lead.spec.goes_with_any is not None or lead.spec.sharing is not None):
            said, going = (replace(self, who=who).of_links(lead) for who in (_Who.ANYBODY, _Who.GOING))
            if said is not FALSE and going is not FALSE:
                said = and_(said, _not(going))
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
        """The row's own keys name another; or they name nobody, and those of a row above it do (see `anothers`)."""
        itself = found is not None and any(_same(one, found) for one in mapped.naming)
        named = [self._own(one, mapped, alias, found) for one in mapped.naming]
        above = [
            replace(self, kinds=one.persons).asked_of(one, alias)
            for one in mapped.links
            if one.sure and not itself and not any(_same(own, one) for own in mapped.naming)
            if self.way or mapped.spec.goes_with_any is not None or _mixed(self.search, one, ())
        ]
        if (said := _any(above)) is not FALSE:
            named.append(and_(*(says_nothing(self.search.store, one, alias) for one in mapped.naming), said))
        return _any(named)

    def _own(self, one: BoundLink, mapped: BoundTable, alias: str, found: BoundLink | None) -> sql.Composable:
        """By this link the row itself names another, and by none of the other kinds of person one who goes."""
        if not self.way and _asked_before(mapped, one, found):
            return FALSE
        apart = [own for own in mapped.naming if own.persons.isdisjoint(one.persons)]
        if found is not None and any(_same(own, found) for own in apart):
            return FALSE
        other = replace(self, kinds=one.persons, whole=False).asked_of(one, alias)
        going = [replace(self, who=_Who.GOING, kinds=own.persons, whole=False).asked_of(own, alias) for own in apart]
        return and_(other, *(_not(own) for own in going if own is not FALSE)) if other is not FALSE else FALSE

    def of_links(self, lead: BoundTable) -> sql.Composable:
        """The row above names one by any of its links."""
        further = replace(self, way=(*self.way, lead.name))
        return _any(further.asked_of(link, self._upper) for link in lead.links if not link.below)


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


def _not(condition: sql.Composable) -> sql.Composed:
    return sql.SQL("({}) IS NOT TRUE").format(condition)


def _any(conditions: Iterable[sql.Composable]) -> sql.Composable:
    found = [one for one in conditions if one is not FALSE]
    return or_(*found) if found else FALSE
