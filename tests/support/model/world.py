"""A made-up database with its data map, as plain data: what is generated, what the model reads, what is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.model.interludes import Interlude
    from tests.support.model.meanwhile import Meanwhile

CUTOFF = datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)
"""In the past, so that no transaction of the test is older."""
PLANNED = CUTOFF - timedelta(microseconds=1)
"""When requests were planned: who came since is somebody else."""

Cell = Any
"""None, text as Postgres writes it, or, of JSON and array columns, what json.loads makes of it."""

Cells = Mapping[str, Cell]


def quoted(*names: str) -> str:
    """A name as SQL takes it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def text(value: str) -> str:
    """A value as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(slots=True)
class Column:
    """One column.

    Attributes:
        type: As DDL writes it.
        fills: What the generator puts there (`key`, `email`, `lead`, ...); the model does not look at it.
        extra: The rest of its definition (GENERATED ...).
        computed: For a generated column, its value from the row's other cells.
        path: Where in a JSON column the identity stands that `fills` names.
        source: Of a generated column that links rows: what it is computed from; `stored`: what it holds for a value.
        inside: The type of the keys in a JSON column, in an array, or in texts of a template.
        around: What stands before such a key in a text, and behind it.
        listed: A document has several of them there, in lists.
    """

    name: str
    type: str
    fills: str
    nullable: bool = False
    unique: bool = False
    extra: str = ""
    computed: Callable[[Cells], Cell] | None = None
    path: tuple[str, ...] = ()
    source: str = ""
    stored: Callable[[Cell], Cell] | None = None
    inside: str = ""
    around: tuple[str, str] | None = None
    listed: bool = False

    @property
    def writable(self) -> bool:
        """An UPDATE may change it."""
        return self.computed is None and "ALWAYS" not in self.extra

    @property
    def structured(self) -> bool:
        """JSON or an array: compared as data, not as text."""
        return self.type.startswith("json") or self.type.endswith("[]")


@dataclass(slots=True)
class ForeignKey:
    """One foreign key.

    Attributes:
        timing: The DEFERRABLE clause.
        late: It closes a circle: its column is filled when all rows are there.
        full: MATCH FULL: all of its columns are empty, or none.
    """

    columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    timing: str = ""
    late: bool = False
    full: bool = False


@dataclass(slots=True, eq=False)
class Table:
    """One table.

    Attributes:
        primary_key: The columns that tell its rows apart, but for rows that are equal in everything.
        declared: How the server knows: PRIMARY KEY, UNIQUE, or not at all.
        partitioned: The PARTITION BY clause.
        inherited: Its children are made by INHERITS: they have rows beside its own, and keys hold for each alone.
        leaves: The tables below it, with the clauses that make them; empty for a plain table.
        later: Tables that may come below it.
    """

    schema: str
    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: tuple[str, ...] = ()
    declared: str = "PRIMARY KEY"
    uniques: list[tuple[str, ...]] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    partitioned: str = ""
    inherited: bool = False
    leaves: list[tuple[str, str]] = field(default_factory=list)
    later: list[str] = field(default_factory=list)

    @property
    def holders(self) -> list[str]:
        """Names of the tables that hold its rows."""
        return [self.name, *(name for name, _ in self.leaves), *self.later]

    @property
    def text(self) -> str:
        """As the data map writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """As SQL takes it."""
        return quoted(self.schema, self.name)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(one for one in self.columns if one.name == name)

    @property
    def key(self) -> str:
        """The constraint by which the server tells its rows apart; empty without one."""
        return f"{self.declared} ({_list(self.primary_key)})" if self.declared else ""

    def ddl(self) -> list[str]:
        """The statements that make it, without its foreign keys."""
        lines = []
        for one in self.columns:
            null = "" if one.nullable else " NOT NULL"
            lines.append(f"{quoted(one.name)} {one.type} {one.extra}{null}".replace("  ", " "))
        lines += [self.key] if self.declared else []
        lines += [f"UNIQUE ({_list(one)})" for one in self.uniques]
        lines += [f"UNIQUE ({quoted(one.name)})" for one in self.columns if one.unique]
        lines += [f"CHECK ({one})" for one in self.checks]
        made = [f"CREATE TABLE {self.sql} (\n  " + ",\n  ".join(lines) + f"\n){self.partitioned}"]
        return made + [f"CREATE TABLE {quoted(self.schema, leaf)} {clause}" for leaf, clause in self.leaves]

    def references(self) -> list[str]:
        """The statements that add its foreign keys."""
        return [
            f"ALTER TABLE {self.sql} ADD FOREIGN KEY ({_list(one.columns)}) REFERENCES {one.parent.sql}"
            f" ({_list(one.parent_columns)}){' MATCH FULL' * one.full} ON DELETE {one.on_delete} {one.timing}".rstrip()
            for one in self.foreign_keys
        ]


def _list(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)


@dataclass(frozen=True, slots=True)
class Expression:
    """A tombstone's SQL, and the same in Python."""

    sql: str
    value: Callable[[Cells], Cell]


@dataclass(frozen=True, slots=True)
class Ask:
    """One person of a request: what is given, as (identity, spelt as a form would have it)."""

    number: int
    given: tuple[tuple[str, str], ...]


@dataclass(slots=True, repr=False)
class World:
    """Everything of one example.

    Attributes:
        document: The data map, as YAML would hold it, with the one store `main`.
        expressions: (collection, column) -> what the tombstone there means.
        before: Statements that come before the tables (schemas, types).
        rows: (table, the table below it that takes the row, cells as text or JSON data).
        controller / member: For whom the request speaks.
        chunks: The request, cut.
        limit: Rows a transaction when it is interrupted; `stop`: after so many beats.
        many: It is erased as a chunk of many people is: with tables of keys and of found rows.
        passes_on: Between resolution and erasure persons take over what others have.
        again: When all is over each asks once more, by the so manieth identifier; those that are handed on come first.
        meanwhile: Number of an ask -> what an application does between plan and execution.
        interludes: What others do to the database between one command and the next.
    """

    tables: list[Table]
    document: dict[str, Any]
    expressions: dict[tuple[str, str], Expression]
    before: list[str]
    rows: list[tuple[Table, str, dict[str, Cell]]]
    controller: str
    member: str | None
    chunks: list[list[Ask]]
    limit: int
    stop: int
    many: bool
    passes_on: bool = False
    again: int | None = None
    meanwhile: Mapping[int, Meanwhile] = field(default_factory=dict)
    interludes: list[Interlude] = field(default_factory=list)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # noqa: FBT001 - the protocol of pretty printers
        printer.text("World(as told below)")

    def table_of(self, collection: str) -> Table:
        """The table of a collection."""
        text = self.document["stores"]["main"]["collections"][collection]["table"]
        return next(one for one in self.tables if one.text == text)
