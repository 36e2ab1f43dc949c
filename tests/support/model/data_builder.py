"""Rows: people that look alike, share addresses and have orphans beside them; and the request."""

from __future__ import annotations

from tests.support.model import values
from tests.support.model.collection_plan import Part
from tests.support.model.normalisation import spelt
from tests.support.model.random_source import Dice
from tests.support.model.schema_builder import Builder
from tests.support.model.world import Ask, Cell, Column, ForeignKey, Table


class Filler:
    """Fills a builder's tables.

    Args:
        dice: Where choices come from.
        builder: The schema, complete.
    """

    def __init__(self, dice: Dice, builder: Builder) -> None:
        self._dice = dice
        self._builder = builder
        self._parts = {id(part.table): part for part in builder.parts if part.whole is None}
        self._people = dice.pick([3, 2, 5, 7])
        self._rows: dict[int, list[dict[str, Cell]]] = {id(table): [] for table in builder.tables}
        self._tokens: dict[int, int] = {}
        self.rows: list[tuple[Table, str, dict[str, Cell]]] = []

    def fill(self) -> None:
        """Every table, parents before children."""
        waiting = list(self._builder.tables)
        while waiting:
            table = next(
                one
                for one in waiting
                if not any(key.parent in waiting and key.parent is not one and not key.late for key in one.foreign_keys)
            )
            waiting.remove(table)
            part = self._parts.get(id(table))
            persons = part is not None and part.person is not None
            for number in range(self._people if persons else self._dice.pick([5, 2, 8, 0, 12])):
                self._row(table, part, number)
        for table in self._builder.tables:
            for key in table.foreign_keys:
                if key.late:
                    self._close(table, key)

    def _close(self, table: Table, key: ForeignKey) -> None:
        """Fill the column that closes a circle: mostly with a row that points back."""
        dice = self._dice
        for cells in self._rows[id(table)]:
            candidates = self._targets(key.parent)
            back = [
                one
                for one in candidates
                for other in key.parent.foreign_keys
                if other.parent is table
                and all(one[a] == cells[b] for a, b in zip(other.columns, other.parent_columns, strict=True))
            ]
            candidates = back if not dice.chance(15) else candidates
            if candidates and not dice.chance(25):
                cells[key.columns[0]] = candidates[dice.number(0, len(candidates) - 1)][key.parent_columns[0]]

    def _targets(self, table: Table) -> list[dict[str, Cell]]:
        """The rows to which a foreign key may point."""
        below = {id(cells) for one, leaf, cells in self.rows if one is table and table.inherited and leaf != table.name}
        return [cells for cells in self._rows[id(table)] if id(cells) not in below]

    def _row(self, table: Table, part: Part | None, number: int) -> None:
        cells: dict[str, Cell] = {}
        leaf = table.leaves[0][0] if table.inherited and self._dice.chance(50) else table.name
        for key in table.foreign_keys:
            if key.late:
                cells.update(dict.fromkeys(key.columns))
            elif not self._refer(table, key, cells):
                return
        for column in table.columns:
            if column.computed is None and column.name not in cells:
                cells[column.name] = self._cell(table, part, column, number, cells)
        _compute(table, cells)
        if self._fitted(table, cells):
            _compute(table, cells)
            self._rows[id(table)].append(cells)
            self.rows.append((table, leaf, cells))
            if not table.declared and not any(one.unique for one in table.columns) and not table.uniques:
                again = self._dice.pick([0, 0, 1, 2])
                self.rows += [(table, leaf, dict(cells)) for _ in range(again)]

    def _fitted(self, table: Table, cells: dict[str, Cell]) -> bool:
        """Point to itself now and then, and give up what another row has already; False if the row cannot be."""
        for key in table.foreign_keys:
            if key.parent is table and not key.late and self._dice.chance(6):
                cells.update(
                    {ours: cells[theirs] for ours, theirs in zip(key.columns, key.parent_columns, strict=True)}
                )
        rows = self._rows[id(table)]
        taken = [table.primary_key, *table.uniques, *((one.name,) for one in table.columns if one.unique)]
        for columns in taken:
            mine = tuple(_folded(cells[one]) for one in columns)
            if None not in mine and any(tuple(_folded(row[one]) for one in columns) == mine for row in rows):
                if len(columns) == 1 and table.column(columns[0]).nullable:
                    cells[columns[0]] = None
                elif columns != table.primary_key and all(table.column(one).nullable for one in columns):
                    cells.update(dict.fromkeys(columns))
                else:
                    return False
        return True

    def _refer(self, table: Table, key: ForeignKey, cells: dict[str, Cell]) -> bool:
        """A reference to a row that is there, or none; False if the row cannot be."""
        dice = self._dice
        candidates = self._targets(key.parent)
        if key.parent is table:
            # Mostly to a row of the same person.
            alike = [one for one in candidates if all(one[name] == cell for name, cell in cells.items())]
            part = self._parts.get(id(table))
            own = {key.columns, key.columns[:1]}
            linked = part is not None and any(
                tuple(link.get("columns", (link.get("column"),))) in own for link in part.found_by
            )
            candidates = alike if not dice.chance(70 if linked else 25) else candidates
        # With one column empty the others point nowhere, and hold whatever they would.
        empty = [one for one in key.columns if table.column(one).nullable]
        if not candidates or (empty and dice.chance(20)):
            if len(empty) > 1 and not key.full and dice.chance(40):
                empty = [dice.pick(empty)]
            for one in empty:
                _put(table, cells, one, None)
            return bool(empty)
        row = candidates[dice.number(0, len(candidates) - 1)]
        for ours, theirs in zip(key.columns, key.parent_columns, strict=True):
            _put(table, cells, ours, self._respelt(table, ours, row[theirs]))
        self._inherit(table, key, row, cells)
        return True

    def _inherit(self, table: Table, key: ForeignKey, row: dict[str, Cell], cells: dict[str, Cell]) -> None:
        """The same client as the row pointed to, but for a slip."""
        part, parent = self._parts.get(id(table)), self._parts.get(id(key.parent))
        if part is None or parent is None or part.owner is None or parent.owner is None:
            return
        if part.owner not in cells and not self._dice.chance(4):
            cells[part.owner] = row[parent.owner]

    def _cell(  # noqa: C901, PLR0911, PLR0912 - one case a line
        self, table: Table, part: Part | None, column: Column, number: int, cells: dict[str, Cell]
    ) -> Cell:
        dice = self._dice
        if column.nullable and column.fills != "start" and dice.chance(20):
            return None
        if column.type.endswith("[]"):
            return [
                self._single(table, column, number if part and part.person else None)
                for _ in range(dice.pick([1, 0, 2, 3]))
            ]
        if column.listed:
            return values.listed(
                column.path, [self._key(table, column) for _ in range(dice.pick([1, 2, 3]))], dice.number(0, 4)
            )
        if column.path:
            leaf = self._single(table, column, number if part and part.person else None)
            nested = values.nested(column.path, leaf, dice.number(0, 1 + len(column.path)))
            return nested if dice.chance(85) else dice.pick([{}, {} if leaf is None else leaf, [], 12])
        match column.fills:
            case "key":
                pool = values.pool(column.type)
                return pool[number if part is not None and part.person else dice.number(0, len(pool) - 1)]
            case "lead" | "self":
                return self._loose(table, part, column)
            case "document":
                derived = next(one for one in table.columns if one.source == column.name)
                assert derived.stored is not None
                return derived.stored(self._loose(table, part, derived))
            case "email" | "phone" | "postal" | "recovery":
                return self._single(table, column, number if part and part.person else None)
            case "note":
                return dice.pick(values.NOTES)
            case "tenant":
                return dice.pick(values.TENANTS)
            case "kind":
                pool = values.kinds(column.type)
                return dice.pick([*[pool[0]] * 4, *pool])
            case "within":
                return dice.pick(values.WITHIN)
            case "month":
                return dice.pick(values.MONTHS)
            case "number":
                return str(dice.number(0, 3))
            case "day":
                return "1970-01-01"
            case "created" | "since":
                if column.fills == "since" and column.nullable and dice.chance(25):
                    return None
                chosen = dice.pick((*values.CREATED[:1] * 2, *values.CREATED[1:], *values.CREATED[-2:]))
                if part is not None and part.person and chosen == values.CREATED[3] and dice.chance(90):
                    chosen = values.CREATED[0]  # somebody else's, under an id that is asked for: nothing of it goes
                return values.as_written(column.type, chosen)
            case "start":
                assert part is not None
                return None if column.nullable and dice.chance(20) else dice.pick(values.starts(part.period))
            case "owner":
                return dice.pick(values.MEMBERS[: dice.pick([1, 2, 4])])
            case "persons" | "tokens":
                return self._key(table, column)
            case "token":
                return f"t{self._holder(table, column)}.{dice.number(0, 8)}"
            case other:
                raise AssertionError(other)

    def _holder(self, table: Table, column: Column) -> int:
        """Whose token: no two tables that name tokens name the same one, a token is one thing's."""
        own = self._own(table, column)
        return own if own is not None else self._dice.pick(list(self._holders()))

    def _own(self, table: Table, column: Column) -> int | None:
        """The number of the part that names tokens in this column."""
        for place, one in self._holders().items():
            named = one.yields["token"]
            if one.table is table and column.name == (named["column"] if isinstance(named, dict) else named):
                return place
        return None

    def _holders(self) -> dict[int, Part]:
        return {place: one for place, one in enumerate(self._builder.parts) if "token" in one.yields}

    def _key(self, table: Table, column: Column) -> Cell:
        """One key of those in a JSON column or an array, or in a text."""
        key = self._bare(table, column)
        if column.around is None or key is None:
            return key
        unlike = column.fills != "tokens" or self._own(table, column) is None
        return values.filled(column.around, str(key), self._dice.number(0, 25) if unlike else 0)

    def _bare(self, table: Table, column: Column) -> Cell:
        dice = self._dice
        if column.fills == "tokens":
            if (own := self._own(table, column)) is None:
                return f"t{self._holder(table, column)}.{dice.number(0, 8)}"
            self._tokens[own] = self._tokens.get(own, -1) + 1  # none stands in two rows
            return f"t{own}.{self._tokens[own]}"
        if column.structured and dice.chance(8):
            return None
        key = values.pool(column.inside)[dice.number(0, self._people)]
        counts = column.inside in values.COUNTS
        # In JSON a number is written either way.
        number = counts and column.around is None
        return int(key) if number and (column.type.endswith("[]") or dice.chance(60)) else key

    def _single(self, table: Table, column: Column, human: int | None) -> Cell:
        """One e-mail address, phone number or house: mostly the person's own in a person's row."""
        dice = self._dice
        if column.inside:
            return self._key(table, column)
        if column.fills == "postal":
            return values.house(dice.number(1, 3))
        if column.fills == "email" and dice.chance(10):
            lists = self._builder.identities["email"]["normaliser"] == "email/3"  # two addresses are not drawn in one
            return dice.pick([one for one in values.NO_ADDRESSES if not (lists and "," in one)])
        # One person's address for recovery is often another's own.
        seldom = human is not None and not dice.chance(50 if column.fills == "recovery" else 15)
        whose = human if seldom and human is not None else dice.number(0, self._people)
        if column.fills in {"email", "recovery"}:
            return dice.pick(values.spellings(values.address(whose)))
        return dice.pick(values.dialled(values.telephone(whose)))

    def _loose(self, table: Table, part: Part | None, column: Column) -> Cell:
        """A value without a foreign key: one that a linked row has, or one that nobody has."""
        dice = self._dice
        pool = values.pool(column.type)
        choices: list[Cell] = []
        names = {column.name, *(one.name for one in table.columns if one.source == column.name)}
        for link in (link for one in (part, *part.roles) for link in one.found_by) if part is not None else ():
            if link.get("column") in names and "of" in link:
                lead, _, theirs = link["of"].partition(".")
                parent = next(one for one in self._builder.parts if one.name == lead)
                choices += [row[theirs] for row in self._rows[id(parent.table)]]
        choices = [one for one in choices if one is not None]
        if choices and not dice.chance(15):
            return self._respelt(table, column.name, dice.pick(choices))
        return pool[dice.number(0, self._people)]

    def _respelt(self, table: Table, name: str, value: Cell) -> Cell:
        """A value that is equal, where nothing else hangs on how it is spelt."""
        column = table.column(name)
        alone = column.unique or any(name in columns for columns in (table.primary_key, *table.uniques))
        if alone or value is None or column.inside or column.type not in {values.CITEXT, "numeric"}:
            return value
        return values.respelt(column.type, value, self._dice.number(0, 1))

    # ---- the request

    def ask(self) -> tuple[str, str | None, list[list[Ask]]]:
        """(controller, member, chunks)."""
        dice = self._dice
        family = dice.pick(self._builder.families)
        member = None
        kinds = self._builder.people[family]
        first = kinds[0]
        if first.owner is not None:
            members = sorted({row[first.owner] for row in self._rows[id(first.table)]} | {"1"})
            member = dice.pick(members)
        anywhere = dice.chance(20)
        humans = [(one, human) for one in kinds for human in self._humans(one, None if anywhere else member)]
        asked = dice.pick([2, 1, 3, 4])
        asks = [
            Ask(number + 1, self._given(kinds, one, human))
            for number, (one, human) in enumerate(dice.some(humans, asked, asked))
        ]
        if dice.chance(15):
            asks.append(Ask(len(asks) + 1, self._given(kinds, dice.pick(kinds), dice.number(0, self._people))))
        cut = dice.number(0, len(asks) - 1) if dice.chance(40) else 0
        return family, member, [one for one in (asks[:cut], asks[cut:]) if one]

    def _humans(self, people: Part, member: str | None) -> list[int]:
        """The numbers of these people: of a member, where there are some."""
        rows = self._rows[id(people.table)]
        theirs = [at for at, row in enumerate(rows) if member is not None and row[str(people.owner)] == member]
        return theirs or list(range(self._people))

    def _person(self, people: Part, human: int) -> tuple[str, str]:
        identity, rows = str(people.person), self._rows[id(people.table)]
        row = rows[human] if human < len(rows) else None
        own = values.pool(people.table.column(people.lead).type)[human] if row is None else row[people.lead]
        return identity, spelt(self._builder.identities[identity]["normaliser"], own) or "1"

    def _given(self, kinds: list[Part], people: Part, human: int) -> tuple[tuple[str, str], ...]:
        """One identifier or two, of a person who is there or is not."""
        dice, person = self._dice, self._person(people, human)
        others = [one for one in kinds if one is not people]
        if others and dice.chance(8):
            return person, self._person(dice.pick(others), human)
        email = ("email", values.address(human))
        phone = ("phone", values.telephone(human))
        if "recovery" in self._builder.identities and dice.chance(12):
            return (("recovery", values.address(human)),)
        house = ("postal", spelt("postal/1", values.house(1)) or "")
        return dice.pick([*[(person,), (person,), (email,)] * 3, (phone,), (person, email), (email, house), (house,)])


def _put(table: Table, cells: dict[str, Cell], name: str, value: Cell) -> None:
    """Let a column have a value: through what the server computes it from."""
    column = table.column(name)
    if column.stored is None:
        cells[name] = value
    else:
        cells[column.source] = column.stored(value)


def _compute(table: Table, cells: dict[str, Cell]) -> None:
    cells.update({one.name: one.computed(cells) for one in table.columns if one.computed is not None})


def _folded(cell: Cell) -> Cell:
    return cell.lower() if isinstance(cell, str) else cell
