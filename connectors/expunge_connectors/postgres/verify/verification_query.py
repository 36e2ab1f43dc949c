"""Verification query: one counting statement from keys to rows, independent of those that erased (law 1).

It has one common table expression a collection, from the keys to the rows (see `reached_rows`): read it from the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope
from expunge_connectors.postgres.catalog.tables import Catalogue
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.statement_cache import CompiledStatement, StatementCache
from expunge_connectors.postgres.verify.claimed_values import ClaimedValues
from expunge_connectors.postgres.verify.key_comparison import equal_to_key
from expunge_connectors.postgres.verify.reached_rows import ReachedRows
from expunge_connectors.postgres.verify.row_states import RowStates
from expunge_connectors.postgres.verify.verified_store import VerifiedStore

ASKED = sql.Identifier("pg_temp", "expunge_asked")


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

    @property
    def verified(self) -> VerifiedStore:
        """The collections that must be looked at, and how they lead to each other."""
        return VerifiedStore(self.store, self.spec, self.data_map, self.catalogue, self.scope)

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
        store, claims = self.verified, self._claims()
        rows = ReachedRows(self._states(), claims, namespaces, connection)
        ways = dict.fromkeys(one for name in names for one in store.way(name))
        tallies = (
            sql.SQL(
                "SELECT {0} AS collection, subject,"
                " count(*) FILTER (WHERE asked AND NOT stays),"
                " count(*) FILTER (WHERE asked AND stays),"
                " count(*) FILTER (WHERE NOT asked AND NOT unclear),"
                # Where one has no end, no day is the last.
                " CASE WHEN count(until) FILTER (WHERE asked AND stays) = count(*) FILTER (WHERE asked AND stays)"
                " THEN max(until) FILTER (WHERE asked AND stays) END,"
                " bool_or(asked AND stays AND shared), bool_or(asked AND by_type),"
                " count(*) FILTER (WHERE NOT asked AND unclear)\n"
                "FROM (SELECT subject, relation, place, bool_or(asked OR joint) AS asked, bool_or(unclear) AS unclear,"
                # What only hangs on a row of others stays with it, without an end.
                " bool_or(stays) OR NOT bool_or(asked) AS stays, {1} OR NOT bool_or(asked) AS shared,"
                " bool_or(stays) AND NOT {1} AS by_type,"
                " CASE WHEN bool_or(asked) THEN max(until) END AS until FROM {2} WHERE NOT tombstone"
                " GROUP BY subject, relation, place) AS one"
                " GROUP BY subject"
            ).format(
                sql.Literal(name),
                sql.SQL("true" if self.spec.collections[name].sharing is not None else "false"),
                store.expression(name),
            )
            for name in names
        )
        return sql.SQL("WITH RECURSIVE {}\n{}").format(
            sql.SQL(",\n").join(
                [
                    *first,
                    *claims.expressions(namespaces, connection),
                    *map(rows.expression, ways),
                ]
            ),
            sql.SQL("\nUNION ALL\n").join(tallies),
        )

    def _states(self) -> RowStates:
        return RowStates(self.verified, self.cutoff, self.asked)

    def _claims(self) -> ClaimedValues:
        states = self._states()
        return ClaimedValues(
            store=self.store,
            spec=self.spec,
            data_map=self.data_map,
            passing=states.store.passing(),
            asked=self.asked,
            live=states.store.live,
            holds=partial(equal_to_key, states.store),
            ours=states.of_member,
            is_erased=states.erased.is_erased,
            marked=self.marked,
        )
