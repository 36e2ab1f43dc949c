"""Claimed values of the verifying side: keys that another person's row holds by now, in SQL of its own (ADR 18).

In the statements `a` is a key that was asked for, `r` a row of the table that claims it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Subject
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.owner_links import towards_parent
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_links import Link, sought_namespace
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify import stored_texts
from expunge_connectors.postgres.verify.expressions import (
    equal,
    in_row,
    inside,
    like_template,
    no_empty_text,
    nothing_inside,
    of_kind,
    verbatim,
)

CLAIMED = sql.Identifier(":claimed")  # no collection is called so
_ONE_BY_ONE = sql.SQL(
    "SELECT {key}, a.number, coalesce(a.said, a.value) FROM {asked} AS a CROSS JOIN LATERAL"
    " (SELECT FROM {rows} WHERE {holds} AND {of_others} LIMIT 1) AS other"
    " WHERE a.namespace = {namespace} AND a.followed"
)
_ALL_AT_ONCE = sql.SQL(
    "SELECT DISTINCT {key}, r.expunge_number, r.expunge_value FROM"
    " (SELECT a.number AS expunge_number, coalesce(a.said, a.value) AS expunge_value, r.*"
    " FROM {asked} AS a CROSS JOIN {rows} WHERE a.namespace = {namespace} AND a.followed AND {holds} OFFSET 0) AS r"
    " WHERE {of_others}"
)


def co_holders(subjects: Iterable[Subject]) -> Iterator[stored_texts.Asked]:
    """Attributed values of the subjects; `said` is a key of somebody who held one as well when that was approved."""
    for subject in subjects:
        for (identity, value), (kind, person) in subject.co_holders:
            yield stored_texts.Asked(subject.number, _held_by(identity, kind), value, followed=False, said=person)


def _held_by(identity: str, kind: str) -> str:
    return f"{identity} held by {kind}"  # no namespace of a map holds a blank


@dataclass(frozen=True, slots=True)
class ClaimedValues:
    """Writes what a verification query says of values that pass on.

    Attributes:
        store: Its name.
        passing: Namespace -> who claims its values, in the scope.
        asked: Where the keys are that were asked for.
        live: Collection -> its table.
        holds: (table, link) -> the row `r` holds the key `a`.
        ours: What restricts `r` to the request's member, beginning with AND.
        is_erased: (a collection, `r`) -> the row `r` is a tombstone, and no living person's row.
        marked: The keys say themselves whether they are claimed (see `marking`). Where nothing can be written, on a
            standby, a common table expression says it.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    passing: Mapping[str, Sequence[Claim]]
    asked: sql.Identifier
    live: Callable[[str], Table]
    holds: Callable[[Table, Link], sql.Composed]
    ours: Callable[[TableSpec], sql.Composable]
    is_erased: Callable[[TableSpec, str], sql.Composable]
    marked: bool

    def can_be_claimed(self, namespaces: AbstractSet[str]) -> bool:
        """Keys of these namespaces lead to rows that are no persons, and persons' rows say whose they are."""
        return bool(self._places()) and any(self.passing.get(one) for one in namespaces)

    def marking(self, namespaces: AbstractSet[str], connection: Connection) -> sql.Composed:
        """The statement that marks the keys which others claim, in the table of those asked for.

        Looked up first, one by one through an index: joined to the keys before, or to each row that is found, they made
        the recount take seven times as long.
        """
        return sql.SQL(
            "WITH c (identity, number, value) AS MATERIALIZED (\n  {claimed}\n)\n"
            "UPDATE {asked} AS k SET claimed = true"
            " FROM c JOIN (VALUES {places}) AS m (namespace, identity) USING (identity)"
            " WHERE k.namespace = m.namespace AND k.number = c.number AND coalesce(k.said, k.value) = c.value"
        ).format(
            asked=self.asked,
            claimed=sql.SQL("\n  UNION ALL\n  ").join(self._looked_up(namespaces, connection)),
            places=sql.SQL(", ").join(
                sql.SQL("({}, {})").format(sql.Literal(one), sql.Literal(other))
                for one, other in sorted(self._places())
            ),
        )

    def _places(self) -> set[tuple[str, str]]:
        """(namespace of the keys as they are asked for, the identity or columns that pass on)."""
        return {
            (self._asked_as(link, table), self._namespace(link))
            for table in self.spec.collections.values()
            if table.person is None
            for link in table.found_by
            if self._namespace(link) in self.passing
        }

    def _asked_as(self, link: Link, table: TableSpec) -> str:
        if link.identity is None:
            return self._namespace(link)
        return stored_texts.namespace(link, table, self.data_map)

    def _looked_up(self, namespaces: AbstractSet[str], connection: Connection) -> list[sql.Composed]:
        return [
            self._by_others(namespace, claim, namespaces, connection)
            for namespace, claims in self.passing.items()
            if namespace in namespaces
            for claim in claims
        ]

    def expressions(self, namespaces: AbstractSet[str], connection: Connection) -> Iterator[sql.Composed]:
        """The common table expression of the claimed keys, where a key of these namespaces can be claimed.

        One row of somebody else is enough. Each key is looked up by itself where an index serves the link; where none
        does, the table is read once for all of them.
        """
        looked_up = [] if self.marked else self._looked_up(namespaces, connection)
        if looked_up:
            yield sql.SQL("{} (namespace, number, value) AS MATERIALIZED (\n  {}\n)").format(
                CLAIMED, sql.SQL("\n  UNION ALL\n  ").join(looked_up)
            )

    def free(self, namespace: str) -> sql.Composed:
        """The key `a` is followed, and nobody else claims it."""
        if not self.passing[namespace]:
            return sql.SQL("a.followed").format()
        if self.marked:
            return sql.SQL("(a.followed AND NOT a.claimed)").format()
        return sql.SQL(
            "(a.followed AND ({}, a.number, coalesce(a.said, a.value))"
            " NOT IN (SELECT c.namespace, c.number, c.value FROM {} AS c))"
        ).format(sql.Literal(namespace), CLAIMED)

    def known_by_value_alone(self, spec: TableSpec, table: Table) -> sql.Composed:
        """The row `r` names nobody by a key that is never re-used: such a row is that person's, whoever else's value.

        A link that leads from rows below says nothing of one row; nor does one to another kind.
        """
        sure = {
            (link.names, link.path, link.where, link.template, link.lead is not None): link
            for link in spec.found_by
            if self._namespace(link) not in self.passing
            and (link.identity is None or self.data_map.identities[link.identity].kind is not IdentityKind.REUSABLE)
            and (link.lead is None or self.spec.collections[link.lead[0]] is not spec)
        }
        empty = []
        for (names, _, where, template, _), link in sorted(sure.items(), key=repr):
            if link.several:
                empty.append(nothing_inside(link, table))
                continue
            if towards_parent(self.spec, link, table.key):
                empty.append(self._not_named(link, table))
                continue
            other = [sql.SQL("{} IS NULL").format(sql.Identifier("r", one)) for one in names]
            needed = [*of_kind(where, table), *like_template(template, names[0]), *no_empty_text(link, table)]
            other += [sql.SQL("({}) IS NOT TRUE").format(one) for one in needed]
            empty.append(sql.SQL("({})").format(sql.SQL(" OR ").join(other)))
        return sql.SQL("({})").format(sql.SQL(" AND ").join(empty) if empty else sql.SQL("true"))

    def _not_named(self, link: Link, table: Table) -> sql.Composed:
        """No row is there that would name the row `r`."""
        name, columns = link.lead or ("", ())
        same = [
            equal(table.columns[ours], sql.Identifier("r", ours), sql.Identifier("above", theirs))
            for ours, theirs in zip(link.names, columns, strict=True)
        ]
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS above WHERE {})").format(
            self.live(name).identifier, sql.SQL(" AND ").join([*same, *of_kind(link.where, table)])
        )

    def _namespace(self, link: Link) -> str:
        return sought_namespace(self.store, link)

    def _by_others(
        self, namespace: str, claim: Claim, namespaces: AbstractSet[str], connection: Connection
    ) -> sql.Composed:
        spec, table = self.spec.collections[claim.collection], self.live(claim.collection)
        person = claim.person
        rows = sql.SQL("{} AS r").format(table.identifier)
        if claim.value.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {}").format(rows, inside(claim.value))
        rule = self.data_map.identities[person.identity or ""].rule
        head, tail = rule.sql.split("{column}", 1)
        named = sql.Composed([verbatim(head), in_row(table.columns[person.names[0]], rule), verbatim(tail)])
        kinds = [sql.SQL("{} AND ").format(one) for one in of_kind(person.where, table)]
        of_others = sql.SQL(
            "{kinds}({named} IN (SELECT b.value FROM {asked} AS b WHERE b.namespace = {person} AND b.followed))"
            " IS NOT TRUE AND NOT {erased}{ours}"
        ).format(
            kinds=sql.Composed(kinds),
            named=named,
            asked=self.asked,
            person=sql.Literal(person.identity),
            erased=self.is_erased(spec, "r"),
            ours=self.ours(spec),
        )
        holds = self.holds(table, claim.value)
        of_any_kind = self.holds(table, claim.value.model_copy(update={"where": ()}))
        served = index_use.served(connection, "a", {"value": "text"}, rows, of_any_kind)
        if (beside := _held_by(namespace, person.identity or "")) in namespaces:
            number, value = (
                ("a.number", "coalesce(a.said, a.value)") if served else ("r.expunge_number", "r.expunge_value")
            )
            # Who held an attributed value by then does not claim it from that person.
            of_others += sql.SQL(
                " AND NOT EXISTS (SELECT FROM {asked} AS h"
                " WHERE h.number = {number} AND h.namespace = {beside} AND h.value = {value} AND h.said = {named})"
            ).format(
                asked=self.asked,
                number=verbatim(number),
                beside=sql.Literal(beside),
                value=verbatim(value),
                named=named,
            )
        return (_ONE_BY_ONE if served else _ALL_AT_ONCE).format(
            asked=self.asked,
            rows=rows,
            holds=holds,
            of_others=of_others,
            key=sql.Literal(namespace),
            namespace=sql.Literal(
                namespace if claim.value.identity is None else stored_texts.namespace(claim.value, spec, self.data_map)
            ),
        )
