"""A trial of ages: one world grows older in a database, and every row is compared with the model after each sweep."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql
from tests.support.model.ages.age_reference import AgeReference, Holds, Key, Stands
from tests.support.model.ages.age_world import (
    ANSWERS,
    FIRST_DAY,
    MEMBERS,
    PEOPLE,
    STARTS,
    AgeRow,
    AgeTable,
    AgeWorld,
    Event,
)
from tests.support.postgres.age_sweeps import Held, swept
from tests.support.postgres.company import CUTOFF, actions, checked, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import AgeCounts, GoesWith, Scope, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError


def tables_sql(world: AgeWorld) -> str:
    """All tables of it, made anew."""
    return "DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + "".join(map(_table_sql, world.tables))


def _table_sql(table: AgeTable) -> str:
    up = f" REFERENCES {table.parent}" if table.keyed and table.parent else ""
    other = f" REFERENCES {table.points_to} ON DELETE {table.on_delete}" if table.points_to else ""
    above = f" REFERENCES {table.name}" if table.tree else ""
    parts = " PARTITION BY HASH (id)" if table.partitioned else ""
    made = (
        f"CREATE TABLE {table.name} (id int PRIMARY KEY, person int, member int, up int{up}, other int{other},"
        f" above int{above}, name text, made {table.start or 'date'}){parts};"
    )
    for at in range(2) if table.partitioned else ():
        made += f"CREATE TABLE {table.name}p{at} PARTITION OF {table.name} FOR VALUES WITH (MODULUS 2, REMAINDER {at});"
    return made


def map_of(world: AgeWorld) -> DataMap:
    """Its data map."""
    lines = []
    for table in world.tables:
        if table.log:
            log = "{purpose: p, ground: g, retention: P90D, approved_by: A. Officer}"
            lines.append(f"{table.name}: {{table: public.{table.name}, log: {log}}}")
        elif table.mapped:
            way = f"column: up, of: {table.parent}.id" if table.parent else "column: person, identity: user_id"
            start = ", start: made" if table.start else ""
            whose = "inherited: true" if table.parent else "column: member"
            owner = f", owner: {{controller: client, {whose}}}" if world.members else ""
            blank = """, tombstone: {name: "'gone-' || id", person: "NULL"}""" if table.data_type == "blank" else ""
            lines.append(
                f"{table.name}: {{table: public.{table.name}, undated: erase, data_type: {table.data_type}{start}"
                f"{owner}{blank}, found_by: [{{{way}}}]}}"
            )
    document = small_document("\n".join(lines))
    document["data_types"] = {name: _data_type(name, period) for name, period in world.periods.items()}
    return checked(document)


def _data_type(name: str, period: str) -> dict[str, Any]:
    rule = {"start": STARTS[name], "period": period}
    ground = {"ground": "law"} if ANSWERS[name] == "retain" else {}
    return {"purpose": "p", "categories": ["c"], "rule": rule, "on_request": ANSWERS[name], **ground}


class AgeTrial:
    """One world: what happens to it, and what the model says of it.

    Args:
        url: A database that is this trial's alone: its schema `public` is made anew.
        seen: Counts what it held.
    """

    def __init__(self, url: str, world: AgeWorld, seen: Counter[str]) -> None:
        self._url, self._world, self._seen = url, world, seen
        self._model = AgeReference(world)
        self._map = map_of(world)
        self._today = FIRST_DAY
        self._holds = Holds()
        self._days: dict[Key, date | None] = {}

    def run(self) -> None:
        """Let it all happen.

        Raises:
            AssertionError: The database is not as the model says.
        """
        execute(self._url, tables_sql(self._world))
        self._compare_ages()
        for event in self._world.events:
            getattr(self, f"_{event.kind}")(event)

    def _compare_ages(self) -> None:
        with opened(self._url, self._map) as store:
            store.inspect()
            found = {
                name: "start" if isinstance(age, AgeCounts) else "with" if isinstance(age, GoesWith) else "none"
                for name, age in store.ages(no_beat).items()
            }
        assert found == self._model.ages(), f"ages: {found} instead of {self._model.ages()}"

    def _rows(self, event: Event) -> None:
        with psycopg.connect(self._url) as connection:
            for row in event.rows:
                self._insert(connection, row)

    def _insert(self, connection: psycopg.Connection[Any], row: AgeRow) -> None:
        """What it would lead to may be gone: such a row is not written."""
        cells = (row.id, row.person, row.member, row.up, row.other, row.above, f"n{row.id}", row.made)
        statement = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)").format(sql.Identifier(row.table))
        try:
            with connection.transaction():
                connection.execute("SET LOCAL timezone = 'UTC'")
                connection.execute(statement, cells)
        except psycopg.errors.ForeignKeyViolation:
            self._seen["leads nowhere"] += 1
        else:
            self._days[row.table, row.id] = row.day

    def _clock(self, event: Event) -> None:
        self._today += timedelta(days=event.number)

    def _hold(self, event: Event) -> None:
        holds, number = self._holds, frozenset({event.number})
        if event.text == "person":
            self._holds = replace(holds, people=holds.people | number)
        elif event.text == "member":
            self._holds = replace(holds, members=holds.members | number)
        else:
            self._holds = replace(holds, types=holds.types | {event.text})

    def _lift(self, event: Event) -> None:
        holds, number = self._holds, frozenset({event.number})
        self._holds = Holds(holds.people - number, holds.members - number, holds.types - {event.text})

    def _request(self, event: Event) -> None:
        """Somebody is erased, as the model of requests has it: what is left is taken over from the database."""
        scope = Scope("client", str(event.number % MEMBERS + 1)) if self._world.members else Scope("acme")
        try:
            with opened(self._url, self._map) as store:
                store.inspect()
                people = resolved(store, [subject(1, user_id=str(event.number % PEOPLE + 1))], scope)
                store.erase(people, actions(self._map, scope.controller), scope, CUTOFF, no_beat)
        except TerminalError:
            self._seen["a request is refused"] += 1
        else:
            self._seen["a request"] += 1

    def _sweep(self, event: Event) -> None:
        del event
        before = self._snapshot()
        expected = self._model.after_sweep(before, self._today, self._holds)
        with opened(self._url, self._map) as store:
            store.inspect()
            order = [name for name, age in store.ages(no_beat).items() if isinstance(age, AgeCounts)]
        places = [name for name in order if self._world.table(name).data_type not in self._holds.types]
        people = frozenset(SubjectKey("user_id", str(one)) for one in self._holds.people)
        held = Held(people, of=frozenset(map(str, self._holds.members)))
        if places:
            swept(self._url, self._map, *places, today=self._today, held=held)
        after = self._snapshot()
        for key in sorted(before):
            assert after.get(key) == expected.get(key), (
                f"{key} on {self._today}: {after.get(key)} instead of {expected.get(key)}; it was {before[key]}"
            )
        assert after.keys() <= before.keys()
        self._seen.update(
            {
                "gone": len(before) - len(after),
                "overwritten": sum(key in after and after[key] != row for key, row in before.items()),
                "stays": len(after),
                "a sweep": 1,
                "a sweep under holds": self._holds != Holds(),
            }
        )

    def _snapshot(self) -> dict[Key, Stands]:
        found = {}
        with psycopg.connect(self._url) as connection:
            for table in self._world.tables:
                statement = sql.SQL("SELECT id, person, member, up, other, above, name FROM {}")
                for row in connection.execute(statement.format(sql.Identifier(table.name))):
                    number, person, member, up, other, above, name = row
                    day = self._days[table.name, number]
                    found[table.name, number] = Stands(person, member, up, other, above, name, day)
        return found
