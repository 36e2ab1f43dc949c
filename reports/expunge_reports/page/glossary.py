"""Glossary: codes of receipts in plain words. An unknown code is shown as it is."""

from collections.abc import Mapping
from typing import Final

from expunge_reports.page import date_format
from expunge_reports.statement import NOTHING_OPEN, Statement
from expunge_reports.verify import statement_text

EVENTS: Final[Mapping[str, str]] = {
    "accepted": "Request accepted",
    "extended": "The time for the answer was extended",
    "erased": "Erased from the declared stores",
    "partially-erased": "Erased in part; what is kept or left is listed",
    "not-found": "No match found",
    "failed": "Not completed",
    "denied": "Denied",
    "cancelled": "Cancelled before anything was erased",
    "on-hold": "On hold: what may not be erased for now is listed with its ground",
    "settled": "Checked again after the settling time",
    "re-erased": "Erased, because something due was there when asked again",
    "correction": "Correction of an earlier statement",
    "kept-gone": "What was kept for a time was looked for and is gone",
    "closed": "Closed: nothing was left in the stores, and every backup copy counted was seen to be gone",
    "copy-seen": "Backup copy seen",
    "copy-gone": "Backup copy looked for and not there any more",
    "sweep-begun": "Deletion by age begun",
    "swept": "Deletion by age done and checked",
}
NOTHING_ERASED: Final[Mapping[str, str]] = {
    "partially-erased": "Nothing erased; what is kept, left or gone with its table is listed",
    "re-erased": "Something due was there when asked again; nothing of it is known to have been erased",
}
"""Of events after which not one record is known to have gone, but with a dropped table."""

OUTCOMES: Final[Mapping[str, str]] = {
    "erased": "Erased",
    "tombstoned": "Emptied: the record stays, the details in it were replaced",
    "retained": "Kept",
    "not-found": "No match found",
    "ambiguous": "Not clear whose, or attributed to another person; nothing of that was deleted",
    "failed": "Not done",
    "dropped": "Gone: the whole table was dropped, and not by this request, before it was seen empty of them",
    "left": "Left: still there, or not looked at any more; the reason says why",
}
"""Of one collection."""

LEVELS: Final[Mapping[str, str]] = {
    "deleted": "deleted (no query of the records returns them)",
    "rewritten": "rewritten (the store's own files no longer hold the bytes)",
    "expired": "expired (every declared copy was seen to be gone)",
}
"""Of how far a store got."""

COPY_STATUSES: Final[Mapping[str, str]] = {
    "overdue": "was still there after the last day that its rule left it",
    "never": "no rule ends it",
    "held": "a hold keeps it",
    "conditional": "ends only if a condition is met",
    "unknown": "its end could not be found out",
}
"""Of a backup copy for which no day is given."""

NEWER: Final = (
    "made after the request's cutoff, or of no known age where the operator decided to keep such records. They may be"
    " the same person's, registered again, or another account's under the same identifier; the request does not cover"
    " them"
)
"""Of records that are told as newer."""

EVIDENCE: Final[Mapping[str, str]] = {
    "signed-in": "Signed in to the account",
    "document-seen": "A document was seen",
    "callback": "Called back at a known number or address",
    "signature": "A signature was checked",
    "other": "In another way",
}
"""Of how the controller knows that it is the person."""

RECEIVED_AT_IS: Final[Mapping[str, str]] = {
    "planning": "nobody said when it came in: this is when the list that names the person was planned",
    "day": "the day that began then; at what time is not known",
}
"""What a stated time of receipt is, where it is not when the request came in."""

CLOCKS: Final[Mapping[str, str]] = {
    "promise": "Answer, as promised",
    "statute": "Answer, by law",
    "confirmation": "Confirmation of receipt, by law",
}
STATUTES: Final[Mapping[str, str]] = {
    "gdpr": "GDPR (European Union)",
    "uk-gdpr": "UK GDPR (United Kingdom)",
    "ccpa": "CCPA (California)",
}
BODY_MEMBERS: Final[Mapping[str, str]] = {
    "dataTypes": "Only data of these types; nothing is said of any other",
    "reason": "Reason",
    "continuedIn": "Goes on in another receipt",
    "claim": "What is claimed",
    "countedAt": "Counted before erasing",
    "verifiedAt": "Checked by asking again",
    "normalisers": "Identifiers were compared in these spellings",
    "due": "Records still due",
    "ambiguous": "Records left that may be other people's, or are so on the word of two of the operator's staff",
    "unread": "Values or texts in the person's records that could not be read, by which nothing was searched for",
    "left": "Collections in which an earlier request left something",
    "leftMeans": "Why it is left",
    "dropped": "Collections whose tables were dropped",
    "droppedMeans": "What that means",
    "nothingLeftAt": "Nothing was left in the stores when they were looked at last",
    "ledgerCopies": "Copies of the operator's own ledger",
    "identifiers": "The request's own copy of the identifiers",
    "plannerSamples": "Samples of values that a store's planner keeps",
}
"""Of the members of a statement's body that are shown as facts, in their order on the page."""


def event(code: str, *, limited: bool, goes_on: bool = False, nothing_went: bool = False) -> str:
    """Return what a statement says happened; of a limited request, that it says so of nothing else.

    Args:
        code: the event.
        limited: whether the request is.
        goes_on: the request does, in another receipt.
        nothing_went: by what is stated of each collection, no record did.
    """
    said = EVENTS.get(code, code)
    if goes_on:
        said = "Planned anew before anything was erased; goes on in another receipt"
    elif nothing_went:
        said = NOTHING_ERASED.get(code, said)
    return f"{said} (of the data types asked for only)" if limited else said


def outcome(code: str, found: int | None, retained: int | None) -> str:
    """Return what happened in one collection; what was kept only in part is said as such."""
    if code == "retained" and found is not None and retained is not None and retained < found:
        return "Kept in part; of the rest nothing due is left"
    return OUTCOMES.get(code, code)


def still_open(current: Statement) -> str:
    """Return what a statement leaves open."""
    if current.final and (series := statement_text.continued_in(current)) is not None:
        return f"Nothing here; the request goes on in another receipt: {series}"
    if current.final:
        return "Nothing; this is the last statement"
    if current.event == "closed" and current.open == NOTHING_OPEN:
        return "Nothing"
    own = (
        "nothing that the request itself owes"
        if current.open.items == 0
        else statement_text.own_debt(current, date_format.time)
    )
    said = "; ".join([own, *statement_text.open_copies(current.open.copies)])
    return said[0].upper() + said[1:]
