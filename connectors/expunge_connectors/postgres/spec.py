"""What the data map says about a Postgres store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic.functional_validators import BeforeValidator

from expunge_config.datamap import Action, CollectionSpec, DataMap, IdentityKind, KeyFlow, Model, StoreSpec, Text
from expunge_connectors.postgres.dependency_graph import has_path
from expunge_connectors.postgres.key_flow import ways

Column = Annotated[str, StringConstraints(min_length=1, max_length=63)]
TableName = Annotated[str, StringConstraints(pattern=r"^[^.]{1,63}\.[^.]{1,63}$")]
Path = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)]
Complaint = tuple[tuple[str, ...], str]
"""(path below the store, message)"""
_TABLE = re.compile(r"[^.]{1,63}\.[^.]{1,63}")


class Assurance(Model):
    """What nothing in the database makes sure of, and who says so."""

    reason: Text
    approved_by: Text


class Source(Model):
    """Where in a row a value stands: a column, a place inside JSON, or every element of an array.

    Attributes:
        path: Keys from the top of a JSON or JSONB column to texts and numbers; arrays on the way, and at the end, are
            walked.
        each: The column is an array: each of its elements counts.
        never_shared: Of an internal identity: no value is ever given to two people, though the column is not unique.
    """

    column: Column
    path: Path | None = None
    each: bool = False
    never_shared: Assurance | None = None

    @model_validator(mode="after")
    def _one(self) -> Source:
        if self.each and self.path is not None:
            raise ValueError("give `path` for JSON or `each` for an array, not both")
        return self

    @property
    def several(self) -> bool:
        """One row may hold several values, or none."""
        return self.each or self.path is not None


class Tie(Model):
    """How a row belongs to a subject: it holds an identity, or equals columns of a tied row.

    Attributes:
        column / columns: One column, or several that are compared together (of ties `of` only).
        identity: The value is a key in this namespace; with `path` or `each`, any of the values there.
        of: `collection.column` of this store (with `columns`: the collection alone, and `of_columns`): the values stand
            in those columns of a row tied to the subject. Works towards children (calls.caller_id of callers.id),
            towards parents (addresses.id of user_addresses.address_id), and within one collection (comments.parent_id
            of comments.id: the rows below, to any depth).
    """

    column: Column | None = None
    columns: Annotated[tuple[Column, ...], Field(min_length=1)] | None = None
    identity: str | None = None
    path: Path | None = None
    each: bool = False
    of: str | None = None
    of_columns: Annotated[tuple[Column, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Tie:
        if (self.column is None) == (self.columns is None):
            raise ValueError("a tie names either a `column` or, with `of`, several `columns`")
        if (self.identity is None) == (self.of is None):
            raise ValueError("a tie names either an `identity` or, with `of`, columns of a collection of this store")
        if self.columns is not None and self.of is None:
            raise ValueError("an identity stands in one `column`")
        if (self.columns is None) != (self.of_columns is None):
            raise ValueError("`columns` and `of_columns` go together")
        if len(self.columns or ()) != len(self.of_columns or ()):
            raise ValueError("`columns` and `of_columns` differ in number")
        if self.of is not None and (self.each or self.path is not None):
            raise ValueError("`path` and `each` are for identities")
        if self.each and self.path is not None:
            raise ValueError("give `path` for JSON or `each` for an array, not both")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns compared."""
        return self.columns if self.columns is not None else (self.column or "",)

    @property
    def lead(self) -> tuple[str, tuple[str, ...]] | None:
        """(collection, columns) that lead here, for a tie inside the store."""
        if self.of is None:
            return None
        if self.of_columns is not None:
            return self.of, self.of_columns
        collection, _, column = self.of.partition(".")
        return collection, (column,)

    @property
    def several(self) -> bool:
        """One row may hold several values, or none."""
        return self.each or self.path is not None

    @property
    def told(self) -> str:
        """`email is email`, `doc.contacts.mail holds email`, `caller_id is callers.id`."""
        if self.lead is not None:
            collection, columns = self.lead
            return f"{', '.join(self.names)} is {collection}.{', '.join(columns)}"
        place = ".".join((*self.names, *(self.path or ())))
        return f"{place} {'holds' if self.several else 'is'} {self.identity}"


class Removal(Model):
    """A tombstone of a JSON or JSONB column: these paths go, through arrays too; the rest stays."""

    remove: Annotated[tuple[Path, ...], Field(min_length=1)]


