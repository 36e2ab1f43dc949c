"""Verification query: one counting statement from keys to rows, independent of those that erased (law 1).

It has one common table expression a collection, from the keys to the rows: read it from the top. In the statement `a`
is a key that was asked for, `p` a row that leads on, `r` a row of the table, `q` a row that leads to a shared one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

from psycopg import sql

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_connectors.contract import Scope
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, Table
from expunge_connectors.postgres.claims import Claim, passing_values
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.owner_links import beside, named_by, of_one_row
from expunge_connectors.postgres.shared_owners import owning_keys
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.statement_cache import CompiledStatement, Placeholder, StatementCache
from expunge_connectors.postgres.table_spec import Link, TableSpec
from expunge_connectors.postgres.verify import owner_check, stored_texts
from expunge_connectors.postgres.verify.claimed_values import ClaimedValues
from expunge_connectors.postgres.verify.erased_rows import ErasedRows
from expunge_connectors.postgres.verify.expressions import (
    as_stored,
    equal,
    in_row,
    inside,
    no_empty_text,
    of_kind,
    put,
    readable,
    text_of,
    verbatim,
    with_key,
    without_template,
)
from expunge_connectors.postgres.verify.held_values import HeldValues
from expunge_connectors.postgres.verify.row_owners import RowOwners
from expunge_connectors.postgres.verify.shared_rows import pointed_at
from expunge_connectors.postgres.verify.stored_texts import ReadColumn

ASKED = sql.Identifier("pg_temp", "expunge_asked")
MEMBER = ":member"  # no namespace of the map looks like this
AGED = ":aged"  # nor like this, which is none: of keys that were asked for it is known since when a person has them


@dataclass(frozen=True, slots=True)
class VerificationQuery:
    """Writes the statements, from the map and the catalogue themselves.

    Attributes:
        statements: Those that it wrote before, of this map, catalogue and scope.
        asked: Where the keys are that were asked for.
        marked: It is a table in which claimed keys are marked before.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope
    cutoff: datetime
    statements: StatementCache
    asked: sql.Identifier = field(default_factory=lambda: ASKED)
    marked: bool = True

    def names(self) -> list[str]:
        """The collections that must be looked at.

        Raises:
            TerminalError: The map leaves open whose records a collection holds, or they are of no such member.
        """
        names = []
        for name, table in self.spec.collections.items():
            if table.log is not None:
                continue
            if table.owner is None:
                raise TerminalError(
                    f"store {self.store}, collection {name}: the map does not say whose records these are."
                )
            if table.owner.controller == self.scope.controller:
                names.append(name)
                column = self.live(name).columns.get(table.owner.column or "")
                if column is not None and self.scope.member is not None:
                    owner_check.check(self.store, name, column, self.scope.member)
        return names

    def composite(self) -> frozenset[str]:
        """The namespaces whose keys are lists: of several columns."""
        tables = self.spec.collections.values()
        links = ((link, table) for table in tables for link in table.found_by)
        return frozenset(self._namespace(link, table) for link, table in links if len(link.names) > 1)

    def passing(self) -> Mapping[str, Sequence[Claim]]:
        """The namespaces whose values pass on, with who claims them in the scope."""
        found = passing_values(self.store, self.spec, self.data_map, self.catalogue)
        return {
            namespace: [one for one in claims if self._in_scope(one.collection)] for namespace, claims in found.items()
        }

    def own_keys(self) -> Mapping[str, tuple[str, bool]]:
        """Namespace of what links `of` compare with the column that yields a person's key -> the key's identity.

        Rows refer to a person by it for as long as the person's key is theirs. And whether they are one value.
        """
        found: dict[str, tuple[str, bool]] = {}
        for name, table in self.spec.collections.items():
            source = table.yields.get(table.person or "")
            if table.person is None or source is None:
                continue
            if source.several or source.template or source.decode or source.where:
                continue
            rule, column = self.data_map.identities[table.person].rule, self.live(name).columns[source.column]
            same = readable(column, rule) and column.equality is None
            found[f"{self.store}.{name}.{source.column}"] = table.person, same
        return found

    def own_keys_told(self) -> Mapping[str, Sequence[str]]:
        """Identity of persons -> those namespaces whose keys it tells, also where the person's row is gone."""
        found: dict[str, list[str]] = {}
        for namespace, (identity, same) in self.own_keys().items():
            # Of a member's the person's row says whose they are.
            if same and self.scope.member is None and self._in_scope(namespace.split(".")[1]):
                found.setdefault(identity, []).append(namespace)
        return found

    def tables(self, names: Sequence[str]) -> dict[str, sql.Identifier]:
        """Collection -> its table."""
        return {name: self.live(name).identifier for name in names}

    def read_columns(self, names: Sequence[str]) -> list[ReadColumn]:
        """The columns whose texts have to be read before anything is compared."""
        return [
            ReadColumn(self.live(name), link, self._namespace(link, spec), spellings, stored_texts.of_several(spec))
            for name in dict.fromkeys(one for name in names for one in self._way(name))
            for spec in [self.spec.collections[name]]
            for link in spec.found_by
            if link.identity is not None
            and (spellings := self.data_map.identities[link.identity].rule.spellings) is not None
        ]

    def statement(
        self,
        names: Sequence[str],
        namespaces: AbstractSet[str],
        connection: Connection,
        first: Sequence[sql.Composed] = (),
    ) -> CompiledStatement:
        """Tallies per collection and subject. What leads to rows is looked up once, however much it leads to.

        Args:
            names: The collections.
            namespaces: Of the keys that were asked for: by others nothing can be found, so they are not looked for.
            connection: Where it is run.
            first: Common table expressions before all others.
        """
        key = (frozenset(namespaces), bool(first))
        return self.statements.compiled(
            key, lambda: self._written(names, namespaces, connection, first), {"cutoff": self.cutoff}, connection
        )

    def marking(self, namespaces: AbstractSet[str], connection: Connection) -> CompiledStatement | None:
        """What marks the keys that others claim, before the statement is run; None: none of them can be claimed."""
        claims = self._claims()
        if not claims.can_be_claimed(namespaces):
            return None
        key = ("claimed", frozenset(namespaces))
        return self.statements.compiled(key, lambda: claims.marking(namespaces, connection), {}, connection)

    def _written(
        self,
        names: Sequence[str],
        namespaces: AbstractSet[str],
        connection: Connection,
        first: Sequence[sql.Composed],
    ) -> sql.Composed:
        ways = dict.fromkeys(one for name in names for one in self._way(name))
        tallies = (
            sql.SQL(
                "SELECT {} AS collection, subject,"
                " count(*) FILTER (WHERE asked AND NOT stays),"
                " count(*) FILTER (WHERE asked AND stays),"
                " count(*) FILTER (WHERE NOT asked AND NOT unclear),"
                # Where one has no end, no day is the last.
                " CASE WHEN count(until) FILTER (WHERE asked AND stays) = count(*) FILTER (WHERE asked AND stays)"
                " THEN max(until) FILTER (WHERE asked AND stays) END,"
                " bool_or(asked AND stays AND shared),"
                " count(*) FILTER (WHERE NOT asked AND unclear)\n"
                "FROM (SELECT subject, relation, place, bool_or(asked OR joint) AS asked, bool_or(unclear) AS unclear,"
                # What only hangs on a row of others stays with it, without an end.
                " bool_or(stays) OR NOT bool_or(asked) AS stays, {} OR NOT bool_or(asked) AS shared,"
                " CASE WHEN bool_or(asked) THEN max(until) END AS until FROM {} WHERE NOT tombstone"
                " GROUP BY subject, relation, place) AS one"
                " GROUP BY subject"
            ).format(
                sql.Literal(name),
                sql.SQL("true" if self.spec.collections[name].sharing is not None else "false"),
                self._called(name),
            )
            for name in names
        )
        return sql.SQL("WITH RECURSIVE {}\n{}").format(
            sql.SQL(",\n").join(
                [
                    *first,
                    *self._claims().expressions(namespaces, connection),
                    *(self._reached(one, namespaces, connection) for one in ways),
                ]
            ),
            sql.SQL("\nUNION ALL\n").join(tallies),
        )

    def _claims(self) -> ClaimedValues:
        return ClaimedValues(
            store=self.store,
            spec=self.spec,
            data_map=self.data_map,
            passing=self.passing(),
            asked=self.asked,
            live=self.live,
            holds=self.equal_to_key,
            ours=self.of_member,
            is_erased=self._erased().is_erased,
            marked=self.marked,
        )

    def _way(self, name: str, below: tuple[str, ...] = ()) -> Iterator[str]:
        """The collections through which this one is reached, those that lead first, and itself last."""
        if name in below:
            raise TerminalError(f"store {self.store}: the links of {name} run in a circle.")
        for link in self.spec.collections[name].found_by:
            lead = link.lead[0] if link.lead is not None else name
            if lead != name and self._in_scope(lead):
                yield from self._way(lead, (*below, name))
        yield name

    def _in_scope(self, name: str) -> bool:
        owner = self.spec.collections[name].owner
        return owner is not None and owner.controller == self.scope.controller

    def _leads_anywhere(self, name: str, namespaces: AbstractSet[str]) -> bool:
        """A key of these namespaces may lead to rows of this collection, or of one that leads to it."""
        return any(
            self._namespace(link, self.spec.collections[name]) in namespaces
            or (link.lead is not None and link.lead[0] != name and self._leads_anywhere(link.lead[0], namespaces))
            for link in self.spec.collections[name].found_by
        )

    def _namespace(self, link: Link, spec: TableSpec) -> str:
        """Of the keys that a link of a collection is compared with."""
        if link.lead is None:
            return stored_texts.namespace(link, spec, self.data_map)
        return f"{self.store}.{link.lead[0]}.{'+'.join(link.lead[1])}"

    def _reached(self, name: str, namespaces: AbstractSet[str], connection: Connection) -> sql.Composed:
        """`name AS (...)`: the rows of one collection with their subject; `asked` false means newer.

        Only rows that `lead` lead to rows of other collections. What hangs on a shared row that is somebody else's as
        well is `joint`: unless it is asked for, it stays, and so does what hangs on that.
        """
        spec, table = self.spec.collections[name], self.live(name)
        parts: list[sql.Composed] = []
        for link in spec.found_by:
            shareable = link.lead is None and self.data_map.identities[link.identity or ""].shareable
            if self._namespace(link, spec) in namespaces and not shareable:
                parts.append(self._from_key(name, table, link, namespaces, connection))
            lead = name if link.lead is None else link.lead[0]
            if lead != name and self._in_scope(lead) and self._leads_anywhere(lead, namespaces):
                parts.append(self._from_row(name, [link], namespaces, connection))
        if not parts:
            nothing = sql.SQL(
                "SELECT NULL::integer AS subject, false AS asked, false AS leads, false AS unclear, false AS joint, {}"
                " FROM {} AS r WHERE false"
            )
            parts.append(nothing.format(self._facts(name, sql.SQL("NULL")), table.identifier))
        own = [link for link in spec.found_by if link.lead is not None and link.lead[0] == name]
        if own:
            parts.append(self._from_row(name, own, namespaces, connection))
        return sql.SQL("{} AS (\n  {}\n)").format(self._called(name), sql.SQL("\n  UNION\n  ").join(parts))

    def _called(self, name: str) -> sql.Identifier:
        """What a collection's common table expression is called: the server cuts names after 63 bytes."""
        return sql.Identifier(f"{list(self.spec.collections).index(name)} {name[:10]}")

    def _from_key(
        self, name: str, table: Table, link: Link, namespaces: AbstractSet[str], connection: Connection
    ) -> sql.Composed:
        spec = self.spec.collections[name]
        namespace = self._namespace(link, spec)
        identity = None if link.identity is None else self.data_map.identities[link.identity]
        sure = identity is None or identity.kind is not IdentityKind.REUSABLE
        old_enough = self._old_enough(spec, table)
        asked: sql.Composable = sql.SQL("true") if sure else old_enough
        unclear: sql.Composable = sql.SQL("false")
        followed: sql.Composable = sql.SQL(" AND a.followed")
        keys: sql.Composable = self.asked
        passing = link.identity or namespace
        if spec.person is None and passing in self.passing():
            claims = self._claims()
            free = claims.free(passing)
            asked = sql.SQL("({} AND {})").format(asked, free)
            unclear = sql.SQL("({} AND NOT {})").format(old_enough, free)
            followed = sql.SQL(" AND ({} OR {})").format(free, claims.known_by_value_alone(spec, table))
            if AGED in namespaces and self._handed_on(link) and spec.created is not None:
                older = self._older(table.columns[spec.created])
                asked, unclear = (
                    sql.SQL("({} AND ({}) IS NOT TRUE)").format(asked, older),
                    sql.SQL("({} OR ({} AND ({}) IS TRUE))").format(unclear, old_enough, older),
                )
        others, beside = self._of_others(spec, table, link, namespaces, sql.Identifier("a", "number"), connection)
        asked, unclear = self._but(others, asked, unclear)
        if spec.sharing is not None:  # to which no row leads any more: the one that was there, not one made since
            asked = sql.SQL("({} AND {})").format(asked, old_enough)
        leads = self._alone(name, asked)
        if not sure and spec.person is not None:
            # Another person under the same e-mail or phone, unless nobody knows yet who the subject is. Under one that
            # was not followed nobody can tell.
            # Who is known is decided before the join (OFFSET 0): inside it the planner would charge it to every look
            # into the index, and read the whole table of persons instead.
            keys = sql.SQL(
                "(SELECT d.*, d.number NOT IN (SELECT b.number FROM {0} AS b WHERE b.namespace = {1}"
                " AND b.number IS NOT NULL) AS unknown FROM {0} AS d OFFSET 0)"
            ).format(self.asked, sql.Literal(spec.person))
            # Of a row without a person's key nobody can tell either.
            nameless = self._nameless(spec)
            asked = sql.SQL("({} AND a.followed AND a.unknown AND NOT {})").format(old_enough, nameless)
            unclear = sql.SQL("({} AND (NOT a.followed AND a.unknown OR {}))").format(old_enough, nameless)
            followed = sql.SQL(" AND (a.unknown OR {} OR NOT {})").format(nameless, old_enough)  # newer
            leads = sql.SQL("false")
        rows = sql.SQL("{} AS r").format(table.identifier)
        if link.several:
            rows = sql.SQL("({} CROSS JOIN LATERAL {})").format(rows, inside(link))
        if link.lead is not None:
            followed = sql.SQL("{}{}").format(followed, self._unless_owned(name, *link.lead))
        return sql.SQL(
            "SELECT a.number AS subject, {} AS asked, {} AS leads, {} AS unclear, false AS joint, {}"
            " FROM {} AS a JOIN {} ON {}{} WHERE a.namespace = {}{}{}"
        ).format(
            asked,
            leads,
            unclear,
            self._facts(name, sql.Identifier("a", "number")),
            keys,
            rows,
            self.equal_to_key(table, link),
            beside,
            sql.Literal(namespace),
            followed,
            self.of_member(spec),
        )

    def _of_others(  # noqa: PLR0913, PLR0917 - a row, what led there, and what is known
        self,
        spec: TableSpec,
        table: Table,
        link: Link,
        namespaces: AbstractSet[str],
        number: sql.Identifier,
        connection: Connection,
    ) -> tuple[sql.Composable | None, sql.Composable]:
        """A row that a link leads to is somebody else's, or theirs as well, by a key or value in it or in a row above.

        And what stands beside the row for that, where it is decided once (OFFSET 0): it looks people up. `number` is
        the subject's.
        """
        owners = RowOwners(self.store, self.spec, self.data_map, self.asked, frozenset(namespaces), self.live)
        claims = self.passing().get(link.identity or self._namespace(link, spec), ())
        told = named_by(self.spec, spec, link, claims, self.data_map)
        further = beside(self.spec, spec, link, self.data_map)
        others = [*owners.somebody(told, table), *owners.somebody_else(link, further, table)]
        held = list(HeldValues(owners, self._claims(), connection).of_others(link, spec, table))
        others += [*held, *owners.another(link, of_one_row(self.spec, spec, link, self.data_map), table, number)]
        said, nothing = sql.SQL("({})").format(sql.SQL(" OR ").join(others)), sql.SQL("")
        if not held:
            return (said if others else None), nothing
        once = sql.SQL(" CROSS JOIN LATERAL (SELECT {} AS others OFFSET 0) AS whose").format(said)
        return sql.SQL("whose.others"), once

    @staticmethod
    def _but(
        others: sql.Composable | None, asked: sql.Composable, unclear: sql.Composable
    ) -> tuple[sql.Composable, sql.Composable]:
        """Asked and unclear, but for rows of others."""
        if others is None:
            return asked, unclear
        return (
            sql.SQL("({} AND ({}) IS NOT TRUE)").format(asked, others),
            sql.SQL("({} OR {} AND ({}) IS TRUE)").format(unclear, asked, others),
        )

    @staticmethod
    def _nameless(spec: TableSpec) -> sql.Composed:
        """The row `r` is a person, and has no key of one: a guest's."""
        person = next((link for link in spec.found_by if link.identity == spec.person and not link.several), None)
        if person is None:
            return sql.SQL("false").format()
        return sql.SQL("({} IS NULL)").format(sql.Identifier("r", person.names[0]))

    def _handed_on(self, link: Link) -> bool:
        return link.identity is not None and self.data_map.identities[link.identity].handed_on

    @staticmethod
    def _older(created: Column) -> sql.Composed:
        """The row `r` was certainly there before this person had the key `a`."""
        latest: sql.Composable = sql.Identifier("r", created.name)
        if created.base == "date":  # it may be of the day's last moment
            return sql.SQL("({} + 1)::timestamptz <= date_trunc('day', a.since)").format(latest)
        return sql.SQL("{} < a.since - interval {}").format(latest, sql.Literal(str(created.rounding)))

    def equal_to_key(self, table: Table, link: Link) -> sql.Composed:
        """The row's value, or values, are those of the key `a`, and it is of the link's kind."""
        return sql.SQL(" AND ").join(
            [
                self._compared(table, link),
                *of_kind(link.where, table),
                *no_empty_text(link, table),
                *self._not_itself(table, link),
            ]
        )

    def _not_itself(self, table: Table, link: Link) -> Iterator[sql.Composed]:
        """Where a link leads from row to row of a collection, the row `r` is not the one above it."""
        lead, columns = link.lead or (None, ())
        if lead is not None and link in self.spec.collections[lead].found_by:
            same = (
                equal(table.columns[ours], sql.Identifier("r", ours), sql.Identifier("r", theirs))
                for ours, theirs in zip(link.names, columns, strict=True)
            )
            yield sql.SQL("({}) IS NOT TRUE").format(sql.SQL(" AND ").join(same))

    def _compared(self, table: Table, link: Link) -> sql.Composed:
        if link.identity is None:
            return self._key_of([table.columns[one] for one in link.names])
        identity = self.data_map.identities[link.identity]
        column = table.columns[link.names[0]]
        if link.template is not None:
            text = text_of(link, column)
            if identity.rule.plain or identity.rule.counts:  # one spelling: of the whole text, by the column's index
                return sql.SQL("{} = {}").format(text, with_key(link.template, "a.value"))
            head, tail = identity.rule.sql.split("{column}", 1)
            spelt = sql.Composed([verbatim(head), without_template(link.template, text), verbatim(tail)])
            return sql.SQL("{} = a.value").format(spelt)
        if link.several or identity.kind is IdentityKind.REUSABLE or not readable(column, identity.rule):
            value: sql.Composable = sql.Identifier("inside", "value") if link.several else in_row(column, identity.rule)
            head, tail = identity.rule.sql.split("{column}", 1)
            return sql.SQL("{} = a.value").format(sql.Composed([verbatim(head), value, verbatim(tail)]))
        if column.equality is not None:  # equal in spelling too, which the type's own equality does not ask for
            return sql.SQL("{} AND {}::text = a.value").format(
                as_stored(column, "a.value"), sql.Identifier("r", column.name)
            )
        return as_stored(column, "a.value")

    @staticmethod
    def _key_of(columns: Sequence[Column]) -> sql.Composed:
        """These columns of the row `r` hold the values of the key `a`."""
        keys = ["a.value"] if len(columns) == 1 else [f"(a.value::jsonb) ->> {at}" for at in range(len(columns))]
        return sql.SQL(" AND ").join([as_stored(one, key) for one, key in zip(columns, keys, strict=True)])

    def _from_row(
        self,
        name: str,
        links: Sequence[Link],
        namespaces: AbstractSet[str],
        connection: Connection,
    ) -> sql.Composed:
        """From the rows of one collection, by any of these links."""
        spec, table = self.spec.collections[name], self.live(name)
        [lead] = {link.lead[0] for link in links if link.lead is not None}
        order = self._led_from(lead)
        joins = [
            sql.SQL(" AND ").join(
                [
                    *(
                        equal(
                            table.columns[ours],
                            sql.Identifier("r", ours),
                            self._led(lead, one, sql.Identifier("p", f"lead_{order.index(one)}")),
                        )
                        for ours, one in zip(link.names, link.lead[1] if link.lead is not None else (), strict=True)
                    ),
                    *of_kind(link.where, table),
                    *no_empty_text(link, table),
                    *self._not_itself(table, link),
                ]
            )
            for link in links
        ]
        others, beside = self._of_others(spec, table, links[0], namespaces, sql.Identifier("p", "subject"), connection)
        theirs, unclear = self._but(others, sql.SQL("true"), sql.SQL("false"))
        followed = sql.SQL("p.leads" if (stays := self._stays_joint(lead)) is None else f"(p.leads OR {stays})")
        asked, joint = (sql.SQL("({} AND {})").format(sql.SQL(one), theirs) for one in ("p.leads", stays or "false"))
        return sql.SQL(
            "SELECT p.subject, {} AS asked, {} AS leads, {} AS unclear, {} AS joint, {}"
            " FROM {} AS p JOIN {} AS r ON ({}){} WHERE {}{}"
        ).format(
            asked,
            self._alone(name, asked),
            unclear,
            joint,
            self._facts(name, sql.Identifier("p", "subject")),
            self._called(lead),
            table.identifier,
            sql.SQL(" OR ").join(joins),
            beside,
            followed,
            self.of_member(spec),
        )

    def _unless_owned(self, name: str, lead: str, columns: Sequence[str]) -> sql.Composed:
        """The key `a` is of no shared row that others own, or made anew: it stays, and so does what hangs on it."""
        if self.spec.collections[lead].sharing is None or self.spec.collections[name].sharing is not None:
            return sql.SQL("").format()
        return sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS r WHERE {} AND ({} OR NOT {}))").format(
            self.live(lead).identifier,
            self._key_of([self.live(lead).columns[one] for one in columns]),
            self._pointed_at(lead, name),
            self._old_enough(self.spec.collections[lead], self.live(lead)),
        )

    def _alone(self, name: str, asked: sql.Composable) -> sql.Composable:
        """The row is asked for, and where people share it nobody else has it: so it leads on."""
        if self.spec.collections[name].sharing is None:
            return asked
        return sql.SQL("({} AND NOT {})").format(asked, self._pointed_at(name, name))

    def _stays_joint(self, name: str) -> LiteralString | None:
        """The row `p` stays because somebody else owns it as well, or the shared row above it; None: none does."""
        spec = self.spec.collections[name]
        if spec.sharing is not None:  # asked for, and leading to nothing
            return "(p.joint OR p.asked AND NOT p.leads)"
        above = {link.lead[0] for link in spec.found_by if link.lead is not None} - {name}
        return "p.joint" if any(map(self._stays_joint, above)) else None

    def _erased(self) -> ErasedRows:
        return ErasedRows(self.spec.collections, self.data_map, self.catalogue)

    def _pointed_at(self, shared: str, asking: str, subject: sql.Composable | None = None) -> sql.Composed:
        """Rows of others still lead to the shared row `r`; said in the expression of the collection that asks."""
        before = [one for one in self._way(asking) if one != asking]
        if subject is not None:
            before += self._owning(shared)
        return pointed_at(shared, self._erased(), {one: self._called(one) for one in before}, subject)

    def _owning(self, shared: str) -> Iterator[str]:
        """The collections whose rows point to a shared row by a foreign key that no link follows.

        Not those on whose way there are shared rows: the expressions would run in a circle.
        """
        keys = owning_keys(shared, self.spec.collections, self.catalogue.foreign_keys)
        tables = {key.child for key in keys}
        for name, spec in self.spec.collections.items():
            theirs = spec.table in tables and spec.log is None and self._in_scope(name)
            if theirs and all(self.spec.collections[one].sharing is None for one in self._way(name)):
                yield name

    def _facts(self, name: str, subject: sql.Composable) -> sql.Composed:
        """What is said of each row `r` of a collection, of which the expression says whose it is."""
        spec, table = self.spec.collections[name], self.live(name)
        return sql.SQL(", ").join([*self._states(name, spec, table, subject), *self._leading_columns(name)])

    def _states(self, name: str, spec: TableSpec, table: Table, subject: sql.Composable) -> Iterator[sql.Composable]:
        yield sql.SQL("r.tableoid AS relation, r.ctid AS place")
        yield sql.SQL("{} AS tombstone").format(self.is_tombstone(spec, table))
        data_type = self.data_map.data_types[spec.data_type or ""]
        if spec.sharing is not None:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("{} AS stays").format(self._pointed_at(name, name, subject))
        elif data_type.on_request is Action.RETAIN and spec.start is not None:
            # A day so late that nothing can be added to it: without an end.
            until = sql.SQL(
                "CASE WHEN {0}::date <= '9999-12-31'::date THEN ({0}::date + interval {1})::date END"
            ).format(sql.Identifier("r", spec.start), sql.Literal(str(data_type.rule.period)))
            yield sql.SQL("CASE WHEN ({}) <= '9999-12-31'::date THEN ({}) END AS until").format(until, until)
            yield sql.SQL("(({}) IS NULL OR ({}) > {}::date) AS stays").format(
                until, until, Placeholder("cutoff", self.cutoff)
            )
        else:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("false AS stays")

    def _leading_columns(self, name: str) -> Iterator[sql.Composable]:
        table = self.live(name)
        for position, column in enumerate(self._led_from(name)):
            # What the server does not hash goes through a recursive query as a text.
            text = sql.SQL("" if table.columns[column].hashed else "::text")
            yield sql.SQL("{}{} AS {}").format(sql.Identifier("r", column), text, sql.Identifier(f"lead_{position}"))

    def _led(self, name: str, column: str, value: sql.Identifier) -> sql.Composable:
        """The value of such a column, as its type has it."""
        live = self.live(name).columns[column]
        return value if live.hashed else sql.SQL("{}::{}").format(value, verbatim(live.type))

    def _led_from(self, name: str) -> list[str]:
        """The columns of this collection that links of others name, sorted."""
        links = (
            link.lead for table in self.spec.collections.values() for link in table.found_by if link.lead is not None
        )
        return sorted({column for lead, columns in links if lead == name for column in columns})

    def is_tombstone(self, spec: TableSpec, table: Table) -> sql.Composable:
        """The row `r` is a tombstone."""
        if self.data_map.data_types[spec.data_type or ""].on_request is not Action.TOMBSTONE:
            return sql.SQL("false")
        return put(spec, table)

    def _old_enough(self, spec: TableSpec, table: Table) -> sql.Composable:
        if spec.created is None:
            return sql.SQL("false") if spec.undated == "keep" else sql.SQL("true")
        created = sql.Identifier("r", spec.created)
        empty = sql.SQL("{} IS NULL OR" if spec.undated == "erase" else "{} IS NOT NULL AND").format(created)
        # On the cutoff's own day it cannot be known when; nor by how much a time was rounded down.
        live = table.columns[spec.created]
        day = sql.SQL("::date" if live.base == "date" else "")
        return sql.SQL("({} {} < {}{})").format(empty, created, Placeholder("cutoff", self.cutoff, live.rounding), day)

    def of_member(self, spec: TableSpec) -> sql.Composable:
        """What restricts the row `r` to the request's member."""
        if spec.owner is None or spec.owner.column is None:
            return sql.SQL("")
        return sql.SQL(" AND {}::text = (SELECT m.value FROM {} AS m WHERE m.namespace = {})").format(
            sql.Identifier("r", spec.owner.column), self.asked, sql.Literal(MEMBER)
        )

    def live(self, name: str) -> Table:
        """The live table of a collection.

        Raises:
            TerminalError: It is missing.
        """
        table = self.catalogue.tables.get(self.spec.collections[name].table)
        if table is None:
            raise TerminalError(f"store {self.store}, collection {name}: the table is missing.")
        return table
