"""The ledger on a Postgres of its own: killed at every boundary, its server gone or cut off in the middle; same end."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import psycopg
import pytest
from tests.support.chaos import ledger_backends, ledger_summary
from tests.support.chaos.commands import REQUEST, command
from tests.support.chaos.disturbed_runs import SECONDS, Trial, share
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, KillPoint, Scenario, sample
from tests.support.chaos.server_outages import LEDGER, ledger_outages, met_by_ledger
from tests.support.chaos.tcp_proxy import ANYWHERE, Cut, Kind, Relay, relays, through
from tests.support.servers import wait_until

from expunge_demo.ground_truth import check
from expunge_orchestrator.errors import LedgerError

PARTS = 4
MARKERS = (ANYWHERE, b"INSERT INTO", b"UPDATE ", b"COMMIT", b"SELECT")
OUTAGES = 48
"""Seeded ones besides those at the beginning of every step."""
CUTS = 4
"""Of each kind at seeded segments of each scene, and one at a seeded segment with each marker."""


def boundaries(chaos: Chaos) -> list[KillPoint]:
    """Both sides of every commit that ends a step, of every other one but the taking of a step, and of every append."""
    return [
        point
        for point in chaos.points()
        if point.name.partition(" ")[2].startswith(("commit of", "append to"))
        and not point.name.endswith(" commit of chunk")
    ]


def calls(chaos: Chaos, seed: int) -> list[KillPoint]:
    """One seeded point of every kind of call of a store or backup place, on either side, and of all that is inside."""
    kinds: defaultdict[str, list[KillPoint]] = defaultdict(list)
    for point in chaos.points():
        side, _, call = point.name.partition(" ")
        if side == "log" or call.startswith(("commit of", "append to")):
            continue
        kinds[point.name if side == "beat" else call.partition(" ")[0]].append(point)
    source = random.Random(seed)
    return [source.choice(kinds[kind]) for kind in sorted(kinds)]


def test_undisturbed_runs_are_those_of_a_ledger_in_a_file(chaos: Chaos, fleet: Chaos) -> None:
    for there, here in zip(fleet.scenes, chaos.scenes, strict=True):
        assert list(there.ending.points) == list(here.ending.points)
        assert there.ending.picture.differences(here.ending.picture) == []
        assert ledger_summary.lives(there.ending.account.told) == ledger_summary.lives(here.ending.account.told)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed(fleet: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    for point in sample(boundaries(fleet), choice.sample, choice.seed)[part::PARTS]:
        wrong += fleet.killed(point.scenario, point.number)
    assert not wrong, "\n".join([str(choice), *wrong])


def test_killed_around_calls(fleet: Chaos, choice: Choice) -> None:
    points = calls(fleet, choice.seed)
    names = {point.name.removeprefix("before ").removeprefix("after ") for point in points}
    assert names >= {
        "main.resolve",
        "recordings.erase",
        "cache.verify",
        "beat cache.erase",
        "dumps.copies",
        "DeleteObjects",
    }
    wrong: list[str] = []
    for point in share(points, choice.sample, choice.seed):
        wrong += fleet.killed(point.scenario, point.number)
    assert not wrong, "\n".join([str(choice), *wrong])


@pytest.mark.parametrize("part", range(PARTS))
def test_server_that_goes_and_comes_back(fleet: Chaos, choice: Choice, part: int) -> None:
    wrong: list[str] = []
    noticed = 0
    begun, others = ledger_outages(fleet)
    chosen = share([*begun, *share(others, OUTAGES, choice.seed)], choice.sample, choice.seed)
    for outage in chosen[part::PARTS]:
        seen, complaints = met_by_ledger(fleet, outage)
        noticed += seen
        wrong += complaints
    assert not wrong, "\n".join([str(choice), *wrong])
    assert noticed or choice.sample is not None, "nobody noticed that the server was away"


@dataclass(frozen=True, slots=True)
class Wire:
    """The relay before the ledger, the settings that lead through it, and the segments of each undisturbed scene."""

    relay: Relay
    settings: Mapping[str, str] = field(repr=False)
    seen: Mapping[str, Counter[bytes]]

    def cuts(self, chaos: Chaos, seed: int) -> Iterator[tuple[Scenario, Cut]]:
        """Where to cut: in every scene, in each of the three ways."""
        source = random.Random(seed)
        for scenario, kind, marker in product(chaos.scenes, Kind, MARKERS):
            number = self.seen[str(scenario)][marker]
            wanted = min(number, CUTS if marker == ANYWHERE else 1)
            yield from ((scenario, Cut(kind, marker, one)) for one in source.sample(range(1, number + 1), wanted))


@pytest.fixture(scope="module")
def wire(fleet: Chaos) -> Iterator[Wire]:
    """A relay before the ledger's server, and the undisturbed runs through it."""
    assert fleet.world.ledger is not None
    with relays({LEDGER: fleet.world.ledger.server.port}, {LEDGER: MARKERS}) as made:
        relay = made[LEDGER]
        url = through(fleet.world.ledger.url, relay)
        settings = {"EXPUNGE_LEDGER_URL": ledger_backends.for_expunge(url)}
        seen = {}
        for scenario in fleet.scenes:
            relay.reset(None)
            trial = Trial.of(fleet, scenario, changes=settings)
            assert list(trial.wrong(trial.run())) == []
            seen[str(scenario)] = Counter(relay.seen)
        yield Wire(relay, settings, seen)