class AcceptedTrigger(Model):
    """A trigger of the operator's that may write elsewhere when rows are erased, and who says so.

    Attributes:
        trigger: Its name.
        writes: Tables in which it may change rows, other people's too. Never a log.
    """

    trigger: Column
    writes: Annotated[tuple[TableName, ...], Field(min_length=1)]
    reason: Text
    approved_by: Text


def _source(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the YAML held
    return {"column": value} if isinstance(value, str) else value


class TableSpec(CollectionSpec):
    """One table.

    Attributes:
        table: `schema.table`.
        person: One row of this table is one person, named by this identity (of kind person).
        created: Column with the time the row was created (a trustworthy one: set by the database).
        start: Column in which the retention period of the data type starts; needed where the type is retained.
        yields: Identity -> where it stands: what a row tied to the subject tells about further keys.
        tombstone: Column -> SQL expression over the primary key's columns only: what stands there afterwards; or, for
            JSON, which paths are removed.
        sharing: `last_owner`: the row goes with the last row that points to it through the ties `of`.
        triggers_ok: Triggers of the table that may change rows elsewhere.
    """

    table: str
    ties: tuple[Tie, ...] = ()
    person: str | None = None
    created: Column | None = None
    start: Column | None = None
    yields: dict[str, Annotated[Source, BeforeValidator(_source)]] = Field(default_factory=dict)
    tombstone: dict[Column, str | Removal] = Field(default_factory=dict)
    sharing: Literal["last_owner"] | None = None
    triggers_ok: tuple[AcceptedTrigger, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> TableSpec:
        if not _TABLE.fullmatch(self.table):
            raise ValueError("`table` is written schema.table")
        if self.log is None and not self.ties:
            raise ValueError("a table that is no log needs `ties`: how do its rows belong to a person?")
        if self.log is not None and (self.tombstone or self.yields):
            raise ValueError("a log is left alone: it has neither `tombstone` nor `yields`")
        return self

    def tied_by(self) -> Sequence[str]:
        """`public.users.email is email`, `public.calls.caller_id is callers.id`."""
        return [f"{self.table}.{tie.told}" for tie in self.ties]


class PostgresSpec(StoreSpec):
    """One Postgres database."""

    connector: Literal["postgres"]
    collections: dict[str, TableSpec] = Field(min_length=1)

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The tables by collection name."""
        return self.collections

    def complaints(self, data_map: DataMap) -> Iterable[Complaint]:
        """Complaints about references inside the store and to the rest of the map."""
        yield from super().complaints(data_map)
        first: dict[str, str] = {}
        for name, table in self.collections.items():
            here = ("collections", name)
            if first.setdefault(table.table, name) != name:
                yield (*here, "table"), f"the collection {first[table.table]} has this table already"
            if table.log is None:
                for below, message in (
                    *self._tie_complaints(table, data_map),
                    *_identity_complaints(table, data_map),
                    *_decision_complaints(table, data_map),
                ):
                    yield (*here, *below), message
                yield from self._trigger_complaints(here, table)
        yield from self._circles()
        yield from self._alike()

    def ways(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow]:
        """By ties and yields."""
        return ways(store, self, data_map)

    def _tie_complaints(self, table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
        for index, tie in enumerate(table.ties):
            where = ("ties", str(index))
            if tie.of is None:
                if tie.identity not in data_map.identities:
                    yield (*where, "identity"), "unknown identity: the map does not declare it"
                if table.sharing is not None:
                    yield where, "a shared row is reached through rows that point to it: give `of`"
                continue
            parent, columns = tie.lead or ("", ())
            if parent not in self.collections or not all(columns):
                yield (*where, "of"), "names no collection.column of this store"
            elif self.collections[parent].log is not None:
                yield (*where, "of"), "names a log: logs are never read for this"
            elif self.collections[parent] is table and table.sharing is not None:
                yield (*where, "of"), "names the shared row's own table"

    def _trigger_complaints(self, here: tuple[str, ...], table: TableSpec) -> Iterable[Complaint]:
        logs = {one.table for one in self.collections.values() if one.log is not None}
        for index, accepted in enumerate(table.triggers_ok):
            if logs.intersection(accepted.writes):
                yield (*here, "triggers_ok", str(index), "writes"), "names a log: nothing that erases writes one"

    def _circles(self) -> Iterable[Complaint]:
        edges = [
            (tie.lead[0], name)
            for name, table in self.collections.items()
            for tie in table.ties
            if tie.lead is not None and tie.lead[0] != name
        ]
        for name, table in self.collections.items():
            if has_path(edges, name, name):
                yield ("collections", name, "ties"), "the ties run in a circle: start from an identity"
            elif table.log is None and all(tie.lead is not None and tie.lead[0] == name for tie in table.ties):
                yield ("collections", name, "ties"), "all ties stay within this table: start from elsewhere"

    def _alike(self) -> Iterable[Complaint]:
        """Keys of columns `a` and `b` are kept under the name that keys of a column `a+b` have."""
        first: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, table in self.collections.items():
            for index, tie in enumerate(table.ties):
                lead, columns = tie.lead or ("", ())
                if tie.lead is not None and first.setdefault((lead, "+".join(columns)), columns) != columns:
                    yield ("collections", name, "ties", str(index)), "a column is called as several together: rename it"


def _identity_complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    for identity, source in table.yields.items():
        if identity not in data_map.identities:
            yield ("yields", identity), "unknown identity: the map does not declare it"
        elif source.never_shared is not None and data_map.identities[identity].kind is not IdentityKind.INTERNAL:
            yield ("yields", identity, "never_shared"), "is for identities of kind internal"
    if table.person is not None and (
        table.person not in data_map.identities
        or data_map.identities[table.person].kind is not IdentityKind.PERSON
        or table.person not in table.yields
    ):
        yield ("person",), "names no identity of kind person that this table also `yields`"


def _decision_complaints(table: TableSpec, data_map: DataMap) -> Iterable[Complaint]:
    identities = [data_map.identities[tie.identity] for tie in table.ties if tie.identity in data_map.identities]
    by_reusable = any(one.kind is IdentityKind.NOMINATING and not one.shareable for one in identities)
    if by_reusable and table.created is None and table.undated is None:
        yield (), "rows are found by a re-usable identifier: give `created`, or decide `undated: erase | keep`"
    data_type = data_map.data_types.get(table.data_type or "")
    if data_type is None:
        return
    if data_type.on_request is Action.RETAIN and table.start is None:
        told = "`start` must name the column in which its period starts, one of the table itself"
        yield (), f"the data type is retained: {told} (docs/data-map.md says what to do where it has none)"
    if data_type.on_request is Action.TOMBSTONE and not table.tombstone:
        yield (), "the data type is tombstoned: `tombstone` must say what stands in which column"
    if data_type.on_request is not Action.TOMBSTONE and table.tombstone:
        yield ("tombstone",), "the data type is not tombstoned: this would never be used"
    if data_type.on_request is not Action.DELETE and table.sharing is not None:
        yield ("sharing",), "only a deleted data type can go with its last owner"


def _words(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the settings held
    return tuple(value.split()) if isinstance(value, str) else value


class PostgresConnection(Model):
    """How to reach the database.

    Attributes:
        url: libpq URI of a role that may read, and write what the map says, and nothing else.
        rows_per_transaction / seconds_per_transaction: What an erasing transaction may touch, and how long it may take
            before it is committed. Rows that must go together are not split.
        busy_sessions: With more other sessions of the server in a transaction erasing slows down; None: nobody counts.
        replicas: libpq URIs of the hot standbys, with spaces in between where it is one text: verification asks them
            too.
        replica_lag_bytes / replica_lag_seconds: Erasing waits while a replica is further behind: in bytes of the log of
            changes, or in the age of the latest commit that it shows (only while it lacks something).
        replica_wait_seconds: How long it waits, and how long verification waits until a replica has everything.
    """

    url: SecretStr
    lock_timeout: Annotated[str, StringConstraints(pattern=r"^\d+(ms|s|min)$")] = "5s"
    statement_timeout: Annotated[str, StringConstraints(pattern=r"^\d+(ms|s|min)$")] = "10min"
    verification_wait_seconds: float = Field(default=30, ge=0, le=86_400)
    rows_per_transaction: int = Field(default=25_000, ge=1, le=1_000_000)
    seconds_per_transaction: float = Field(default=5, gt=0, le=3_600)
    busy_sessions: int | None = Field(default=None, ge=0)
    replicas: Annotated[tuple[SecretStr, ...], BeforeValidator(_words)] = ()
    replica_lag_bytes: int = Field(default=67_108_864, ge=0)
    replica_lag_seconds: float = Field(default=30, ge=0, le=86_400)
    replica_wait_seconds: float = Field(default=60, ge=0, le=86_400)
