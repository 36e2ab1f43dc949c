"""Statement text: what one statement says in words, for the verifier's output and the receipt page."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from expunge_reports import consistency
from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import Closed, KeptGone, PlannedPlace, SweepBegun, Swept, SweptPlace
from expunge_reports.statement import OpenCopies, Statement, is_series

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
"""Of a data type, as data maps have them: nothing else is printed."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{8,15}(Z|\+00:00)", re.ASCII)

_NOT_SEARCHED: Final = {
    "not-in-sample": "not for this person, who is not in the sample (the cited document has its seed)",
    "no-values": "not for this person, of whom nothing is known that can be told from other people's",
    "limited-request": "not for a request that is limited to data types",
    "ended": "not made before the operator ended the request",
}
_SEARCH_COUNTS: Final = ("places", "values", "logs", "retained", "mapped", "gaps")
_LEFT: Final[dict[str, object]] = {"due": 0, "ambiguous": 0, "unread": 0, "dropped": [], "left": []}
_LEFT_WORDS: Final = (
    ("record still due", "records still due"),
    (
        "record left that may be another person's, or is so on the word of two of the operator's staff",
        "records left that may be other people's, or are so on the word of two of the operator's staff",
    ),
    (
        "value or text that could not be read, and nothing was searched for by it",
        "values or texts that could not be read, and nothing was searched for by them",
    ),
    ("collection whose table was dropped", "collections whose tables were dropped"),
    (
        "collection in which an earlier request left something",
        "collections in which an earlier request left something",
    ),
)
_NOTHING_FOLLOWS: Final = (
    "no statement about it follows by itself but where it is seen to be gone after a stated last day; a later request"
    " looks again where its data map leads"
)
UNKNOWN_LEFT: Final = "something is left (in a form that this version does not know)"
UNKNOWN_SERIES: Final = "(in a form that this version does not know)"
UNKNOWN_SWEEP: Final = "sweep by age: (in a form that this version does not know)"
UNKNOWN_SEARCH: Final = "blind search: (in a form that this version does not know)"


def lines(current: Statement) -> list[str]:
    """Return what a statement says as lines of a verdict: the event, and below it what else is told."""
    owed = "final" if current.final else "; ".join([own_debt(current), *open_copies(current.open.copies)])
    limited = "" if limited_to(current) is None else ", of the data types asked for"
    on = continued_in(current)
    goes_on = None if on is None else f"goes on in another receipt: {on}"
    said = (goes_on, left(current), blind_search(current), kept_gone(current), closed(current), *by_age(current))
    return [
        f"  {current.seq} {current.issued_at.isoformat()} {current.event}{limited} ({owed})",
        *(f"    {one}" for one in said if one is not None),
    ]


def by_age(current: Statement) -> list[str]:
    """Return what a statement says of each place of a sweep by age; nothing if it is about none."""
    if current.event == "sweep-begun":
        begun = form_reader.read(SweepBegun, current.body)
        return [UNKNOWN_SWEEP] if begun is None else [f"{_named(one)}: {one.due} due" for one in begun.places]
    if current.event == "swept":
        swept = form_reader.read(Swept, current.body)
        return [UNKNOWN_SWEEP] if swept is None else [_of_sweep(one) for one in swept.places]
    return []


def kept_gone(current: Statement) -> str | None:
    """Return what a statement says to be gone that was kept; None if it says nothing of it."""
    if current.event != "kept-gone":
        return None
    said = form_reader.read(KeptGone, current.body)
    if said is None:
        return f"gone: {UNKNOWN_SERIES}"
    named = [one if all(map(_NAME.fullmatch, one.split("."))) else "(a place)" for one in said.places]
    return f"gone, as seen at {said.verified_at}: {', '.join(named)}"


def closed(current: Statement) -> str | None:
    """Return what a statement says to be nowhere any more; None if it closes no request."""
    if current.event != "closed":
        return None
    said = form_reader.read(Closed, current.body)
    if said is None:
        return None if not current.body else f"closed: {UNKNOWN_SERIES}"
    ledger = "gone, too" if said.ledger_copies == "gone" else "not followed: nothing is said of them"
    return (
        f"nothing was left in the stores when they were looked at last, {said.nothing_left_at}, and every backup copy"
        " that was counted, or was begun until a day later, was seen to be gone; copies of the operator's ledger:"
        f" {ledger}"
    )


