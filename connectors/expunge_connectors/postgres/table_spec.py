"""Data map options of one table: how its rows are found, what they yield, what a tombstone writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic.functional_validators import BeforeValidator

from expunge_config.datamap import Assurance, CollectionSpec, Model, Text
from expunge_connectors.postgres.row_kinds import RowKind, disjoint
from expunge_connectors.postgres.table_links import Column, Link, Path, Source

TableName = Annotated[str, StringConstraints(pattern=r"^[^.]{1,63}\.[^.]{1,63}$")]
_TABLE = re.compile(r"[^.]{1,63}\.[^.]{1,63}")


class Removal(Model):
    """A tombstone of a JSON or JSONB column: these paths go, through arrays too; the rest stays."""

    remove: Annotated[tuple[Path, ...], Field(min_length=1)]


class Elements(Model):
    """A tombstone of an array, or of lists in a document: the elements that name the person go, one by one.

    The others stay, in their order. A value of a document that stands in no list goes with its key.
    """

    elements: Literal[True]


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
        table: `schema.table`; with a `*` in the schema, the table of that name in the schema of each member.
        person: One row of this table is one person, named by this identity (of kind person).
        created: Column with the time the row was created (a trustworthy one: set by the database).
        since: Identity -> column with the time when this person took the value, where it is not `created`.
        start: Column in which the retention period of the data type starts; needed where the type is retained.
        yields: Identity -> where it stands: what a row linked to the subject tells about further keys.
        tombstone: Column -> SQL expression over the key's columns only: what stands there afterwards; or, for
            JSON, which paths are removed; or, for an array or lists in a document by whose elements rows are found,
            that the person's go.
        keeps: Column that the tombstone leaves as it is, though it may hold personal data -> why.
        sharing: `last_owner`: the row goes with the last row that points to it through links `of`.
        goes_with_any: A row that names several people goes, whole, with the first of them; and who says so.
        triggers_ok: Triggers of the table that may change rows elsewhere.
    """

    table: str
    found_by: tuple[Link, ...] = ()
    person: str | None = None
    created: Column | None = None
    since: dict[str, Column] = Field(default_factory=dict)
    start: Column | None = None
    yields: dict[str, Annotated[Source, BeforeValidator(_source)]] = Field(default_factory=dict)
    tombstone: dict[Column, str | Removal | Elements] = Field(default_factory=dict)
    keeps: dict[Column, Text] = Field(default_factory=dict)
    sharing: Literal["last_owner"] | None = None
    goes_with_any: Assurance | None = None
    triggers_ok: tuple[AcceptedTrigger, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> TableSpec:
        if not _TABLE.fullmatch(self.table):
            raise ValueError("`table` is written schema.table")
        if "*" in self.table and (self.table.count("*") > 1 or not self.by_pattern):
            raise ValueError("`*` stands once, in the schema: tenant_*.users")
        if self.log is None and not self.found_by:
            raise ValueError("a table that is no log needs `found_by`: how do its rows belong to a person?")
        if self.log is not None and (self.tombstone or self.keeps or self.yields):
            raise ValueError("a log is left alone: it has neither `tombstone`, `keeps` nor `yields`")
        return self

    def apart(self, other: TableSpec) -> bool:
        """No row is of both collections, though they have one table: each finds rows of other kinds."""
        links = [(ours, theirs) for ours in self.found_by for theirs in other.found_by]
        return bool(links) and all(disjoint(ours.where, theirs.where) for ours, theirs in links)

    def found_by_text(self) -> Sequence[str]:
        """`public.users.email is email`, `public.calls.caller_id is callers.id`."""
        return [f"{self.table}.{link.text}" for link in self.found_by]

    def decided(self) -> dict[str, Any]:
        """Without what answers a finding of `check` alone, and without the table's name.

        A plan knows the table itself (ADR 20), but for one in many schemas, which their pattern names.
        """
        left_out = {"keeps", "triggers_ok"} if self.by_pattern else {"keeps", "triggers_ok", "table"}
        return {name: one for name, one in super().decided().items() if name not in left_out}

    @property
    def by_elements(self) -> bool:
        """A person's elements go out of a list, and nothing else of the row."""
        return bool(self.tombstone) and all(isinstance(one, Elements) for one in self.tombstone.values())

    @property
    def kinds(self) -> frozenset[RowKind]:
        """Of which kinds rows must be, of all links and yields."""
        of_links = (kind for link in self.found_by for kind in link.where)
        return frozenset([*of_links, *(kind for source in self.yields.values() for kind in source.where)])

    @property
    def by_pattern(self) -> bool:
        """It is the table of this name in many schemas, of which each names a member (`tenant_*.users`)."""
        return "*" in self.table.partition(".")[0]

    @property
    def tells_member(self) -> bool:
        """By the owner's column, or by the schema."""
        return self.by_pattern or super().tells_member

    @property
    def person_identity(self) -> str | None:
        """The identity that names the person whom a row is."""
        return self.person
