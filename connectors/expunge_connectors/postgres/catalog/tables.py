"""Catalogue tables: what a look at pg_catalog says of tables, columns and foreign keys, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, TypeVar

from psycopg import sql

from expunge_connectors.errors import TerminalError

T = TypeVar("T")
DATES = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})
"""Types of which a value is one day, or one moment: a range of them, and an array, is neither."""
_PRECISION = re.compile(r"timestamp\(([0-6])\)")
_UNHASHED = frozenset({"bit", "bit varying", "money", "tsquery", "tsvector"})


class Existing(dict[str, T]):
    """What there is, by name. Whoever asks for what the map names and the database has not is told so."""

    def __init__(self, found: Mapping[str, T], what: str) -> None:
        super().__init__(found)
        self._what = what

    def __missing__(self, name: str) -> NoReturn:
        """Say what is missing, in words.

        Raises:
            TerminalError: Always.
        """
        raise TerminalError(
            f"{self._what} {name} does not exist.", remedy="Correct its name in the data map: `expunge check`."
        )


_UNCUT = {
    "character varying": "character varying",
    "character": "bpchar",
    "bit": "bit varying",
    "bit varying": "bit varying",
}
"""Type -> what is cast to it in place of it: a cast to `varchar(9)` cuts, an assignment refuses."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        type: Its type as DDL writes it, with length or precision: `character varying(20)`.
        base: The type without them, a domain replaced by what it is a domain over: `character varying`. Of an array
            that of its elements, with `[]`.
        generated: The server alone writes it: a generated column, or GENERATED ALWAYS AS IDENTITY.
        equality: Schema of the type's own `=`, where that is not pg_catalog (citext): unqualified, it is not found.
        labels: The labels of an enum.
        enum_elements: It is an array whose elements are an enum's labels.
    """

    name: str
    type: str
    base: str
    not_null: bool
    generated: bool = False
    equality: str | None = None
    labels: tuple[str, ...] | None = None
    enum_elements: bool = False

    @property
    def hashed(self) -> bool:
        """The server has a hash of its values; without one it has no recursive query over them."""
        return self.base not in _UNHASHED

    @property
    def dated(self) -> bool:
        """A value of it is one day, or one moment."""
        return self.base in DATES

    @property
    def uncut(self) -> str:
        """Its type as DDL, without a length: a cast to it cuts nothing, and a value that is too long is refused."""
        return _UNCUT.get(self.base, self.type)

    @property
    def rounding(self) -> timedelta:
        """By how much a time stored here may differ from the true one: half of its last digit.

        `timestamp(0)` rounds to whole seconds, up as well. Of a domain the precision is not known: the coarsest counts.
        """
        if not self.base.startswith("timestamp") or self.type == self.base:
            return timedelta(0)
        match = _PRECISION.match(self.type)
        return timedelta(microseconds=10 ** (6 - int(match.group(1) if match else 0)) // 2)


@dataclass(frozen=True, slots=True)
class Table:
    """One relation that the map names.

    Attributes:
        kind: `pg_class.relkind`: r table, p partitioned, v view, m materialised view, f foreign table.
        below: It is a partition, or inherits from another table: rows of it are rows of that one too.
        tree: Other tables inherit from it (partitions are no such children): its rows are theirs too, and neither its
            primary key nor its foreign keys hold for them.
        primary_key: Names of the key's columns, in the key's order; empty without a primary key.
        key: The same; without a primary key, the columns of a unique index that could be the replica identity.
        alone: Columns of which no two rows hold one value, whatever else stands there.
    """

    oid: int
    schema: str
    name: str
    kind: str
    below: bool
    tree: bool
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    key: tuple[str, ...]
    alone: frozenset[str]

    @property
    def row_key(self) -> tuple[str, ...]:
        """The key by which each of its rows is known; empty: they are known by where they stand (ADR 24)."""
        return self.key if not self.tree and all(self.columns[one].hashed for one in self.key) else ()

    @property
    def lockable(self) -> tuple[str, ...]:
        """Columns on which UPDATE is to be granted, so that rows may be locked."""
        return self.key or tuple(self.columns)[:1]

    @property
    def identifier(self) -> sql.Identifier:
        """The name, qualified and quoted."""
        return sql.Identifier(self.schema, self.name)

    @property
    def text(self) -> str:
        """The name as the map writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def supported(self) -> bool:
        """A plain table, a partitioned one or the root of an inheritance tree."""
        return self.kind in {"r", "p"} and not self.below


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`child (columns) REFERENCES parent (parent_columns)`. Tables as `schema.table`.

    A partition, or an inheriting table, of a table that was asked for stands here under that table's name.

    Attributes:
        enforced: The server sees to it that no row written from now on breaks it: its own triggers are on.
        sound: It holds for every row of both tables: validated, enforced, and for no part of a table only.
        whole: It is the child's own, not one of a table below it.
        on_delete: `pg_constraint.confdeltype`: a no action, r restrict, c cascade, n set null, d set default.
        temporal: Its last column is a period that lies within those of the rows it points to.
    """

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str
    enforced: bool = True
    sound: bool = True
    whole: bool = True
    temporal: bool = False

    @property
    def writes_child(self) -> bool:
        """A deletion of the parent changes or deletes rows of the child by itself."""
        return self.on_delete in {"c", "n", "d"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tables by `schema.table`, every foreign key of the database, and the oids of all that is below the tables."""

    tables: Mapping[str, Table]
    foreign_keys: tuple[ForeignKey, ...]
    below: frozenset[int] = frozenset()
