"""Which rows are a subject's, in SQL: the side that counts and erases. Verification has statements of its own.

The vocabulary of the statements: `k` is where a tie comes from (a staged key, or a row found before), `t` a row of the
table at work, `v` a value inside such a row, `f` a row found, `o` a row of a table that leads to a shared row.

A table of found rows has the columns number (of the subject), p0, p1, … (which row it is), l0, l1, … (the columns that
lead on), asked (part of the request; otherwise newer), leads (its leads may be followed), waits (see `known`), stays
(kept with a ground), until (the day on which that ends) and tombstone (it is one already).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.postgres.catalogue import Column
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.keytypes import KeyType, equals
from expunge_connectors.postgres.mapped import Feed, MappedStore, MappedTable, MappedTie
from expunge_connectors.postgres.spec import Source
from expunge_connectors.postgres.staging import SCOPE, Staged, count_rows, yielded
from expunge_connectors.postgres.tombstones import entombed, json_path
from expunge_connectors.postgres.wording import FALSE, TRUE, both, column, either, listed, raw


@dataclass(frozen=True, slots=True)
class Search:
    """The search of one chunk in one transaction.

    Attributes:
        cutoff: None: whatever its age.
        found: Collection -> rows in its table of found rows, for those that have one.
        waiting: Collections of which found rows wait (see `known`).
    """

    connection: Connection
    store: MappedStore
    staged: Staged
    cutoff: datetime | None
    found: dict[str, int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    def table(self, name: str) -> sql.Identifier:
        """The table of found rows of a collection."""
        return sql.Identifier("pg_temp", f"expunge_found_{self.store.place(name)}")

    def keep(self, mapped: MappedTable, statement: sql.Composable, columns: sql.Composable) -> None:
        """Put found rows into their table, which vanishes with the transaction."""
        table = self.table(mapped.name)
        cursor = self.connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP; INSERT INTO {} {}").format(
                table, columns, table, statement
            )
        )
        cursor.nextset()
        self.found[mapped.name] = cursor.rowcount
        if cursor.rowcount:
            count_rows(self.connection, [(table, cursor.rowcount)])


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a row: a tie, and the table whose rows it comes from.

    Attributes:
        columns: The columns of `table` with which the tie's columns are compared.
        lead: The collection whose found rows these are; None for staged keys.
    """

    tie: MappedTie
    table: sql.Identifier
    columns: tuple[str, ...]
    lead: MappedTable | None = None

    @property
    def once(self) -> bool:
        """It finds a row at most once for a subject."""
        if self.lead is None:
            return self.tie.source is None or not self.tie.source.several
        assert self.tie.of is not None
        return not self.lead.table.tree and set(self.lead.table.primary_key) <= set(self.tie.of[1])


def ways(search: Search, ties: Iterable[MappedTie]) -> list[Way]:
    """All ways that lead anywhere: staged keys, and found rows of collections in the scope."""
    found: list[Way] = []
    for tie in ties:
        staged = search.staged.table(tie.namespace, tie.types)
        if staged is not None:
            found.append(Way(tie, staged, tuple(f"c{place}" for place in range(len(tie.types)))))
        if tie.of is not None and search.found.get(tie.of[0]):
            found.append(from_rows(search, tie))
    return found


def from_rows(search: Search, tie: MappedTie) -> Way:
    """The way from the found rows of the collection that a tie names."""
    assert tie.of is not None
    lead = search.store.collections[tie.of[0]]
    names = list(lead.leads)
    return Way(tie, search.table(lead.name), tuple(f"l{names.index(one)}" for one in tie.of[1]), lead)


def place_names(mapped: MappedTable) -> list[str]:
    """p0, p1, …: which row it is. Below the root of an inheritance tree the key alone does not say it."""
    return [f"p{place}" for place in range(len(mapped.table.primary_key) + mapped.table.tree)]


def place(mapped: MappedTable, alias: str) -> list[sql.Composable]:
    """The values of `place_names` in a row of the table."""
    columns: list[sql.Composable] = [column(alias, name) for name in mapped.table.primary_key]
    return [*columns, sql.SQL("{}.tableoid").format(sql.Identifier(alias))] if mapped.table.tree else columns


