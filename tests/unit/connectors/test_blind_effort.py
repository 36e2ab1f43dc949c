"""How much of the time a blind search leaves to others, and when it ends."""

from __future__ import annotations

import pytest

from expunge_connectors.blind_search import effort as module
from expunge_connectors.blind_search.effort import Effort


@pytest.mark.parametrize(("share", "rest"), [(1.0, []), (0.5, [3.0]), (0.25, [9.0])])
def test_after_each_piece_it_rests_in_proportion(monkeypatch, share, rest):
    now = iter([10.0, 13.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    rests: list[float] = []
    with Effort(share=share, pause=rests.append, began=0.0).piece():
        pass
    assert rests == rest


def test_it_ends_when_the_time_is_over(monkeypatch):
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.0)
    assert not Effort(began=0.0).spent
    assert not Effort(seconds=101, began=0.0).spent
    assert Effort(seconds=100, began=0.0).spent
