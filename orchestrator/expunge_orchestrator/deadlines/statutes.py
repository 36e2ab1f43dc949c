"""Statutory deadlines (GDPR, UK GDPR, CCPA): periods and their one extension; sources in docs/deadlines.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from expunge_config.datamap import Statute
from expunge_config.periods import Period
from expunge_orchestrator.deadlines.business_days import BusinessCalendar


@dataclass(frozen=True, slots=True)
class Rule:
    """One law's periods.

    Attributes:
        answer: From the day of receipt, which is not counted.
        extended: From the day of receipt as well, once extended: not from the end of the first period.
        moves: An end on a public holiday, Saturday or Sunday moves to the next working day.
        confirm: Business days to confirm the receipt, where the law wants that.
    """

    answer: Period
    extended: Period
    moves: bool
    ground: str
    extension_ground: str
    confirm: int | None = None
    confirm_ground: str = ""

    def falls_on(self, received: date, *, extended: bool = False) -> date:
        """The day on which the period ends, before anything moves it.

        A month ends on the same date, or on the last day of a month that lacks it (Regulation 1182/71 Art. 3(2)(c)).
        """
        return (self.extended if extended else self.answer).after(received)

    def last_day(self, received: date, days: BusinessCalendar, *, extended: bool = False) -> date:
        """The last day in time."""
        day = self.falls_on(received, extended=extended)
        return days.working_day_from(day) if self.moves else day


RULES: Mapping[Statute, Rule] = {
    Statute.GDPR: Rule(
        answer=Period(months=1),
        extended=Period(months=3),
        moves=True,
        ground="One month from receipt (GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3)",
        extension_ground="Two further months, with notice and reasons within the first (GDPR Art. 12(3))",
    ),
    Statute.UK_GDPR: Rule(
        answer=Period(months=1),
        extended=Period(months=3),
        moves=True,
        ground="Corresponding date of the next month (UK GDPR Art. 12(3); ICO, time limits for responding)",
        extension_ground="Two further months, with notice and reasons within the first (UK GDPR Art. 12(3))",
    ),
    Statute.CCPA: Rule(
        answer=Period(days=45),
        extended=Period(days=90),
        moves=False,
        ground="45 calendar days from receipt (CCPA Regulations, 11 CCR s. 7021(b))",
        extension_ground="45 further days, 90 in all, with notice and explanation (11 CCR s. 7021(b))",
        confirm=10,
        confirm_ground="Receipt confirmed within 10 business days (11 CCR s. 7021(a))",
    ),
}
"""Of every statute that a data map can name."""
