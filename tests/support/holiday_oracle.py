"""Public holidays of six places from their laws, written without the library: the oracle of the deadlines' tests.

Easter by the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8); the rest fixed days, n-th
weekdays and the laws' own rules for days that fall on a weekend. Good for 2024 to 2034.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
DAY = timedelta(days=1)


def easter(year: int) -> date:
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    length = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * length) // 451
    month, day = divmod(h + length - 7 * m + 114, 31)
    return date(year, month, day + 1)


def nth(year: int, month: int, weekday: int, number: int) -> date:
    """The n-th weekday of a month; the last for -1."""
    if number == -1:
        last = date(year + month // 12, month % 12 + 1, 1) - DAY
        return last - (last.weekday() - weekday) % 7 * DAY
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (number - 1)) * DAY


def germany(year: int) -> set[date]:
    """The nine days of all Länder."""
    fixed = {date(year, *day) for day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))}
    return fixed | {easter(year) + days * DAY for days in (-2, 1, 39, 50)}


def bavaria(year: int) -> set[date]:
    """And Art. 1 FTG: Epiphany, Corpus Christi, All Saints (the Assumption only in some municipalities)."""
    return germany(year) | {date(year, 1, 6), easter(year) + 60 * DAY, date(year, 11, 1)}


def france(year: int) -> set[date]:
    """Code du travail, art. L3133-1."""
    fixed = {date(year, *day) for day in ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))}
    return fixed | {easter(year) + days * DAY for days in (1, 39, 50)}


def united_states(year: int) -> set[date]:
    """5 U.S.C. 6103(a), and (b): a Saturday is observed on Friday, a Sunday on Monday (E.O. 11582)."""
    fixed = [date(year, *day) for day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))] + [date(year + 1, 1, 1)]
    moved = {SATURDAY: -DAY, SUNDAY: DAY}
    observed = {day + moved.get(day.weekday(), 0 * DAY) for day in fixed}
    floating = {
        nth(year, 1, MONDAY, 3),
        nth(year, 2, MONDAY, 3),
        nth(year, 5, MONDAY, -1),
        nth(year, 9, MONDAY, 1),
        nth(year, 10, MONDAY, 2),
        nth(year, 11, THURSDAY, 4),
    }
    return {day for day in {*fixed, *observed, *floating} if day.year == year}


def england(year: int) -> set[date]:
    """Banking and Financial Dealings Act 1971, Sch. 1 para. 1; a weekend's day gives the next weekday instead."""
    days = {easter(year) - 2 * DAY, easter(year) + DAY}
    days |= {nth(year, 5, MONDAY, 1), nth(year, 5, MONDAY, -1), nth(year, 8, MONDAY, -1)}
    fixed = [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)]
    days |= set(fixed)
    for day in fixed:
        instead = day
        while instead.weekday() >= SATURDAY or (instead != day and instead in days):
            instead += DAY
        days.add(instead)
    return days


def japan(year: int) -> set[date]:
    """Act on National Holidays (1948), art. 2 and 3; equinoxes by the usual approximation for 1980 to 2099."""
    spring = int(20.8431 + 0.242194 * (year - 1980)) - (year - 1980) // 4
    autumn = int(23.2488 + 0.242194 * (year - 1980)) - (year - 1980) // 4
    days = {
        date(year, *day)
        for day in ((1, 1), (2, 11), (2, 23), (4, 29), (5, 3), (5, 4), (5, 5), (8, 11), (11, 3), (11, 23))
    }
    days |= {date(year, 3, spring), date(year, 9, autumn)}
    days |= {nth(year, 1, MONDAY, 2), nth(year, 7, MONDAY, 3), nth(year, 9, MONDAY, 3), nth(year, 10, MONDAY, 2)}
    further = set()
    for day in days:
        if day.weekday() == SUNDAY:  # art. 3(2): the nearest day after it that is no holiday
            instead = day
            while instead in days:
                instead += DAY
            further.add(instead)
        if day + 2 * DAY in days and day + DAY not in days and (day + DAY).weekday() != SUNDAY:
            further.add(day + DAY)  # art. 3(3): a day between two holidays
    return days | further


PLACES: Mapping[tuple[str, str | None], Callable[[int], set[date]]] = {
    ("DE", None): germany,
    ("DE", "BY"): bavaria,
    ("FR", None): france,
    ("US", None): united_states,
    ("GB", "ENG"): england,
    ("JP", None): japan,
}
