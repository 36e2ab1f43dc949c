"""Worlds that grow older: tables that hang on each other, periods, starts of every kind, holds, and what happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.support.model.random_source import Dice

FIRST_DAY = date(2024, 2, 27)
PEOPLE, MEMBERS = 4, 2
PERIODS = ("P30D", "P1M", "P1Y", "P2Y6M", "P1Y1M1D")
KINDS = ("date", "timestamp", "timestamptz")
ON_DELETE = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL")
STARTS = {"gone": "collected", "long": "collected", "kept": "transaction_ended", "blank": "relationship_ended"}
ANSWERS = {"gone": "delete", "long": "delete", "kept": "retain", "blank": "tombstone"}


@dataclass(frozen=True, slots=True)
class AgeTable:
    """One table, and its collection.

    Attributes:
        data_type: None: it is outside of the map.
        parent: It hangs (`of`) on rows of this one; None: it is found by its person.
        start: The type of its start column; None: the collection has no start.
        points_to: Another table to which a foreign key leads.
        tree: A foreign key leads to rows of its own.
        keyed: A foreign key stands beside the link.
        mapped: False: outside of the map.
    """

    name: str
    data_type: str
    parent: str | None = None
    start: str | None = None
    points_to: str | None = None
    on_delete: str = "NO ACTION"
    tree: bool = False
    keyed: bool = True
    mapped: bool = True
    log: bool = False
    partitioned: bool = False


@dataclass(frozen=True, slots=True)
class AgeRow:
    """One row as it is written.

    Attributes:
        day: The day of its start (UTC); None: it has none, or one of no calendar.
        made: The start as SQL has it.
    """

    table: str
    id: int
    person: int | None
    member: int | None
    up: int | None
    other: int | None
    above: int | None
    made: str | None
    day: date | None


@dataclass(frozen=True, slots=True)
class AgeHold:
    """A hold or a restriction: it keeps what all that is named agree on; nothing named: all of the controller.

    Attributes:
        kind: As the ledger has it.
    """

    kind: str
    person: int | None = None
    member: int | None = None
    data_type: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happens.

    Attributes:
        kind: `rows` come, days pass (`clock`), `hold` and `lift`, a `request`, a `sweep`.
        number: Of days; or who asks.
        member: For which one somebody asks, where there are some.
    """

    kind: str
    number: int = 0
    member: int = 1
    hold: AgeHold | None = None
    rows: tuple[AgeRow, ...] = ()


@dataclass(frozen=True, slots=True)
class AgeWorld:
    """Tables, each after those to which it leads; periods by data type; what happens."""

    tables: tuple[AgeTable, ...]
    periods: dict[str, str]
    members: bool
    events: tuple[Event, ...] = field(default=())

    def table(self, name: str) -> AgeTable:
        return next(one for one in self.tables if one.name == name)


def age_world(dice: Dice) -> AgeWorld:
    """Draw one."""
    tables: list[AgeTable] = []
    for at in range(dice.number(1, 3)):
        earlier = [one.name for one in tables if one.mapped]
        data_type = dice.pick(("gone", "gone", "long", "kept", "blank"))
        root = AgeTable(
            f"r{at}",
            data_type,
            start=_start_column(dice, data_type, 95),
            points_to=dice.pick(earlier) if earlier and dice.chance(40) else None,
            on_delete=dice.pick(ON_DELETE),
            tree=dice.chance(20),
            partitioned=dice.chance(15),
        )
        tables.append(root)
        above = [root]
        for number in range(dice.number(0, 3)):
            parent = dice.pick(above)
            same = dice.chance(60) and parent.data_type != "blank"
            data_type = parent.data_type if same else dice.pick(("gone", "long", "kept"))
            child = AgeTable(
                f"{root.name}c{number}",
                data_type,
                parent=parent.name,
                start=_start_column(dice, data_type, 50),
                points_to=dice.pick(earlier) if earlier and dice.chance(20) else None,
                on_delete=dice.pick(ON_DELETE),
                keyed=dice.chance(60),
            )
            tables.append(child)
            above.append(child)
    mapped = [one.name for one in tables]
    for name, log, percent in (("unmapped", False, 35), ("log", True, 25)):
        if dice.chance(percent):
            to, action = dice.pick(mapped), dice.pick(ON_DELETE)
            tables.append(AgeTable(name, "", points_to=to, on_delete=action, mapped=False, log=log))
    world = AgeWorld(tuple(tables), {one: dice.pick(PERIODS) for one in STARTS}, dice.chance(40))
    return AgeWorld(world.tables, world.periods, world.members, tuple(_events(dice, world)))