def place_types(mapped: MappedTable) -> list[sql.Composable]:
    """p0, p1, … with their types, for DDL."""
    types = [mapped.table.columns[name].type for name in mapped.table.primary_key]
    types += ["oid"] if mapped.table.tree else []
    return [raw(f"{name} {kind}") for name, kind in zip(place_names(mapped), types, strict=True)]


def same_row(mapped: MappedTable, alias: str, found: str) -> sql.Composed:
    """The row `alias` of the table is the one that `found` stands for."""
    equalities = [mapped.table.columns[name].equality for name in mapped.table.primary_key] + [None] * mapped.table.tree
    return both(
        *(
            equals(ours, column(found, theirs), schema)
            for ours, theirs, schema in zip(place(mapped, alias), place_names(mapped), equalities, strict=True)
        )
    )


def refers(
    mapped: MappedTable, columns: Sequence[str], parent_columns: Sequence[str], child: str, parent: str
) -> sql.Composed:
    """The row `child` of the table refers by these columns to the row `parent` of any."""
    return both(
        *(
            equals(column(child, ours), column(parent, theirs), mapped.table.columns[ours].equality)
            for ours, theirs in zip(columns, parent_columns, strict=True)
        )
    )


def compared(live: Column, kind: KeyType, alias: str) -> sql.Composable:
    """A column as it is compared."""
    return sql.SQL("{}::text").format(column(alias, live.name)) if kind.cast else column(alias, live.name)


def normalised(rule: str, value: sql.Composable) -> sql.Composed:
    """A value under a normaliser's SQL. Composed by hand: a normaliser's own braces are no placeholders of ours."""
    before, _, after = rule.partition("{column}")
    return sql.Composed([raw(before), value, raw(after)])


def values(source: Source, alias: str) -> sql.Composed:
    """The texts that stand inside a document or an array."""
    if source.path is not None:
        return sql.SQL(
            "(SELECT item #>> '{{}}' FROM pg_catalog.jsonb_path_query({}::jsonb, {}) AS item"
            " WHERE pg_catalog.jsonb_typeof(item) IN ('string', 'number'))"
        ).format(column(alias, source.column), json_path(source.path, values=True))
    return sql.SQL("(SELECT item::text FROM pg_catalog.unnest({}) AS item WHERE item IS NOT NULL)").format(
        column(alias, source.column)
    )


def meets(way: Way, alias: str, value: sql.Composable | None = None) -> sql.Composed:
    """`k` leads to the row `alias` (to its `value`, for a tie into documents and arrays)."""
    return equal(way.tie, alias, [column("k", name) for name in way.columns], value)


def matches(tie: MappedTie, alias: str, theirs: Sequence[sql.Composable]) -> sql.Composed:
    """The row `alias`, or any value inside it, holds these values of a key."""
    if tie.source is None or not tie.source.several:
        return equal(tie, alias, theirs)
    return sql.SQL("EXISTS (SELECT FROM {} AS v (value) WHERE {})").format(
        values(tie.source, alias), equal(tie, alias, theirs, column("v", "value"))
    )


def equal(
    tie: MappedTie, alias: str, theirs: Sequence[sql.Composable], value: sql.Composable | None = None
) -> sql.Composed:
    """The tie's columns of the row `alias` (or a `value` inside it) equal these."""
    if tie.source is None:
        return both(
            *(
                equals(compared(live, kind, alias), other, kind.equality)
                for live, kind, other in zip(tie.columns, tie.types, theirs, strict=True)
            )
        )
    live, kind = tie.columns[0], tie.types[0]
    if value is None and tie.normaliser is None:
        same = equals(compared(live, kind, alias), theirs[0], kind.equality)
        if kind.equality is None:
            return same
        # An identity is exact, also where the column's own equality is not; that one is for the index.
        return both(same, sql.SQL("{}::text = {}::text").format(column(alias, live.name), theirs[0]))
    stored = column(alias, live.name) if value is None else value
    return both(sql.SQL("{} = {}").format(normalised(tie.normaliser or "{column}::text", stored), theirs[0]))


