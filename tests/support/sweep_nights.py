"""Sweep nights: commands of retention on a later night, at a clock that goes on by what goes alone."""

from __future__ import annotations

import json
from typing import Any

from tests.support.cli import CliResult, CliRunner
from tests.support.small_company import succeeded

_NIGHT = """
def at_night():
    import sys
    from datetime import timedelta
    from expunge_connectors.postgres.ages.age_sweep import AgeSweep
    from expunge_connectors.postgres.connector import PostgresStore
    from expunge_orchestrator import clock
    ours, taken, gone = clock.now, AgeSweep._piece, []
    begun = ours()
    night = begun.replace(hour={hour}, minute=0, second=0, microsecond=0) + timedelta(days={day} + 1)
    def later():
        return night + (timedelta(seconds={seconds} * sum(gone)) if {seconds} else ours() - begun)
    def piece(self, *words):
        gone.append(taken(self, *words))
        return gone[-1]
    for module in list(sys.modules.values()):
        if getattr(module, "now", None) is ours:
            module.now = later
    identity = PostgresStore.identity
    PostgresStore.now, AgeSweep._piece = lambda self: later(), piece
    PostgresStore.identity_at = lambda self: (identity(self), later())
at_night()
"""


def at_night(cli: CliRunner, day: int, *words: str, seconds: float = 0.0, hour: int = 1, code: str = "") -> CliResult:
    """A command of `expunge retention`, at one o'clock (UTC) of the coming night, or so many nights after it.

    Args:
        cli: Where it is typed.
        day: 0: of the coming night.
        words: The command.
        seconds: That each record takes which goes; 0: the clock goes on by itself.
        hour: At another one of that day.
        code: Runs first as well.
    """
    return cli.run("retention", *words, code=_NIGHT.format(day=day, seconds=seconds, hour=hour) + code)


def told_at_night(cli: CliRunner, day: int, *words: str, seconds: float = 0.0, code: str = "") -> Any:
    """What it says to machines."""
    return json.loads(succeeded(at_night(cli, day, *words, "--json", seconds=seconds, code=code)))


def armed_at_night(cli: CliRunner, day: int, *words: str) -> dict[str, Any]:
    """Give leave by a plan of that night; the plan."""
    plan: dict[str, Any] = told_at_night(cli, day, "plan")
    told_at_night(cli, day, "arm", plan["id"], "--confirm", plan["digest"], *words)
    return plan