def _start_column(dice: Dice, data_type: str, percent: int) -> str | None:
    """Its type; what a request retains has to have one."""
    kind = dice.pick(KINDS)
    return kind if data_type == "kept" or dice.chance(percent) else None


def _events(dice: Dice, world: AgeWorld) -> list[Event]:
    numbers = {one.name: 0 for one in world.tables}
    events = [Event("rows", rows=_rows(dice, world, numbers, 8, FIRST_DAY))]
    day, placed = FIRST_DAY, list[AgeHold]()
    for _ in range(dice.number(2, 7)):
        lift = ("lift", "lift") if placed else ()
        kind = dice.pick(("rows", "clock", "clock", "hold", "hold", "sweep", "sweep", "request", "request", *lift))
        if kind == "rows":
            events.append(Event(kind, rows=_rows(dice, world, numbers, 3, day)))
        elif kind == "clock":
            number = dice.pick((1, 1, 2, 30, 366))
            day += timedelta(days=number)
            events.append(Event(kind, number))
        elif kind == "hold":
            hold = _hold(dice, world)
            if hold not in placed:
                placed.append(hold)
                events.append(Event(kind, hold=hold))
        elif kind == "lift":
            hold = dice.pick(tuple(placed))
            placed.remove(hold)
            events.append(Event(kind, hold=hold))
        elif kind == "request":
            events.extend(_request(dice, placed))
        else:
            events.append(Event(kind))
    return [*events, Event("sweep")]


def _request(dice: Dice, placed: list[AgeHold]) -> list[Event]:
    """Of anybody; or of somebody on hold, which may be lifted then."""
    person, member = dice.number(1, PEOPLE), dice.number(1, MEMBERS)
    held = tuple(one for one in placed if one.person is not None)
    if not held or dice.chance(40):
        return [Event("request", person, member)]
    hold = dice.pick(held)
    asked = Event("request", hold.person or person, hold.member or member)
    if dice.chance(40):
        return [asked]
    placed.remove(hold)
    return [asked, Event("lift", hold=hold)]


def _hold(dice: Dice, world: AgeWorld) -> AgeHold:
    named = dice.pick(
        ("person", "person", "person", "type", "controller", *(("member", "member") if world.members else ()))
    )
    kind = dice.pick(("hold", "restriction")) if named == "person" else "hold"
    of_member = named == "member" or (named == "person" and world.members and dice.chance(25))
    of_type = named == "type" or (named != "controller" and dice.chance(25))
    return AgeHold(
        kind,
        dice.number(1, PEOPLE) if named == "person" else None,
        dice.number(1, MEMBERS) if of_member else None,
        dice.pick(tuple(STARTS)) if of_type else None,
    )


def _rows(dice: Dice, world: AgeWorld, numbers: dict[str, int], most: int, today: date) -> tuple[AgeRow, ...]:
    rows = []
    for table in world.tables:
        for _ in range(dice.number(0, most)):
            numbers[table.name] += 1
            made, day = _start(dice, world, table, today)
            rows.append(
                AgeRow(
                    table.name,
                    numbers[table.name],
                    dice.number(1, PEOPLE) if dice.chance(90) else None,
                    dice.number(1, MEMBERS) if dice.chance(90) else None,
                    _one_of(dice, numbers, table.parent),
                    _one_of(dice, numbers, table.points_to),
                    _above(dice, numbers[table.name]),
                    made,
                    day,
                )
            )
    return tuple(rows)


def _above(dice: Dice, number: int) -> int | None:
    """An earlier row of its table; or itself."""
    if dice.chance(10):
        return number
    return dice.number(1, number - 1) if number > 1 and dice.chance(60) else None


def _one_of(dice: Dice, numbers: dict[str, int], name: str | None) -> int | None:
    return dice.number(1, numbers[name]) if name is not None and numbers[name] and dice.chance(85) else None


def _start(dice: Dice, world: AgeWorld, table: AgeTable, today: date) -> tuple[str | None, date | None]:
    if dice.chance(10):
        return dice.pick((None, "infinity", "-infinity")), None
    if dice.chance(5):
        return "4000-01-01", date(4000, 1, 1)
    days = {"P30D": 30, "P1M": 30, "P1Y": 366, "P2Y6M": 912, "P1Y1M1D": 397}[world.periods[table.data_type or "gone"]]
    off = dice.number(-2, 3) if dice.chance(40) else dice.number(-900, 1000)
    day = today - timedelta(days=days + off)
    return f"{day} {dice.pick(('00:00:00', '12:00:00', '23:59:59'))}+00", day
