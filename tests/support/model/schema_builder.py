"""Schemas and maps: tables of many shapes, and a map that `expunge check` accepts."""

from __future__ import annotations

from typing import Any

from tests.support.model import values
from tests.support.model.collection_plan import FAMILIES, VALUES, Part, decide, overwrite
from tests.support.model.normalisation import recycled
from tests.support.model.random_source import Dice
from tests.support.model.rows_of_several import RowsOfSeveral
from tests.support.model.table_builder import Workshop
from tests.support.model.world import Expression, ForeignKey


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
        self._shop = Workshop(dice, shapes)
        self.tables, self.parts = self._shop.tables, self._shop.parts
        self.people: dict[str, list[Part]] = {}
        self.identities: dict[str, dict[str, Any]] = {
            "email": {
                "kind": "reusable",
                "normaliser": dice.pick(["email/2", "email/2", "email/3"]),
                **dice.pick([{}, {"recycled": True}]),
            },
            "phone": {"kind": "reusable", "normaliser": "e164/1", **dice.pick([{}, {}, {"recycled": False}])},
            "postal": {"kind": "reusable", "normaliser": "postal/1", "shareable": True},
            "token": {"kind": "internal", "normaliser": "exact/1"},
        }
        if self._shop.with_recovery:
            rule = dice.pick(["exact/1", "email/2", self.identities["email"]["normaliser"]])
            self.identities["recovery"] = {
                "kind": "reusable",
                "normaliser": rule,
                **dice.pick([{}, {"recycled": True}]),
            }

    def build(self) -> None:
        """Make everything."""
        dice = self._dice
        for family in self.families:
            self._persons(family)
        several = RowsOfSeveral(dice, self._shop, self.people)
        makers = [self._child, self._child, *[self._direct] * 3, self._log, self._shared, self._upward, self._by_token]
        makers += [self._joined] * 2 * ("with-everybody" in self._shapes)
        makers += [several.of_two_kinds] * 4 * any(len(one) > 1 for one in self.people.values())
        makers += [self._circle] * ("circle" in self._shapes) + [self._composite] * ("composite" in self._shapes)
        for _ in range(dice.pick([3, 1, 2, 4, 5])):
            dice.pick(makers)(dice.pick(self.families))
        if dice.chance(20):
            self._stranger()
        for part in list(self.parts):
            if "kinds" in self._shapes:
                several.kinds(part)
        for part in list(self.parts):
            if "roles" in self._shapes:
                several.roles(part)
        for table in self.tables:
            self._shop.unkey(table)
            self._shop.split(table)
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
            if part.action == "tombstone" and part.whole is None:
                overwrite(dice, part, referenced[id(part.table)])
            if part.action == "retain":
                self._shop.starts(part)
            self._shop.dates(part)
            part.with_everybody = "with-everybody" in self._shapes and not part.sharing and dice.chance(50)
            self._shop.claims(part, [one for one in self._values if recycled(self.identities[one])])

    def document(self) -> dict[str, Any]:
        """The data map."""
        return {
            "expunge": 1,
            "backups": {"none": "A world lives as long as the test", "approved_by": "Whoever wrote the test"},
            "operator": {"name": "Model Ltd", "contact": "privacy@model.example", "log_origin": "model.example"},
            "controllers": {"firm": {"name": "The firm"}, "client": {"name": "A client", "many": True}},
            "identities": self._merging(),
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

    def _persons(self, family: str) -> None:
        """People of one kind, or of several in tables and under keys of their own."""
        dice, first = self._dice, f"{family}-people"
        names = [first, f"{family}-other-people", f"{family}-third-people"]
        many = dice.pick([1, 1, 1, 2, 2, 3]) if "several-kinds" in self._shapes else 1
        for name, identity in list(zip(names, FAMILIES[family], strict=True))[:many]:
            self._person(family, name, identity)

    def _person(self, family: str, name: str, identity: str) -> None:
        dice, before = self._dice, self.people.setdefault(family, [])
        kind = dice.pick(self._shop.kinds())
        self.identities[identity] = {"kind": "person", "normaliser": values.normaliser(kind)}
        table = self._shop.table()
        key = self._shop.column(table, "key", kind)
        if dice.chance(25):
            key.unique = True
            table.primary_key = (self._shop.column(table, "key", "bigint").name,)
        else:
            table.primary_key = (key.name,)
            self._shop.numbered(key)
        part = self._shop.part(name, family, table, key.name)
        before.append(part)
        part.person = identity
        part.yields[identity] = key.name
        part.found_by.append({"column": key.name, "identity": identity})
        if "referred" in self._shapes and dice.chance(25):
            referred = self._shop.column(table, "self", kind, nullable=True)
            self._shop.refer(table, referred, part)
            if dice.chance(15):
                part.found_by.append({"column": referred.name, "of": f"{part.name}.{part.lead}"})
        for value, often in zip(self._values, (80, 40, 90), strict=False):
            # In people of two kinds it makes one human of them.
            if dice.chance(often if not any(_has(one, value) for one in before[:-1]) else 20):
                self._shop.identified(part, value, yielded=dice.chance(90 if value == "recovery" else 70))
        self._shop.filling(part)
        if "further-persons" in self._shapes and dice.chance(20):
            self._further(part)

    def _further(self, first: Part) -> None:
        """The same people in a second table, of another schema perhaps: the map says that they are."""
        family, identity, table = first.family, str(first.person), self._shop.table()
        key = self._shop.column(table, "key", first.table.column(first.lead).type)
        table.primary_key = (key.name,)
        part = self._shop.part(f"{first.name.removesuffix('people')}more-people", family, table, key.name)
        part.person = identity
        part.yields[identity] = key.name
        part.found_by.append({"column": key.name, "identity": identity})
        self.identities[identity]["same_person"] = {
            "reason": "One is filled from the other",
            "approved_by": "An officer",
        }
        self._shop.filling(part)

    def _child(self, family: str) -> None:
        """Rows linked to a row of another collection, nearly always by a foreign key."""
        dice = self._dice
        leads = [one for one in self.parts if one.family == family and one.lead and one.open]
        lead = leads[dice.number(0, len(leads) - 1)]
        table = self._shop.table()
        part = self._shop.part(f"child-{len(self.parts)}", family, table, "")
        pairs = [one for one in self.parts if one.family == family and one.pair and one.open]
        if pairs and "composite" in self._shapes and dice.chance(70):
            self._shop.paired(part, pairs[dice.number(0, len(pairs) - 1)])
            self._shop.keyed(part)
            self._shop.filling(part)
            return
        column = self._shop.led(part, lead)
        shape = dice.number(0, 9)
        if shape >= 8 and not column.nullable:
            table.primary_key = (column.name, self._shop.column(table, "key", "integer").name)
            part.lead, part.pair = "", (table.primary_key[0], table.primary_key[1])
        elif shape == 7 and not column.nullable:
            table.primary_key = (column.name,)
            part.lead = column.name
        else:
            self._shop.keyed(part)
        if dice.chance(15):
            self._shop.led(part, leads[dice.number(0, len(leads) - 1)])
        if dice.chance(20):
            self._shop.identified(part, "email", yielded=dice.chance(30))
        if "keys-inside" in self._shapes and dice.chance(20):
            self._shop.owned(part)
            person = self._somebody(family)
            place = self._shop.inside(table, "persons", _type_of(person), str(person.person))
            part.found_by.append({**place, "identity": person.person})
        self._mentions(part)
        if dice.chance(35) and len(table.primary_key) == 1:
            below = self._shop.column(table, "self", table.column(table.primary_key[0]).type, nullable=True)
            if "self-link" in self._shapes and dice.chance(50):
                part.found_by.append({"column": below.name, "of": f"{part.name}.{table.primary_key[0]}"})
            table.foreign_keys.append(
                ForeignKey((below.name,), table, table.primary_key, dice.pick(["NO ACTION", "SET NULL", "CASCADE"]))
            )
        self._shop.filling(part)

    def _direct(self, family: str) -> None:
        """Rows found by an identity of their own: an opt-out, a newsletter, a lead without an account."""
        dice = self._dice
        table = self._shop.table()
        part = self._shop.part(f"direct-{len(self.parts)}", family, table, "")
        person = self._somebody(family)
        yields = person.yields
        claimed = [one for one in self._values if one in yields and recycled(self.identities[one])]
        read_twice = ["email"] * 5 * self._shop.with_recovery
        how = dice.pick([*self._values, "person", "person", "postal", *claimed * 2, *read_twice])
        if how == "person":
            identity, kind = str(person.person), _type_of(person)
            if "templates" in self._shapes and dice.chance(30):
                place = self._shop.templated(table, "persons", kind, identity)
            elif "keys-inside" in self._shapes and dice.chance(70):
                place = self._shop.inside(table, "persons", kind, identity)
            elif "generated-link" in self._shapes and dice.chance(50):
                place = {"column": self._shop.generated(table, kind, nullable=dice.chance(30)).name}
            else:
                place = {"column": self._shop.column(table, "lead", kind, nullable=dice.chance(30)).name}
            self._shop.owned(part)
            part.found_by.append({**place, "identity": identity})
            if dice.chance(30):
                part.yields[identity] = place
        elif how == "email" and dice.chance(25):
            column = self._shop.column(table, "email", "text")
            self._shop.owned(part)
            table.primary_key = (column.name,)
            part.lead = column.name
            part.found_by.append({"column": column.name, "identity": "email"})
            part.allowed.discard("tombstone")
        else:
            self._shop.identified(part, how, yielded=dice.chance(30))
        if how == "postal" or dice.chance(20):
            self._shop.identified(part, "email", yielded=dice.chance(30))
        if not table.primary_key:
            self._shop.keyed(part)
        self._mentions(part)
        self._shop.filling(part)

    def _joined(self, family: str) -> None:
        """Rows found in several ways, for two people perhaps: what a teacher says of a child."""
        dice, table = self._dice, self._shop.table()
        part = self._shop.part(f"joined-{len(self.parts)}", family, table, "")
        self._shop.keyed(part)
        here = [one for one in self.parts if one.family == family and one is not part and not one.log]
        leads = [one for one in here if one.lead and one.open]
        for _ in range(dice.pick([2, 2, 3])):
            person = self._somebody(family)
            kind = _type_of(person)
            how = dice.pick(["row", "row", "shared", "token", "key", "inside"])
            if how == "shared" and not part.dead_end:
                # Whether it goes is told in one round of the resolution: by the person's own key.
                part.dead_end = True
                self._shared(family, by_links=True)
                self._shop.led(part, next(one for one in reversed(self.parts) if one.sharing))
            elif how in {"row", "shared"}:
                self._shop.led(part, leads[dice.number(0, len(leads) - 1)])
            elif how == "token" and any("token" in one.yields for one in here):
                column = self._shop.column(table, "token", "text", nullable=dice.chance(30))
                part.found_by.append({"column": column.name, "identity": "token"})
            else:
                self._shop.owned(part)
                place = (
                    self._shop.inside(table, "persons", kind, str(person.person))
                    if how == "inside" and "keys-inside" in self._shapes
                    else {"column": self._shop.column(table, "lead", kind, nullable=dice.chance(30)).name}
                )
                part.found_by.append({**place, "identity": person.person})
        self._shop.filling(part)

    def _mentions(self, part: Part) -> None:
        """Perhaps a reference that makes nothing somebody's: who approved it, say."""
        dice = self._dice
        others = [one for one in self.parts if one.family == part.family and one.lead and one is not part and one.open]
        if dice.chance(50):
            other = dice.pick(others)
            kind = other.table.column(other.lead).type
            self._shop.refer(part.table, self._shop.column(part.table, "lead", kind, nullable=True), other)

    def _log(self, family: str) -> None:
        """A declared log, with or without a foreign key into somebody's rows."""
        dice = self._dice
        table = self._shop.table()
        part = self._shop.part(f"log-{len(self.parts)}", family, table, "")
        part.log = True
        part.owner, part.inherited = None, False
        self._shop.keyed(part)
        targets = [one for one in self.parts if "tombstone" in one.allowed and one.lead and not one.log]
        if targets and dice.chance(80):
            target = targets[dice.number(0, len(targets) - 1)]
            column = self._shop.column(table, "lead", target.table.column(target.lead).type, nullable=dice.chance(60))
            self._shop.refer(table, column, target)
        self._shop.column(table, "email", "text", nullable=True)
        self._shop.filling(part)

    def _shared(self, family: str, *, by_links: bool = False) -> None:
        """Rows that go with the last row that points to them: by rows that only link them to persons, if it must be."""
        dice = self._dice
        table = self._shop.table()
        part = self._shop.part(f"shared-{len(self.parts)}", family, table, "")
        part.sharing, part.allowed = True, {"delete"}
        if part.owner is not None:
            table.columns = [one for one in table.columns if one.name != part.owner]
            part.owner, part.inherited = None, True
        self._shop.keyed(part)
        for _ in range(dice.pick([1, 1, 2])):
            if not by_links and dice.chance(40):
                owners = [one for one in self.parts if one.family == family and one.open]
                owner = owners[dice.number(0, len(owners) - 1)]
                if "emptied-owner" not in self._shapes:
                    owner.allowed &= {"delete"}
                nullable = True
            else:
                owner = self._shop.part(f"link-{len(self.parts)}", family, self._shop.table(), "")
                self._shop.led(owner, self._somebody(family))
                self._shop.keyed(owner)
                if "emptied-owner" not in self._shapes:
                    owner.allowed &= {"delete"}
                nullable = dice.chance(20)
            column = self._shop.column(owner.table, "lead", table.column(part.lead).type, nullable=nullable)
            self._shop.refer(owner.table, column, part)
            part.found_by.append({"column": part.lead, "of": f"{owner.name}.{column.name}"})
        self._shop.filling(part)

    def _upward(self, family: str) -> None:
        """Rows reached from the row that points to them (a call's recording)."""
        dice = self._dice
        owners = [one for one in self.parts if one.family == family and one.open]
        owner = owners[dice.number(0, len(owners) - 1)]
        table = self._shop.table()
        part = self._shop.part(f"upward-{len(self.parts)}", family, table, "")
        self._shop.keyed(part)
        column = self._shop.column(owner.table, "lead", table.column(part.lead).type, nullable=True)
        column.unique = True
        if dice.chance(85):
            self._shop.refer(owner.table, column, part)
        part.found_by.append({"column": part.lead, "of": f"{owner.name}.{column.name}"})
        self._shop.filling(part)

    def _by_token(self, family: str) -> None:
        """A thing with a never re-used token, and rows elsewhere that only the token leads to."""
        dice = self._dice
        owners = [one for one in self.parts if one.family == family and one.open]
        owner = owners[dice.number(0, len(owners) - 1)]
        if "token" not in owner.yields and "keys-inside" in self._shapes and dice.chance(35):
            approved = {"reason": "They count up", "approved_by": "an officer"}
            place = self._shop.inside(owner.table, "tokens", "text", "token")
            owner.yields["token"] = {**place, "never_shared": approved}
        elif "token" not in owner.yields and "templates" in self._shapes and dice.chance(30):
            place = self._shop.templated(owner.table, "tokens", "text", "token")
            owner.table.column(place["column"]).unique = True
            owner.yields["token"] = place
        elif "token" not in owner.yields:
            column = self._shop.column(owner.table, "token", "text", nullable=True)
            column.unique = True
            owner.yields["token"] = column.name
        table = self._shop.table()
        part = self._shop.part(f"token-{len(self.parts)}", family, table, "")
        self._shop.keyed(part)
        if "templates" in self._shapes and dice.chance(30):
            place = self._shop.templated(table, "tokens", "text", "token")
        elif "keys-inside" in self._shapes and dice.chance(50):
            place = self._shop.inside(table, "tokens", "text", "token")
        else:
            place = {"column": self._shop.column(table, "token", "text", nullable=dice.chance(30)).name}
        part.found_by.append({**place, "identity": "token"})
        self._shop.filling(part)

    def _stranger(self) -> None:
        """A table that the map does not name, because nothing in it is linked to anybody."""
        table = self._shop.table()
        table.primary_key = (self._shop.column(table, "key", "integer").name,)
        self._shop.column(table, "email", "text", nullable=True)
        self._shop.column(table, "note", "text", nullable=True)

    def _composite(self, family: str) -> None:
        """Rows numbered within a person's, and rows that point to them by both columns, in either direction."""
        dice = self._dice
        table = self._shop.table()
        part = self._shop.part(f"numbered-{len(self.parts)}", family, table, "")
        self._shop.led(part, self._somebody(family))
        # Either column alone is many people's.
        pair = [self._shop.column(table, fills, dice.pick(["integer", "text"])) for fills in ("tenant", "within")]
        part.pair = (pair[0].name, pair[1].name)
        if dice.chance(60):
            table.primary_key = part.pair
        else:
            self._shop.keyed(part)
            table.uniques.append(part.pair)
        if "composite-self" in self._shapes and dice.chance(60):
            self._shop.within(part)
            if dice.chance(60):
                part.allowed = {"delete"}  # else what points to it nearly always keeps it
        self._shop.filling(part)
        below = self._shop.part(f"pointing-{len(self.parts)}", family, self._shop.table(), "")
        if dice.chance(60):
            self._shop.paired(below, part)
            self._shop.keyed(below)
        else:
            # Towards the parent: what these rows point to is the person's as well.
            below.table.primary_key = tuple(
                self._shop.column(below.table, fills, dice.pick(["bigint", "text"])).name
                for fills in ("tenant", "within")
            )
            kinds = [below.table.column(one).type for one in below.table.primary_key]
            names = tuple(self._shop.column(table, "lead", kind, nullable=True).name for kind in kinds)
            table.uniques.append(names)
            table.foreign_keys.append(self._shop.whole(table, ForeignKey(names, below.table, below.table.primary_key)))
            below.found_by.append(
                {"columns": list(below.table.primary_key), "of": part.name, "of_columns": list(names)}
            )
        self._shop.filling(below)

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
        edges = [(one, to) for one, to in edges if to is not one and to.open and one.open]
        if not edges:
            return self._child(family)
        child, parent = edges[dice.number(0, len(edges) - 1)]
        back = self._shop.column(parent.table, "lead", child.table.column(child.lead).type, nullable=True)
        before = len(parent.table.foreign_keys)
        self._shop.refer(parent.table, back, child)
        for key in parent.table.foreign_keys[before:]:
            key.late = True
        return None

    @property
    def _values(self) -> list[str]:
        """The reusable identities that select rows."""
        return [one for one in VALUES if one in self.identities]

    def _somebody(self, family: str) -> Part:
        """People of a controller, mostly of the first kind."""
        return self._dice.pick([*self.people[family][:1] * 2, *self.people[family]])

    def _merging(self) -> dict[str, dict[str, Any]]:
        """The identities; of a value in people of two kinds the map says that it makes them one human."""
        said = {"same_person": {"reason": "One sign-in for all", "approved_by": "An officer"}}
        merged = {
            value
            for people in self.people.values()
            for value in self._values
            if sum(_has(one, value) for one in people) > 1
        }
        return {name: one | (said if name in merged else {}) for name, one in self.identities.items()}


def _has(part: Part, identity: str) -> bool:
    """Its rows are found by such a value."""
    return any(link.get("identity") == identity for link in part.found_by)


def _type_of(part: Part) -> str:
    """The type of the key through which others are linked to it."""
    return part.table.column(part.lead).type
