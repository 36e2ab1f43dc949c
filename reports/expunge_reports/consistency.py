"""Consistency rules that who issues and who verifies share: one collection, an answer, what follows what, what is owed.

What else cannot be true however well it is signed, the issuer knows by construction: `verify.contradictions`.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from expunge_reports.forms import stated_time
from expunge_reports.forms.bodies import Collection
from expunge_reports.statement import FIRST_EVENTS, NOTHING_OPEN, UNANSWERED, Open

ANSWERS: Final = frozenset({"erased", "partially-erased", "not-found"})
SETTLED: Final = frozenset({"settled", "re-erased"})
ANSWERED: Final = ANSWERS | SETTLED
OWING: Final = UNANSWERED | ANSWERS | {"re-erased", "sweep-begun"}
"""After these a further statement is owed."""

CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""Between the clock of the operator and that of a reader, or of a storage, or its own before it was set."""

STORES_DIFFER: Final = timedelta(days=1)
"""By so much a store's clock may be ahead of the operator's, or behind: nobody holds it against a receipt."""

LONGEST_WAIT: Final = timedelta(days=2 * 3650 + 1)
"""From an answer until its check is overdue: the longest settling time and wait for a search, and a day to begin in."""

_LAST_LOOKS: Final = frozenset({"settled", "partially-erased", "kept-gone"})
"""Events after which, where no day is given, nobody looks again."""

GONE_OUTCOMES: Final = frozenset({"erased", "tombstoned"})
"""What happened in a collection of which a level can be stated: its store has one only where one of them did."""

_CLEAN: Final = GONE_OUTCOMES | {"not-found"}
_KEPT: Final = frozenset({"retained", "ambiguous", "dropped", "left"})
_BESIDE_LEFT: Final = frozenset({"left", "retained", "ambiguous"})
"""What may have happened in a collection in which an earlier request left something."""

LINES: Final[Mapping[str, frozenset[str]]] = {
    "erased": _CLEAN,
    "not-found": frozenset({"not-found"}),
    "partially-erased": _CLEAN | _KEPT,
    "on-hold": _CLEAN | _KEPT,
    "re-erased": _CLEAN | _KEPT,
}
"""Events that state each collection of the plan -> what may have happened in one."""


def in_line(line: Collection) -> Iterator[str]:
    """Yield the codes of what cannot be true of one person in one collection."""
    found, due, kept, gone = line.found, line.due or 0, line.retained or 0, line.gone or 0
    if any((one is None) != line.unseen for one in (line.due, line.retained, line.newer)):
        yield "form-unknown"
        return
    if due + kept + gone > found:
        yield "sum-wrong"
    there = (due, kept, line.ambiguous or 0)
    over = there != (0, 0, 0) or found == 0 or line.gone not in {None, found}
    impossible = {
        "erased": over,
        "tombstoned": over,
        "not-found": there != (0, 0, 0) or found > 0,
        "retained": not line.retained,
        "ambiguous": not line.ambiguous,
        "dropped": there != (0, 0, 0),
    }
    beside = line.left_before is None or line.outcome in _BESIDE_LEFT
    if impossible.get(line.outcome, False) or not beside or (line.unseen and line.outcome != "left"):
        yield "outcome-against-counts"
    if kept and not line.ground:
        yield "kept-without-ground"


DELETED: Final = "were deleted or tombstoned in the stores listed"
NOTHING_DELETED: Final = "nothing was deleted or tombstoned"
NOTHING_LEFT: Final = "nothing due was left."
LEVEL: Final = "level reached: deleted"
"""Standard sentences of a claim, which a reader may take for the whole; the claim begins with a capital letter."""

_GOES_AWAY: Final = "deleted or tombstoned"
"""In every standard sentence on what went, or did not."""

NOTHING_OF_THE_REST: Final = "nothing of the rest is known to have been deleted"
"""In the reason of an end by the operator, where not one record fewer is there."""

