"""Closing rules: what `closed` says is nowhere any more, against what the series counted and what was seen gone.

A request is closed by looks at the places of copies alone: its identifiers are destroyed by then (ADR 33).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from expunge_reports import counted_copies
from expunge_reports.consistency import CLOCKS_DIFFER, STORES_DIFFER
from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import Closed
from expunge_reports.forms.shared_documents import LEDGER, BackupCopies, GoneCopy, Listing, Plan
from expunge_reports.statement import NOTHING_OPEN
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated

MARGIN: Final = timedelta(days=1)
"""So long after the look that found nothing left a copy may have begun to be read, or be listed for the first time."""


def _kept(said: Said, _: datetime) -> Found:
    """Nothing is open, no copy may hold a record, and nothing is kept beyond the day or left."""
    if said.statement.event != "closed":
        return
    listed = _listed(said)
    owed = said.before.last is not None and said.before.last.open.items > 0
    held = listed is not None and listed.may_hold_the_records
    if said.statement.open != NOTHING_OPEN or owed or said.before.unclear or held:
        yield "kept-when-closed", ""
    if owed:  # else a look after the answer found nothing there
        # The longest kept come first, so that no line is walked again however many statements close the series.
        still = takewhile(lambda one: one[0] is None or one[0] > said.statement.issued_at, said.before.kept)
        yield from some(("kept-when-closed", place) for _, place in still)
    yield from some(("kept-when-closed", place) for place in said.before.left)


def _shown(said: Said, _: datetime) -> Found:
    """Each place with copies of the stores was listed, and of the ledger where that is said, beside a control."""
    closed = _request(said)
    if closed is None:
        return
    listed = _listed(said)
    listings = () if listed is None else listed.listings
    planned = set() if said.plan is None or not isinstance(said.plan.form, Plan) else _places(said.plan.form)
    if listed is None or (closed.ledger_copies == "gone") != any(one.of == LEDGER for one in listings):
        yield "closed-unshown", ""
    yield from some(("closed-unshown", one) for one in sorted(planned - {one.place for one in listings}))
    yield from some(("gone-unconfirmed", one.place) for one in _of_request(said, listings) if one.control is None)


def _time(said: Said, _: datetime) -> Found:
    """Nothing is left since the last look that is told, each place was listed a day later, and no copy goes later."""
    closed, listed = _request(said), _listed(said)
    since = None if closed is None else stated(closed.nothing_left_at)
    if since is None:
        return
    if said.before.looked != since:
        yield "closed-too-early", ""
    if listed is None:
        return
    early = (
        one.place
        for one in _of_request(said, listed.listings)
        if (at := stated(one.at)) is not None and at < since + MARGIN - CLOCKS_DIFFER
    )
    yield from some(("closed-too-early", place) for place in early)
    latest = said.statement.issued_at + STORES_DIFFER
    later = (one.place for one in listed.seen_gone if (at := stated(one.gone_at)) is not None and at > latest)
    yield from some(("closed-too-early", place) for place in later)
    yield from some(("copy-days-reversed", one.place) for one in listed.seen_gone if _gone_before_it_was_begun(one))


def _gone_before_it_was_begun(copy: GoneCopy) -> bool:
    begun, gone = stated(copy.taken_between[0]), stated(copy.gone_at)
    return begun is not None and gone is not None and gone < begun - STORES_DIFFER


def _forgotten(said: Said, _: datetime) -> Found:
    """Each copy that was counted before was seen gone."""
    if _request(said) is None:
        return
    listed = _listed(said)
    places = counted_copies.copies_forgotten(said.before.counted, () if listed is None else listed.seen_gone)
    yield from some(("copies-forgotten", place) for place in places)


def _request(said: Said) -> Closed | None:
    if said.statement.event != "closed":
        return None
    return form_reader.read(Closed, said.statement.body)


def _listed(said: Said) -> BackupCopies | None:
    return next(said.all_of(BackupCopies), None)


def _places(plan: Plan) -> set[str]:
    return {place for store in plan.stores for place in store.backup_places}


def _of_request(said: Said, listings: tuple[Listing, ...]) -> Iterator[Listing]:
    """Listings of places with copies of the planned stores, or of the ledger."""
    of = {LEDGER} if said.plan is None else {LEDGER, *said.plan.stores}
    return (one for one in listings if one.of in of)


RULES: Final = tuple(Rule(since=1, check=one) for one in (_kept, _shown, _time, _forgotten))
