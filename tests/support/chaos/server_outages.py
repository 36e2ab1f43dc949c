"""Servers that go away under a run and come back: at a point of the run, killed or stopped in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.chaos import ledger_summary
from tests.support.chaos.disturbed_runs import SECONDS, Trial
from tests.support.chaos.scenarios import Chaos, KillPoint
from tests.support.servers import wait_until

from expunge_demo.dev_servers import Server
from expunge_orchestrator.ledger.states import ChunkState

STORES = {"main": "postgres", "recordings": "s3", "cache": "valkey"}
MANNERS = ("killed", "stopped")
LEDGER = "ledger"
BRIEFLY = ("killed and back at once", "restarted")
_INSIDE = {
    "main": ("after writing", "before the end of a transaction", "after the end of a transaction", "beat main."),
    "recordings": (
        *(f"{side} {call}" for call in ("DeleteObject", "AbortMultipartUpload") for side in ("before", "after")),
        "beat recordings.",
    ),
    "cache": ("beat cache.",),
}


@dataclass(frozen=True, slots=True)
class Outage:
    """A store's server, or the ledger's, that goes away when the run is at a point. `manner`: in what way."""

    point: KillPoint
    store: str
    manner: str

    def __str__(self) -> str:
        scenario, number = self.point.scenario, self.point.number
        return f"{scenario}: {self.store} {self.manner} at point {number} {scenario.ending.points[number - 1]!r}"


def outages(chaos: Chaos) -> list[Outage]:
    """Every server at the beginning of every command and step, and each at every kind of point in its own erasing.

    The two manners take turns, so that each server meets each of them at half of the steps.
    """
    return [
        Outage(point, store, MANNERS[(turn + index) % len(MANNERS)])
        for turn, (point, stores) in enumerate(_places(chaos))
        for index, store in enumerate(stores)
    ]


def ledger_outages(chaos: Chaos) -> tuple[list[Outage], list[Outage]]:
    """The ledger's server, away for a moment when a step was taken; and in all manners at each kind of other point."""
    begun, others = [], []
    for scenario in chaos.scenes:
        seen: set[str] = set()
        for number, name in enumerate(scenario.ending.points, 1):
            point = KillPoint(scenario, number)
            if point.begins_step:  # what the step reads from the ledger comes next
                begun.append(Outage(point, LEDGER, BRIEFLY[len(begun) % len(BRIEFLY)]))
            elif name not in seen and not name.startswith("log file"):
                seen.add(name)
                manners = (*MANNERS, *BRIEFLY)
                others.append(Outage(point, LEDGER, manners[len(others) % len(manners)]))
    return begun, others


def met_by_ledger(chaos: Chaos, outage: Outage) -> tuple[bool, list[str]]:
    """Let the ledger's server go away under a run, for a moment or until the run has ended, and compare."""
    assert chaos.world.ledger is not None
    server = chaos.world.ledger.server
    trial = Trial.of(chaos, outage.point.scenario)
    let_go = trial.held(outage.point.number)
    try:
        if outage.manner in {"killed", BRIEFLY[0]}:
            server.kill()
        else:
            server.stop()
        if outage.manner in BRIEFLY:
            server.start()
        let_go()
        code = chaos.driver.end()
    finally:
        server.start()
    return code != 0, [f"{outage}: {one}" for one in trial.wrong(code)]


def _places(chaos: Chaos) -> Iterator[tuple[KillPoint, tuple[str, ...]]]:
    for scenario in chaos.scenes:
        seen: set[str] = set()
        for number, name in enumerate(scenario.ending.points, 1):
            point = KillPoint(scenario, number)
            if number == 1 or point.begins_step:
                yield point, tuple(STORES)
            elif name not in seen:
                seen.add(name)
                if inside := tuple(store for store in STORES if name.startswith(_INSIDE[store])):
                    yield point, inside


def met(chaos: Chaos, outage: Outage) -> tuple[bool, list[str]]:
    """Let a run meet the outage, bring the server back when it was noticed or the run is over, and compare.

    Returns whether the run noticed, and what is wrong.
    """
    server: Server = getattr(chaos.world.stack, STORES[outage.store])
    trial = Trial.of(chaos, outage.point.scenario)
    let_go = trial.held(outage.point.number)
    try:
        if outage.manner == "killed":
            server.kill()
        else:
            server.stop()
        let_go()
        wait_until(
            lambda: chaos.driver.ended() or any(vain for _, vain in ledger_summary.troubles(trial.home)),
            SECONDS,
        )
        put_off = not chaos.driver.ended()
    finally:
        server.start()
    code = chaos.driver.end()
    return put_off or code != 0, [f"{outage}: {one}" for one in trial.wrong(code)]


def stayed_away(chaos: Chaos, outage: Outage) -> list[str]:
    """Let a run meet an outage that is not mended: it must give up, visibly. Then mend, take up again, and compare."""
    server: Server = getattr(chaos.world.stack, STORES[outage.store])
    trial = Trial.of(chaos, outage.point.scenario, changes={"EXPUNGE_MAX_ATTEMPTS": "2"})
    let_go = trial.held(outage.point.number)
    try:
        server.kill()
        let_go()
        code = chaos.driver.end()
    finally:
        server.start()
    states = {state for state, _ in ledger_summary.troubles(trial.home)}
    wrong = list(trial.differences(code))
    if code not in {0, 1}:
        wrong.append(f"ended with {code}")
    if code == 1 and ChunkState.RUNNING.value in states:
        wrong.append("a chunk is still said to run")
    return [f"{outage}, and stayed away: {one}" for one in wrong]
