"""Reached rows: one common table expression a collection, from the keys that were asked for to its rows.

In the statement `a` is a key that was asked for, `p` a row that leads on, `r` a row of the table, `q` a row that leads
to a shared one.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.owner_links import beside, named_by
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.claimed_values import ClaimedValues
from expunge_connectors.postgres.verify.expressions import equal, inside, no_empty_text, of_kind
from expunge_connectors.postgres.verify.held_values import HeldValues
from expunge_connectors.postgres.verify.key_comparison import equal_to_key, key_of, not_itself
from expunge_connectors.postgres.verify.row_owners import RowOwners
from expunge_connectors.postgres.verify.row_states import RowStates
from expunge_connectors.postgres.verify.verified_store import VerifiedStore

AGED = ":aged"  # no namespace of the map: of keys that were asked for it is known since when a person has them


@dataclass(frozen=True, slots=True)
class ReachedRows:
    """Writes the expressions of one statement.

    Attributes:
        states: What is said of each row.
        claims: Which keys are claimed by others.
        namespaces: Of the keys that were asked for.
        connection: Where the statement is run.
    """

    states: RowStates
    claims: ClaimedValues
    namespaces: AbstractSet[str]
    connection: Connection

    @property
    def store(self) -> VerifiedStore:
        """The store that is verified."""
        return self.states.store

    def expression(self, name: str) -> sql.Composed:
        """`name AS (...)`: the rows of one collection with their subject; `asked` false means newer.

        Only rows that `lead` lead to rows of other collections. What hangs on a shared row that is somebody else's as
        well is `joint`: unless it is asked for, it stays, and so does what hangs on that.
        """
        spec, table = self.store.spec.collections[name], self.store.live(name)
        parts: list[sql.Composed] = []
        for link in spec.found_by:
            shareable = link.lead is None and self.store.data_map.identities[link.identity or ""].shareable
            if self.store.namespace(link, spec) in self.namespaces and not shareable:
                parts.append(self._from_key(name, table, link))
            lead = name if link.lead is None else link.lead[0]
            if lead != name and self.store.in_scope(lead) and self.store.leads_anywhere(lead, self.namespaces):
                parts.append(self._from_row(name, [link]))
        if not parts:
            nothing = sql.SQL(
                "SELECT NULL::integer AS subject, false AS asked, false AS leads, false AS unclear, false AS joint, {}"
                " FROM {} AS r WHERE false"
            )
            parts.append(nothing.format(self.states.facts(name, sql.SQL("NULL")), table.identifier))
        own = [link for link in spec.found_by if link.lead is not None and link.lead[0] == name]
        if own:
            parts.append(self._from_row(name, own))
        return sql.SQL("{} AS (\n  {}\n)").format(self.store.expression(name), sql.SQL("\n  UNION\n  ").join(parts))

    def _from_key(self, name: str, table: Table, link: Link) -> sql.Composed:
        spec = self.store.spec.collections[name]
        namespace = self.store.namespace(link, spec)
        identity = None if link.identity is None else self.store.data_map.identities[link.identity]
        sure = identity is None or identity.kind is not IdentityKind.REUSABLE
        old_enough = self.states.old_enough(spec, table)
        asked: sql.Composable = sql.SQL("true") if sure else old_enough
        unclear: sql.Composable = sql.SQL("false")
        followed: sql.Composable = sql.SQL(" AND a.followed")
        keys: sql.Composable = self.states.asked
        passing = link.identity or namespace
        if spec.person is None and passing in self.store.passing():
            claims = self.claims
            free = claims.free(passing)
            asked = sql.SQL("({} AND {})").format(asked, free)
            unclear = sql.SQL("({} AND NOT {})").format(old_enough, free)
            followed = sql.SQL(" AND ({} OR {})").format(free, claims.known_by_value_alone(spec, table))
            if AGED in self.namespaces and self._handed_on(link) and spec.created is not None:
                older = self.states.older(table.columns[spec.created])
                asked, unclear = (
                    sql.SQL("({} AND ({}) IS NOT TRUE)").format(asked, older),
                    sql.SQL("({} OR ({} AND ({}) IS TRUE))").format(unclear, old_enough, older),
                )
        others, beside = self._of_others(spec, table, link, sql.Identifier("a", "number"))
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
            ).format(self.states.asked, sql.Literal(spec.person))
            # Of a row without a person's key nobody can tell either.
            nameless = self.states.nameless(spec)
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
            self.states.facts(name, sql.Identifier("a", "number")),
            keys,
            rows,
            equal_to_key(self.store, table, link),
            beside,
            sql.Literal(namespace),
            followed,
            self.states.of_member(spec),
        )

    def _of_others(
        self, spec: TableSpec, table: Table, link: Link, number: sql.Identifier
    ) -> tuple[sql.Composable | None, sql.Composable]:
        """A row that a link leads to is somebody else's, or theirs as well, by a key or value in it or in a row above.

        And what stands beside the row for that, where it is decided once (OFFSET 0): it looks people up. `number` is
        the subject's.
        """
        owners = RowOwners(
            self.store.name,
            self.store.spec,
            self.store.data_map,
            self.states.asked,
            frozenset(self.namespaces),
            self.store.live,
        )
        claims = self.store.passing().get(link.identity or self.store.namespace(link, spec), ())
        told = named_by(self.store.spec, spec, link, claims, self.store.data_map)
        further = beside(self.store.spec, spec, link, self.store.data_map)
        others = [*owners.somebody(told, table), *owners.somebody_else(link, further, table)]
        held = list(HeldValues(owners, self.claims, self.connection).of_others(link, spec, table))
        others += [
            *held,
            *owners.another(link, spec, table, number),
        ]
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

    def _handed_on(self, link: Link) -> bool:
        return link.identity is not None and self.store.data_map.identities[link.identity].handed_on

    def _from_row(self, name: str, links: Sequence[Link]) -> sql.Composed:
        """From the rows of one collection, by any of these links."""
        spec, table = self.store.spec.collections[name], self.store.live(name)
        [lead] = {link.lead[0] for link in links if link.lead is not None}
        order = self.store.led_from(lead)
        joins = [
            sql.SQL(" AND ").join(
                [
                    *(
                        equal(
                            table.columns[ours],
                            sql.Identifier("r", ours),
                            self.states.led(lead, one, sql.Identifier("p", f"lead_{order.index(one)}")),
                        )
                        for ours, one in zip(link.names, link.lead[1] if link.lead is not None else (), strict=True)
                    ),
                    *of_kind(link.where, table),
                    *no_empty_text(link, table),
                    *not_itself(self.store, table, link),
                ]
            )
            for link in links
        ]
        others, beside = self._of_others(spec, table, links[0], sql.Identifier("p", "subject"))
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
            self.states.facts(name, sql.Identifier("p", "subject")),
            self.store.expression(lead),
            table.identifier,
            sql.SQL(" OR ").join(joins),
            beside,
            followed,
            self.states.of_member(spec),
        )

    def _unless_owned(self, name: str, lead: str, columns: Sequence[str]) -> sql.Composed:
        """The key `a` is of no shared row that others own, or made anew: it stays, and so does what hangs on it."""
        if self.store.spec.collections[lead].sharing is None or self.store.spec.collections[name].sharing is not None:
            return sql.SQL("").format()
        return sql.SQL(" AND NOT EXISTS (SELECT FROM {} AS r WHERE {} AND ({} OR NOT {}))").format(
            self.store.live(lead).identifier,
            key_of([self.store.live(lead).columns[one] for one in columns]),
            self.states.pointed_at(lead, name),
            self.states.old_enough(self.store.spec.collections[lead], self.store.live(lead)),
        )

    def _alone(self, name: str, asked: sql.Composable) -> sql.Composable:
        """The row is asked for, and where people share it nobody else has it: so it leads on."""
        if self.store.spec.collections[name].sharing is None:
            return asked
        return sql.SQL("({} AND NOT {})").format(asked, self.states.pointed_at(name, name))

    def _stays_joint(self, name: str) -> LiteralString | None:
        """The row `p` stays because somebody else owns it as well, or the shared row above it; None: none does."""
        spec = self.store.spec.collections[name]
        if spec.sharing is not None:  # asked for, and leading to nothing
            return "(p.joint OR p.asked AND NOT p.leads)"
        above = {link.lead[0] for link in spec.found_by if link.lead is not None} - {name}
        return "p.joint" if any(map(self._stays_joint, above)) else None