def rows(mapped: MappedTable, way: Way, wanted: sql.Composable, *conditions: sql.Composable) -> sql.Composed:
    """`SELECT wanted` of what one way joins, within the scope."""
    source = way.tie.source
    if source is not None and source.several:
        joined = sql.SQL("{} AS t CROSS JOIN LATERAL {} AS v (value) JOIN {} AS k ON {}").format(
            mapped.table.identifier, values(source, "t"), way.table, meets(way, "t", column("v", "value"))
        )
    else:
        joined = sql.SQL("{} AS k JOIN {} AS t ON {}").format(way.table, mapped.table.identifier, meets(way, "t"))
    leading = TRUE if way.lead is None else sql.SQL("k.leads")
    return sql.SQL("SELECT {} FROM {} WHERE {}").format(wanted, joined, both(leading, owned(mapped, "t"), *conditions))


def reached(way: Way, alias: str) -> sql.Composed:
    """The row, as it is now, is one that this way leads to.

    Said with IN, which the server answers from a hash table, also where it stands beside others; a type with an
    equality of its own needs EXISTS.
    """
    leading = TRUE if way.lead is None else sql.SQL("k.leads")
    tie = way.tie
    if tie.source is not None and tie.source.several:
        return sql.SQL("EXISTS (SELECT FROM {} AS v (value) JOIN {} AS k ON {})").format(
            values(tie.source, alias), way.table, meets(way, alias, column("v", "value"))
        )
    if any(kind.equality is not None for kind in tie.types):
        return sql.SQL("EXISTS (SELECT FROM {} AS k WHERE {})").format(way.table, both(leading, meets(way, alias)))
    ours: list[sql.Composable] = [
        compared(live, kind, alias) for live, kind in zip(tie.columns, tie.types, strict=True)
    ]
    if tie.normaliser is not None:
        ours = [normalised(tie.normaliser, column(alias, tie.columns[0].name))]
    theirs = listed(*(column("k", name) for name in way.columns))
    return sql.SQL("({}) IN (SELECT {} FROM {} AS k WHERE {})").format(listed(*ours), theirs, way.table, both(leading))


def known(search: Search, mapped: MappedTable, alias: str, number: sql.Composable | None) -> sql.Composable:
    """What the row says of whose it is, or of what hangs on it, is among the subject's keys, so that nothing is lost.

    A row that came after the resolution may name another person, or an object that nobody would find without it: it
    waits until its keys are resolved and durable (laws 2 and 6). Values that are no identifiers are no keys, and
    nominating ones may have been left out on purpose. `number` is the subject's; None: any subject's keys will do.
    """
    conditions: list[sql.Composable] = []
    conditions += [known_identity(search, mapped, identity, alias, number) for identity in mapped.binding]
    conditions += [_known_feed(search, feed, alias, number) for feed in mapped.feeds if feed.needed]
    return both(*conditions) if conditions else TRUE


def known_identity(
    search: Search, mapped: MappedTable, identity: str, alias: str, number: sql.Composable | None
) -> sql.Composed:
    """What the row names in this identity is among the subject's keys (None: among any subject's)."""
    source, rule = mapped.yields[identity]
    table = search.staged.table(*yielded(identity))
    if table is None:
        raise AssertionError(identity)
    if source.several:
        unknown = _unknown(normalised(rule.sql, column("v", "value")), table, number)
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS v (value) WHERE {})").format(values(source, alias), unknown)
    return sql.SQL("(({}) IS NOT TRUE)").format(
        _unknown(normalised(rule.sql, column(alias, source.column)), table, number)
    )


def _unknown(value: sql.Composable, table: sql.Identifier, number: sql.Composable | None) -> sql.Composed:
    if number is None:
        return sql.SQL("{} IS NOT NULL AND {} NOT IN (SELECT s.c0 FROM {} AS s)").format(value, value, table)
    return sql.SQL("{} IS NOT NULL AND ({}, {}) NOT IN (SELECT s.number, s.c0 FROM {} AS s)").format(
        value, number, value, table
    )


