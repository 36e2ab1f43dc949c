"""Text columns of a row that the server keeps in one piece."""

from __future__ import annotations

import pytest

from expunge_connectors.postgres.sql.staging_tables import text_type, text_width

THRESHOLD = 2032
"""TOAST_TUPLE_THRESHOLD of pages of 8 kB (PostgreSQL, src/include/access/heaptoast.h)."""
HEADER = 24 + 8
"""Of a row, aligned, with its map of empty columns."""


@pytest.mark.parametrize("others", range(0, 20, 3))
@pytest.mark.parametrize("texts", range(1, 40))
def test_the_longest_row_stays_in_one_piece(texts: int, others: int) -> None:
    characters = text_width(0, texts, others)
    assert characters is not None
    assert HEADER + others * 24 + texts * (4 + 4 * characters + 3) < THRESHOLD


@pytest.mark.parametrize("texts", [1, 5, 30])
def test_no_value_is_longer_than_its_column(texts: int) -> None:
    most = text_width(0, texts, 2)
    assert most is not None
    assert text_width(most, texts, 2) == most
    assert text_width(most + 1, texts, 2) is None


def test_where_there_is_no_room_at_all() -> None:
    assert text_width(0, 3, 100) is None


def test_the_types() -> None:
    assert (text_type(84), text_type(None)) == ("varchar(84)", "text")
