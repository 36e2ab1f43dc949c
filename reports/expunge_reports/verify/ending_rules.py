"""Ending rules: what `settled` and an operator's end say is left, open and kept, their searches, and what may follow.

And what was said after the answer, against the answer.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from expunge_reports import consistency
from expunge_reports.consistency import CLOCKS_DIFFER, SETTLED
from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import Answer, BlindSearch, Collection, Identifiers, KeptGone, Settled
from expunge_reports.forms.shared_documents import BackupCopies, SearchedStores
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated


def _open(said: Said, _: datetime) -> Found:
    """Open are a search's places and those for which keys are kept: what was left or is kept for a time."""
    ending = _ending(said)
    if ending is None or ending.identifiers is None:
        return
    if isinstance(ending, Settled):
        least, most = len(ending.left), None if said.plan is None else len(said.plan.actions)
    else:
        lines = [line for store in said.stores for line in store.collections]
        left = [line.outcome == "left" or line.left_before is not None for line in lines]
        least, most = sum(left), sum(one or bool(line.retained) for one, line in zip(left, lines, strict=True))
    places = said.statement.open.items - (0 if ending.blind_search is None else len(ending.blind_search.left))
    kept = ending.identifiers.kept is not None
    if places < least or (most is not None and places > most) or (places > 0) != kept:
        yield "open-against-left", ""


def _openable(said: Said, _: datetime) -> Found:
    """The day is that of the last copy of the ledger, of those listed then; each that has a day is to go after that."""
    identifiers = form_reader.read(Identifiers, said.statement.body.get("identifiers"))
    if identifiers is None:
        return
    until = stated(identifiers.until)
    listed = next((one.ledger_listed_at for one in said.cited if isinstance(one.form, BackupCopies)), None)
    too_early = until is not None and (listed is None or until.date() < listed.date())
    if too_early or consistency.words_against_day(identifiers.means, identifiers.until):
        yield "openable-against-copies", ""


def _settled(said: Said, _: datetime) -> Found:
    """Something is left only where the answer was partial; samples are drawn anew where something is said to be found.

    By the answer, or by what was erased again after it.
    """
    ending = _ending(said)
    if not isinstance(ending, Settled):
        return
    samples = [
        f"{store.store}.{name}"
        for store in ending.planner_samples
        for name in (*store.drawn_anew, *(one.collection for one in store.older))
    ]
    if ending.left and said.before.answer != "partially-erased":
        yield "settled-against-answer", ""
    found, lines = said.before.found, said.before.lines
    nowhere = (place for place in samples if not found.get(place) and not (place in lines and lines[place].found))
    yield from some(("settled-against-answer", place) for place in nowhere)
    for named in ((*ending.left, *(ending.dropped or ())), samples):
        yield from some(("place-twice", place) for place, number in Counter(named).items() if number > 1)


def _found(said: Said, _: datetime) -> Found:
    """What the answer counted was found, however many are there now: later looks add what came since.

    Not in a collection of which nothing is said to be gone: no store removed anything, and each look counts anew.
    """
    found, before = said.before.found, said.before.lines
    yield from some(
        ("found-lowered", place)
        for place, line in _lines(said)
        if place in before and consistency.gone(before[place]) and line.found < found.get(place, line.found)
    )


def _gone(said: Said, _: datetime) -> Found:
    """What is gone stays so: what came back is found once more. And where nothing more is, nothing was erased again."""
    before = said.before.lines
    more = [
        (place, consistency.gone(line) - (consistency.gone(before[place]) if place in before else 0))
        for place, line in _lines(said)
    ]
    yield from some(("gone-lowered", place) for place, number in more if number < 0)
    if said.known and said.statement.event == "re-erased" and not any(number > 0 for _, number in more):
        yield "nothing-erased-again", ""


def _lines(said: Said) -> Iterator[tuple[str, Collection]]:
    return ((f"{store.store}.{line.collection}", line) for store in said.stores for line in store.collections)


def _search(said: Said, _: datetime) -> Found:
    search = form_reader.read(BlindSearch, said.statement.body.get("blindSearch"))
    passes = list(said.all_of(SearchedStores))
    made = search is not None and search.searched in _OF_A_PASS
    if bool(passes) != made:
        yield "search-unaccounted", ""
    if search is None:
        return
    counts = (search.places, search.values, search.logs, search.retained, search.mapped, search.gaps)
    searched = search.searched == "searched"
    if not searched and (search.left or any(one is not None for one in counts)):
        yield "left-without-search", ""
    if (
        (searched and (None in counts or not search.values))
        or (search.at is not None) != made
        or any(one.records == 0 for one in search.left)
        or not all(_of_pass(search, one) for one in passes)
    ):
        yield "search-unaccounted", ""


_OF_A_PASS: Final = frozenset({"searched", "not-in-sample", "no-values"})
"""What is said of those who waited for one pass of the search; its document is cited."""


def _of_pass(search: BlindSearch, document: SearchedStores) -> bool:
    """Whether what is said of a person's search is what the document says of the pass that this was."""
    outside, searched = search.searched == "not-in-sample", search.searched == "searched"
    fits = not outside if document.sample is None else (not outside) <= document.sample.people < document.sample.of
    return (
        fits
        and stated(search.at) == stated(document.at)
        and (not searched or (search.places, search.gaps) == (document.places, document.gaps))
        and {one.store for one in search.left} <= {one.store for one in document.stores}
    )


def _order(said: Said, _: datetime) -> Found:
    """Nobody looks after the last look, and what follows an answer is no other one but an end."""
    event, before = said.statement.event, said.before
    looks = before.ended and event in SETTLED | {"partially-erased", "on-hold"}
    if looks or (before.answer is not None and event == "partially-erased" and not said.is_end):
        yield "event-order", ""


def _kept_gone(said: Said, _: datetime) -> Found:
    """Gone is what was kept when it was last looked at, at any hour of its day or later; so many places fewer are open.

    Its last day is the first on which it is kept no more.
    """
    current, before = said.statement, said.before
    gone = form_reader.read(KeptGone, current.body) if current.event == "kept-gone" else None
    if gone is None:
        return
    days = {place: until for until, place in before.kept}
    looked = stated(gone.verified_at)
    latest = current.issued_at if looked is None else looked + CLOCKS_DIFFER
    unheard = [one for one in gone.places if (day := days.get(one)) is None or day.date() > latest.date()]
    owed = 0 if before.last is None else before.last.open.items
    if (
        not before.ended
        or not gone.places
        or unheard
        or len(set(gone.places)) < len(gone.places)
        or current.open.items != owed - len(gone.places)
        or (current.open.items > 0) != (gone.identifiers.kept is not None)
    ):
        yield "kept-gone-unheard", ""


def _ending(said: Said) -> Answer | Settled | None:
    if said.statement.event == "settled":
        return form_reader.read(Settled, said.statement.body)
    return form_reader.read(Answer, said.statement.body) if said.is_end else None


RULES: Final = tuple(
    Rule(since=1, check=one) for one in (_open, _openable, _settled, _found, _gone, _search, _order, _kept_gone)
)