def _of_sweep(one: SweptPlace) -> str:
    along = f", and {one.gone_along} with them" if one.gone_along else ""
    held = f" ({one.held} on hold)" if one.held else ""
    left = f"{one.left} left{held}, the oldest from {one.oldest_left}" if one.left else "nothing due left"
    return f"{_named(one)}: {one.gone} gone{along}; {left}"


def _named(one: PlannedPlace | SweptPlace) -> str:
    names = one.store, one.collection
    return ".".join(names) if all(map(_NAME.fullmatch, names)) else "(a place)"


def limited_to(current: Statement) -> tuple[str, ...] | None:
    """Return the data types that a statement's request was limited to; None if it speaks of everything."""
    if "dataTypes" not in current.body:
        return None
    named = current.body["dataTypes"]
    if not isinstance(named, list) or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in named):
        return ("(in a form that this version does not know)",)
    return tuple(named)


def blind_search(current: Statement) -> str | None:
    """Return what a statement says of the search that knows no map; None if it says nothing."""
    if "blindSearch" not in current.body:
        return None
    said = current.body["blindSearch"]
    if not isinstance(said, dict):
        return UNKNOWN_SEARCH
    how = said.get("searched")
    if isinstance(how, str) and how in _NOT_SEARCHED:
        return f"blind search: {_NOT_SEARCHED[how]}"
    counts = [said.get(name) for name in _SEARCH_COUNTS]
    at, left = said.get("at"), said.get("left")
    known = how == "searched" and isinstance(at, str) and _TIME.fullmatch(at)
    if not known or not isinstance(left, list) or not all(type(one) is int and one >= 0 for one in counts):
        return UNKNOWN_SEARCH
    places, values, logs, retained, mapped, gaps = counts
    return (
        f"blind search as of {at}: {places} places for {values} values of the person; records found: {logs} in logs,"
        f" {retained} in what is retained, {mapped} in mapped places (of others, or judged by verification),"
        f" elsewhere {'none' if not left else f'in places that it lists, {len(left)}'}; not searched: {gaps} places"
    )


def says_more(said: object) -> bool:
    """Tell whether what is said of a search holds more than `blind_search` puts into words."""
    if not isinstance(said, dict):
        return False
    worded = {"searched", "at", "left", *_SEARCH_COUNTS} if said.get("searched") == "searched" else {"searched"}
    return bool(said.get("left")) or not said.keys() <= worded


def left(current: Statement) -> str | None:
    """Return what a statement as a whole counts as left; None if that is nothing, or it says nothing of it."""
    due, ambiguous, unread, dropped, earlier = (current.body.get(name, empty) for name, empty in _LEFT.items())
    counted = all(type(one) is int and one >= 0 for one in (due, ambiguous, unread))
    if not counted or not isinstance(dropped, list) or not isinstance(earlier, list):
        return UNKNOWN_LEFT
    said = [
        f"{number} {one if number == 1 else several}"
        for number, (one, several) in zip(
            (due, ambiguous, unread, len(dropped), len(earlier)), _LEFT_WORDS, strict=True
        )
        if number
    ]
    return "; ".join(said) or None


def continued_in(current: Statement) -> str | None:
    """Return the series in which a request goes on whose plan was replaced; None if none is stated."""
    series = current.body.get("continuedIn")
    if series is None:
        return None
    return series if isinstance(series, str) and is_series(series) else UNKNOWN_SERIES


def own_debt(current: Statement, shown: Callable[[datetime], str] = datetime.isoformat) -> str:
    """Return what a request itself owes, and by when (as `shown`), or that nothing follows about it."""
    owed = current.open
    if owed.expected_by is not None:
        return f"{owed.items} open, expected by {shown(owed.expected_by)}"
    if owed.items and not consistency.follows_by_itself(current.event, owed):
        return f"{owed.items} open; {_NOTHING_FOLLOWS}"
    return f"{owed.items} open"


def open_copies(copies: OpenCopies) -> list[str]:
    """Return how many backup copies may hold the records, and when they go; nothing if there are none."""
    if not copies.count:
        return []
    said = [f"{copies.count} {'copy' if copies.count == 1 else 'copies'}"]
    if copies.next_by is not None and copies.last_by is not None:
        several = copies.count - copies.without_day > 1
        first = f"the next to go by {copies.next_by.date().isoformat()}"
        said += (
            [first, f"the last by {copies.last_by.date().isoformat()}"] if several else [first.replace("the next ", "")]
        )
    if copies.without_day:
        said.append("without a day" if copies.without_day == copies.count else f"{copies.without_day} without a day")
    return [", ".join(said)]
