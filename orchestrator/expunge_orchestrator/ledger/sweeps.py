"""Sweeps in the ledger: plans by age, leave to delete, what went of each collection, piece by piece."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.errors import UnknownBatchError
from expunge_orchestrator.ledger import sweep_tables as tables
from expunge_orchestrator.ledger.tables import LONGEST_REASON
from expunge_orchestrator.rules.run_gaps import Leave

_PLACE = tables.sweep_place.c


class SweepState(StrEnum):
    """Of a sweep, and of each of its collections."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Too much went, or somebody's word is needed: it goes on when it is armed anew."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AgePlanRow:
    """A plan by age as the ledger has it; `places` as `retention.age_plan` wrote them."""

    id: int
    uid: str
    at: datetime
    map_digest: str
    digest: str
    places: Sequence[Mapping[str, Any]]
    goes: int


@dataclass(frozen=True, slots=True)
class Arming:
    """Leave to delete by age, at most so many records in one sweep."""

    id: int
    uid: str
    plan: AgePlanRow
    at_most: int
    armed_by: str
    armed_at: datetime


@dataclass(frozen=True, slots=True)
class Sweep:
    """A pass over everything that has an age. `why`: it stopped or failed."""

    id: int
    uid: str
    arming_id: int
    age_plan_id: int
    day: date
    state: SweepState
    begun_at: datetime
    ended_at: datetime | None
    why: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class SweepPlace:
    """One collection of a sweep (see `sweep_tables`)."""

    number: int
    store: str
    collection: str
    data_type: str
    controller: str
    state: SweepState
    due: int
    after: str | None
    gone: Mapping[str, int]
    held: int
    piece: Mapping[str, Any] | None
    left: Sequence[Any] | None
    needed_by: Mapping[str, int] | None
    failure: str | None

    @property
    def swept(self) -> int:
        """How many records of the collection itself are gone."""
        return self.gone.get(self.collection, 0)


def keep_plan(  # noqa: PLR0913, PLR0917 - the row's columns
    connection: sa.Connection,
    at: datetime,
    map_digest: str,
    digest: str,
    places: Sequence[Mapping[str, Any]],
    goes: int,
) -> AgePlanRow:
    """Write down a plan by age."""
    uid = f"rp_{secrets.token_hex(6)}"
    row = {"uid": uid, "at": stamp(at), "map_digest": map_digest, "digest": digest, "places": places, "goes": goes}
    number = connection.execute(sa.insert(tables.age_plan).values(**row).returning(tables.age_plan.c.id)).scalar_one()
    return plan_of(connection, int(number))


def plan_of(connection: sa.Connection, number: int) -> AgePlanRow:
    """The plan of that number."""
    row = connection.execute(sa.select(tables.age_plan).where(tables.age_plan.c.id == number)).mappings().one()
    return AgePlanRow(**{**row, "at": parse(row["at"])})


def plan_by_uid(connection: sa.Connection, uid: str) -> AgePlanRow:
    """The plan of that name.

    Raises:
        UnknownBatchError: There is none.
    """
    row = connection.execute(sa.select(tables.age_plan).where(tables.age_plan.c.uid == uid)).mappings().first()
    if row is None:
        raise UnknownBatchError(
            "The ledger has no plan by age of that name.", remedy="`expunge retention plan` makes one and names it."
        )
    return AgePlanRow(**{**row, "at": parse(row["at"])})


def arm(connection: sa.Connection, plan: AgePlanRow, at_most: int, actor: str, at: datetime) -> Arming:
    """Give leave, in place of what was given before."""
    disarm(connection, actor, at)
    row = {
        "uid": f"ra_{secrets.token_hex(6)}",
        "age_plan_id": plan.id,
        "at_most": at_most,
        "armed_by": actor,
        "armed_at": stamp(at),
    }
    connection.execute(sa.insert(tables.arming).values(**row))
    found = armed(connection)
    assert found is not None
    return found


def disarm(connection: sa.Connection, actor: str, at: datetime) -> bool:
    """Take the leave back; whether there was one."""
    ended = sa.update(tables.arming).where(tables.arming.c.ended_at.is_(None))
    return bool(connection.execute(ended.values(ended_by=actor, ended_at=stamp(at))).rowcount)


def armed(connection: sa.Connection) -> Arming | None:
    """The leave that is in force."""
    row = connection.execute(sa.select(tables.arming).where(tables.arming.c.ended_at.is_(None))).mappings().first()
    if row is None:
        return None
    plan = plan_of(connection, row["age_plan_id"])
    return Arming(row["id"], row["uid"], plan, row["at_most"], row["armed_by"], parse(row["armed_at"]))


def leaves(connection: sa.Connection, since: date) -> list[Leave]:
    """From when until when leave was given, the oldest first: what had not ended before a day."""
    ended = tables.arming.c.ended_at
    query = sa.select(tables.arming).where(sa.or_(ended.is_(None), ended >= since.isoformat()))
    rows = connection.execute(query.order_by(tables.arming.c.id)).mappings()
    return [Leave(parse(row["armed_at"]), row["ended_at"] and parse(row["ended_at"])) for row in rows]


