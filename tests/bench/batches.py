"""Erasing batches of callers: Expunge beside the hand-written script, other people of the same client, same stores."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from tests.bench.baseline import Script
from tests.bench.measurements import Stages, Timed, elapsed, peak_memory
from tests.support.installation import Installation

from expunge_connectors.contract import Scope, SubjectKey, no_beat
from expunge_orchestrator.data_map_check import InspectionCache
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.execution.fencing import claim
from expunge_orchestrator.execution.runner import RunObserver, run, run_step
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.planning import planner
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Share:
    """People of one client for one round: as many for Expunge as for the script."""

    client: int
    expunge: Sequence[int]
    script: Sequence[int]


@dataclass(frozen=True, slots=True)
class Round:
    """One round at one size.

    Attributes:
        stages: Expunge's stages in order, `plan` first and `publish` last; together they are all it did.
        stores: Calls of connectors, `<store>.<verb>`.
        script: The script's stages, named by store.
        settling: The settling check afterwards, which is no part of the ratio: the script has nothing like it.
        cpu: CPU seconds of this process, Expunge's and the script's; the servers' own are not in it.
        records: Records that Expunge and the script found.
        memory: Expunge's peak, as told.
    """

    size: int
    stages: Stages
    stores: Stages
    script: Stages
    settling: float
    cpu: tuple[float, float]
    records: tuple[int, int]
    memory: str

    @property
    def ratio(self) -> float:
        """Expunge / script."""
        return self.stages.total / self.script.total

    @property
    def ratio_without_receipts(self) -> float:
        """The same without stating, signing, logging and looking at the backup copies."""
        receipts = sum(self.stages.seconds[name] for name in ("accept", "conclude", "publish"))
        return (self.stages.total - receipts) / self.script.total


def allot(callers: Mapping[int, Sequence[int]], sizes: Iterable[int], rounds: int) -> dict[int, list[Share]]:
    """Deal out people to every size and round, nobody twice, the largest sizes first.

    Args:
        callers: Client -> ids of its callers.
        sizes: How many people Expunge erases at once; the script gets as many others.
        rounds: At most so many per size; fewer where no client has enough people left.
    """
    left = {client: list(ids) for client, ids in callers.items()}
    dealt: dict[int, list[Share]] = defaultdict(list)
    ordered = sorted(sizes, reverse=True)
    # A first round of everything, then a second: a small company does without later rounds, not without a size.
    for _ in range(rounds):
        for size in ordered:
            fitting = [client for client, ids in left.items() if len(ids) >= 2 * size]
            if fitting:
                # The smallest client that will do: the large ones are kept for the large sizes.
                client = min(fitting, key=lambda one: len(left[one]))
                taken, left[client] = left[client][: 2 * size], left[client][2 * size :]
                # Alternately, so that both get people from all over the tables.
                dealt[size].append(Share(client, taken[::2], taken[1::2]))
    return dict(dealt)


def measure(installation: Installation, by_hand: Script, size: int, share: Share, *, script_first: bool) -> Round:
    """One round. Who goes first alternates: the second finds warmer caches and deader rows.

    Raises:
        AssertionError: One of the two left something, or they did not find about the same.
    """
    script, script_cpu, counted = Stages(), 0.0, (0, 0)

    def run_script() -> None:
        nonlocal script_cpu, counted
        cpu = time.process_time()
        counted = by_hand.erase(share.client, share.script, script)
        script_cpu = time.process_time() - cpu

    if script_first:
        run_script()
    stages, stores = Stages(), Stages()
    with peak_memory() as memory:
        cpu = time.process_time()
        batch = erase(timed(installation.workspace, stores), share, stages)
        cpu = time.process_time() - cpu
        told = memory()
    if not script_first:
        run_script()
    settling = elapsed(installation.settle)
    found = found_in(installation, batch)
    assert counted[1] == 0, "the script left something"
    assert installation.outcomes(batch) == {"erased": size}, "not everybody was erased"
    return Round(size, stages, stores, script, settling, (cpu, script_cpu), (found, counted[0]), told)


def timed(workspace: Workspace, stages: Stages) -> Workspace:
    """The same workspace with every connector's calls measured."""

    def wrapped(connectors: Mapping[str, object]) -> dict[str, Timed]:
        return {name: Timed(one, stages) for name, one in connectors.items()}

    return replace(workspace, stores=wrapped(workspace.stores), backups=wrapped(workspace.backups))  # type: ignore[arg-type]


def erase(workspace: Workspace, share: Share, stages: Stages) -> Batch:
    """Plan and carry out, as `expunge plan` and `expunge erase` do, with a warm process and open connections."""
    people = [frozenset({SubjectKey("caller_id", str(caller))}) for caller in share.expunge]
    with stages.time("plan"):
        batch = planner.create_plan(workspace, people, Scope("client", str(share.client)), lambda _done: None)
    with stages.time("begin"):
        batch_lifecycle.start(workspace, batch)
    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        lap = Lap(stages)
        run(workspace, writer, RunObserver(lap.step_done), workers=1)
        lap("publish")
    return batch


def one_by_one(
    installation: Installation, client: int, callers: Iterable[int], *, anew: bool
) -> list[tuple[Stages, Stages]]:
    """Callers from end to end, one at a time; for each the stages, and the calls of connectors within them.

    Args:
        anew: Inspect for each of them, as a process that does one thing does; else within a minute (ADR 7).

    Raises:
        AssertionError: A person was not erased.
    """
    calls = Stages()
    workspace = timed(installation.workspace, calls)
    found = []
    for caller in callers:
        calls.seconds.clear()
        stages = Stages()
        chosen = replace(workspace, inspection=InspectionCache()) if anew else workspace
        batch = erase(chosen, Share(client, [caller], []), stages)
        assert installation.outcomes(batch) == {"erased": 1}, "the person was not erased"
        found.append((stages, Stages(calls.seconds.copy())))
        installation.settle(chosen)
    return found


def erase_here(workspace: Workspace, share: Share) -> None:
    """The same step by step in this thread, for a profiler."""
    people = [frozenset({SubjectKey("caller_id", str(caller))}) for caller in share.expunge]
    batch = planner.create_plan(workspace, people, Scope("client", str(share.client)), lambda _done: None)
    batch_lifecycle.start(workspace, batch)
    with reading(workspace.ledger) as connection:
        chunks = list(connection.scalars(sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch.id)))
    with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
        for chunk in chunks:
            delivery = claim(workspace, chunk, no_beat)
            while delivery is not None:
                delivery = run_step(delivery, RunObserver())
        publish(workspace.ledger, writer, batch_lifecycle.refresh)


class Lap:
    """Gives the time since the last call to the stage that just ended. With one worker stages do not overlap."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._clock: Callable[[], float] = stopwatch()

    def __call__(self, stage: str) -> None:
        self._stages.add(stage, self._clock())

    def step_done(self, _chunk: int, step: str) -> None:
        """For `RunObserver`."""
        self(step)


def stopwatch() -> Callable[[], float]:
    """A function that tells the seconds since it was last called."""
    before = time.perf_counter()

    def lap() -> float:
        nonlocal before
        now = time.perf_counter()
        passed, before = now - before, now
        return passed

    return lap


def found_in(installation: Installation, batch: Batch) -> int:
    """Records that the batch found."""
    with reading(installation.workspace.ledger) as connection:
        return sum(one["found"] for one in BatchSums().records(connection, batch).remaining().values())
