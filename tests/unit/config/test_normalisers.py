from __future__ import annotations

from datetime import date

import pytest

from expunge_config.normalisers import NotNormalisable, builtin
from expunge_config.periods import Period


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("email/1", "  Ann.Smith@Mail.EXAMPLE ", "ann.smith@mail.example"),
        ("e164/1", "+49 (30) 000-001", "+4930000001"),
        ("integer/1", " 7 ", "7"),
        ("uuid/1", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("postal/1", "1 Elm  Street,\nTown", "1 elm street town"),
        ("exact/1", " kept as it is ", " kept as it is "),
    ],
)
def test_one_spelling(name: str, value: str, expected: str) -> None:
    rule = builtin()[name]
    assert rule.normalise(value) == expected
    assert rule.normalise(expected) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email/1", "ann"),
        ("email/1", "ann@mail"),
        ("email/1", "ann@mail.example, bob@mail.example"),
        ("email/1", "'; DROP TABLE users;--"),
        ("e164/1", "030 000001"),
        ("e164/1", "+0301234567"),
        ("integer/1", "007"),
        ("integer/1", "-1"),
        ("integer/1", "9223372036854775808"),
        ("integer/1", "\u0667"),
        ("uuid/1", "not-a-uuid"),
        ("exact/1", ""),
        ("exact/1", "a\x00b"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(NotNormalisable) as raised:
        builtin()[name].normalise(value)
    assert not value or value not in str(raised.value)


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        (date(2026, 1, 31), "P1M", date(2026, 2, 28)),
        (date(2024, 1, 31), "P1M", date(2024, 2, 29)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28)),
        (date(2026, 12, 31), "P2M", date(2027, 2, 28)),
        (date(2026, 11, 24), "P1Y2M3D", date(2028, 1, 27)),
        (date(2016, 11, 24), "P10Y", date(2026, 11, 24)),
    ],
)
def test_periods_follow_the_calendar(start: date, period: str, end: date) -> None:
    assert Period.parse(period).after(start) == end
    assert str(Period.parse(period)) == period


@pytest.mark.parametrize("text", ["P", "10Y", "P1W", "PT1H", "P-1D", "P1.5Y", ""])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="period"):
        Period.parse(text)
