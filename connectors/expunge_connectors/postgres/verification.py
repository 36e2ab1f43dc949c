"""Verify: count again by statements that share nothing with those that erased.

The erasing side stages typed keys and keeps the rows it finds in tables, step by step. Here one statement
starts from the keys as text and has one common table expression a collection, from the keys to the rows: read it from
the top. In the statements `a` is a key that was asked for, `p` a row that leads on, `r` a row of the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql

from expunge_config.datamap import Action, DataMap, IdentityKind
from expunge_connectors.contract import Counts, Scope, Subject, SubjectKey, Tally
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.catalogue import Catalogue, Column, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.reading import probe
from expunge_connectors.postgres.spec import PostgresSpec, Removal, TableSpec, Tie

ASKED = sql.Identifier("pg_temp", "expunge_asked")
_MEMBER = ":member"  # no namespace of the map looks like this
# Text form of a type -> how to read a key as that type. A key that is none becomes NULL and equals nothing.
_READ = {
    "bigint": "CASE WHEN (KEY) ~ '^(0|-?[1-9][0-9]{0,18})$' THEN"
    " CASE WHEN (KEY)::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (KEY)::bigint END END",
    "uuid": "CASE WHEN (KEY) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (KEY)::uuid END",
    "numeric": "CASE WHEN (KEY) ~ '^-?(0|[1-9][0-9]{0,130})([.][0-9]{1,130})?$' THEN (KEY)::numeric END",
}
_READ_AS = {"smallint": "bigint", "integer": "bigint", "bigint": "bigint", "uuid": "uuid", "numeric": "numeric"}
_TEXTUAL = frozenset({"text", "character varying"})
_NO_EQUALITY = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
# Between two keys of a path there may be arrays, and arrays in arrays, so deep.
_THROUGH_ARRAYS = "[*]" * 3


def verify(connection: Connection, verifier: Verifier, subjects: Sequence[Subject]) -> Counts:
    """Tallies of every collection in the scope, zeros included. Inside one transaction with one snapshot."""
    with translated(verifier.store):
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (number integer, namespace text, value text) ON COMMIT DROP").format(
                ASKED
            )
        )
        # ANALYZE would write keys into pg_statistic, and from there into the server's log of changes.
        connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN value SET STATISTICS 0").format(ASKED))
        with connection.cursor().copy(sql.SQL("COPY {} (number, namespace, value) FROM STDIN").format(ASKED)) as copy:
            for row in asked_rows(subjects, verifier.scope):
                copy.write_row(row)
        connection.execute(sql.SQL("ANALYZE {}").format(ASKED))
    names = verifier.names()
    with translated(verifier.store):
        # So that what is missing or not allowed is said of its collection: the one statement below could not tell.
        probe(connection, verifier.store, verifier.tables(names))
    if not names:
        return tallied(verifier, names, subjects, [])
    with translated(verifier.store):
        found = connection.execute(verifier.statement(names)).fetchall()
    return tallied(verifier, names, subjects, found)


def asked_rows(subjects: Sequence[Subject], scope: Scope) -> Iterator[tuple[int | None, str, str]]:
    """Number, namespace and value of every key that can stand in a row, and the controller's member."""
    for subject in subjects:
        for key in subject.keys:
            if _can_stand(key):
                yield subject.number, key.namespace, key.value
    if scope.member is not None:
        yield None, _MEMBER, scope.member


def tallied(
    verifier: Verifier, names: Sequence[str], subjects: Sequence[Subject], found: Iterable[tuple[Any, ...]]
) -> dict[int, dict[str, Tally]]:
    """What the statement's rows say, zeros included."""
    nothing = dict.fromkeys(names, Tally())
    tallies = {subject.number: dict(nothing) for subject in subjects}
    for name, number, due, retained, newer, until in found:
        shared = verifier.spec.collections[name].sharing is not None
        tallies[number][name] = Tally(due, retained, newer, until, "shared" if shared and retained else None)
    return tallies


