"""Collections under construction, and the decisions about them that must fit together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.model.random_source import Dice
from tests.support.model.world import Cell, Column, Expression, ForeignKey, Table, quoted

FAMILIES = {"firm": ("user_id", "staff_id", "doctor_id"), "client": ("caller_id", "agent_id", "guest_id")}
"""Controller -> the identities of its persons: of one kind, or of several."""

VALUES = ("email", "phone", "recovery")
"""Reusable identities that select rows; where both are drawn, a place may be read by the first and by the last."""

PERIODS = ("P10Y", "P1Y6M", "P4M", "P30D")


@dataclass(slots=True, eq=False)
class Part:
    """One collection: its table, and what the map will say.

    Attributes:
        family: The controller whose records it holds.
        lead: The column through which other collections are linked to it.
        pair: Two columns that are unique together, for the same purpose.
        allowed: Actions that the shape leaves open.
        emptied: Columns that a tombstone sets to NULL.
        whole: Of a role, the collection of the same table that has its rows; `roles`: the other way round.
    """

    name: str
    family: str
    table: Table
    lead: str
    found_by: list[dict[str, Any]] = field(default_factory=list)
    allowed: set[str] = field(default_factory=lambda: {"delete", "tombstone", "retain"})
    action: str = "delete"
    period: str = "P10Y"
    owner: str | None = None
    inherited: bool = False
    person: str | None = None
    created: str | None = None
    since: dict[str, str] = field(default_factory=dict)
    undated: str | None = None
    start: str | None = None
    yields: dict[str, Any] = field(default_factory=dict)
    tombstone: dict[str, Any] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    pair: tuple[str, str] | None = None
    sharing: bool = False
    log: bool = False
    with_everybody: bool = False
    dead_end: bool = False
    whole: Part | None = None
    roles: list[Part] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Its rows may lead to others, and tell something."""
        return not (self.log or self.sharing or self.dead_end)

    @property
    def named(self) -> set[str]:
        """The columns by which its rows are found."""
        return {column for link in self.found_by for column in link.get("columns", [link.get("column")])}

    def document(self) -> dict[str, Any]:
        """Its entry in the data map."""
        entry: dict[str, Any] = {"table": self.table.text}
        if self.log:
            return entry | {
                "log": {"purpose": "Security", "ground": "Art. 6", "retention": "P90D", "approved_by": "an officer"}
            }
        owner: dict[str, Any] = {"controller": self.family}
        if self.owner is not None:
            owner["column"] = self.owner
        if self.inherited:
            owner["inherited"] = True
        entry |= {"data_type": f"of-{self.name}", "owner": owner, "found_by": self.found_by}
        by_elements = any(isinstance(what, dict) and "elements" in what for what in self.tombstone.values())
        if not self.with_everybody and not by_elements:
            entry["goes_with_any"] = {"reason": "drawn so", "approved_by": "The model"}
        optional = {
            "person": self.person,
            "created": self.created,
            "since": self.since,
            "undated": self.undated,
            "start": self.start if self.action == "retain" else None,
            "yields": self.yields,
            "tombstone": {
                column: what.sql if isinstance(what, Expression) else what for column, what in self.tombstone.items()
            },
            # Whatever their names say to `check`: which columns stay is decided here.
            "keeps": {one.name: "The model keeps it" for one in self.table.columns if one.name not in self.tombstone}
            if self.action == "tombstone"
            else {},
            "sharing": "last_owner" if self.sharing else None,
        }
        return entry | {name: value for name, value in optional.items() if value}

    def data_type(self) -> dict[str, Any]:
        """Its data type: one for each collection, so that every action stands beside every other."""
        entry: dict[str, Any] = {
            "purpose": "Something",
            "categories": ["data"],
            "rule": {"start": "collected", "period": self.period},
            "on_request": self.action,
        }
        return entry | ({"ground": "A law"} if self.action == "retain" else {})


def decide(dice: Dice, parts: list[Part]) -> None:
    """Give every collection an action so that `expunge check` has nothing to block.

    Rows that a log, a retained or a tombstoned row needs are tombstoned (law 3); what must be deleted (a shared row)
    forbids such children, or the child's reference is emptied by its own tombstone.
    """
    by_table = {id(part.table): part for part in parts if part.whole is None}
    while any(_narrowed(child, key) for child, key, parent in _keys(parts, by_table) if not _may_stay(parent)):
        pass
    for part in parts:
        choices = [one for one in ("delete", "tombstone", "retain") if one in part.allowed]
        part.action = "log" if part.log else dice.pick(choices)
    while any(_kept(child, key, parent) for child, key, parent in _keys(parts, by_table)):
        pass


def _may_stay(part: Part) -> bool:
    return "tombstone" in part.allowed


