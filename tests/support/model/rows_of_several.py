"""Rows of several people: kinds that share a column of keys, and roles, each with its own part of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.model import values
from tests.support.model.collection_plan import Part
from tests.support.model.random_source import Dice
from tests.support.model.table_builder import Workshop
from tests.support.model.world import Column, Expression, Table


class RowsOfSeveral:
    """Gives collections further people.

    Args:
        dice: Where choices come from.
        shop: Makes columns.
        people: Controller -> the collections of its persons, one for each kind.
    """

    def __init__(self, dice: Dice, shop: Workshop, people: Mapping[str, Sequence[Part]]) -> None:
        self._dice = dice
        self._shop = shop
        self._people = people

    def roles(self, whole: Part) -> None:
        """Perhaps further people whom its rows name, each with a part of them: who approved it, who is on its list."""
        dice, table = self._dice, whole.table
        if whole.person is not None or whole.log or whole.sharing or not dice.chance(25):
            return
        family = whole.family
        people = dice.pick(self._people[family])
        identity = str(people.person)
        for _ in range(dice.pick([1, 1, 2])):
            how = dice.pick(["of", "of", "key", "keys", "keys", "addresses", "document", "guests"])
            if how != "of":
                self._shop.owned(whole)
            role = Part(f"role-{len(self._shop.parts)}", family, table, "", allowed={"tombstone"}, whole=whole)
            role.period, role.owner, role.inherited = whole.period, whole.owner, whole.inherited
            kind = people.table.column(people.lead).type
            if how in {"of", "key"}:
                column = self._shop.column(table, "lead", kind, nullable=True)
                if how == "of" and dice.chance(50) and not _above(people.table, table):
                    self._shop.refer(table, column, people)
                    whole.allowed.discard("retain")
                of = {"of": f"{people.name}.{people.lead}"} if how == "of" else {"identity": identity}
                role.found_by.append({"column": column.name, **of})
                role.emptied.add(column.name)
                role.tombstone[column.name] = Expression("NULL", lambda _: None)
            elif how == "guests":
                column = self._shop.column(table, "persons", dice.pick(["jsonb", "json"]), nullable=True)
                column.inside, column.path, column.listed = kind, dice.pick(values.LISTS), True
                role.found_by.append({"column": column.name, "path": list(column.path), "identity": identity})
                role.tombstone[column.name] = {"elements": True}
            elif how == "document":
                column = self._shop.column(table, "persons", dice.pick(["jsonb", "json"]), nullable=True)
                column.inside, column.path = kind, dice.pick(values.PATHS)
                path = list(column.path)
                role.found_by.append({"column": column.name, "path": path, "identity": identity})
                role.tombstone[column.name] = {"remove": [path]}
            else:
                fills, kind = ("persons", kind) if how == "keys" else ("email", "text")
                column = self._shop.column(table, fills, f"{kind}[]", nullable=dice.chance(30))
                column.inside = kind if how == "keys" else ""
                link = {"column": column.name, "each": True, "identity": identity if how == "keys" else "email"}
                role.found_by.append(link)
                role.tombstone[column.name] = {"elements": True}
            whole.roles.append(role)
            self._shop.parts.append(role)

    def of_two_kinds(self, family: str) -> None:
        """Rows that name people of two kinds, or of one beside a value: a ticket, who answers it, and an address."""
        dice, table = self._dice, self._shop.table()
        part = self._shop.part(f"between-{len(self._shop.parts)}", family, table, "")
        self._shop.keyed(part)
        named = dice.some(self._people[family], 1, 2)
        places = {}
        for one in named:
            if dice.chance(60):
                places[str(one.person)] = self._shop.led(part, one).name
            else:
                self._shop.owned(part)
                kind = one.table.column(one.lead).type
                column = self._shop.column(table, "lead", kind, nullable=dice.chance(30))
                part.found_by.append({"column": column.name, "identity": one.person})
                places[str(one.person)] = column.name
        for value in dice.some(["email", "phone"], 1, 2) if len(named) == 1 or dice.chance(70) else ():
            self._shop.identified(part, value, yielded=dice.chance(25))
        # What yields both keys says that both are one human.
        told = dice.chance(35 if len(named) == 1 else 12)
        part.yields |= dict(dice.some(list(places.items()), 1, 2)) if told else {}
        self._shop.filling(part)

    def kinds(self, part: Part) -> None:
        """Perhaps rows of several kinds, which a column tells, in one table: each link leads to its own."""
        dice, table = self._dice, part.table
        if part.person is not None or part.log or not dice.chance(40):
            return
        for link in part.found_by:
            # A column that names rows of many tables has no foreign key.
            if "of" in link and "column" in link and dice.chance(60):
                table.foreign_keys = [key for key in table.foreign_keys if key.columns != (link["column"],)]
        # Where one leads, rows of another kind would keep what they point to.
        keyed = {column for key in table.foreign_keys for column in key.columns}
        keyed |= {one.name for one in table.columns if one.source in keyed}
        free = [
            link
            for link in part.found_by
            if not {link.get("column", ""), *link.get("columns", ())} & keyed or dice.chance(15)
        ]
        token = part.yields.get("token")
        if not free and token is None:
            return
        kind = dice.pick(["text", "character varying(40)", "integer", "uuid", "boolean", "text"])
        column = self._shop.column(table, "kind", kind, nullable=dice.chance(40))
        for link in dice.some(free, 1, len(free)) if free else ():
            link["where"] = {column.name: self._kind(kind)}
            self._other_kind(part, link, column)
        if token is not None and dice.chance(80):
            place = token if isinstance(token, dict) else {"column": token}
            part.yields["token"] = {**place, "where": {column.name: self._kind(kind)}}

    def _kind(self, type_: str) -> object:
        """One value or two."""
        pool = values.kinds(type_)
        chosen = [pool[0], *pool[2:3]] if self._dice.chance(25) else pool[0] if self._dice.chance(70) else pool[1]
        if type_ == "boolean" or isinstance(chosen, list):
            return chosen
        return int(chosen) if type_ == "integer" and self._dice.chance(50) else chosen

    def _other_kind(self, part: Part, link: dict[str, Any], column: Column) -> None:
        """Perhaps a second link by the same column, in rows of another kind, to rows of another table."""
        lead = str(link.get("of", "")).partition(".")[0]
        if "column" not in link or not lead or lead == part.name or part.sharing or not self._dice.chance(85):
            return
        compared = part.table.column(link["column"]).type
        before = self._shop.parts[: self._shop.parts.index(part)]
        others = [
            one
            for one in before
            if one.family == part.family and one.lead and one.open and one.name != lead
            if _holds(compared, one.table.column(one.lead).type)
            if one.table.primary_key == (one.lead,) or one.table.column(one.lead).unique
        ]
        if others:
            other = self._dice.pick(others)
            where = {column.name: values.kinds(column.type)[3 if column.type != "boolean" else 1]}
            part.found_by.append({"column": link["column"], "of": f"{other.name}.{other.lead}", "where": where})


def _above(table: Table, other: Table) -> bool:
    """Rows of the one point to rows of the other, or to rows that do."""
    seen, ahead = [table], [table]
    for one in ahead:
        ahead += [key.parent for key in one.foreign_keys if key.parent not in seen]
        seen += ahead
    return other in seen


_NARROWER = (("smallint", "integer", "bigint"), ("character varying(40)", "text"))
"""Types that are compared with each other, each with room for those before it."""


def _holds(type_: str, other: str) -> bool:
    """A column of the one type has room for every value of the other, and is compared with it."""
    family = next((one for one in _NARROWER if type_ in one), (type_,))
    return other in family[: family.index(type_) + 1]
