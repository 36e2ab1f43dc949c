"""A period that a law demands at least: a rule that is shorter, of whatever start, is refused."""

from __future__ import annotations

from datetime import date

import pytest

from expunge_config.datamap.data_types import DataType
from expunge_config.periods import Period


@pytest.mark.parametrize(
    ("ours", "theirs", "shorter"),
    [
        ("P10Y", "P10Y", False),
        ("P10Y", "P120M", False),
        ("P9Y11M", "P10Y", True),
        ("P365D", "P1Y", True),
        ("P366D", "P1Y", False),
        ("P1M", "P30D", True),
        ("P1M", "P28D", False),
        ("P1M", "P29D", True),
        ("P4Y", "P1461D", True),
        ("P4Y", "P1460D", False),
        ("P1M1D", "P1M", False),
        ("P2M", "P1M31D", True),
    ],
)
def test_shorter_is_what_ends_sooner_of_some_day(ours: str, theirs: str, *, shorter: bool) -> None:
    """Month ends, leap days, and 2100, which has none."""
    assert Period.parse(ours).shorter_than(Period.parse(theirs)) is shorter


def test_four_years_are_a_day_shorter_around_2100() -> None:
    assert (Period.parse("P4Y").after(date(2096, 3, 1)) - date(2096, 3, 1)).days == 1460


def data_type(period: str) -> DataType:
    return DataType.model_validate(
        {
            "purpose": "Bookkeeping",
            "categories": ["purchases"],
            "rule": {"start": "transaction_ended", "period": period},
            "at_least": {"period": "P10Y", "ground": "AO s. 147"},
            "on_request": "retain",
            "ground": "AO s. 147",
        }
    )


def test_a_rule_that_is_shorter_than_the_law_is_refused_with_the_law() -> None:
    assert data_type("P10Y").at_least is not None
    with pytest.raises(ValueError, match=r"P8Y is shorter than `at_least` P10Y \(AO s. 147\)"):
        data_type("P8Y")