@dataclass(frozen=True, slots=True)
class Verifier:
    """Writes the statements, from the map and the catalogue themselves.

    Attributes:
        asked: Where the keys are that were asked for.
    """

    store: str
    spec: PostgresSpec
    data_map: DataMap
    catalogue: Catalogue
    scope: Scope
    cutoff: datetime
    asked: sql.Identifier = field(default_factory=lambda: ASKED)

    def names(self) -> list[str]:
        """The collections that must be looked at.

        Raises:
            TerminalError: The map leaves open whose records a collection holds.
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
        return names

    def tables(self, names: Sequence[str]) -> dict[str, sql.Identifier]:
        """Collection -> its table."""
        return {name: self._live(name).identifier for name in names}

    def statement(self, names: Sequence[str], first: Sequence[sql.Composed] = ()) -> sql.Composed:
        """Tallies per collection and subject. What leads to rows is looked up once, however much it leads to.

        Args:
            names: The collections.
            first: Common table expressions before all others.
        """
        ways = dict.fromkeys(one for name in names for one in self._way(name))
        tallies = (
            sql.SQL(
                "SELECT {} AS collection, subject,"
                " count(*) FILTER (WHERE asked AND NOT stays),"
                " count(*) FILTER (WHERE asked AND stays),"
                " count(*) FILTER (WHERE NOT asked),"
                " max(until) FILTER (WHERE asked AND stays)\n"
                "FROM (SELECT subject, relation, place, bool_or(asked) AS asked, bool_or(stays) AS stays,"
                " max(until) AS until FROM {} WHERE NOT tombstone GROUP BY subject, relation, place) AS one"
                " GROUP BY subject"
            ).format(sql.Literal(name), sql.Identifier(name))
            for name in names
        )
        return sql.SQL("WITH RECURSIVE {}\n{}").format(
            sql.SQL(",\n").join([*first, *(self._reached(one) for one in ways)]), sql.SQL("\nUNION ALL\n").join(tallies)
        )

    def _way(self, name: str, below: tuple[str, ...] = ()) -> Iterator[str]:
        """The collections through which this one is reached, those that lead first, and itself last."""
        if name in below:
            raise TerminalError(f"store {self.store}: the ties of {name} run in a circle.")
        for tie in self.spec.collections[name].ties:
            lead = tie.lead[0] if tie.lead is not None else name
            if lead != name and self._in_scope(lead):
                yield from self._way(lead, (*below, name))
        yield name

    def _in_scope(self, name: str) -> bool:
        owner = self.spec.collections[name].owner
        return owner is not None and owner.controller == self.scope.controller

    def _reached(self, name: str) -> sql.Composed:
        """`name AS (...)`: the rows of one collection with their subject; `asked` false means newer.

        Only rows that `lead` lead to rows of other collections.
        """
        spec, table = self.spec.collections[name], self._live(name)
        parts: list[sql.Composed] = []
        facts = sql.SQL(", ").join([*self._facts(name, spec, table), *self._leading_columns(name)])
        for tie in spec.ties:
            if tie.lead is not None:
                namespace = f"{self.store}.{tie.lead[0]}.{'+'.join(tie.lead[1])}"
                parts.append(self._from_key(table, spec, tie, namespace, facts))
                if tie.lead[0] != name and self._in_scope(tie.lead[0]):
                    parts.append(self._from_row(table, spec, [tie], facts))
            elif not self.data_map.identities[tie.identity or ""].shareable:
                parts.append(self._from_key(table, spec, tie, tie.identity or "", facts))
        if not parts:
            nothing = sql.SQL(
                "SELECT NULL::integer AS subject, false AS asked, false AS leads, {} FROM {} AS r WHERE false"
            )
            parts.append(nothing.format(facts, table.identifier))
        own = [tie for tie in spec.ties if tie.lead is not None and tie.lead[0] == name]
        if own:
            parts.append(self._from_row(table, spec, own, facts))
        return sql.SQL("{} AS (\n  {}\n)").format(sql.Identifier(name), sql.SQL("\n  UNION\n  ").join(parts))

    def _from_key(self, table: Table, spec: TableSpec, tie: Tie, namespace: str, facts: sql.Composable) -> sql.Composed:
        identity = None if tie.identity is None else self.data_map.identities[tie.identity]
        sure = identity is None or identity.kind is not IdentityKind.NOMINATING
        asked = sql.SQL("true") if sure else self._old_enough(spec, table)
        leads = asked
        if not sure and spec.person is not None:
            # Another person under the same e-mail or phone, unless nobody knows yet who the subject is.
            asked = sql.SQL(
                "({} AND a.number NOT IN"
                " (SELECT b.number FROM {} AS b WHERE b.namespace = {} AND b.number IS NOT NULL))"
            )
            asked = asked.format(leads, self.asked, sql.Literal(spec.person))
            leads = sql.SQL("false")
        rows = sql.SQL("{} AS r").format(table.identifier)
        if tie.several:
            rows = sql.SQL("({} CROSS JOIN LATERAL {})").format(rows, self._inside(tie))
        return sql.SQL(
            "SELECT a.number AS subject, {} AS asked, {} AS leads, {} FROM {} AS a JOIN {} ON {}"
            " WHERE a.namespace = {}{}"
        ).format(
            asked,
            leads,
            facts,
            self.asked,
            rows,
            self._equal_to_key(table, tie),
            sql.Literal(namespace),
            self._of_member(spec),
        )

    def _equal_to_key(self, table: Table, tie: Tie) -> sql.Composed:
        """The row's value, or values, are those of the key `a`."""
        if tie.identity is None:
            columns = [table.columns[one] for one in tie.names]
            keys = ["a.value"] if len(columns) == 1 else [f"(a.value::jsonb) ->> {at}" for at in range(len(columns))]
            return sql.SQL(" AND ").join([_as_stored(one, key) for one, key in zip(columns, keys, strict=True)])
        identity = self.data_map.identities[tie.identity]
        column = table.columns[tie.names[0]]
        if identity.kind is IdentityKind.NOMINATING or identity.rule.sql != "{column}::text" or tie.several:
            value = sql.Identifier("inside", "value") if tie.several else sql.Identifier("r", column.name)
            head, tail = identity.rule.sql.split("{column}", 1)
            return sql.SQL("{} = a.value").format(sql.Composed([_verbatim(head), value, _verbatim(tail)]))
        if column.equality is not None:  # equal in spelling too, which the type's own equality does not ask for
            return sql.SQL("{} AND {}::text = a.value").format(
                _as_stored(column, "a.value"), sql.Identifier("r", column.name)
            )
        return _as_stored(column, "a.value")

    def _inside(self, tie: Tie) -> sql.Composed:
        """The texts and numbers inside a document, or the elements of an array."""
        column = sql.Identifier("r", tie.names[0])
        if tie.path is None:
            return sql.SQL("unnest({}::text[]) AS inside (value)").format(column)
        steps = _THROUGH_ARRAYS.join(f".{json.dumps(key)}" for key in tie.path)
        kinds = '? (@.type() == "string" || @.type() == "number")'
        path = f"lax ${_THROUGH_ARRAYS}{steps}{_THROUGH_ARRAYS} {kinds}"
        return sql.SQL("(SELECT one #>> '{{}}' FROM jsonb_path_query({}::jsonb, {}) AS one) AS inside (value)").format(
            column, sql.Literal(path)
        )

    def _from_row(self, table: Table, spec: TableSpec, ties: Sequence[Tie], facts: sql.Composable) -> sql.Composed:
        """From the rows of one collection, by any of these ties."""
        [lead] = {tie.lead[0] for tie in ties if tie.lead is not None}
        order = self._led_from(lead)
        joins = [
            sql.SQL(" AND ").join(
                _equal(table.columns[ours], sql.Identifier("r", ours), sql.Identifier("p", f"lead_{order.index(one)}"))
                for ours, one in zip(tie.names, tie.lead[1] if tie.lead is not None else (), strict=True)
            )
            for tie in ties
        ]
        return sql.SQL(
            "SELECT p.subject, true AS asked, true AS leads, {} FROM {} AS p JOIN {} AS r ON ({}) WHERE p.leads{}"
        ).format(facts, sql.Identifier(lead), table.identifier, sql.SQL(" OR ").join(joins), self._of_member(spec))

    def _facts(self, name: str, spec: TableSpec, table: Table) -> Iterator[sql.Composable]:
        yield sql.SQL("r.tableoid AS relation, r.ctid AS place")
        yield sql.SQL("{} AS tombstone").format(self._is_tombstone(name, spec, table))
        data_type = self.data_map.data_types[spec.data_type or ""]
        if spec.sharing is not None:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("{} AS stays").format(self._pointed_at(spec, table))
        elif data_type.on_request is Action.RETAIN and spec.start is not None:
            until = sql.SQL("({}::date + interval {})::date").format(
                sql.Identifier("r", spec.start), sql.Literal(str(data_type.rule.period))
            )
            yield sql.SQL("{} AS until").format(until)
            yield sql.SQL("({} IS NULL OR {} > {}::date) AS stays").format(until, until, sql.Literal(self.cutoff))
        else:
            yield sql.SQL("NULL::date AS until")
            yield sql.SQL("false AS stays")

    def _leading_columns(self, name: str) -> Iterator[sql.Composable]:
        for position, column in enumerate(self._led_from(name)):
            yield sql.SQL("{} AS {}").format(sql.Identifier("r", column), sql.Identifier(f"lead_{position}"))

    def _led_from(self, name: str) -> list[str]:
        """The columns of this collection that ties of others name, sorted."""
        ties = (tie.lead for table in self.spec.collections.values() for tie in table.ties if tie.lead is not None)
        return sorted({column for lead, columns in ties if lead == name for column in columns})

    def _is_tombstone(self, name: str, spec: TableSpec, table: Table) -> sql.Composable:
        if self.data_map.data_types[spec.data_type or ""].on_request is not Action.TOMBSTONE:
            return sql.SQL("false")
        if not table.primary_key:
            raise TerminalError(f"store {self.store}, collection {name}: the table has no primary key.")
        keys = sql.SQL(", ").join(sql.Identifier("r", column) for column in table.primary_key)
        tests: list[sql.Composable] = []
        for column, expression in spec.tombstone.items():
            live = table.columns[column]
            if isinstance(expression, Removal):
                tests += [_absent(column, path) for path in expression.remove]
                continue
            as_text = _verbatim("::text" if live.base in _NO_EQUALITY or live.equality else "")
            tests.append(
                sql.SQL("(SELECT ({})::{}{} FROM (SELECT {}) AS own_key) IS NOT DISTINCT FROM {}{}").format(
                    _verbatim(expression), _verbatim(live.type), as_text, keys, sql.Identifier("r", column), as_text
                )
            )
        return sql.SQL("({})").format(sql.SQL(" AND ").join(tests))

    def _pointed_at(self, spec: TableSpec, table: Table) -> sql.Composable:
        """Rows still lead to a shared row. This subject's own are counted in their own collection, as due."""
        pointers = []
        for tie in spec.ties:
            if tie.lead is None:
                continue
            lead, columns = tie.lead
            same = [
                _equal(table.columns[ours], sql.Identifier("q", theirs), sql.Identifier("r", ours))
                for ours, theirs in zip(tie.names, columns, strict=True)
            ]
            pointers.append(
                sql.SQL("EXISTS (SELECT FROM {} AS q WHERE {})").format(
                    self._live(lead).identifier, sql.SQL(" AND ").join(same)
                )
            )
        return sql.SQL("({})").format(sql.SQL(" OR ").join(pointers))

    def _old_enough(self, spec: TableSpec, table: Table) -> sql.Composable:
        if spec.created is None:
            return sql.SQL("false") if spec.undated == "keep" else sql.SQL("true")
        created = sql.Identifier("r", spec.created)
        empty = sql.SQL("{} IS NULL OR" if spec.undated == "erase" else "{} IS NOT NULL AND").format(created)
        # On the cutoff's own day it cannot be known when; nor by how much a time was rounded down.
        live = table.columns[spec.created]
        day = sql.SQL("::date" if live.base == "date" else "")
        return sql.SQL("({} {} < {}{})").format(empty, created, sql.Literal(self.cutoff - live.rounding), day)

    def _of_member(self, spec: TableSpec) -> sql.Composable:
        if spec.owner is None or spec.owner.column is None:
            return sql.SQL("")
        return sql.SQL(" AND {}::text = (SELECT m.value FROM {} AS m WHERE m.namespace = {})").format(
            sql.Identifier("r", spec.owner.column), self.asked, sql.Literal(_MEMBER)
        )

    def _live(self, name: str) -> Table:
        table = self.catalogue.tables.get(self.spec.collections[name].table)
        if table is None:
            raise TerminalError(f"store {self.store}, collection {name}: the table is missing.")
        return table


