"""The real command, killed by its parent at random moments and typed again until it ends."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

from tests.support.chaos import ledger_summary
from tests.support.chaos.commands import REQUEST, command
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import KILLED, Baseline, Chaos

from expunge_demo.ground_truth import check

MAX_KILLS = 3


def typed_until_it_ends(chaos: Chaos, home: Path, source: random.Random, seconds: float, *words: str) -> int:
    """Kill the command at random moments, at most `MAX_KILLS` times, then let it end. Returns the kills."""
    kills = 0
    while True:
        process = command(chaos, home, *words)
        try:
            code = process.wait(None if kills == MAX_KILLS else source.uniform(0.2, 0.95) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        assert code in {0, KILLED}, (home / "output.txt").read_text()
        if code == 0:
            return kills
        kills += 1


def test_killed_command_typed_again(chaos: Chaos, choice: Choice) -> None:
    chaos.fresh(chaos.scenes[0].start)
    start, batch, digest = chaos.world.plan(REQUEST)
    commands = (("erase", batch, "--confirm", digest), ("run-due",))

    home, before = chaos.fresh(start)
    judged = chaos.world.snapshot()
    took = []
    for words in commands:
        began = time.monotonic()
        assert command(chaos, home, *words).wait() == 0, (home / "output.txt").read_text()
        took.append(time.monotonic() - began)
    ending = Baseline((), chaos.world.picture(), ledger_summary.of(home), home)
    assert {event for _, _, event in ending.account.told["events"]} == {"accepted", "partially-erased", "settled"}
    assert ending.picture.rewritten_since(before) == []
    assert check(judged, chaos.world.snapshot(), REQUEST.erased) == []

    source = random.Random(choice.seed)
    wrong: list[str] = []
    kills = 0
    for turn in range(12 if choice.sample is None else 2):
        home, before = chaos.fresh(start)
        for words, seconds in zip(commands, took, strict=True):
            kills += typed_until_it_ends(chaos, home, source, seconds, *words)
        wrong += [f"turn {turn}: {one}" for one in chaos.differences(home, before, ending)]
    assert not wrong, "\n".join([str(choice), *wrong])
    assert kills