def begin(  # noqa: PLR0913 - the row's columns
    connection: sa.Connection, arming: Arming, plan: AgePlanRow, *, day: date, at: datetime, series: Mapping[str, str]
) -> Sweep:
    """Begin a sweep of every collection of the plan that has an age. `series`: controller -> its series."""
    row = {
        "uid": f"sw_{secrets.token_hex(6)}",
        "arming_id": arming.id,
        "age_plan_id": plan.id,
        "day": day.isoformat(),
        "state": SweepState.RUNNING.value,
        "begun_at": stamp(at),
        "seconds": 0.0,
    }
    number = connection.execute(sa.insert(tables.sweep).values(**row).returning(tables.sweep.c.id)).scalar_one()
    places = [one for one in plan.places if "due" in one]
    rows = [
        {
            "sweep_id": number,
            "number": at_,
            **{name: one[name] for name in ("store", "collection", "data_type", "controller", "due")},
            "state": SweepState.RUNNING.value,
            "gone": {},
            "held": 0,
        }
        for at_, one in enumerate(sorted(places, key=lambda one: one["number"]))
    ]
    if rows:
        connection.execute(sa.insert(tables.sweep_place), rows)
    named = [{"sweep_id": number, "controller": name, "series": one} for name, one in sorted(series.items())]
    if named:
        connection.execute(sa.insert(tables.sweep_series), named)
    return _sweep(connection.execute(sa.select(tables.sweep).where(tables.sweep.c.id == number)).mappings().one())


def unfinished(connection: sa.Connection) -> Sweep | None:
    """The sweep that was begun and is not done."""
    query = sa.select(tables.sweep).where(tables.sweep.c.state != SweepState.DONE.value).order_by(tables.sweep.c.id)
    row = connection.execute(query).mappings().first()
    return None if row is None else _sweep(row)


def sweeps(connection: sa.Connection, since: str, before: str) -> list[Sweep]:
    """Those of which the day is in a period, the oldest first."""
    day = tables.sweep.c.day
    query = sa.select(tables.sweep).where(day >= since, day < before).order_by(tables.sweep.c.id)
    return [_sweep(row) for row in connection.execute(query).mappings()]


def last(connection: sa.Connection) -> Sweep | None:
    """The sweep begun last."""
    row = connection.execute(sa.select(tables.sweep).order_by(tables.sweep.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else _sweep(row)


def places(connection: sa.Connection, sweep: int) -> list[SweepPlace]:
    """Its collections, in the order in which they are swept."""
    query = sa.select(tables.sweep_place).where(_PLACE.sweep_id == sweep).order_by(_PLACE.number)
    found = []
    for row in connection.execute(query).mappings():
        said = {**row, "state": SweepState(row["state"])}
        del said["sweep_id"]
        found.append(SweepPlace(**said))
    return found


def series(connection: sa.Connection, sweep: int) -> dict[str, str]:
    """Controller -> the series of what is stated of the sweep."""
    query = sa.select(tables.sweep_series).where(tables.sweep_series.c.sweep_id == sweep)
    return {row.controller: row.series for row in connection.execute(query)}


def subject_of(connection: sa.Connection, name: str) -> str | None:
    """The digest of the plan that a sweep's series is about; None: it is no sweep's."""
    query = (
        sa.select(tables.age_plan.c.digest)
        .join(tables.sweep, tables.sweep.c.age_plan_id == tables.age_plan.c.id)
        .join(tables.sweep_series, tables.sweep_series.c.sweep_id == tables.sweep.c.id)
        .where(tables.sweep_series.c.series == name)
    )
    found: str | None = connection.scalar(query)
    return found


def write_place(connection: sa.Connection, sweep: int, number: int, **values: Any) -> None:  # noqa: ANN401 - columns
    """Change a collection's row. Of a failure as much is kept as its column holds."""
    if values.get("failure") is not None:
        values["failure"] = values["failure"][:LONGEST_REASON]
    mine = (_PLACE.sweep_id == sweep, _PLACE.number == number)
    connection.execute(sa.update(tables.sweep_place).where(*mine).values(**values))


def add_seconds(connection: sa.Connection, sweep: int, seconds: float) -> None:
    """Add to the time for which pieces were at work."""
    mine = sa.update(tables.sweep).where(tables.sweep.c.id == sweep)
    connection.execute(mine.values(seconds=tables.sweep.c.seconds + seconds))


def rearm(connection: sa.Connection, sweep: int, arming: int) -> None:
    """Let a sweep go on under another leave."""
    mine = sa.update(tables.sweep).where(tables.sweep.c.id == sweep)
    connection.execute(mine.values(arming_id=arming, state=SweepState.RUNNING.value, why=None))


def change(connection: sa.Connection, sweep: int, state: SweepState, at: datetime, why: str | None = None) -> None:
    """Set a sweep's state. Of why as much is kept as its column holds."""
    why = why and why[:LONGEST_REASON]
    ended = stamp(at) if state is SweepState.DONE else None
    mine = sa.update(tables.sweep).where(tables.sweep.c.id == sweep)
    connection.execute(mine.values(state=state.value, why=why, ended_at=ended))


def _sweep(row: sa.RowMapping) -> Sweep:
    said = {
        **row,
        "day": date.fromisoformat(row["day"]),
        "state": SweepState(row["state"]),
        "begun_at": parse(row["begun_at"]),
        "ended_at": row["ended_at"] and parse(row["ended_at"]),
    }
    return Sweep(**said)
