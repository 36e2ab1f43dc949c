"""Public holidays and time zones: holidays by country and year, computed from rules by the library `holidays`.

This is the only place that knows the library.

A country is its ISO 3166-1 code, a subdivision the second part of its ISO 3166-2 code (`BY` of `DE-BY`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from threading import Lock

import holidays

from expunge_config.errors import ConfigError

LAST_YEAR_WANTED = 2035
"""A calendar that ends earlier is refused when the map is loaded, not one day in the middle of a request."""


_WARNINGS_WATCHED = Lock()


class CalendarEndsError(ConfigError):
    """The calendar of public holidays does not hold the year that a deadline falls into."""


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One year of one calendar.

    Attributes:
        holidays: Day -> its name, in English where the library knows it, else in the country's own language: never
            by the locale of the machine, because receipts cite it.
        weekend: The days of the country's weekend.
        working: The business days: neither weekend nor holiday, or a weekend's day that the country works on instead of
            another.
    """

    holidays: Mapping[date, str]
    weekend: frozenset[date]
    working: frozenset[date]


@lru_cache(maxsize=1)  # the packages' metadata are files
def source() -> str:
    """What produced the calendars, as receipts name it: `holidays 0.109`."""
    return f"holidays {version('holidays')}"


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """IANA names of time zones, from the package `tzdata`: a machine's own list also holds its `localtime`."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def country_complaint(country: str) -> str | None:
    """What is wrong with a country's code, with what to write instead; None if it can be used."""
    if country not in holidays.list_supported_countries(include_aliases=False):
        return "no calendar of this name: write the ISO 3166-1 code of a country, such as DE or GB (not UK)"
    if _generated(country, None, LAST_YEAR_WANTED) is None:
        return f"{source()} knows no holidays of this country up to {LAST_YEAR_WANTED}: name another that you work by"
    return None


def subdivision_complaint(country: str, subdivision: str) -> str | None:
    """What is wrong with the code of a known country's part; None if it can be used."""
    known = holidays.country_holidays(country).subdivisions
    if subdivision in known:
        return None
    return f"this country has no such part; known are {', '.join(known) or 'none: leave it away'}"


@lru_cache(maxsize=1024)
def year(country: str, subdivision: str | None, number: int) -> CalendarYear:
    """One year of a calendar that was found without complaint.

    Raises:
        CalendarEndsError: The library has no holidays for that year. A year without any is not taken for one in which
            every day is worked.
    """
    found = _generated(country, subdivision, number)
    if found is None:
        raise CalendarEndsError(
            f"The calendar of {country} in {source()} holds no holidays of {number}.",
            remedy="Name another country in the data map, or a newer version of the library.",
        )
    days = [date(number, 1, 1) + timedelta(days=place) for place in range(date(number, 12, 31).timetuple().tm_yday)]
    return CalendarYear(
        holidays={day: name for day, name in sorted(found.items()) if day.year == number},
        weekend=frozenset(day for day in days if found.is_weekend(day)),
        working=frozenset(day for day in days if found.is_working_day(day)),
    )


def _generated(country: str, subdivision: str | None, number: int) -> holidays.HolidayBase | None:
    """The library's calendar of one year, or None where it has none, or warns that it holds only a part of it."""
    known = holidays.country_holidays(country)
    language = "en_US" if "en_US" in known.supported_languages else known.default_language
    # The library tells of years beyond its lists (India's lunar holidays) by a warning alone. Python has one record of
    # warnings for all threads.
    with _WARNINGS_WATCHED, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = holidays.country_holidays(country, subdiv=subdivision, years=number, expand=False, language=language)
    partial = any("available only" in str(one.message) for one in warned)
    return None if partial or not found else found
