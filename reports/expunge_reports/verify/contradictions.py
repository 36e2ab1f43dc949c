"""Contradictions: what cannot be true of a series however well it is signed.

A rule belongs to the version of the predicate since which it holds (`statement.PREDICATES`): what an earlier version
left open is not held against its statements.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from expunge_reports.forms import bodies, form_reader
from expunge_reports.forms.bodies import Store
from expunge_reports.forms.shared_documents import Plan
from expunge_reports.statement import Statement
from expunge_reports.verify import closing_rules, document_rules, ending_rules, outcome_rules, sweep_rules, time_rules
from expunge_reports.verify.series_reader import Before, Cited, Said

EXPLANATIONS: Final[Mapping[str, str]] = {
    "form-unknown": "a body, what is stated of stores, or a document that is cited, is not in the form of its version",
    "count-negative": "a count is less than nothing",
    "sum-wrong": "more is due, kept or gone than was found",
    "outcome-against-counts": "what happened in a collection and its counts exclude each other",
    "kept-without-ground": "records are kept and no ground is named",
    "outcome-against-plan": "a record is said to be emptied where the plan erases, or erased where it empties",
    "place-twice": (
        "a store, a collection, a copy or a clock is stated twice, or a collection as a log that is left alone, too, or"
        " as one that goes by no age"
    ),
    "document-twice": "two documents of one kind are cited",
    "due-left": "something due is left where nothing may be, or where it is not said, or the reverse",
    "event-against-outcome": "the event and the outcome stated beside it are different ones",
    "event-against-lines": "the event and what happened in the collections exclude each other",
    "claim-against-lines": "the claim in words and what happened in the collections exclude each other",
    "claim-against-limit": "the claim in words is of everything and the request is of some data types, or the reverse",
    "event-order": "the event cannot follow those before it",
    "over-and-open": "the event is the last word, and something is left open or may follow",
    "time-backwards": "the statement is dated before the one that it follows",
    "in-the-future": "the statement is dated later than the reader's clock",
    "looked-later-than-stated": "a look is dated after the statement that tells of it",
    "looks-backwards": "the stores are said to have been asked again before it was stated that they had been asked",
    "counted-after-verified": "the count before erasing is dated after the check that followed it",
    "received-after-stated": "the request is dated after the statement that it was accepted",
    "looked-before-receipt": "a look is dated before the request was received",
    "cutoff-in-the-future": "the time from which on records are another's is dated after the check",
    "cutoff-before-receipt": "the time from which on records are another's is dated before the request was received",
    "erased-without-cutoff": (
        "something is said to be gone from a store, and no time from which on records there are another's"
    ),
    "cutoff-changes": "another time than before is stated from which on records in a store are another's",
    "begins-after-receipt": (
        "the controller is said to have received the request after the operator, or a clock to begin later than that"
    ),
    "days-not-counted": (
        "a clock passes over a day that is none of its own, or over one twice, or its end is moved to no later day"
    ),
    "deadline-before-receipt": "a deadline is over before the request was received from which it runs",
    "receipt-differs": "the request and the deadlines stated for it are dated differently",
    "answer-day-differs": (
        "the answer is due on another day than that of the clock that ends first, or than is open, or a clock is over"
        " on another day than its last"
    ),
    "extended-by-nothing": (
        "the deadlines are extended, and none are cited, not one of the clocks ends later, or the answer is due earlier"
    ),
    "extension-misdated": (
        "a clock is extended before it began or after it was over, later than it is stated that it was, or at no time"
    ),
    "clock-beyond-law": "a clock of the law runs for longer than any law lets it, extended or not",
    "deadlines-change": "other deadlines are cited, and nothing says that they were extended",
    "controller-changes": "the statements of one request name different controllers",
    "types-change": "the statements of one request are limited to different data types",
    "type-not-asked-for": "the plan is limited to data types, and plans a collection of another one",
    "plan-against-lines": "the collections that are stated are not those of the plan",
    "plan-changes": "another plan is cited than before, and nothing says that the request was cancelled",
    "level-not-claimed": "another level is stated than `deleted`, which alone is claimed",
    "level-against-lines": "a level is stated of a store in which nothing is said to be erased or tombstoned",
    "nothing-owed": "the event leaves something to be stated, and nothing is said to be open, or not by when",
    "several-owed": "the event leaves one thing to be stated, and more are said to be open",
    "day-of-nothing": "a day is given for a statement, and none follows after this event",
    "debt-lowered": "a correction, or the word that it failed, makes less of what is owed, or puts it off",
    "backups-unclear": "of a planned store it is said that copies are made and that none are, or neither",
    "copies-not-counted": "the copies counted as open are not those of the document that is cited, or none is",
    "copies-not-listed": (
        "copies are stated of a place that was not listed, or of a store that is not planned or is not copied there,"
        " more of them than were there, or none"
    ),
    "status-against-days": "a copy has a day although nothing ends it, or is overdue and its day is yet to come",
    "copy-days-reversed": "a copy's times are in no possible order, or it is due and has no day",
    "taken-after-listed": "a copy is said to have been taken after the listing that shows it",
    "kept-when-closed": "everything is said to be over, and a record is kept or ambiguous, or a copy may hold one",
    "closed-unshown": (
        "everything is said to be over, and no list of copies is cited, or it lacks a place that the plan names, or"
        " places with copies of the ledger are listed and nothing is said of these, or the reverse"
    ),
    "gone-unconfirmed": "everything is said to be over, and a place was listed beside nothing that proves the listing",
    "closed-too-early": (
        "everything is said to be over as of another moment than that of the last look, or a place was listed less than"
        " a day after it, or a copy is gone after it is said"
    ),
    "copies-forgotten": "everything is said to be over, and a copy that was counted before is not said to be gone",
    "kept-until-past": "a record is kept, or a hold in force, until a day that was over before it was looked for",
    "check-too-late": "the check after the answer is due later than any settling time that can be set",
    "keys-destroyed-and-kept": "the keys are said to be destroyed and to be kept, or neither",
    "goes-on-nowhere": (
        "the request is said to go on in this same series, or after another event than a cancel, or its keys are said"
        " to be carried over and no series is named"
    ),
    "openable-against-copies": (
        "the day until which copies of the ledger open the identifiers was over when these copies were listed, or none"
        " was listed, or the words beside it are of a day that is not given, or of none"
    ),
    "open-against-left": (
        "after the last look fewer places are open than are left, or more than can be, or not those for which a key is"
        " kept and which a search found"
    ),
    "settled-against-answer": (
        "something is said to be left although the answer was not partial, or samples to be drawn anew where nothing"
        " is said to be found"
    ),
    "found-lowered": "less is said to have been found in a collection than the answer says",
    "gone-lowered": "less is said to be gone in a collection than a statement before says",
    "nothing-erased-again": "something is said to be erased again, and nothing more is gone than before",
    "left-without-search": "there was no search, and it left or counted something",
    "search-unaccounted": (
        "what is said of a search lacks its time or a count, or is not what its document says, or there is no such"
        " document, or one of no search; or it searched for no value, or left no record in a place"
    ),
    "search-not-limited": (
        "no search was made because the request is limited, and it is not; or it is, and something else is said"
    ),
    "sweep-misdated": (
        "a sweep by age is of a day that had not begun, or is said to have been looked at before it was begun, or to"
        " have left what was not due on its day"
    ),
    "sweep-against-plan": "a sweep by age ends on another day, or in other places, than it was begun for",
    "kept-gone-unheard": (
        "something that was kept is said to be gone of which it is not said before that it is kept, or before its day,"
        " or twice, or other places are open than these fewer, or the keys are kept, or none were"
    ),
    "search-left": "a search left something unexplained, and the event is neither a hold nor an end by the operator",
}


class Contradiction(NamedTuple):
    """One thing that cannot be true.

    Attributes:
        code: a key of `EXPLANATIONS`.
        seq: the statement that says it.
        where: the collection or place within it; empty if it is about the statement as a whole.
    """

    code: str
    seq: int
    where: str = ""


def contradictions(
    statements: Sequence[Statement], shared: Mapping[str, object], now: datetime
) -> tuple[Contradiction, ...]:
    """Return what cannot be true of a series whose signatures hold.

    Args:
        statements: the whole series.
        shared: the documents that it cites, by digest (hex).
        now: the reader's clock.
    """
    found: dict[Contradiction, None] = {}
    read = {digest: Cited(one) for digest, one in shared.items()}
    unseen = dict(read)
    before = Before()
    for seq, current in enumerate(statements):
        cited = [read[digest] for digest in current.context]
        new = [unseen.pop(digest) for digest in current.context if digest in unseen]
        plan = next((one for one in cited if isinstance(one.form, Plan)), before.plan)
        stores = form_reader.read(tuple[Store, ...], current.body.get("stores", []))
        form = bodies.BODIES.get(current.event)
        known = (
            stores is not None
            and (form is None or form_reader.read(form, current.body) is not None)
            and all(one.known for one in cited)
        )
        said = Said(current, before, stores or (), known, cited, new, plan)
        before = said.then()
        for rule in RULES:
            if rule.since <= current.version:
                found |= {Contradiction(code, seq, where): None for code, where in rule.check(said, now)}
    return tuple(found)


RULES: Final = (
    *outcome_rules.RULES,
    *document_rules.RULES,
    *time_rules.RULES,
    *ending_rules.RULES,
    *closing_rules.RULES,
    *sweep_rules.RULES,
)
