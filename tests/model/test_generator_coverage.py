"""Every rarer shape is drawn, and has rows: one that is not would agree with everything."""

from __future__ import annotations

from tests.support.model.features import RARE, shapes
from tests.support.model.random_source import Dice
from tests.support.model.strategies import world

WORLDS = 300


def test_every_rare_shape_is_drawn_with_rows_in_it():
    seen: set[str] = set()
    for seed in range(WORLDS):
        one = world(Dice(seed))
        filled = {table.text for table, _, _ in one.rows}
        collections = one.document["stores"]["main"]["collections"]
        for name, spec in collections.items():
            if spec["table"] in filled:
                seen.update(shapes(one.table_of(name), name, collections))
    assert seen == set(RARE)
