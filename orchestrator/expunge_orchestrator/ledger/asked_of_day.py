"""Asked of a day: how many people and records an actor asked to erase of a controller, plan by plan added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from expunge_connectors.contract import Scope
from expunge_orchestrator.ledger.tables import asked_of_day

_ASKED = asked_of_day.c


def asked_before(connection: sa.Connection, day: str, actors: Collection[str], scope: Scope) -> Counter[str]:
    """Place -> number, of all of these actors.

    Args:
        connection: In the transaction that freezes the next plan.
        day: `2026-11-29`, of UTC.
        actors: Who are one person.
        scope: Of which controller.
    """
    rows = connection.execute(
        sa.select(_ASKED.place, sa.func.sum(_ASKED.number).label("number"))
        .where(
            _ASKED.day == day,
            _ASKED.actor.in_(actors),
            _ASKED.controller == scope.controller,
            _ASKED.member == (scope.member or ""),
        )
        .group_by(_ASKED.place)
    )
    return Counter({row.place: int(row.number) for row in rows})


def add_asked(connection: sa.Connection, day: str, actor: str, scope: Scope, numbers: Mapping[str, int]) -> None:
    """Add what a plan asks for, beyond what was counted of the plans that it replaces."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [
        {
            "day": day,
            "actor": actor,
            "controller": scope.controller,
            "member": scope.member or "",
            "place": place,
            "number": number,
        }
        for place, number in sorted(numbers.items())
        if number
    ]
    if rows:
        added = insert(asked_of_day)
        connection.execute(
            added.on_conflict_do_update(
                index_elements=list(asked_of_day.primary_key),
                set_={"number": _ASKED.number + added.excluded.number},
            ),
            rows,
        )
