"""Restrictions of processing: holds that people obtained for themselves (GDPR Art. 18; ADR 32)."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

from expunge_orchestrator.rules.effective_holds import Hold

RESTRICTION: Final = "restriction"
"""The kind of such a hold."""


class RestrictedFor(StrEnum):
    """Why somebody obtained a restriction: the four cases of Art. 18(1)."""

    ACCURACY = "accuracy"
    UNLAWFUL = "unlawful"
    CLAIMS = "claims"
    OBJECTION = "objection"


_IN_WORDS: Final = {
    RestrictedFor.ACCURACY: "(a): the person contests that the data are accurate, which is being verified",
    RestrictedFor.UNLAWFUL: "(b): the processing is unlawful, and the person wants the data kept and not used",
    RestrictedFor.CLAIMS: "(c): the person needs the data for legal claims",
    RestrictedFor.OBJECTION: "(d): the person objected to the processing, which is being judged",
}


def ground_in_words(why: RestrictedFor, words: str) -> str:
    """The ground of a restriction, as receipts quote it; `words` are the controller's own."""
    return f"Restriction of processing, GDPR Art. 18(1){_IN_WORDS[why]} ({words})"


def why_no_restriction(*, people: int, until: date | None, undisclosed: bool) -> str | None:
    """Why a hold like this is no restriction; None: it can be one."""
    if not people:
        return "A restriction is of people: each obtained it."
    if until is not None:
        return "A restriction has no last day: it would end before the people are informed (GDPR Art. 18(3))."
    if undisclosed:
        return "A restriction is told: the people obtained it, and are informed of its end (GDPR Art. 18(3))."
    return None


def why_not_lifted(hold: Hold, informed_on: date | None, today: date) -> str | None:
    """Why a hold cannot be lifted so; None: it can.

    Args:
        hold: In force.
        informed_on: The day (UTC) on which its people were informed of its end.
        today: The day (UTC) of the lifting.
    """
    if hold.kind != RESTRICTION:
        return None if informed_on is None else "Nobody has to be informed before this is lifted: it is no restriction."
    if informed_on is None:
        return "The people are informed before a restriction is lifted (GDPR Art. 18(3))."
    if informed_on > today:
        return "The day on which the people are informed has not come yet."
    if informed_on < date.fromisoformat(hold.placed_at[:10]):
        return "Nobody was informed of the end of a restriction before it was there."
    return None
