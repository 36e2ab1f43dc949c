"""What the codes of receipts mean to a reader who has never seen one."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

EVENT_WORDS: Final[Mapping[str, str]] = {
    "accepted": "Request accepted",
    "erased": "Erased from the declared stores",
    "partially-erased": "Erased in part; what was kept is listed with its ground",
    "not-found": "No match found",
    "failed": "Not completed",
    "denied": "Denied",
    "cancelled": "Cancelled; what had been erased by then, if anything, is listed",
    "on-hold": "On hold: what may not be erased for now is listed with its ground",
    "settled": "Checked again after the settling time",
    "re-erased": "Erased again, because something due was there when asked again",
    "correction": "Correction of an earlier statement",
    "closed": "Closed: nothing is open any more",
    "copy-seen": "Backup copy seen",
    "copy-gone": "Backup copy looked for and not there any more",
}
"""Of each event."""

OUTCOME_WORDS: Final[Mapping[str, str]] = {
    "erased": "Erased",
    "tombstoned": "Emptied: the record stays, the details in it were replaced",
    "retained": "Kept",
    "not-found": "No match found",
    "ambiguous": "Not clear whose; nothing was deleted",
    "failed": "Not done",
    "left": "Left: the request was cancelled before it was erased",
}
"""Of each outcome in one collection."""

LEVEL_WORDS: Final[Mapping[str, str]] = {
    "deleted": "deleted (no read path returns the records)",
    "rewritten": "rewritten (the store's own files no longer hold the bytes)",
    "expired": "expired (every declared copy was seen to be gone)",
}
"""Of each level a store can reach."""

STATUS_WORDS: Final[Mapping[str, str]] = {
    "never": "no rule ends it",
    "held": "a hold keeps it",
    "conditional": "ends only if a condition is met",
    "unknown": "its end could not be found out",
}
"""Of the statuses of a backup copy that give no day."""

EVIDENCE_WORDS: Final[Mapping[str, str]] = {
    "signed-in": "Signed in to the account",
    "document-seen": "A document was seen",
    "callback": "Called back at a known number or address",
    "signature": "A signature was checked",
    "other": "In another way",
}
"""Of how the controller knows that it is the person."""

CLOCK_WORDS: Final[Mapping[str, str]] = {
    "promise": "Answer, as promised",
    "statute": "Answer, by law",
    "confirmation": "Confirmation of receipt, by law",
}
"""Of each clock of a request."""

STATUTE_WORDS: Final[Mapping[str, str]] = {
    "gdpr": "GDPR (European Union)",
    "uk-gdpr": "UK GDPR (United Kingdom)",
    "ccpa": "CCPA (California)",
}
"""Of each law whose clock is known."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DURATION: Final = re.compile(r"P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", re.ASCII)
_UNITS: Final = ("year", "month", "week", "day")


def event(code: str, *, limited: bool) -> str:
    """Return what a statement says happened; of a limited request, that it says so of nothing else."""
    said = EVENT_WORDS.get(code, code)
    return f"{said} (of the data types asked for only)" if limited else said


def outcome(code: str, found: int | None, retained: int | None) -> str:
    """Return what happened in one collection; what was kept only in part is said as such."""
    if code == "retained" and found is not None and retained is not None and retained < found:
        return "Kept in part; of the rest nothing due is left"
    return OUTCOME_WORDS.get(code, code)


def duration(text: str) -> str:
    """Return an ISO 8601 duration of whole years, months, weeks and days in words; any other text as it is."""
    matched = _DURATION.fullmatch(text)
    if matched is None:
        return text
    parts = [
        f"{int(number)} {unit}{'' if int(number) == 1 else 's'}"
        for number, unit in zip(matched.groups(), _UNITS, strict=True)
        if number is not None
    ]
    return ", ".join(parts)


def month(index: int) -> str:
    """Return the short English name of a month, 0 for January, whatever the locale of the machine."""
    return _MONTHS[index]


def day(moment: date) -> str:
    """Return `24 Nov 2026`."""
    return f"{moment.day} {month(moment.month - 1)} {moment.year}"


def owed(items: int, expected: date | None, *, final: bool) -> str:
    """Return what a statement leaves open."""
    if final:
        return "Nothing; this is the last statement"
    if items == 0:
        return "Nothing"
    return (
        f"{items}, the last expected by {expected.isoformat()}" if expected else f"{items}, without a day for the last"
    )
