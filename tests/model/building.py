"""Schemas and maps: tables of many shapes, and a map that `expunge check` accepts."""

from __future__ import annotations

from typing import Any

from tests.model import values
from tests.model.dice import Dice
from tests.model.plan import PERIODS, Part, decide, overwrite
from tests.model.world import Column, Expression, ForeignKey, Table, quoted

FAMILIES = {"firm": "user_id", "client": "caller_id"}
"""Controller -> the identity of its persons."""

_SCHEMAS = ("public", "app", "Sales Dept", "o'schema")
_TABLES = ("people", "items", "Order Lines", "user", 'we"ird', "per%cent", "größe", "select", "{x}", "It's")
_COLUMNS = {
    "key": ("id", "Id", "the id", "order", 'i"d', "schlüssel"),
    "lead": ("lead_id", "Lead", "from", "parent id", "p%s"),
    "self": ("reply_to", "Above"),
    "email": ("email", "E-Mail", "e mail", "e.mail"),
    "phone": ("phone", "Tel."),
    "postal": ("address", "Address Line"),
    "note": ("note", "Full Name", "%note", "it's"),
    "number": ("seconds", "No"),
    "day": ("born", "Born On"),
    "tenant": ("tenant", "Tenant"),
    "within": ("no", "No."),
    "created": ("created_at", "Created"),
    "start": ("start_at", "Ended"),
    "owner": ("client_id", "Owner"),
    "token": ("token", "Token"),
    "length": ("length", "Len"),
}


