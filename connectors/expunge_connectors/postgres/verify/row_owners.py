"""Row owners of the verifying side: whom a row names by the keys in it and in the rows above it (ADR 18).

In the statements `r` is the row, `b` a key that was asked for; rows above are called `above` and how far they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.owner_links import (
    holding,
    of_one_row,
    own_links,
    persons_found,
    persons_named,
    proven_keys,
    towards_parent,
)
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.expressions import (
    equal,
    in_row,
    inside,
    like_template,
    no_empty_text,
    of_kind,
    verbatim,
    without_template,
)

Whom = Literal["somebody", "somebody else", "somebody asked for"]


@dataclass(frozen=True, slots=True)
class RowOwners:
    """Writes the conditions.

    Attributes:
        store: The store's name.
        asked: Where the keys are that were asked for.
        known: The identities among them.
        live: Collection -> its table.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    asked: sql.Identifier
    known: frozenset[str]
    live: Callable[[str], Table]

    def somebody(self, links: Iterable[Link], table: Table) -> Iterator[sql.Composed]:
        """The row says by one of these links whose it is."""
        for link in links:
            yield from _Question(self, "somebody", self.kinds(link)).asked_of(link, table, "r")

    def somebody_else(self, found_by: Link, links: Iterable[Link], table: Table) -> Iterator[sql.Composed]:
        """The row, found by a link, says by one of these that it is somebody's as well whose key was not asked for.

        Unless the row above names people of another kind too, and goes with one of those.
        """
        ours, theirs = self.kinds(found_by), persons_found(self.spec, found_by, self.data_map)
        for link in links:
            kinds = self.kinds(link)
            asked = list(_Question(self, "somebody asked for", ours - kinds).asked_of(found_by, table, "r"))
            for other in _Question(self, "somebody else", kinds & theirs).asked_of(link, table, "r"):
                yield other if not asked else sql.SQL("({} AND ({}) IS NOT TRUE)").format(other, *asked)

    def another(self, found_by: Link, spec: TableSpec, table: Table, number: sql.Identifier) -> Iterator[sql.Composed]:
        """The row, a person's, says by another key that it is another one than who was asked for by such a key too."""
        ours = proven_keys(self.spec, spec, found_by, self.data_map)
        for link in of_one_row(self.spec, spec, found_by, self.data_map):
            theirs = proven_keys(self.spec, spec, link, self.data_map) - ours
            yield from _Question(self, "somebody else", theirs, number=number).asked_of(link, table, "r")

    def kinds(self, link: Link) -> frozenset[str]:
        """The identities of persons whom a row names by a link."""
        return persons_named(self.spec, link, self.data_map)

    def itself(
        self, whom: Whom, link: Link, table: Table, row: str, number: sql.Identifier | None = None
    ) -> sql.Composed:
        """A key that stands in the row is such a person's; or an internal one, which names such a person's row.

        With a number, that subject was asked for by a key of the kind as well.
        """
        if number is not None and link.identity not in self.known:
            return sql.SQL("false").format()
        keys = sql.SQL("(SELECT b.value FROM {} AS b WHERE b.namespace = {} AND b.followed)").format(
            self.asked, sql.Literal(link.identity)
        )
        value = sql.SQL("one.value").format() if link.several else self.value(link, table, row)
        if whom == "somebody asked for":
            said = sql.SQL("{} IN {}").format(value, keys) if link.identity in self.known else sql.SQL("false").format()
        elif whom == "somebody else" and link.identity in self.known:
            said = sql.SQL("{0} IS NOT NULL AND ({0} IN {1}) IS NOT TRUE").format(value, keys)
        else:
            said = sql.SQL("{} IS NOT NULL").format(value)
        if number is not None:
            said = sql.SQL("{} AND {} IN (SELECT b.number FROM {} AS b WHERE b.namespace = {} AND b.followed)").format(
                said, number, self.asked, sql.Literal(link.identity)
            )
        if link.several:
            return sql.SQL("EXISTS (SELECT FROM ({}) AS one (value) WHERE {})").format(
                self.values(link, table, row), said
            )
        return sql.SQL("({} AND {})").format(said_by(link, table, row), said)

    def values(self, link: Link, table: Table, row: str) -> sql.Composed:
        """SELECT the key, or keys, that stand in the row by a link of one identity."""
        if not link.several:
            return sql.SQL("SELECT {} WHERE {}").format(self.value(link, table, row), said_by(link, table, row))
        kinds = list(of_kind(link.where, table, row)) or [sql.SQL("true").format()]
        return sql.SQL("SELECT {} FROM {} WHERE {}").format(
            self._spelt(link, sql.Identifier("inside", "value")), inside(link, row), sql.SQL(" AND ").join(kinds)
        )

    def value(self, link: Link, table: Table, row: str) -> sql.Composed:
        """The key that stands in a column of the row."""
        rule = self.data_map.identities[link.identity or ""].rule
        return self._spelt(link, in_row(table.columns[link.names[0]], rule, row))

    def _spelt(self, link: Link, value: sql.Composable) -> sql.Composed:
        rule = self.data_map.identities[link.identity or ""].rule
        if link.template is not None:
            value = without_template(link.template, value)
            if rule.plain or rule.counts:  # one spelling: in the text it is looked for as it is
                return sql.Composed([value])
        head, tail = rule.sql.split("{column}", 1)
        return sql.Composed([verbatim(head), value, verbatim(tail)])


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether a row names such a person of these kinds; `way` are the tables on the way up to it.

    With a number, by keys alone of a kind of which that subject has one.
    """

    owners: RowOwners
    whom: Whom
    kinds: frozenset[str]
    way: tuple[str, ...] = ()
    number: sql.Identifier | None = None

    def asked_of(self, link: Link, table: Table, row: str) -> Iterator[sql.Composed]:
        """At most one condition: by this link, itself or through rows above."""
        owners = self.owners
        if not self.kinds & owners.kinds(link):
            return
        if link.lead is None and link.identity in owners.data_map.person_identities:
            yield owners.itself(self.whom, link, table, row, self.number)
            return
        said = said_by(link, table, row)
        if link.lead is None:
            found = list(self._held(link, table, row))
        else:
            name, columns = link.lead
            named = not towards_parent(owners.spec, link, table.key)
            somebody = self.whom == "somebody" and self.number is None
            if somebody and owners.spec.collections[name].person in self.kinds and named:
                yield said
                return
            same = sql.SQL(" AND ").join(
                equal(table.columns[ours], sql.Identifier(row, ours), sql.Identifier(self._upper, theirs))
                for ours, theirs in zip(link.names, columns, strict=True)
            )
            found = list(self._above(name, same))
        if found:
            yield sql.SQL("({} AND {})").format(said, _any(found))

    @property
    def _upper(self) -> str:
        return f"above {len(self.way)}"

    def _held(self, link: Link, table: Table, row: str) -> Iterator[sql.Composed]:
        """By the rows that hold the internal key in this one; by the key itself where none can be asked."""
        owners, identity, unseen = self.owners, link.identity or "", False
        for store, _, name, one in holding(link, owners.data_map):
            source = one.yields[identity]
            if store != owners.store or source.decode:
                unseen = True
                continue
            theirs = owners.values(Link.by(identity, source), owners.live(name), self._upper)
            same = sql.SQL("EXISTS (SELECT FROM ({}) AS ours (value) JOIN ({}) AS theirs (value) USING (value))")
            yield from self._above(name, same.format(owners.values(link, table, row), theirs))
        if unseen:
            yield owners.itself(self.whom, link, table, row, self.number)

    def _above(self, name: str, same: sql.Composed) -> Iterator[sql.Composed]:
        """There is a row above, and it is, or names, such a person.

        One that people share, or that goes with any of them, is somebody else's where none of them was asked for.
        """
        lead, table = self.owners.spec.collections[name], self.owners.live(name)
        if name in self.way:
            return
        if lead.person in self.kinds:
            own = next(one for one in lead.found_by if one.identity == lead.person and not one.several)
            found = [self.owners.itself(self.whom, own, table, self._upper, self.number)]
        elif self.whom == "somebody else" and (lead.goes_with_any is not None or lead.sharing is not None):
            found, asked = (
                replace(self, whom=whom).of_links(name, lead, table) for whom in ("somebody", "somebody asked for")
            )
            if found and asked:
                found = [sql.SQL("({} AND ({}) IS NOT TRUE)").format(_any(found), _any(asked))]
        else:
            found = self.of_links(name, lead, table)
        if found:
            rows = self._with_those_above(lead, table, same)
            yield sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {})").format(
                rows, sql.Identifier(self._upper), _any(found)
            )

    def _with_those_above(self, lead: TableSpec, table: Table, same: sql.Composed) -> sql.Composed:
        """The rows above of which this is so, and in a tree all those above them."""
        upper = sql.Identifier(self._upper)
        own = own_links(self.owners.spec, lead)
        if not own or lead.person is not None:  # a person's own key says who it is
            return sql.SQL("(SELECT {0}.* FROM {1} AS {0} WHERE {2})").format(upper, table.identifier, same)
        further = sql.SQL(" OR ").join(
            sql.SQL("({})").format(
                sql.SQL(" AND ").join(
                    [
                        *(
                            equal(table.columns[ours], sql.Identifier("below", ours), sql.Identifier("parent", theirs))
                            for ours, theirs in zip(link.names, (link.lead or ("", ()))[1], strict=True)
                        ),
                        *of_kind(link.where, table, "below"),
                        *no_empty_text(link, table, "below"),
                    ]
                )
            )
            for link in own
        )
        return sql.SQL(
            "(WITH RECURSIVE ancestors (relation, place) AS (SELECT {0}.tableoid, {0}.ctid FROM {1} AS {0} WHERE {2}"
            " UNION SELECT parent.tableoid, parent.ctid FROM ancestors JOIN {1} AS below ON below.tableoid = relation"
            " AND below.ctid = place JOIN {1} AS parent ON {3})"
            " SELECT one.* FROM {1} AS one JOIN ancestors ON one.tableoid = relation AND one.ctid = place)"
        ).format(upper, table.identifier, same, further)

    def of_links(self, name: str, lead: TableSpec, table: Table) -> list[sql.Composed]:
        """The row above names one, by each of its links."""
        further = replace(self, way=(*self.way, name))
        return [
            said
            for one in lead.found_by
            if one not in own_links(self.owners.spec, lead)  # those above it are looked at as well
            for said in further.asked_of(one, table, self._upper)
        ]


def said_by(link: Link, table: Table, row: str) -> sql.Composed:
    """The row holds something by this link."""
    return sql.SQL(" AND ").join(
        [
            *(sql.SQL("{} IS NOT NULL").format(sql.Identifier(row, one)) for one in link.names),
            *of_kind(link.where, table, row),
            *(() if link.several else like_template(link.template, link.names[0], row)),
            *no_empty_text(link, table, row),
        ]
    )


def _any(found: Iterable[sql.Composed]) -> sql.Composed:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found))
