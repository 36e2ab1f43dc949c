"""Held values of the verifying side: by which reusable values in them found rows are another person's (ADR 18).

In the statements `r` is the row, `said` a value in it, `holder` a row of a person, `a` and `b` keys that were asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import others_read_alike
from expunge_config.spellings import Spellings
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.claims import Claim
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.owner_links import held_elsewhere, names_itself, reading, values_beside
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify import stored_texts
from expunge_connectors.postgres.verify.claimed_values import ClaimedValues
from expunge_connectors.postgres.verify.expressions import nothing_inside, of_kind, verbatim
from expunge_connectors.postgres.verify.row_owners import RowOwners, said_by

_SAID = sql.Identifier("said", "value")
# Counted, not only looked for: the planner would read the table in the hope of an early one.
_BY_INDEX = sql.SQL("(SELECT count(*) FROM {} WHERE {} AND {}) > 0")


@dataclass(frozen=True, slots=True)
class HeldValues:
    """Writes the conditions.

    Attributes:
        owners: What else says whose a row is.
        claims: Which keys nobody else has.
        connection: The server says which indexes it has.
    """

    owners: RowOwners
    claims: ClaimedValues
    connection: Connection

    def of_others(self, found_by: Link, spec: TableSpec, table: Table) -> Iterator[sql.Composed]:
        """The row names nobody by a key, and somebody who was not asked for holds a value of it."""
        of = self.owners
        values = values_beside(of.spec, spec, found_by, table.key, of.data_map)
        held = [condition for link in values for condition in self._held(link, spec, table)]
        if not held:
            return
        naming = [
            nothing_inside(one, table) if one.several else sql.SQL("({}) IS NOT TRUE").format(said_by(one, table, "r"))
            for one in spec.found_by
            if names_itself(of.spec, spec, one, table.key, of.data_map)
        ]
        yield sql.SQL(" AND ").join([*naming, sql.SQL("({})").format(sql.SQL(" OR ").join(held))])

    def _held(self, link: Link, spec: TableSpec, table: Table) -> Iterator[sql.Composed]:
        """By the value of a link, under each identity that is read where it stands."""
        of, identity = self.owners, link.identity or ""
        filled = sql.SQL("btrim({}) <> ''").format(_SAID)
        unknown = sql.SQL(" AND ").join([filled, *self._known_by_none(link, spec, table)])
        texts = of.values(link, table, "r")
        for one in (identity, *others_read_alike(of.data_map, identity)):
            other = link.model_copy(update={"identity": one})
            if held_elsewhere(of.store, spec, one, of.data_map):
                held = [sql.SQL("true").format()]
            else:
                held = [self._claimed(claim, other) for claim in self.claims.passing.get(one, ())]
            if not held:
                continue
            found = sql.SQL("EXISTS (SELECT FROM ({}) AS said (value) WHERE {} IS NOT NULL AND {})")
            said = sql.SQL("({})").format(sql.SQL(" OR ").join(held))
            if one == identity:
                yield found.format(texts, _SAID, sql.SQL("{} AND {}").format(unknown, said))
            else:
                of_alias = found.format(of.values(other, table, "r"), _SAID, said)
                yield sql.SQL("({} AND {})").format(found.format(texts, _SAID, unknown), of_alias)

    def _known_by_none(self, link: Link, spec: TableSpec, table: Table) -> Iterator[sql.Composed]:
        """Nor by any other link that reads it there; where that one writes it otherwise, of a list no value is."""
        of = self.owners
        for one in reading(spec, link, of.data_map):
            rules = (of.data_map.identities[name or ""].rule for name in (link.identity, one.identity))
            if len({rule.sql for rule in rules}) == 1:
                yield self._unknown(one, spec)
            else:
                yield sql.SQL("EXISTS (SELECT FROM ({}) AS said (value) WHERE {})").format(
                    of.values(one, table, "r"), self._unknown(one, spec)
                )

    def _unknown(self, link: Link, spec: TableSpec) -> sql.Composed:
        """The value is none of which it is known that a subject has it, and nobody else."""
        namespace = stored_texts.namespace(link, spec, self.owners.data_map)
        if namespace not in self.owners.known:
            return sql.SQL("true").format()
        return sql.SQL("({} IN (SELECT a.value FROM {} AS a WHERE a.namespace = {} AND {})) IS NOT TRUE").format(
            _SAID, self.owners.asked, sql.Literal(namespace), self.claims.free(link.identity or "")
        )

    def _claimed(self, claim: Claim, link: Link) -> sql.Composed:
        of = self.owners
        spec, table = of.spec.collections[claim.collection], of.live(claim.collection)
        rows: sql.Composable = sql.SQL("{} AS holder").format(table.identifier)
        theirs: sql.Composable = sql.Identifier("theirs", "value")
        if claim.value.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL ({}) AS theirs (value)").format(
                rows, of.values(claim.value, table, "holder")
            )
            kinds: list[sql.Composable] = []
        else:
            theirs, kinds = of.value(claim.value, table, "holder"), [said_by(claim.value, table, "holder")]
        further = sql.SQL(" AND ").join([*kinds, *self._living(claim, spec, table)])
        spellings = of.data_map.identities[link.identity or ""].rule.spellings
        if spellings is not None:
            return self._by_tokens(spellings, rows, theirs, further, several=claim.value.several)
        same = sql.SQL("{} = {}").format(theirs, _SAID)
        if index_use.served(self.connection, "said", {"value": "text"}, rows, same):
            return _BY_INDEX.format(rows, same, further)
        return sql.SQL("{} ? {}").format(_once(theirs, rows, further), _SAID)

    def _by_tokens(
        self,
        spellings: Spellings,
        rows: sql.Composable,
        theirs: sql.Composable,
        further: sql.Composable,
        *,
        several: bool,
    ) -> sql.Composed:
        """Which texts are one value is not decided here: those with a token in common may be.

        One of which SQL cannot read all may be anybody's.
        """
        texts = spellings.compared
        ours, plain = (_tokens(spellings, _filled(texts.plain, one)) for one in (_SAID, theirs))
        same, near = (
            sql.SQL("ARRAY(SELECT unnest({}) FROM unnest({}) AS one)").format(
                sql.SQL("one").join(map(verbatim, rule.split("{token}"))), ours
            )
            for rule in (texts.equal_to, texts.found_by)
        )
        met, stored = sql.SQL("{} && {}"), _filled(spellings.sql, theirs)
        if not several and index_use.served(
            self.connection, "said", {"value": "text[]"}, rows, met.format(stored, _SAID)
        ):
            narrower = sql.SQL("{} AND {}").format(met.format(plain, same), further)
            found = _BY_INDEX.format(rows, met.format(stored, near), narrower)
        else:
            found = sql.SQL("{} ?| {}").format(_once(sql.SQL("unnest({})").format(plain), rows, further), same)
        if texts.unread is None:
            return found
        return sql.SQL('(EXISTS (SELECT FROM unnest({}) AS one WHERE one COLLATE "C" ~ {}) OR {})').format(
            ours, sql.Literal(texts.unread), found
        )

    def _living(self, claim: Claim, spec: TableSpec, table: Table) -> Iterator[sql.Composable]:
        """The row is a person's of the scope who was not asked for, and no tombstone."""
        of, person = self.owners, claim.person
        yield from of_kind(person.where, table, "holder")
        keys = sql.SQL("SELECT b.value FROM {} AS b WHERE b.namespace = {} AND b.followed").format(
            of.asked, sql.Literal(person.identity)
        )
        yield sql.SQL("({} IN ({})) IS NOT TRUE").format(of.value(person, table, "holder"), keys)
        yield sql.SQL("NOT {}").format(self.claims.is_erased(spec, "holder"))
        yield sql.SQL("(SELECT true{} FROM (SELECT holder.*) AS r)").format(self.claims.ours(spec))


def _filled(rule: str, text: sql.Composable) -> sql.Composed:
    head, tail = rule.split("{column}", 1)
    return sql.Composed([verbatim(head), text, verbatim(tail)])


def _tokens(spellings: Spellings, text: sql.Composable) -> sql.Composed:
    return sql.SQL('ARRAY(SELECT one FROM unnest({}) AS one WHERE one COLLATE "C" ~ {})').format(
        _filled(spellings.sql, text), sql.Literal(spellings.shape)
    )


def _once(keys: sql.Composable, rows: sql.Composable, further: sql.Composable) -> sql.Composed:
    """All keys of these rows as those of an object: read once, and looked into for each value."""
    return sql.SQL(
        "(SELECT jsonb_object_agg(every.key, true) FROM (SELECT {} AS key FROM {} WHERE {} OFFSET 0) AS every"
        " WHERE every.key IS NOT NULL)"
    ).format(keys, rows, further)
