"""Connections cut in the middle of a statement, a COPY, a pipeline, a body, or before the answer: the same end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import pytest
from tests.support.chaos.disturbed_runs import Trial, share
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import Chaos, Scenario
from tests.support.chaos.tcp_proxy import ANYWHERE, Cut, Kind, Relay, relays, through

PARTS = 4
MARKERS = {
    "main": (ANYWHERE, b"COPY ", b"DELETE FROM", b"UPDATE ", b"COMMIT"),
    "recordings": (ANYWHERE, b"?delete", b"uploadId="),
    "cache": (ANYWHERE, b"UNLINK", b"SREM", b"ZREM", b"LREM", b"XDEL", b"SCAN"),
}
CUTS = 6
"""Of each kind at seeded segments of each scene and store, and one at a seeded segment with each marker."""


@dataclass(frozen=True, slots=True)
class Wires:
    """The relays, the settings that lead through them, and how many segments of a sort each undisturbed scene has."""

    relays: Mapping[str, Relay]
    settings: Mapping[str, str] = field(repr=False)
    seen: Mapping[str, Mapping[str, Counter[bytes]]]

    def cuts(self, chaos: Chaos, seed: int) -> Iterator[tuple[Scenario, str, Cut]]:
        """Where to cut: in every scene, towards every store, in each of the three ways."""
        source = random.Random(seed)
        for scenario, (store, markers), kind in product(chaos.scenes, MARKERS.items(), Kind):
            for marker in markers:
                number = self.seen[str(scenario)][store][marker]
                wanted = min(number, CUTS if marker == ANYWHERE else 1)
                yield from (
                    (scenario, store, Cut(kind, marker, one)) for one in source.sample(range(1, number + 1), wanted)
                )


@pytest.fixture(scope="module")
def wires(chaos: Chaos) -> Iterator[Wires]:
    """Relays before all three servers, and the undisturbed runs through them."""
    stack, ends = chaos.world.stack, chaos.world.endpoints
    ports = {"main": stack.postgres.port, "recordings": stack.s3.port, "cache": stack.valkey.port}
    with relays(ports, MARKERS) as made:
        s3 = through(ends.s3_endpoint, made["recordings"])
        settings = {
            "EXPUNGE_STORES__MAIN__URL": through(chaos.world.role_url, made["main"]),
            "EXPUNGE_STORES__CACHE__URL": through(ends.redis_url, made["cache"]),
            "EXPUNGE_STORES__RECORDINGS__ENDPOINT_URL": s3,
            "EXPUNGE_STORES__DUMPS__ENDPOINT_URL": s3,
        }
        seen = {}
        for scenario in chaos.scenes:
            for relay in made.values():
                relay.reset(None)
            trial = Trial.of(chaos, scenario, changes=settings)
            assert list(trial.wrong(trial.run())) == []
            seen[str(scenario)] = {store: Counter(relay.seen) for store, relay in made.items()}
        yield Wires(made, settings, seen)


def test_the_wires_carry_what_is_to_be_cut(wires: Wires) -> None:
    for store, markers in MARKERS.items():
        for marker in markers:
            assert any(seen[store][marker] for seen in wires.seen.values()), (store, marker)


@pytest.mark.parametrize("part", range(PARTS))
def test_cut(chaos: Chaos, choice: Choice, wires: Wires, part: int) -> None:
    wrong: list[str] = []
    made = 0
    for scenario, store, cut in share(list(wires.cuts(chaos, choice.seed)), choice.sample, choice.seed)[part::PARTS]:
        for name, relay in wires.relays.items():
            relay.reset(cut if name == store else None)
        trial = Trial.of(chaos, scenario, changes=wires.settings)
        code = trial.run()
        made += wires.relays[store].done
        wrong += [f"{scenario}: {store} cut {cut}: {one}" for one in trial.wrong(code)]
    assert not wrong, "\n".join([str(choice), *wrong])
    assert made or choice.sample is not None
