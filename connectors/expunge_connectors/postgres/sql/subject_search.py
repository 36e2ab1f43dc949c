"""Subject search: SQL from the keys of a chunk to its rows, for resolving, counting and erasing.

The vocabulary of the statements: `k` is where a link comes from (a staged key, or a row found before), `t` a row of the
table at work, `v` a value inside such a row, `f` a row found, `o` a row of a table that leads to a shared row.

Rows that lead on, or are looked at more than once, are kept in a table of found rows (a temporary one, or a common
table expression: see `combined_query`), which has at least the columns
number (of the subject), p0, p1, … (which row it is), l0, l1, … (the columns that lead on), leads (they may be
followed) and stays (it is kept; where others own it nothing of it is followed). Verification has statements of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import (
    as_text,
    compared,
    equal,
    filled,
    normalised,
    of_its_kind,
    taken_out,
    values,
)
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column, comma_list, or_
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.staged_keys import Staged
from expunge_connectors.postgres.sql.staging_tables import count_rows
from expunge_connectors.postgres.statement_cache import CompiledStatement


@dataclass(frozen=True, slots=True)
class Search:
    """The search of one chunk in one transaction.

    Attributes:
        cutoff: None: whatever its age.
        found: Collection -> rows in its table of found rows, for those that have one.
        waiting: Collections of which found rows wait (see `keys_known`).
        schema: What qualifies the names of the tables of found rows.
        spared: Collections of which nothing goes in this call, whatever is found.
        apart: Nobody counts on another subject's going: what a row of theirs owns stays (see `shared_rows`).
        whoever_owns: A shared row says what it says to each of its owners, and leads on, whoever else owns it.
    """

    connection: Connection
    store: BoundStore
    staged: Staged
    cutoff: datetime | None
    found: dict[str, int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    schema: tuple[str, ...] = ("pg_temp",)
    spared: frozenset[str] = frozenset()
    apart: bool = False
    whoever_owns: bool = False

    def table(self, name: str) -> sql.Identifier:
        """The table of found rows of a collection."""
        return sql.Identifier(*self.schema, f"expunge_found_{self.store.place(name)}")

    def compiled(
        self, what: Hashable, compose: Callable[[], sql.Composable], limit: int | None = None
    ) -> CompiledStatement:
        """A statement that is put together once for the state that this search is in.

        Args:
            what: Says which statement it is, with whatever else decides how it reads: the state of the search, the
                cutoff and the limit do not belong here.
            compose: Puts it together.
            limit: The value of its blank of that name.
        """
        state = (
            self.staged.shape,
            self.cutoff is None,
            tuple((name, rows > 0) for name, rows in self.found.items()),
            frozenset(self.waiting),
            self.spared,
            self.apart,
            self.whoever_owns,
        )
        given = {"cutoff": self.cutoff, "limit": limit}
        return self.store.statements.compiled((what, state), compose, given, self.connection)

    def keep(
        self,
        what: str,
        mapped: BoundTable,
        statement: Callable[[], sql.Composable],
        columns: Callable[[], sql.Composable],
    ) -> None:
        """Put found rows into their table, which vanishes with the transaction; in place of those found before.

        Args:
            what: Which verb's rows these are.
            mapped: The collection.
            statement: Selects them.
            columns: The columns of the table, for DDL.
        """
        table = self.table(mapped.name)
        few, again = self.staged.few, mapped.name in self.found

        def compose() -> sql.Composed:
            made = sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(table, columns())
            if again:
                made = sql.SQL("DELETE FROM {}").format(table)
            filled = sql.SQL("{}; INSERT INTO {} {}").format(made, table, statement())
            return sql.SQL("{}; ANALYZE {} (number)").format(filled, table) if few else filled

        cursor = self.connection.execute(self.compiled((what, "keep", mapped.name, again), compose))
        cursor.nextset()
        self.found[mapped.name] = cursor.rowcount
        if cursor.rowcount and not few:
            count_rows(self.connection, [(table, cursor.rowcount)])

    def begin_anew(self) -> None:
        """Drop what was found: of other keys there may be fewer ways, and so fewer columns."""
        for name in self.found:
            self.connection.execute(sql.SQL("DROP TABLE {}").format(self.table(name)))
        self.found.clear()
        self.waiting.clear()


@dataclass(frozen=True, slots=True)
class SearchPath:
    """One way to a row: a link, and the table whose rows it comes from.

    Attributes:
        columns: The columns of `table` with which the link's columns are compared.
        lead: The collection whose found rows these are; None for staged keys.
        dated: Of the keys it is known since when this person has them: a row may be too old.
        joint: Shared rows that are others' as well may lead there, which lead to nothing that goes.
    """

    link: BoundLink
    table: sql.Composable
    columns: tuple[str, ...]
    lead: BoundTable | None = None
    dated: bool = False
    joint: bool = False

    @property
    def since(self) -> sql.Composable | None:
        """When the claim on the key `k` began."""
        return column("k", "since") if self.dated else None

    @property
    def once(self) -> bool:
        """It finds a row at most once for a subject."""
        if self.lead is None:
            # Of a list of mailboxes a subject may have two, and of one key two spellings.
            several = self.link.source is not None and (self.link.source.several or self.link.spellings is not None)
            return not several and all(kind.one_text for kind in self.link.types)
        assert self.link.of is not None
        key = self.lead.table.row_key
        return bool(key) and set(key) <= set(self.link.of[1])


def from_rows(search: Search, link: BoundLink) -> SearchPath:
    """The way from the found rows of the collection that a link names."""
    assert link.of is not None
    lead = search.store.collections[link.of[0]]
    names = list(lead.leads)
    return SearchPath(link, search.table(lead.name), tuple(f"l{names.index(one)}" for one in link.of[1]), lead)


def join_condition(path: SearchPath, alias: str, value: sql.Composable | None = None) -> sql.Composed:
    """`k` leads to the row `alias` (to its `value`, for a link into documents and arrays)."""
    return equal(path.link, alias, [column("k", name) for name in path.columns], value)


def joined(
    mapped: BoundTable,
    path: SearchPath,
    wanted: sql.Composable,
    *conditions: sql.Composable,
    beside: sql.Composable = sql.SQL(""),  # noqa: B008 - nothing changes it
) -> sql.Composed:
    """`SELECT wanted` of what one way joins, within the scope; `beside` stands behind what is joined."""
    source = path.link.source
    if source is not None and source.several:
        found = sql.SQL("{} AS t CROSS JOIN LATERAL {} AS v (value) JOIN {} AS k ON {}").format(
            mapped.table.identifier, values(source, "t"), path.table, join_condition(path, "t", column("v", "value"))
        )
    else:
        found = sql.SQL("{} AS k JOIN {} AS t ON {}").format(
            path.table, mapped.table.identifier, join_condition(path, "t")
        )
    leading = _followed(path)
    return sql.SQL("SELECT {} FROM {}{} WHERE {}").format(
        wanted, found, beside, and_(leading, in_scope(mapped, "t"), *conditions)
    )


def _followed(path: SearchPath) -> sql.Composable:
    """What `k` leads to is the subject's; or stays with what others own as well."""
    if path.lead is None:
        return TRUE
    return or_(sql.SQL("k.leads"), stays_joint(path.lead)) if path.joint else sql.SQL("k.leads")