GONE_BY_THIS_DAY: Final = "the last of these copies is expected to be gone by this day"
NO_DAY_KNOWN: Final = "no day is known"
NOT_LOOKED_AT: Final = "how long such copies are kept was not looked at"
"""Of copies of the ledger that open what was destroyed in it: beside a day until which they do, and beside none."""

OTHER_DATA: Final = "of all other data nothing is said"
"""Of a request that is limited to data types: what its claim, the verdict and the page say of the rest."""


def claims_more(claim: str, lines: Iterable[Collection]) -> bool:
    """Tell whether a standard sentence of a claim is not what the lines say."""
    said, stated = _spoken(claim), list(lines)
    nothing = nothing_went(stated)
    if (DELETED in said and nothing) or (NOTHING_DELETED in said and not nothing):
        return True
    if LEVEL in said and not any(line.outcome in GONE_OUTCOMES for line in stated):
        return True
    return NOTHING_LEFT.rstrip(".") in said and any(
        (line.due or 0) > 0 or line.outcome == "left" or line.left_before is not None for line in stated
    )


def denies_more(reason: str, lines: Iterable[Collection]) -> bool:
    """Tell whether a reason says that nothing went, and the lines say that something did."""
    return NOTHING_OF_THE_REST in _spoken(reason) and not nothing_went(lines)


def words_against_day(means: str, until: str | None) -> bool:
    """Tell whether the words on how long the identifiers can be opened name a day that is not given, or the reverse."""
    said = _spoken(means)
    wrong = (GONE_BY_THIS_DAY,) if until is None else (NO_DAY_KNOWN, NOT_LOOKED_AT)
    return any(one in said for one in wrong)


def claims_another_scope(claim: str, *, limited: bool) -> bool:
    """Tell whether a standard sentence of a claim is of everything in a limited request, or the reverse."""
    said = _spoken(claim)
    return _GOES_AWAY in said and (OTHER_DATA in said) != limited


def nothing_went(lines: Iterable[Collection]) -> bool:
    """Tell whether not one record is said to be gone, but with its table."""
    return not any(map(gone, lines))


def _spoken(claim: str) -> str:
    """As it is read, whatever its spaces and letters are."""
    return " ".join(unicodedata.normalize("NFKC", claim).casefold().split())


def gone(line: Collection) -> int:
    """Return of how many records of a collection it is said that they are gone, and not with their table."""
    if line.outcome in GONE_OUTCOMES:
        return max(0, line.found)
    if line.outcome == "left" and not line.unseen and not line.ambiguous:
        return max(0, line.found - (line.due or 0) - (line.retained or 0))
    return line.gone or 0


def kept_until_past(line: Collection, cutoff: datetime | None) -> bool:
    """Tell whether records are kept until a day that was over before the request was carried out in their store.

    Each look judges by the store's clock, as the cutoff is; a hold's last day is the operator's, so a day is let pass.
    """
    return bool(line.retained) and over_by(line.until, cutoff)


def over_by(until: str | None, moment: datetime | None) -> bool:
    """Tell whether a stated day was over, by more than another day, at a moment; not where either is not known."""
    over = stated_time.moment(until)
    return over is not None and moment is not None and over < moment - timedelta(days=1)


def owes_no_day(event: str, owed: Open, *, ended: bool) -> bool:
    """Tell whether a check follows an event and no day is given for it; `ended`: an operator ended the request."""
    return event in ANSWERS | {"re-erased"} and not ended and owed.expected_by is None


def day_of_nothing(event: str, owed: Open, *, ended: bool) -> bool:
    """Tell whether a day is given for a statement that does not follow: nobody looks again (see `_LAST_LOOKS`)."""
    return (
        event in {"settled", "kept-gone"} or (event == "partially-erased" and ended)
    ) and owed.expected_by is not None


def checked_too_late(event: str, owed: Open, issued_at: datetime) -> bool:
    """Tell whether the check after an answer is due later than the longest settings allow."""
    due = owed.expected_by
    return event in ANSWERS | {"re-erased"} and due is not None and due - issued_at > LONGEST_WAIT


