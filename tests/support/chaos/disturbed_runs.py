"""Runs that something around them disturbs without killing them, and what must be true when they have ended."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.support.chaos import ledger_summary
from tests.support.chaos.scenarios import REPORT, Chaos, Scenario, check_kept, reached
from tests.support.chaos.store_snapshot import StoreSnapshot
from tests.support.servers import wait_until

SECONDS = 60.0
PATIENT = {"EXPUNGE_MAX_ATTEMPTS": "100", "EXPUNGE_RETRY_PAUSE": "PT0S"}
"""However long a server is away, nobody gives up; and no chunk overtakes one that waits for it.

Two people of different chunks share a home, which goes with whoever comes last: in another order the counts of the two
would be changed over, and as true, but not those of the undisturbed run.
"""

Case = TypeVar("Case")


def share(cases: Sequence[Case], number: int | None, seed: int) -> list[Case]:
    """All cases, or a seeded sample of so many."""
    if number is None or number >= len(cases):
        return list(cases)
    return random.Random(seed).sample(cases, number)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a scene from its start.

    Attributes:
        changes: Settings that are other than the undisturbed run's.
        home: The installation, a fresh copy.
        before: What the stores look like at the start.
        refused: What chunks say at the start of why they failed: for good, which `expunge end` is to end.
    """

    chaos: Chaos
    scenario: Scenario
    changes: Mapping[str, str] = field(repr=False)
    home: Path
    before: StoreSnapshot = field(repr=False)
    refused: frozenset[str]

    @classmethod
    def of(
        cls, chaos: Chaos, scenario: Scenario, *, changes: Mapping[str, str] | None = None, home: Path | None = None
    ) -> Trial:
        """Put everything back to the scene's start."""
        fresh, before = chaos.fresh(scenario.start, home)
        refused = frozenset(ledger_summary.failed(fresh))
        return cls(chaos, scenario, {**PATIENT, **(changes or {})}, fresh, before, refused)

    def run(self) -> int:
        """Type the command; returns its exit code."""
        return self.chaos.driver.run(self.order(0, None))

    def order(self, point: int, gate: Path | None) -> dict[str, object]:
        """What the driver is told."""
        return self.chaos.order(
            self.scenario.request, self.scenario.half, self.home, point, gate=gate, changes=self.changes
        )

    def held(self, point: int) -> Callable[[], None]:
        """Type the command and wait until it waits at a point; returns what lets it go on."""
        gate = self.home / "gate"
        os.mkfifo(gate)
        (self.home / REPORT).unlink(missing_ok=True)  # of the half that this one starts from
        self.chaos.driver.begin(self.order(point, gate))
        wait_until(lambda: self.chaos.driver.ended() or len(reached(self.home)) >= point, SECONDS)
        points = reached(self.home)
        expected = list(self.scenario.ending.points[:point])
        assert points == expected, f"another way: {points[-1:]}\n{self.chaos.complaints()}"

        def let_go() -> None:
            gate.write_bytes(b"")  # waits until the run reads

        return let_go

    def wrong(self, code: int) -> Iterator[str]:
        """Type the command again if it failed, now that all is mended. Yields what differs from the undisturbed run."""
        if lasting := set(ledger_summary.failed(self.home)) - self.refused:
            yield f"a passing trouble was taken for a lasting one: {sorted(lasting)}"
            return
        yield from self.differences(code)

    def differences(self, code: int) -> Iterator[str]:
        """The same, whether or not chunks failed."""
        if code != 0:
            kept = ledger_summary.cutoffs(self.home), ledger_summary.found(self.home)
            again = self.run()
            if again != 0:
                yield f"typed again, it ended with {again}: {self.chaos.complaints()}"
                return
            check_kept(self.home, *kept)
        yield from self.chaos.differences(self.home, self.before, self.scenario.ending)