@pytest.mark.parametrize("part", range(PARTS))
def test_cut_off(fleet: Chaos, choice: Choice, wire: Wire, part: int) -> None:
    assert all(any(seen[marker] for seen in wire.seen.values()) for marker in MARKERS)
    wrong: list[str] = []
    made = 0
    for scenario, cut in share(list(wire.cuts(fleet, choice.seed)), choice.sample, choice.seed)[part::PARTS]:
        wire.relay.reset(cut)
        trial = Trial.of(fleet, scenario, changes=wire.settings)
        code = trial.run()
        made += wire.relay.done
        wrong += [f"{scenario}: ledger cut {cut}: {one}" for one in trial.wrong(code)]
    assert not wrong, "\n".join([str(choice), *wrong])
    assert made or choice.sample is not None


HANG = """
CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END';
CREATE TRIGGER hang BEFORE INSERT ON step_log FOR EACH ROW WHEN (NEW.name = 'erase:recordings') EXECUTE FUNCTION hang();
"""


def test_the_command_says_that_it_is_the_ledger(fleet: Chaos) -> None:
    """Killed under a step that is being noted: neither a traceback nor "a defect"; the same command ends it."""
    ledger = fleet.world.ledger
    assert ledger is not None
    fleet.fresh(fleet.scenes[0].start)
    start, batch, digest = fleet.world.plan(replace(REQUEST, name="told"))
    home, _ = fleet.fresh(start)
    before = fleet.world.snapshot()
    erase = ("erase", batch, "--confirm", digest)
    with psycopg.connect(ledger.url) as owner:
        owner.execute(HANG)
    process = command(fleet, home, *erase)
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: ledger_backends.rows(home, asleep) != [(0,)], SECONDS)
    try:
        ledger.server.kill()
        code = process.wait(SECONDS)
    finally:
        ledger.server.start()
    told = (home / "output.txt").read_text()
    assert code == LedgerError.exit_code, told
    assert "ledger cannot be written" in " ".join(told.split())
    assert "Traceback" not in told
    with psycopg.connect(ledger.url) as owner:
        owner.execute("DROP TRIGGER hang ON step_log")
    for words in (erase, ("run-due",)):
        assert command(fleet, home, *words).wait(SECONDS) == 0, (home / "output.txt").read_text()
    assert check(before, fleet.world.snapshot(), REQUEST.erased) == []