def _known_feed(search: Search, feed: Feed, alias: str, number: sql.Composable | None) -> sql.Composed:
    ours = [compared(live, kind, alias) for live, kind in zip(feed.columns, feed.types, strict=True)]
    empty = either(*(sql.SQL("{} IS NULL").format(one) for one in ours))
    table = search.staged.table(feed.namespace, feed.types)
    if table is None:
        return empty
    same = [
        equals(one, column("s", f"c{at}"), kind.equality)
        for at, (one, kind) in enumerate(zip(ours, feed.types, strict=True))
    ]
    if any(kind.equality is not None for kind in feed.types):
        of_subject = TRUE if number is None else sql.SQL("s.number = {}").format(number)
        return either(empty, sql.SQL("EXISTS (SELECT FROM {} AS s WHERE {})").format(table, both(of_subject, *same)))
    left = listed(*([] if number is None else [number]), *ours)
    right = listed(
        *([] if number is None else [sql.SQL("s.number")]), *(column("s", f"c{at}") for at in range(len(ours)))
    )
    return either(empty, sql.SQL("({}) IN (SELECT {} FROM {} AS s)").format(left, right, table))


def owned(mapped: MappedTable, alias: str) -> sql.Composable:
    """The row is a record of the request's controller."""
    if mapped.member_column is None:
        return TRUE
    return sql.SQL("{}::text = (SELECT member FROM {})").format(column(alias, mapped.member_column), SCOPE)


def requested(mapped: MappedTable, tie: MappedTie, alias: str, cutoff: datetime | None) -> sql.Composable:
    """A row found through this tie belongs to the request; otherwise it is newer."""
    if tie.sure:
        return TRUE
    if mapped.spec.undated is not None and mapped.spec.created is None:
        return TRUE if mapped.spec.undated == "erase" else FALSE
    if cutoff is None or mapped.spec.created is None:
        return TRUE
    # A day without a time may be after the cutoff on the cutoff's own day; a rounded time may be so much later.
    created = mapped.table.columns[mapped.spec.created]
    day = created.base == "date"
    return sql.SQL("coalesce({} < {}::date, {})" if day else "coalesce({} < {}, {})").format(
        column(alias, mapped.spec.created),
        sql.Literal(cutoff - created.rounding),
        TRUE if mapped.spec.undated == "erase" else FALSE,
    )


def kept_until(mapped: MappedTable, alias: str) -> sql.Composable:
    """The day on which the row's retention ends (UTC); NULL where nothing is retained or no day can be named."""
    if mapped.period is None or mapped.spec.start is None:
        return sql.SQL("NULL::date")
    start = column(alias, mapped.spec.start)
    return sql.SQL("({} + {}::interval)::date").format(start, sql.Literal(mapped.period))


def kept(mapped: MappedTable, alias: str, cutoff: datetime | None) -> sql.Composable:
    """The row is retained by its data type. Without a start no end can be named, so it stays."""
    if mapped.period is None:
        return FALSE
    return sql.SQL("coalesce({} > {}::date, true)").format(kept_until(mapped, alias), sql.Literal(cutoff))


def found_columns(mapped: MappedTable) -> sql.Composed:
    """The columns of a table of found rows, for DDL."""
    leads = [raw(f"l{at} {kind.ddl}") for at, kind in enumerate(mapped.leads.values())]
    facts = raw("asked boolean, leads boolean, waits boolean, stays boolean, until date, tombstone boolean")
    return listed(sql.SQL("number integer"), *place_types(mapped), *leads, facts)


@dataclass(frozen=True, slots=True)
class Trail:
    """What is found on one way.

    Attributes:
        asked: Whether a row found is part of the request.
        leads: Whether such a row leads on.
        known: Whether its keys are known; if not, it waits and leads nowhere.
    """

    way: Way
    asked: sql.Composable
    leads: bool
    known: sql.Composable