def stays_joint(lead: BoundTable) -> sql.Composable:
    """The counted row `k` stays because somebody else owns it as well, or the shared row above it."""
    return sql.SQL("k.joint" if lead.spec.sharing is None else "(k.joint OR k.asked AND NOT k.leads)")


def reached(path: SearchPath, alias: str) -> sql.Composed:
    """The row, as it is now, is one that this way leads to.

    Said with IN, which the server answers from a hash table, also where it stands beside others; a type with an
    equality of its own needs EXISTS.
    """
    leading = _followed(path)
    link = path.link
    if link.source is not None and link.source.several:
        return sql.SQL("EXISTS (SELECT FROM {} AS v (value) JOIN {} AS k ON {})").format(
            values(link.source, alias), path.table, join_condition(path, alias, column("v", "value"))
        )
    if any(kind.equality is not None for kind in link.types):
        return sql.SQL("EXISTS (SELECT FROM {} AS k WHERE {})").format(
            path.table, and_(leading, join_condition(path, alias))
        )
    ours: list[sql.Composable] = [
        compared(live, kind, alias) for live, kind in zip(link.columns, link.types, strict=True)
    ]
    theirs = comma_list(*(column("k", name) for name in path.columns))
    if link.normaliser is not None and link.source is not None:
        ours = [normalised(link.normaliser, taken_out(link.source, column(alias, link.columns[0].name)))]
    elif link.ends is not None:
        ours, theirs = (
            [as_text(link.columns[0], alias)],
            sql.SQL("").join([filled(link.ends, column("k", path.columns[0]))]),
        )
    return and_(
        of_its_kind(link, alias),
        sql.SQL("({}) IN (SELECT {} FROM {} AS k WHERE {})").format(
            comma_list(*ours), theirs, path.table, and_(leading)
        ),
    )