def in_answer(event: str, outcomes: frozenset[str]) -> bool:
    """Tell whether an event cannot be the sum of what happened in the collections."""
    if event not in LINES:
        return False
    return not outcomes <= LINES[event] or (event == "erased" and outcomes == {"not-found"})


class Past(NamedTuple):
    """What a series has stated so far.

    Attributes:
        first: the event that opened it; None if nothing was stated.
        answered: one that says what became of the request.
        denied: one that says that nothing will.
        cancelled: one that says that nothing was, and that nothing follows.
        over: one after which nobody looks again (`OVER`).
        closed: one that says that nothing of it is anywhere any more.
    """

    first: str | None = None
    answered: bool = False
    denied: bool = False
    cancelled: bool = False
    over: bool = False
    closed: bool = False

    @property
    def ended(self) -> bool:
        """Whether the request's deadlines have ended: by nothing else than an answer, a denial or a cancel."""
        return self.answered or self.denied or self.cancelled

    def then(self, event: str) -> "Past":
        """Return what the series has stated with one more event."""
        return Past(
            self.first or event,
            self.answered or event in ANSWERED,
            self.denied or event == "denied",
            self.cancelled or event == "cancelled",
            self.over or event in OVER,
            self.closed or event == "closed",
        )


SINGLE_ENDS: Final[Mapping[str, str]] = {"copy-seen": "copy-gone", "sweep-begun": "swept"}
"""What opens a series that is no request's -> the one event that can follow."""

OVER: Final = frozenset({"settled", "denied", *SINGLE_ENDS.values()})
"""After one of these nobody looks again; a request that was answered can be closed, once nothing of it is open."""


def follows(event: str, before: Past) -> bool:
    """Tell whether an event can follow those before it."""
    if before.first is None or before.cancelled:
        return before.first is None and event in FIRST_EVENTS
    if event in {"closed", "correction"} or before.closed:
        return event == "correction" or (before.answered and before.over and not before.closed)
    if before.first in SINGLE_ENDS:
        return event == SINGLE_ENDS[before.first] and not before.over
    if event in SETTLED or event == "kept-gone":
        return before.answered and not before.denied
    if event in {"partially-erased", "on-hold"}:
        return not before.denied
    unanswered = event in {"cancelled", "denied", "extended", "erased", "not-found", "failed"}
    return unanswered and not before.answered and not before.denied


def leaves_something(settled: Mapping[str, object]) -> bool:
    """Tell whether the body of `settled` leaves anything that nobody looks for again: then the request is never closed.

    Records that may be another person's, what an earlier request left, or values by which nothing was searched for.
    """
    return any(settled.get(one) for one in ("due", "ambiguous", "unread", "left"))


def owes_nothing(event: str, owed: Open) -> bool:
    """Tell whether an event that leaves something to be stated says that nothing is open."""
    return event in OWING and not owed.items


def lowers_debt(event: str, owed: Open, before: Open) -> bool:
    """Tell whether an event that answers nothing makes what is owed less, or puts it off."""
    if event not in {"correction", "failed"}:
        return False
    later = before.expected_by is not None and (owed.expected_by is None or owed.expected_by > before.expected_by)
    return owed.items < before.items or later


def follows_by_itself(event: str, owed: Open) -> bool:
    """Tell whether a statement follows about what is open, on a day or one day, without a further request.

    None is promised after the last check, or an end by the operator: what a law keeps goes by age where the operator
    sweeps, and `kept-gone` says so then; what was left, or has no day, is looked at by a later request alone.
    """
    return owed.items > 0 and (owed.expected_by is not None or event not in _LAST_LOOKS)


def leaves_open(event: str, owed: Open, *, final: bool) -> bool:
    """Tell whether an event after which nothing will be done leaves something open, or lets something follow."""
    over = {"cancelled", "denied", "swept"}
    return event in over and (owed != NOTHING_OPEN or (event != "denied" and not final))