def found_rows(search: Search, mapped: MappedTable, trails: Sequence[Trail], stays: sql.Composable) -> sql.Composed:
    """The rows that these ways, and ties within the collection from there, lead to: each once for a subject.

    `stays` says whether a row `t` is kept, for whatever reason.
    """

    def facts(what: sql.Composable, on: sql.Composable, of: sql.Composable) -> sql.Composed:
        return listed(
            sql.SQL("k.number"),
            *named(place_names(mapped), place(mapped, "t")),
            *named([f"l{at}" for at in range(len(mapped.leads))], leading(mapped)),
            sql.SQL("{} AS asked").format(what),
            sql.SQL("{} AS leads").format(both(on, of)),
            sql.SQL("{} AS waits").format(FALSE if of is TRUE else sql.SQL("NOT ({})").format(of)),
            sql.SQL("{} AS stays").format(stays),
            sql.SQL("{} AS until").format(kept_until(mapped, "t")),
            sql.SQL("{} AS tombstone").format(entombed(mapped, "t")),
        )

    selects = [rows(mapped, one.way, facts(one.asked, one.asked if one.leads else FALSE, one.known)) for one in trails]
    if len(selects) == 1 and not mapped.own and trails[0].way.once:
        return selects[0]
    same = listed(
        sql.SQL("number"),
        *(raw(name) for name in place_names(mapped)),
        *(raw(f"l{at}") for at in range(len(mapped.leads))),
    )
    merged = sql.SQL(
        "SELECT {same}, bool_or(asked) AS asked, bool_or(leads) AS leads, bool_and(waits) AS waits,"
        " stays, until, tombstone FROM {found} GROUP BY {same}, stays, until, tombstone"
    )
    if not mapped.own:
        together = sql.SQL("({}) AS every").format(sql.SQL(" UNION ALL ").join(selects))
        return merged.format(same=same, found=together)
    below = [Way(tie, sql.Identifier("every"), from_rows(search, tie).columns, mapped) for tie in mapped.own]
    return sql.SQL(
        "WITH RECURSIVE every AS ({} UNION SELECT {} FROM every AS k JOIN {} AS t ON {} WHERE {}) {}"
    ).format(
        sql.SQL(" UNION ").join(selects),
        facts(TRUE, TRUE, trails[0].known),
        mapped.table.identifier,
        either(*(meets(way, "t") for way in below)),
        both(sql.SQL("k.leads"), owned(mapped, "t")),
        merged.format(same=same, found=sql.SQL("every")),
    )


def leading(mapped: MappedTable) -> Iterator[sql.Composable]:
    """The values of l0, l1, … in a row `t`."""
    return (compared(mapped.table.columns[name], kind, "t") for name, kind in mapped.leads.items())


def named(names: Sequence[str], values_: Iterable[sql.Composable]) -> Iterator[sql.Composed]:
    """`value AS name`, for each."""
    return (sql.SQL("{} AS {}").format(value, raw(name)) for name, value in zip(names, values_, strict=True))


def nothing_left(store: MappedStore, mapped: MappedTable, alias: str) -> sql.Composed:
    """No row of the tables that lead to this shared row points to it any more."""
    return both(
        *(
            sql.SQL("NOT EXISTS (SELECT FROM {} AS o WHERE {})").format(
                store.collections[tie.of[0]].table.identifier, _points(store, tie, alias)
            )
            for tie in mapped.ties
            if tie.of is not None
        )
    )


def others_left(search: Search, mapped: MappedTable, alias: str) -> sql.Composable:
    """A row that this call is not going to delete points to the shared row."""
    if mapped.spec.sharing is None:
        return FALSE
    return either(
        *(
            sql.SQL("EXISTS (SELECT FROM {} AS o WHERE {})").format(
                search.store.collections[tie.of[0]].table.identifier,
                both(
                    _points(search.store, tie, alias), _staying(search, search.store.collections[tie.of[0]], tie.of[1])
                ),
            )
            for tie in mapped.ties
            if tie.of is not None
        )
    )


def _points(store: MappedStore, tie: MappedTie, alias: str) -> sql.Composed:
    assert tie.of is not None
    lead = store.collections[tie.of[0]]
    return both(
        *(
            equals(
                compared(live, kind, alias), compared(lead.table.columns[name], lead.leads[name], "o"), kind.equality
            )
            for live, kind, name in zip(tie.columns, tie.types, tie.of[1], strict=True)
        )
    )


def _staying(search: Search, lead: MappedTable, columns: Sequence[str]) -> sql.Composable:
    """The row `o`, or at least what points in it, will be there when this call is over."""
    kept = lead.action is Action.TOMBSTONE and not lead.spec.tombstone.keys() & set(columns)
    if kept or not search.found.get(lead.name):
        return TRUE
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS f WHERE {} AND f.leads AND NOT f.stays)").format(
        search.table(lead.name), same_row(lead, "o", "f")
    )
