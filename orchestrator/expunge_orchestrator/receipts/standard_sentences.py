"""Standard sentences of statements, which are the same whoever they are about."""

from enum import Enum, auto

from expunge_reports import consistency

NOT_SEARCHED_FOR = (
    " Known were the e-mail addresses, numbers and the like that records linked to the person at that time: one that"
    " the person had before or took since, and of which no record says so, was not searched for."
)
"""Who held a value before and left no trace is unknown (ADR 18): a receipt must not be read as if it were."""

LEVEL = (
    "Level reached: deleted (no query of the records returns them); not claimed: rewritten, expired. What such queries"
    " do not show is not claimed to be gone: dead rows and logs of changes in the store's files, and samples of values"
    " that its planner keeps until they are drawn anew."
)

NO_LEVEL = (
    "No level is claimed of any store: no collection is stated as erased or tombstoned as a whole. Nor are dead rows"
    " and logs of changes in the stores' files claimed to be gone, or samples of values that a planner keeps."
)
"""Where a part of what was found went, and in no collection all of it, or something is left there."""


class Went(Enum):
    """What the collections of an answer say together: its claim says no more."""

    SOME = auto()
    SOME_AND_LEFT = auto()
    """An earlier request left something, which may be there still."""
    SOME_IN_PART = auto()
    """No collection is erased or tombstoned: no store has a level."""
    SOME_IN_PART_AND_LEFT = auto()
    NOTHING = auto()
    """Not one record went."""
    NOTHING_BUT_DROPPED = auto()
    """Not one is known to have gone, but with a table that somebody dropped."""


_NOTHING_ELSE = "as stated of each collection; nothing else due was there."
_SOME = (
    f"Records found through the declared links {consistency.DELETED} and, when asked again, {consistency.NOTHING_LEFT}"
)
_SOME_AND_LEFT = (
    f"Records found through the declared links {consistency.DELETED}; how much of what is listed"
    " as left by an earlier request is among them is not known, and the rest may be there still; when asked again,"
    " nothing else due was left."
)
_SENTENCES = {
    Went.SOME: f"{_SOME} {LEVEL}",
    Went.SOME_AND_LEFT: f"{_SOME_AND_LEFT} {LEVEL}",
    Went.SOME_IN_PART: f"{_SOME} {NO_LEVEL}",
    Went.SOME_IN_PART_AND_LEFT: f"{_SOME_AND_LEFT} {NO_LEVEL}",
    Went.NOTHING: f"{consistency.NOTHING_DELETED.capitalize()}: what was found through the declared links in the stores"
    f" listed, if anything, is kept or left, or is not known to be this person's, {_NOTHING_ELSE}",
    Went.NOTHING_BUT_DROPPED: "Nothing is known to have been deleted or tombstoned: what was found through the declared"
    " links in the stores listed, if anything, is kept or left, was in a table that was dropped, and not by this"
    f" request, before it was seen empty of it, or is not known to be this person's, {_NOTHING_ELSE}",
}


def _whole(sentence: str) -> str:
    return f"{sentence} No claim is made for places not listed.{NOT_SEARCHED_FOR}"


def _limited(sentence: str) -> str:
    return (
        f"Of the data types asked for alone: {sentence[0].lower()}{sentence[1:]}"
        f" {consistency.OTHER_DATA.capitalize()}, nor of places not listed.{NOT_SEARCHED_FOR}"
    )


CLAIMS = {
    False: {went: _whole(sentence) for went, sentence in _SENTENCES.items()},
    True: {went: _limited(sentence) for went, sentence in _SENTENCES.items()},
}
"""By whether the request was limited to data types, and then by what went."""

ENDED = "Ended by the operator: what is listed as left was not erased"
ENDED_WHOLE = f"{ENDED}, and {consistency.NOTHING_OF_THE_REST}"
"""Where not one record fewer is there: an application may have written again what was deleted."""
UNSEEN = (
    "Ended by the operator: what is listed as left was refused by a store, or was not looked at any more, because"
    " something else than was planned stands under its name: another table, another store at its address, or none"
)


UNEXPLAINED = (
    "Ended by the operator: a search that knows no map found something in places that no link explains which was"
    " declared when the request was planned; they are listed as left"
)
ENDED_BY_OPERATOR = (ENDED, ENDED_WHOLE, UNSEEN, UNEXPLAINED)


LEFT_BEFORE = (
    "What is listed as left was left by an earlier request, which was ended or had to keep it for a time, as that one"
    " last saw it; how much of it this one found is not known"
)

LEDGER_LEVEL = (
    "No query of the ledger returns them; not claimed: rewritten. Its data files and its write-ahead log may hold them"
    " until that room is used again"
)
"""Of what was destroyed in the ledger: by the time that it is signed, no checkpoint and no VACUUM has followed."""

KEPT = (
    "What leads to the rest, sealed, so that a later request of the same person can still erase it: nothing looks at"
    " the rest again by itself, also where a law or the storage lets it go on a stated day"
)

CONTACT_KEPT = (
    "The address to which letters about the request are sent, sealed, until the last letter was sent or given up; it"
    " may be one of the request's identifiers"
)
"""The last letter follows the last statement, so that it can say what became of the request."""

CANCELLED = "Cancelled before anything was erased"
CONTINUED = (
    "Planned anew before anything was erased: the plan of this series was void, and the request goes on by another one,"
    " in the series that is named"
)
CARRIED_OVER = "Sealed in the ledger for the series in which the request goes on, which says what becomes of them"

TABLES_DROPPED = (
    "The tables of these collections were seen to be gone when asked again: rows that were still in them went with"
    " them, and not by this request. Nothing is said of copies that were made of them"
)
