from __future__ import annotations

from datetime import date
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_config.normalisers import NotNormalisable, builtin
from expunge_config.periods import Period
from expunge_reports import opening


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("email/1", "  Ann.Smith@Mail.EXAMPLE ", "ann.smith@mail.example"),
        ("e164/1", "+49 (30) 000-001", "+4930000001"),
        ("integer/1", " 7 ", "7"),
        ("integer/2", "\u00a07\n", "7"),
        ("integer/2", "-2", "-2"),
        ("integer/2", "18446744073709551615", "18446744073709551615"),
        ("uuid/1", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("postal/1", "1 Elm  Street,\nTown", "1 elm street town"),
        ("exact/1", "Kept  as it is", "Kept  as it is"),
        ("exact/1", " a\u030a ", " a\u030a "),
        ("email/1", "\ufeff\u00a0Ann@Mail.EXAMPLE\u2003\t", "ann@mail.example"),
        ("email/1", "J\u030cane@mail.example", "\u01f0ane@mail.example"),
        ("email/1", "\u212aim@mail.example", "kim@mail.example"),
        ("email/1", "\u0130nci.\u03a3@mail.example", "\u0130nci.\u03a3@mail.example"),
        ("email/2", " Pat.O'Brien@Mail.EXAMPLE ", "pat.o'brien@mail.example"),
        ("email/2", "\u212aim@mail.example", "kim@mail.example"),
        ("e164/1", "\u00a0+49/30\u202f000.001", "+4930000001"),
        ("postal/1", ",1\u2003Long Road, X,", "1 long road x"),
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
        ("email/1", "pat.o'brien@mail.example"),
        ("email/2", "'; DROP TABLE users;--"),
        ("email/2", "pat@o'brien.example"),
        ("email/2", "ann@mail.example, bob@mail.example"),
        ("email/2", '"pat o"@mail.example'),
        ("email/2", "ann@mail"),
        ("e164/1", "030 000001"),
        ("e164/1", "+0301234567"),
        ("integer/1", "007"),
        ("integer/1", "-1"),
        ("integer/1", "9223372036854775808"),
        ("integer/1", "\u0667"),
        ("integer/2", "007"),
        ("integer/2", "+7"),
        ("integer/2", "-0"),
        ("integer/2", "7.0"),
        ("integer/2", "7" * 39),
        ("integer/2", "\u0667"),
        ("uuid/1", "not-a-uuid"),
        ("exact/1", ""),
        ("exact/1", "a\x00b"),
        ("email/1", "a\x85b@mail.example"),
        ("email/1", "a\ud800@mail.example"),
        ("postal/1", " ,, "),
        ("postal/1", "1 Elm\x1f"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(NotNormalisable) as raised:
        builtin()[name].normalise(value)
    assert not value or value not in str(raised.value)


@pytest.mark.parametrize("value", ["-2", "+2", "2.0", " 2.0 ", "02", ".5", "2.", "1e15", "1E+3", "9" * 40])
@pytest.mark.parametrize("name", ["integer/1", "integer/2"])
def test_a_number_is_somebodys_however_it_is_written(name: str, value: str) -> None:
    assert not builtin()[name].nobodys(value)


@pytest.mark.parametrize("value", ["", "unknown", "n/a", "-", ".", "1-2", "e5", "1 2", "NaN"])
@pytest.mark.parametrize("name", ["integer/1", "integer/2"])
def test_what_is_no_number_is_nobodys(name: str, value: str) -> None:
    assert builtin()[name].nobodys(value)


@pytest.mark.parametrize("character", "!#$%&'*+-/=?^_`{|}~." + ascii_letters + digits)
def test_every_character_of_a_dot_atom_may_stand_in_an_address(character: str) -> None:
    """RFC 5322, section 3.2.3."""
    value = f"a{character}b@mail.example"
    assert builtin()["email/2"].normalise(value) == value.lower()
    if character != "'":
        assert builtin()["email/1"].normalise(value) == value.lower()


@given(raw=st.emails() | st.text(max_size=20).map("{}@x.example".format))
def test_what_the_first_version_takes_the_second_spells_the_same(raw: str) -> None:
    try:
        value = builtin()["email/1"].normalise(raw)
    except NotNormalisable:
        return
    assert builtin()["email/2"].normalise(raw) == value


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


@pytest.mark.parametrize("name", sorted(builtin().keys() - {"exact/1"}))  # intake holds exact values to this form
@given(raw=st.text(max_size=20) | st.emails().map("\u3000{}\x1f".format) | st.sampled_from(["J\u030c@x.example"]))
def test_an_opening_holds_whatever_was_accepted(name: str, raw: str) -> None:
    rule = builtin()[name]
    try:
        value = rule.normalise(raw)
    except NotNormalisable:
        return
    assert rule.normalise(value) == value
    assert opening.parse(opening.make(b"k" * 32, "er_" + "0" * 32, f"kind+{name}", value)).value == value
