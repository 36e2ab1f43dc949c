"""A seeded sample of the kill points, in every run of the tests; `make chaos` kills at all of them."""

from __future__ import annotations

from tests.chaos.choice import chosen
from tests.chaos.fixtures import chaos
from tests.chaos.runs import Chaos, sample

__all__ = ["chaos"]

POINTS = 8


def test_killed_at_a_sample_of_points(chaos: Chaos) -> None:
    seed = chosen().seed
    wrong: list[str] = []
    for point in sample(chaos.points(), POINTS, seed):
        wrong += chaos.killed(point.scene, point.number)
    assert not wrong, "\n".join([f"EXPUNGE_CHAOS_SEED={seed}", *wrong])
