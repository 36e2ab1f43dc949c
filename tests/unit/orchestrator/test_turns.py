"""Whose work comes next."""

from __future__ import annotations

from expunge_orchestrator.rules.turns import Turns


def taken(turns: Turns, work: list[str], number: int) -> str:
    """The owners of the next pieces, one piece after the other: its first letter is its owner."""
    left, seen = list(work), ""
    for _ in range(number):
        piece = turns.ordered(left, lambda one: one[0])[0]
        left.remove(piece)
        turns.taken(piece[0])
        seen += piece[0]
    return seen


def test_everybodys_first_comes_before_anybodys_second() -> None:
    assert Turns().ordered(["a1", "a2", "a3", "b1", "b2", "c1"], lambda one: one[0]) == [
        "a1",
        "b1",
        "c1",
        "a2",
        "b2",
        "a3",
    ]


def test_who_had_a_turn_waits_for_the_others() -> None:
    assert taken(Turns(), ["a1", "a2", "a3", "b1", "b2", "c1"], 6) == "abcaba"


def test_who_comes_anew_is_next() -> None:
    turns = Turns()
    assert taken(turns, ["a1", "a2", "b1", "b2"], 2) == "ab"
    assert taken(turns, ["a2", "a3", "b2", "c1"], 4) == "caba"
