"""A trial of ages: one world grows older in a database, and every row is compared with the model after each sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql
from tests.support.model.ages.age_installation import AgeInstallation, age_installation
from tests.support.model.ages.age_reference import AgeReference, Key, Stands
from tests.support.model.ages.age_world import (
    ANSWERS,
    FIRST_DAY,
    STARTS,
    AgeHold,
    AgeRow,
    AgeTable,
    AgeWorld,
    Event,
)
from tests.support.postgres.age_sweeps import swept
from tests.support.postgres.company import CUTOFF, actions, checked, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import small_document

from expunge_connectors.contract import AgeCounts, GoesWith, NamedThing, Scope, SubjectKey, no_beat
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.ledger.states import BatchState


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


def document_of(world: AgeWorld) -> dict[str, Any]:
    """Its data map, as it is written down."""
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
    return document


def _data_type(name: str, period: str) -> dict[str, Any]:
    rule = {"start": STARTS[name], "period": period}
    ground = {"ground": "law"} if ANSWERS[name] == "retain" else {}
    return {"purpose": "p", "categories": ["c"], "rule": rule, "on_request": ANSWERS[name], **ground}


class AgeTrial:
    """One world: what happens to it, and what the model says of it.

    Args:
        url: A database that is this trial's alone: its schema `public` is made anew.
        seen: Counts what it held.
        installed: An installation does it all, with a ledger; otherwise the connector alone, and who is on hold asks
            for nothing.
    """

    def __init__(self, url: str, world: AgeWorld, seen: Counter[str], *, installed: bool = False) -> None:
        self._url, self._world, self._seen, self._installed = url, world, seen, installed
        self._model = AgeReference(world)
        self._map = checked(document_of(world))
        self._today = FIRST_DAY
        self._holds: list[AgeHold] = []
        self._days: dict[Key, date | None] = {}
        self._installation: AgeInstallation | None = None
        self._placed: dict[AgeHold, str] = {}
        self._waiting: dict[str, tuple[int, int]] = {}

    def run(self) -> None:
        """Let it all happen.

        Raises:
            AssertionError: The database is not as the model says.
        """
        execute(self._url, tables_sql(self._world))
        self._compare_ages()
        with ExitStack() as stack:
            if self._installed:
                document = document_of(self._world)
                self._installation = stack.enter_context(age_installation(self._url, document))
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
        hold = event.hold
        assert hold is not None
        self._holds.append(hold)
        self._seen[f"a {hold.kind}"] += 1
        if self._installation is not None:
            whole = hold.person is None and hold.member is None and hold.data_type is None
            of_client = self._world.members and (whole or hold.member is not None)
            self._placed[hold] = self._installation.place(
                hold.kind,
                hold.person,
                data_type=hold.data_type,
                controller="client" if of_client else "acme" if whole else None,
                member=None if hold.member is None else str(hold.member),
            )

    def _lift(self, event: Event) -> None:
        """Who waited for nothing else goes on; nobody else's rows change."""
        hold = event.hold
        if hold not in self._holds:
            return  # a smaller world
        self._holds.remove(hold)
        if self._installation is None:
            return
        before = self._snapshot()
        self._installation.lift(self._placed.pop(hold), hold.kind)
        untouched = set(before)
        for uid, (person, member) in list(self._waiting.items()):
            untouched &= self._model.untouched(before, person, self._member(member), self._holds)
            if self._installation.state(uid) is not BatchState.ON_HOLD:
                self._seen["a request goes on"] += 1
                del self._waiting[uid]
            else:
                assert self._asked_of(person, member), f"person {person} waits, and nothing is on hold"
        self._compare(before, untouched, "after a hold was lifted")

    def _request(self, event: Event) -> None:
        """Somebody is erased, as the model of requests has it: what is left is taken over from the database."""
        before = self._snapshot()
        scope = Scope("client", str(event.member)) if self._world.members else Scope("acme")
        if self._installation is not None:
            uid = self._installation.request(event.number, str(scope))
            waits = self._installation.state(uid) is BatchState.ON_HOLD
            if waits:
                self._waiting[uid] = (event.number, event.member)
            self._seen["a request waits" if waits else "a request is answered"] += 1
        elif not self._asked_of(event.number, event.member):
            try:
                with opened(self._url, self._map) as store:
                    store.inspect()
                    people = resolved(store, [subject(1, user_id=str(event.number))], scope)
                    store.erase(people, actions(self._map, scope.controller), scope, CUTOFF, no_beat)
            except TerminalError:
                self._seen["a request is refused"] += 1
            else:
                self._seen["a request"] += 1
        untouched = self._model.untouched(before, event.number, self._member(event.member), self._holds)
        self._compare(before, untouched, f"after a request of {event.number}")

    def _member(self, member: int) -> int | None:
        return member if self._world.members else None

    def _asked_of(self, person: int, member: int) -> list[AgeHold]:
        """The holds that concern a request."""
        ours = self._member(member)
        return [one for one in self._holds if one.person in {None, person} and one.member in {None, ours}]

    def _compare(self, before: dict[Key, Stands], untouched: Collection[Key], when: str) -> None:
        after = self._snapshot()
        for key in sorted(untouched):
            assert after.get(key) == before[key], f"{key} {when}: {after.get(key)} instead of {before[key]}"

    def _sweep(self, event: Event) -> None:
        del event
        before = self._snapshot()
        expected = self._model.after_sweep(before, self._today, self._holds)
        if self._installation is not None:
            self._installation.sweep(self._today)
        else:
            self._swept()
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
                "a sweep under holds": bool(self._holds),
            }
        )

    def _swept(self) -> None:
        """By the connector alone, place by place, each with the holds that concern it."""
        with opened(self._url, self._map) as store:
            store.inspect()
            order = [name for name, age in store.ages(no_beat).items() if isinstance(age, AgeCounts)]
        for name in order:
            data_type = self._world.table(name).data_type
            concerning = [one for one in self._holds if one.data_type in {None, data_type}]
            if all(one.person is not None or one.member is not None for one in concerning):
                swept(self._url, self._map, name, today=self._today, held=_HeldBy(concerning))

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


@dataclass(frozen=True, slots=True)
class _HeldBy:
    """What some holds on people and members keep (`contract.Keeping`)."""

    holds: Collection[AgeHold]

    @property
    def identities(self) -> frozenset[str]:
        return frozenset({"user_id"}) if any(one.person is not None for one in self.holds) else frozenset()

    @property
    def members(self) -> bool:
        return any(one.member is not None for one in self.holds)

    @property
    def named(self) -> frozenset[str]:
        return frozenset()

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        assert not named
        return frozenset()

    def keeps(self, keys: Collection[SubjectKey], member: str | None) -> bool:
        people = {key.value for key in keys}
        return any(
            (one.person is None or str(one.person) in people)
            and (one.member is None or member in {None, str(one.member)})
            for one in self.holds
        )
