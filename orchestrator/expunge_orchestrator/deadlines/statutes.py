"""Statutory deadlines (GDPR, UK GDPR, CCPA): periods and their one extension; sources in docs/deadlines.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expunge_config.datamap import Statute
from expunge_config.periods import Period


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