class Builder:
    """Makes one schema with its map.

    Args:
        dice: Where choices come from.
        shapes: Which shapes may occur.
    """

    def __init__(self, dice: Dice, shapes: frozenset[str]) -> None:
        self._dice = dice
        self._shapes = shapes
        self.families = dice.pick([["firm"], ["client"], ["firm", "client"]])
        self.owner_type = dice.pick(["integer", "text"])
        self.tables: list[Table] = []
        self.parts: list[Part] = []
        self.identities: dict[str, dict[str, Any]] = {
            "email": {"kind": "nominating", "normaliser": "email/1"},
            "phone": {"kind": "nominating", "normaliser": "e164/1"},
            "postal": {"kind": "nominating", "normaliser": "postal/1", "shareable": True},
            "token": {"kind": "internal", "normaliser": "exact/1"},
        }

    def build(self) -> None:
        """Make everything."""
        dice = self._dice
        for family in self.families:
            self._person(family)
        makers = [self._child, self._child, self._direct, self._log, self._shared, self._upward, self._by_token]
        makers += [self._circle] * ("circle" in self._shapes) + [self._composite] * ("composite" in self._shapes)
        for _ in range(dice.pick([3, 1, 2, 4, 5])):
            dice.pick(makers)(dice.pick(self.families))
        if dice.chance(20):
            self._stranger()
        for table in self.tables:
            self._split(table)
        self._decide()

    def _decide(self) -> None:
        """Actions, and the columns that they need."""
        dice = self._dice
        decide(dice, self.parts)
        referenced = {id(table): set[str]() for table in self.tables}
        for table in self.tables:
            for key in table.foreign_keys:
                referenced[id(key.parent)].update(key.parent_columns)
        for part in self.parts:
            if part.action == "tombstone":
                overwrite(dice, part, referenced[id(part.table)])
            if part.action == "retain":
                self._starts(part)
            self._dates(part)

    def document(self) -> dict[str, Any]:
        """The data map."""
        return {
            "expunge": 1,
            "operator": {"name": "Model Ltd", "contact": "privacy@model.example", "log_origin": "model.example"},
            "controllers": {"firm": {"name": "The firm"}, "client": {"name": "A client", "many": True}},
            "identities": self.identities,
            "data_types": {f"of-{part.name}": part.data_type() for part in self.parts if not part.log},
            "stores": {
                "main": {
                    "connector": "postgres",
                    "collections": {part.name: part.document() for part in self.parts},
                }
            },
        }

    def expressions(self) -> dict[tuple[str, str], Expression]:
        """What the tombstones mean."""
        return {
            (part.name, column): what
            for part in self.parts
            for column, what in part.tombstone.items()
            if isinstance(what, Expression)
        }

    # ---- collections

    def _person(self, family: str) -> None:
        dice, identity = self._dice, FAMILIES[family]
        kind = dice.pick(self._kinds())
        self.identities[identity] = {"kind": "person", "normaliser": values.normaliser(kind)}
        table = self._table()
        key = self._column(table, "key", kind)
        if dice.chance(25):
            key.unique = True
            table.primary_key = (self._column(table, "key", "bigint").name,)
        else:
            table.primary_key = (key.name,)
            self._numbered(key)
        part = self._part(f"{family}-people", family, table, key.name)
        part.person = identity
        part.yields[identity] = key.name
        part.ties.append({"column": key.name, "identity": identity})
        if dice.chance(80):
            self._identified(part, "email", yielded=dice.chance(70))
        if dice.chance(40):
            self._identified(part, "phone", yielded=dice.chance(70))
        self._filling(part)

    def _child(self, family: str) -> None:
        """Rows tied to a row of another collection, nearly always by a foreign key."""
        dice = self._dice
        leads = [one for one in self.parts if one.family == family and one.lead and not one.log and not one.sharing]
        lead = leads[dice.number(0, len(leads) - 1)]
        table = self._table()
        part = self._part(f"child-{len(self.parts)}", family, table, "")
        pairs = [one for one in self.parts if one.family == family and one.pair and not one.log and not one.sharing]
        if pairs and "composite" in self._shapes and dice.chance(70):
            self._paired(part, pairs[dice.number(0, len(pairs) - 1)])
            self._keyed(part)
            self._filling(part)
            return
        column = self._led(part, lead)
        shape = dice.number(0, 9)
        if shape >= 8 and not column.nullable:
            table.primary_key = (column.name, self._column(table, "key", "integer").name)
            part.lead, part.pair = "", (table.primary_key[0], table.primary_key[1])
        elif shape == 7 and not column.nullable:
            table.primary_key = (column.name,)
            part.lead = column.name
        else:
            self._keyed(part)
        if dice.chance(15):
            self._led(part, leads[dice.number(0, len(leads) - 1)])
        if dice.chance(20):
            self._identified(part, "email", yielded=dice.chance(30))
        if dice.chance(40):
            # A reference that makes nothing somebody's: who approved it, say.
            other = leads[dice.number(0, len(leads) - 1)]
            kind = other.table.column(other.lead).type
            self._refer(table, self._column(table, "lead", kind, nullable=True), other)
        if dice.chance(35) and len(table.primary_key) == 1:
            below = self._column(table, "self", table.column(table.primary_key[0]).type, nullable=True)
            if "self-tie" in self._shapes and dice.chance(50):
                part.ties.append({"column": below.name, "of": f"{part.name}.{table.primary_key[0]}"})
            table.foreign_keys.append(
                ForeignKey((below.name,), table, table.primary_key, dice.pick(["NO ACTION", "SET NULL", "CASCADE"]))
            )
        self._filling(part)

    def _direct(self, family: str) -> None:
        """Rows found by an identity of their own: an opt-out, a newsletter, a lead without an account."""
        dice = self._dice
        table = self._table()
        part = self._part(f"direct-{len(self.parts)}", family, table, "")
        how = dice.pick(["email", "phone", "person", "postal"])
        if how == "person":
            identity = FAMILIES[family]
            kind = self._person_of(family).column(self._part_of(family).lead).type
            column = self._column(table, "lead", kind, nullable=dice.chance(30))
            self._owned(part)
            part.ties.append({"column": column.name, "identity": identity})
            if dice.chance(30):
                part.yields[identity] = column.name
        elif how == "email" and dice.chance(25):
            column = self._column(table, "email", "text")
            self._owned(part)
            table.primary_key = (column.name,)
            part.lead = column.name
            part.ties.append({"column": column.name, "identity": "email"})
            part.allowed.discard("tombstone")
        else:
            self._identified(part, how, yielded=dice.chance(30))
        if how == "postal" or dice.chance(20):
            self._identified(part, "email", yielded=dice.chance(30))
        if not table.primary_key:
            self._keyed(part)
        self._filling(part)

    def _log(self, family: str) -> None:
        """A declared log, with or without a foreign key into somebody's rows."""
        dice = self._dice
        table = self._table()
        part = self._part(f"log-{len(self.parts)}", family, table, "")
        part.log = True
        part.owner, part.inherited = None, False
        self._keyed(part)
        targets = [one for one in self.parts if "tombstone" in one.allowed and one.lead and not one.log]
        if targets and dice.chance(80):
            target = targets[dice.number(0, len(targets) - 1)]
            column = self._column(table, "lead", target.table.column(target.lead).type, nullable=dice.chance(60))
            self._refer(table, column, target)
        self._column(table, "email", "text", nullable=True)
        self._filling(part)

    def _shared(self, family: str) -> None:
        """Rows that go with the last row that points to them."""
        dice = self._dice
        table = self._table()
        part = self._part(f"shared-{len(self.parts)}", family, table, "")
        part.sharing, part.allowed = True, {"delete"}
        if part.owner is not None:
            table.columns = [one for one in table.columns if one.name != part.owner]
            part.owner, part.inherited = None, True
        self._keyed(part)
        for _ in range(dice.pick([1, 1, 2])):
            if dice.chance(40):
                owners = [one for one in self.parts if one.family == family and not one.log and not one.sharing]
                owner = owners[dice.number(0, len(owners) - 1)]
                if "emptied-owner" not in self._shapes:
                    owner.allowed &= {"delete"}
                nullable = True
            else:
                owner = self._part(f"link-{len(self.parts)}", family, self._table(), "")
                self._led(owner, self._part_of(family))
                self._keyed(owner)
                if "emptied-owner" not in self._shapes:
                    owner.allowed &= {"delete"}
                nullable = dice.chance(20)
            column = self._column(owner.table, "lead", table.column(part.lead).type, nullable=nullable)
            self._refer(owner.table, column, part)
            part.ties.append({"column": part.lead, "of": f"{owner.name}.{column.name}"})
        self._filling(part)

    def _upward(self, family: str) -> None:
        """Rows reached from the row that points to them (a call's recording)."""
        dice = self._dice
        owners = [one for one in self.parts if one.family == family and not one.log and not one.sharing]
        owner = owners[dice.number(0, len(owners) - 1)]
        table = self._table()
        part = self._part(f"upward-{len(self.parts)}", family, table, "")
        self._keyed(part)
        column = self._column(owner.table, "lead", table.column(part.lead).type, nullable=True)
        column.unique = True
        if dice.chance(85):
            self._refer(owner.table, column, part)
        part.ties.append({"column": part.lead, "of": f"{owner.name}.{column.name}"})
        self._filling(part)

    def _by_token(self, family: str) -> None:
        """A thing with a never re-used token, and rows elsewhere that only the token leads to."""
        dice = self._dice
        owners = [one for one in self.parts if one.family == family and not one.log and not one.sharing]
        owner = owners[dice.number(0, len(owners) - 1)]
        if "token" not in owner.yields:
            owner.yields["token"] = self._column(owner.table, "token", "text", nullable=True).name
        table = self._table()
        part = self._part(f"token-{len(self.parts)}", family, table, "")
        self._keyed(part)
        part.ties.append(
            {"column": self._column(table, "token", "text", nullable=dice.chance(30)).name, "identity": "token"}
        )
        self._filling(part)

    def _stranger(self) -> None:
        """A table that the map does not name, because nothing in it is tied to anybody."""
        table = self._table()
        table.primary_key = (self._column(table, "key", "integer").name,)
        self._column(table, "email", "text", nullable=True)
        self._column(table, "note", "text", nullable=True)

    # ---- what they have in common

    def _kinds(self) -> list[str]:
        kinds = ["integer", "bigint", "uuid", "text", "smallint", "character varying(40)"]
        return kinds + [one for one in (values.CITEXT, values.ENUM, values.DOMAIN) if one in self._shapes]

    def _table(self) -> Table:
        dice = self._dice
        taken = {one.text for one in self.tables}
        name = dice.pick(_TABLES)
        schema = dice.pick(_SCHEMAS)
        if f"{schema}.{name}" in taken:
            name = f"{name} {len(self.tables)}"
        table = Table(schema, name)
        self.tables.append(table)
        return table

    def _column(self, table: Table, fills: str, kind: str, *, nullable: bool = False) -> Column:
        name = self._dice.pick(_COLUMNS[fills])
        if name in {one.name for one in table.columns}:
            name = f"{name} {len(table.columns)}"
        column = Column(name, kind, fills, nullable=nullable)
        table.columns.append(column)
        return column

    def _part(self, name: str, family: str, table: Table, lead: str) -> Part:
        part = Part(name, family, table, lead)
        part.period = self._dice.pick(PERIODS)
        if family == "client":
            if name.endswith("people") or self._dice.chance(50):
                part.owner = self._column(table, "owner", self.owner_type).name
            else:
                part.inherited = True
        self.parts.append(part)
        return part

    def _owned(self, part: Part) -> None:
        """An owner column: what a request may name leads to rows of that client alone."""
        if part.inherited:
            part.inherited = False
            part.owner = self._column(part.table, "owner", self.owner_type).name

    def _keyed(self, part: Part) -> None:
        """A primary key of its own, by which others may be tied to it."""
        key = self._column(part.table, "key", self._dice.pick(self._kinds()))
        part.table.primary_key = (key.name,)
        part.lead = key.name
        self._numbered(key)

    def _numbered(self, key: Column) -> None:
        if key.type in {"integer", "bigint", "smallint"} and self._dice.chance(40):
            key.extra = self._dice.pick(["GENERATED BY DEFAULT AS IDENTITY", "GENERATED ALWAYS AS IDENTITY"])

    def _led(self, part: Part, lead: Part) -> Column:
        """A column that names a row of `lead`, the tie, and nearly always the foreign key."""
        dice = self._dice
        column = self._column(part.table, "lead", lead.table.column(lead.lead).type, nullable=dice.chance(35))
        if dice.chance(88):
            self._refer(part.table, column, lead)
        part.ties.append({"column": column.name, "of": f"{lead.name}.{lead.lead}"})
        return column

    def _paired(self, part: Part, lead: Part) -> None:
        """Two columns that name a row of `lead` together."""
        dice = self._dice
        assert lead.pair is not None
        kinds = [lead.table.column(one).type for one in lead.pair]
        columns = [self._column(part.table, "lead", kind, nullable=dice.chance(30)) for kind in kinds]
        names = [one.name for one in columns]
        theirs = list(lead.pair)
        if dice.chance(30):
            names.reverse()
            theirs.reverse()
        if dice.chance(85):
            effects = ["NO ACTION", "CASCADE", *(["SET NULL"] if all(one.nullable for one in columns) else [])]
            part.table.foreign_keys.append(ForeignKey(tuple(names), lead.table, tuple(theirs), dice.pick(effects)))
        part.ties.append({"columns": names, "of": lead.name, "of_columns": theirs})

    def _composite(self, family: str) -> None:
        """Rows numbered within a person's, and rows that point to them by both columns, in either direction."""
        dice = self._dice
        table = self._table()
        part = self._part(f"numbered-{len(self.parts)}", family, table, "")
        self._led(part, self._part_of(family))
        # Either column alone is many people's.
        pair = [self._column(table, fills, dice.pick(["integer", "text"])) for fills in ("tenant", "within")]
        part.pair = (pair[0].name, pair[1].name)
        if dice.chance(60):
            table.primary_key = part.pair
        else:
            self._keyed(part)
            table.uniques.append(part.pair)
        self._filling(part)
        below = self._part(f"pointing-{len(self.parts)}", family, self._table(), "")
        if dice.chance(60):
            self._paired(below, part)
            self._keyed(below)
        else:
            # Towards the parent: what these rows point to is the person's as well.
            below.table.primary_key = tuple(
                self._column(below.table, fills, dice.pick(["bigint", "text"])).name for fills in ("tenant", "within")
            )
            kinds = [below.table.column(one).type for one in below.table.primary_key]
            names = tuple(self._column(table, "lead", kind, nullable=True).name for kind in kinds)
            table.uniques.append(names)
            table.foreign_keys.append(ForeignKey(names, below.table, below.table.primary_key))
            below.ties.append({"columns": list(below.table.primary_key), "of": part.name, "of_columns": list(names)})
        self._filling(below)

    def _circle(self, family: str) -> None:
        """A row that points back to one of those that point to it (a thread's latest answer)."""
        dice = self._dice
        by_table = {id(one.table): one for one in self.parts}
        edges = [
            (one, by_table[id(key.parent)])
            for one in self.parts
            for key in one.table.foreign_keys
            if one.family == family and one.lead and not one.log and id(key.parent) in by_table
        ]
        edges = [(one, to) for one, to in edges if to is not one and not to.sharing and not one.sharing]
        if not edges:
            return self._child(family)
        child, parent = edges[dice.number(0, len(edges) - 1)]
        back = self._column(parent.table, "lead", child.table.column(child.lead).type, nullable=True)
        before = len(parent.table.foreign_keys)
        self._refer(parent.table, back, child)
        for key in parent.table.foreign_keys[before:]:
            key.late = True
        return None

    def _split(self, table: Table) -> None:
        """Let the rows stand in tables below it."""
        dice = self._dice
        if any(one.unique for one in table.columns) or table.uniques or not dice.chance(20):
            return
        if "partitioned" in self._shapes and dice.chance(60):
            key = quoted(table.primary_key[-1])
            table.partitioned = f" PARTITION BY HASH ({key})"
            names = [f"{table.name} p{number}" for number in range(3)]
            of = f"PARTITION OF {table.sql} FOR VALUES WITH"
            table.leaves = [
                (names[0], f"{of} (MODULUS 2, REMAINDER 0)"),
                (names[1], f"{of} (MODULUS 2, REMAINDER 1) PARTITION BY HASH ({key})"),
                (names[2], f"PARTITION OF {quoted(table.schema, names[1])} FOR VALUES WITH (MODULUS 1, REMAINDER 0)"),
            ]
            return
        part = next((one for one in self.parts if one.table is table), None)
        if "inherited" in self._shapes and (part is None or part.person is None):
            table.inherited = True
            key = ", ".join(quoted(one) for one in table.primary_key)
            table.leaves = [(f"{table.name} below", f"(PRIMARY KEY ({key})) INHERITS ({table.sql})")]

    def _refer(self, table: Table, column: Column, parent: Part) -> None:
        dice = self._dice
        if (parent.lead,) != parent.table.primary_key and not parent.table.column(parent.lead).unique:
            return
        effects = ["NO ACTION", "CASCADE", "RESTRICT", *(["SET NULL"] if column.nullable else [])]
        effect = dice.pick(effects)
        timing = dice.pick(["", "", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"])
        table.foreign_keys.append(ForeignKey((column.name,), parent.table, (parent.lead,), effect, timing))

    def _identified(self, part: Part, identity: str, *, yielded: bool) -> None:
        dice = self._dice
        self._owned(part)
        form = dice.pick(["text", "text", *(one for one in ("json", "json", "arrays") if one in self._shapes)])
        kind = {"text": "text", "arrays": "text[]"}.get(form) or dice.pick(["jsonb", "jsonb", "json"])
        column = self._column(part.table, identity, kind, nullable=dice.chance(50))
        place: Any = column.name
        if form == "json":
            column.path = dice.pick(values.PATHS)
            place = {"column": column.name, "path": list(column.path)}
        elif form == "arrays":
            place = {"column": column.name, "each": True}
        part.ties.append({**({"column": place} if isinstance(place, str) else place), "identity": identity})
        if yielded and identity not in part.yields:
            part.yields[identity] = place
        if form == "text" and identity == "email":
            column.unique = dice.chance(15)
            if dice.chance(15):
                self._measured(part.table, column.name)

    def _measured(self, table: Table, source: str) -> None:
        """A generated column."""
        length = self._column(table, "length", "integer", nullable=True)
        length.extra = f"GENERATED ALWAYS AS (length(coalesce({quoted(source)}, ''))) STORED"
        length.computed = lambda cells: str(len(cells[source] or ""))

    def _filling(self, part: Part) -> None:
        """Further columns, personal or not."""
        dice = self._dice
        if dice.chance(70):
            column = self._column(part.table, "note", "text", nullable=dice.chance(40))
            if dice.chance(30):
                escaped = column.name.replace('"', '""')
                part.table.checks.append(f"\"{escaped}\" <> ''")
        if dice.chance(25):
            self._column(part.table, "number", "integer", nullable=dice.chance(40))
        if dice.chance(15):
            self._column(part.table, "day", "date", nullable=dice.chance(40))

    def _starts(self, part: Part) -> None:
        kind = self._dice.pick(["timestamp with time zone", "date", "timestamp without time zone"])
        part.start = self._column(part.table, "start", kind, nullable=self._dice.chance(30)).name

    def _dates(self, part: Part) -> None:
        """Where a re-usable identifier selects rows: when they were created, or the decision without it."""
        nominated = {"email", "phone"} & {tie.get("identity") for tie in part.ties}
        if not nominated or part.log:
            return
        if self._dice.chance(25):
            part.undated = self._dice.pick(["erase", "keep"])
            return
        kind = self._dice.pick(["timestamp with time zone", "timestamp without time zone", "date"])
        column = self._column(part.table, "created", kind, nullable=self._dice.chance(25))
        part.created = column.name
        if column.nullable and self._dice.chance(50):
            part.undated = self._dice.pick(["erase", "keep"])

    def _part_of(self, family: str) -> Part:
        return next(one for one in self.parts if one.name == f"{family}-people")

    def _person_of(self, family: str) -> Table:
        return self._part_of(family).table