def _narrowed(child: Part, key: ForeignKey) -> bool:
    """Take from a child what its parent's deletion forbids; True if that may forbid more."""
    if child.log:
        child.table.foreign_keys.remove(key)
        return True
    before = len(child.allowed)
    if all(_can_be_emptied(child.table, one) for one in key.columns):
        child.emptied.update(key.columns)
        child.allowed.discard("retain")
    else:
        child.allowed &= {"delete"}
    return len(child.allowed) != before


def _can_be_emptied(table: Table, name: str) -> bool:
    column = table.column(name)
    return column.nullable and column.computed is None and name not in table.primary_key


def _kept(child: Part, key: ForeignKey, parent: Part) -> bool:
    """Tombstone a parent that a child needs; True if that was not so before."""
    needed = child.log or (child.action == "tombstone" and not set(key.columns) <= child.emptied)
    if (needed and parent.action != "tombstone") or (child.action == "retain" and parent.action == "delete"):
        parent.action = "tombstone"
        return True
    return False


def _keys(parts: Iterable[Part], by_table: dict[int, Part]) -> list[tuple[Part, ForeignKey, Part]]:
    return [
        (part, key, by_table[id(key.parent)])
        for part in parts
        for key in part.table.foreign_keys
        if id(key.parent) in by_table and key.parent is not part.table and _owns(part, key)
    ]


def _owns(part: Part, key: ForeignKey) -> bool:
    """A foreign key is the role's whose column it is, or of who has the row."""
    if part.whole is not None:
        return part.named >= set(key.columns)
    return not any(role.named >= set(key.columns) for role in part.roles)


def overwrite(dice: Dice, part: Part, referenced: set[str]) -> None:
    """Decide what stands in a tombstone: some personal columns, and those that must be emptied."""
    others = {column for role in part.roles for column in role.tombstone}
    free = [
        one
        for one in part.table.columns
        if one.name not in others
        and one.fills in {*VALUES, "postal", "note", "number", "day", "token", "persons", "tokens"}
        and one.name not in part.table.primary_key
        and one.name not in referenced
        and one.name not in {part.created, part.owner, part.start}
    ]
    identifying = {link["column"] for link in part.found_by if link.get("identity") in {*VALUES, "postal"}}
    identifying |= {
        place if isinstance(place, str) else place["column"]
        for identity, place in part.yields.items()
        if identity in {*VALUES, "postal"}
    }
    # What the server computes follows what it is computed from.
    identifying |= {part.table.column(one).source for one in identifying}
    chosen = {one.name for one in dice.some(free, 1, len(free))} | identifying
    for one in (one for one in free if one.name in chosen):
        if one.path and dice.chance(70):
            part.tombstone[one.name] = {"remove": [list(one.path), *([["kept", "no"]] if dice.chance(30) else [])]}
        else:
            part.tombstone[one.name] = _expression(dice, part.table, one)
    for name in sorted(part.emptied):
        part.tombstone[name] = Expression("NULL", lambda _: None)
    if not part.tombstone:
        part.table.columns.append(Column("overwritten", "text", "note", nullable=True))
        part.tombstone["overwritten"] = Expression("'erased'", lambda _: "erased")


def _expression(dice: Dice, table: Table, column: Column) -> Expression:
    """A value that the column takes, and that its UNIQUE leaves standing."""
    keys = table.primary_key if table.declared else ()
    if column.unique and table.declared != "PRIMARY KEY":
        column.nullable = True  # or its rows would be known by it, and a tombstone must not change that
    joined = " || '-' || ".join(f"{quoted(one)}::text" for one in keys)
    if column.nullable and (dice.chance(40) or (column.unique and not keys)):
        return Expression("NULL", lambda _: None)
    if column.structured:
        empty: Cell = [] if column.type.endswith("[]") else {}
        return Expression("'{}'", lambda _: empty)
    if column.fills == "number":
        return dice.pick([Expression("0", lambda _: "0"), Expression("-1 * 7", lambda _: "-7")])
    if column.fills == "day":
        return Expression("'2000-01-01'", lambda _: "2000-01-01")
    of_key = (
        []
        if not keys
        else [
            Expression(
                f"'erased-' || {joined} || '@erased.invalid'",
                lambda cells: f"erased-{'-'.join(cells[one] for one in keys)}@erased.invalid",
            ),
            Expression(f"concat({joined})", lambda cells: "-".join(cells[one] for one in keys)),
        ]
    )
    if column.unique:
        return dice.pick(of_key)
    return dice.pick(
        [Expression("'erased'", lambda _: "erased"), Expression("'100%s it''s {}'", lambda _: "100%s it's {}"), *of_key]
    )
