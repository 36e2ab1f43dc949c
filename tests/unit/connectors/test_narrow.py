"""Text columns of a row that the server keeps in one piece."""

from __future__ import annotations

import re

import pytest

from expunge_connectors.postgres.narrow import text_type

THRESHOLD = 2032
"""TOAST_TUPLE_THRESHOLD of pages of 8 kB (PostgreSQL, src/include/access/heaptoast.h)."""
HEADER = 24 + 8
"""Of a row, aligned, with its map of empty columns."""


def room(texts: int, others: int) -> int:
    found = re.fullmatch(r"varchar\((\d+)\)", text_type(0, texts, others))
    return 0 if found is None else int(found[1])


@pytest.mark.parametrize("others", range(0, 20, 3))
@pytest.mark.parametrize("texts", range(1, 40))
def test_the_longest_row_stays_in_one_piece(texts: int, others: int) -> None:
    characters = room(texts, others)
    assert characters > 0
    assert HEADER + others * 24 + texts * (4 + 4 * characters + 3) < THRESHOLD


@pytest.mark.parametrize("texts", [1, 5, 30])
def test_no_value_is_longer_than_its_column(texts: int) -> None:
    most = room(texts, 2)
    assert text_type(most, texts, 2) == f"varchar({most})"
    assert text_type(most + 1, texts, 2) == "text"


def test_where_there_is_no_room_at_all() -> None:
    assert text_type(0, 3, 100) == "text"
