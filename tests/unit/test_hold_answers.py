"""What holds answered is remembered in bounded bytes, and of the same holds alone."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.support.postgres.age_sweeps import Held

from expunge_connectors.postgres.ages.hold_answers import HoldAnswers


@pytest.mark.parametrize("length", [1, 500, 5000])
def test_it_takes_what_it_may_whatever_the_texts_are(length: int) -> None:
    """As the interpreter counts it; while the table of texts grows there are two of them."""
    most = 2**20
    tracemalloc.start()
    try:
        answers = HoldAnswers(most)
        for number in range(40_000_000 // (length + 1000)):
            answers.remember((f"{number:x>{length}}",), kept=False)
            assert answers.bytes <= most
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * most


def test_what_other_holds_said_is_forgotten() -> None:
    """Holds that are the same object are the same; equal ones need not be."""
    answers, one, other = HoldAnswers(), Held(), Held()
    answers.forget_unless_of(one)
    answers.remember(("a",), kept=True)
    answers.forget_unless_of(one)
    assert answers.of(("a",)) is True
    answers.forget_unless_of(other)
    assert answers.of(("a",)) is None
