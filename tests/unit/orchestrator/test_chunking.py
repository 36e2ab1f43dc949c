"""A batch is cut into chunks of one size, no larger than allowed, that keep two workers busy to the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_orchestrator.rules.chunking import HOLDERS, WORKERS, bound_together, chunk_sizes, chunks


@pytest.mark.parametrize(
    ("people", "at_most", "expected"),
    [
        (0, 2000, []),
        (1, 2000, [1]),
        (2000, 2000, [2000]),
        (2001, 2000, [1001, 1000]),
        (10_000, 2000, [1667, 1667, 1667, 1667, 1666, 1666]),
        (3, 1, [1, 1, 1]),
        (5, 2, [2, 1, 1, 1]),
    ],
)
def test_sizes(people: int, at_most: int, expected: list[int]) -> None:
    assert chunk_sizes(people, at_most) == expected


@given(st.integers(0, 30_000), st.integers(1, 10_000))
def test_everybody_is_in_one_and_no_worker_waits_for_another(people: int, at_most: int) -> None:
    made = chunk_sizes(people, at_most)
    assert sum(made) == people
    assert all(0 < one <= at_most for one in made)
    assert max(made, default=0) - min(made, default=0) <= 1
    assert len(made) <= 1 or len(made) % WORKERS == 0 or len(made) == people
    assert len(made) < -(-people // at_most) + WORKERS


@given(st.lists(st.integers(), max_size=50), st.integers(1, 60))
def test_the_order_stays(people: list[int], at_most: int) -> None:
    assert [one for chunk in chunks(iter(people), len(people), at_most) for one in chunk] == people


def test_people_who_share_a_value_are_in_one_chunk() -> None:
    shared = {1: "a", 2: "", 3: "b", 4: "ab", 5: "c", 6: "", 7: "c"}
    assert bound_together(shared, 1) == [[1, 3, 4], [2], [5, 7], [6]]
    assert bound_together(shared, 4) == [[1, 2, 3, 4], [5, 6, 7]]
    assert bound_together(dict.fromkeys(range(HOLDERS), "x"), 2) == [list(range(HOLDERS))]
    assert bound_together(dict.fromkeys(range(HOLDERS + 1), "x"), 2) != [list(range(HOLDERS + 1))]