def _can_stand(key: SubjectKey) -> bool:
    """Whether a column can hold it. Keys of several columns are lists of texts."""
    if _NO_TEXT.search(key.value):
        return False
    if "+" not in key.namespace:
        return True
    try:
        return isinstance(json.loads(key.value), list)
    except ValueError:
        return False


def _as_stored(column: Column, key: str) -> sql.Composed:
    """The column equals the key's text, read as the column's type so that its index serves."""
    ours: sql.Composable = sql.Identifier("r", column.name)
    theirs = _verbatim(key)
    if column.base in _READ_AS:
        theirs = _verbatim(_READ[_READ_AS[column.base]].replace("KEY", key))
    elif column.labels is not None:
        labels = sql.SQL("{}::text[]").format(sql.Literal(list(column.labels)))
        theirs = sql.SQL("CASE WHEN ({0}) = ANY ({1}) THEN ({0})::{2} END").format(  # type: ignore[assignment]
            theirs, labels, _verbatim(column.base)
        )
    elif column.equality is not None:
        theirs = _verbatim(f"({key})::{column.base}")
    elif column.base not in _TEXTUAL:
        ours = sql.SQL("{}::text").format(ours)
    return _equal(column, ours, theirs)


def _equal(column: Column, ours: sql.Composable, theirs: sql.Composable) -> sql.Composed:
    if column.equality is None:
        return sql.SQL("{} = {}").format(ours, theirs)
    return sql.SQL("{} OPERATOR({}.=) {}").format(ours, sql.Identifier(column.equality), theirs)


def _absent(column: str, path: Sequence[str]) -> sql.Composed:
    """Nothing stands at this path of a document any more."""
    steps = _THROUGH_ARRAYS.join(f".{json.dumps(key)}" for key in path)
    return sql.SQL("jsonb_path_exists({}::jsonb, {}) IS NOT TRUE").format(
        sql.Identifier("r", column), sql.Literal(f"lax ${_THROUGH_ARRAYS}{steps}")
    )


def _verbatim(text: str) -> sql.SQL:
    return sql.SQL(text)  # pyright: ignore[reportArgumentType] - the operator's own words
