"""The map's `deadline:` section: what can be said, and what is refused with its line and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.data_map_text import EXAMPLE, line_of, read

from expunge_config import calendars
from expunge_config.calendars import CalendarEndsError
from expunge_config.datamap import Statute, digest
from expunge_config.errors import DataMapError

PLACE = re.compile(r"^  client:\n(?:    .*\n)*", re.MULTILINE)
SECTION = """\
  client:
    name: A client of Calltrack
    many: true
    deadline:
      time_zone: Europe/Berlin
      calendar:
        country: DE
        subdivision: BY
      business_days: 30
      closed: [12-24, 2026-12-31]
      statute: gdpr
    member_deadlines:
      42: {time_zone: America/Los_Angeles, calendar: {country: US, subdivision: CA}, statute: ccpa}
"""


def written(tmp_path: Path, section: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "map.yaml"
    text, replaced = PLACE.subn(section, text)
    assert replaced == 1
    path.write_text(text, encoding="utf-8")
    return path


def test_a_controller_and_a_member_with_another_law(tmp_path: Path) -> None:
    data_map = read(written(tmp_path, SECTION))
    client = data_map.controllers["client"]
    usual, other = client.deadline_of("7"), client.deadline_of("42")
    assert usual is not None
    assert other is not None
    assert (usual.business_days, usual.calendar.subdivision, usual.closed) == (30, "BY", ("12-24", "2026-12-31"))
    assert (other.business_days, other.statute, other.time_zone) == (None, Statute.CCPA, "America/Los_Angeles")
    assert data_map.controllers["calltrack"].deadline_of(None) is None
    assert digest(data_map) != digest(read(EXAMPLE))


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        ("country: DE", "country: UK", "country: UK", "GB (not UK)"),
        ("country: DE", "country: XX", "country: XX", "ISO 3166-1 code"),
        ("country: DE", "country: de", "country: de", "ISO 3166-1 code"),
        ("country: DE", "country: DEU", "country: DEU", "ISO 3166-1 code"),
        ("country: DE", "country: UA", "country: UA", "up to 2035"),  # no public holidays under martial law
        ("country: DE", "country: LK", "country: LK", "up to 2035"),  # known by lists, which end
        ("subdivision: BY", "subdivision: XY", "subdivision: XY", "known are BB, BE, BW, BY"),
        ("subdivision: BY", "subdivision: Bayern", "subdivision: Bayern", "known are BB, BE, BW, BY"),
        ("business_days: 30", "business_days: 0", "business_days: 0", "greater than or equal to 1"),
        ("business_days: 30", "business_days: '30'", "business_days: '30'", "valid integer"),
        ("business_days: 30", "business_days: true", "business_days: true", "valid integer"),
        ("statute: gdpr", "statute: lgpd", "statute: lgpd", "'gdpr', 'uk-gdpr' or 'ccpa'"),
        ("zone: Europe/Berlin", "zone: Berlin", "time_zone: Berlin", "IANA name"),
        ("zone: Europe/Berlin", "zone: localtime", "time_zone: localtime", "IANA name"),
        ("zone: Europe/Berlin", "zone: Europe", "time_zone: Europe", "IANA name"),
        ("zone: Europe/Berlin", "zone: ../Berlin", "time_zone: ../Berlin", "IANA name"),
        ("[12-24, 2026-12-31]", "[24.12.]", "closed: [24.12.]", "12-24 for every year"),
        ("[12-24, 2026-12-31]", "[2026-02-29]", "closed: [2026-02-29]", "12-24 for every year"),
        ("business_days: 30", "business_day: 30", "business_day: 30", "unknown key"),
    ],
)
def test_what_is_refused_and_where(old: str, new: str, where: str, told: str, tmp_path: Path) -> None:
    assert old in SECTION
    path = written(tmp_path, SECTION.replace(old, new, 1))
    with pytest.raises(DataMapError) as raised:
        read(path)
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if text.strip() == where)
    assert f"line {line}: controllers.client.deadline." in raised.value.message
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (SECTION.replace("      business_days: 30\n", ""), "count for `business_days` alone"),
        (SECTION.replace(", statute: ccpa}", "}"), "`business_days`, a `statute`, or both"),
        (SECTION.replace("    many: true\n", ""), "`member_deadlines` are for a controller with `many: true`"),
    ],
)
def test_what_does_not_fit_together(section: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, section)
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert told in raised.value.message


def test_a_yearly_closing_day_may_be_a_leap_day(tmp_path: Path) -> None:
    assert read(written(tmp_path, SECTION.replace("[12-24, 2026-12-31]", "[02-29]")))


def test_a_line_of_a_member_is_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, SECTION.replace("country: US", "country: USA"))
    with pytest.raises(DataMapError) as raised:
        read(path)
    line = line_of(path, next(text for text in path.read_text().splitlines() if "USA" in text))
    assert f"line {line}: controllers.client.member_deadlines.42.calendar.country" in raised.value.message


def test_every_country_that_is_accepted_has_holidays_in_every_year() -> None:
    """Otherwise a list would end in the middle of somebody's deadline, and nobody would see it."""
    for country in ("AE", "AT", "BR", "CN", "DE", "FR", "GB", "IL", "IN", "JP", "NL", "PL", "SA", "US", "ZA"):
        assert calendars.country_complaint(country) is None
        assert all(calendars.year(country, None, number).holidays for number in range(2024, 2036)), country


@pytest.mark.parametrize(("country", "number"), [("LK", 2031), ("UA", 2026), ("IN", 2036), ("DE", 2101)])
def test_a_year_without_its_holidays_is_an_error(country: str, number: int) -> None:
    """India's lunar holidays end with a list, of which the library only warns; the rest of its year would be found."""
    with pytest.raises(CalendarEndsError, match=f"calendar of {country} .* holds no holidays of {number}"):
        calendars.year(country, None, number)
