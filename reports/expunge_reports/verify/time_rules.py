"""Time rules: times in an order that time does not have, and deadlines that are not the request's."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from expunge_reports.consistency import CLOCKS_DIFFER, STORES_DIFFER
from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import IdentityEvidence
from expunge_reports.forms.shared_documents import BackupCopies, BackupCopy, Clock, Deadlines, SearchedStores
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated

LONGEST_LAW: Final = timedelta(days=366)
"""Longer than any law lets an answer, or a confirmation, take: three months with the extension, or ninety days."""

_SET_BACK: Final = timedelta(days=1)
"""By less than this an operator's clock may have been set back between an extension and the statement of it."""

_ZONES: Final = timedelta(days=1)
"""Between the end of a day somewhere and its end in UTC, at most."""


def _times(said: Said, now: datetime) -> Found:
    current = said.statement
    at, received = current.issued_at, stated(current.body.get("receivedAt"))
    if said.before.last is not None and at < said.before.last.issued_at:
        yield "time-backwards", ""
    if at > now + CLOCKS_DIFFER:
        yield "in-the-future", ""
    if received is not None and received > at + CLOCKS_DIFFER:
        yield "received-after-stated", ""


def _looks(said: Said, _: datetime) -> Found:
    """A verification is made after the statement that told of the one before it, where they were not stated at once.

    Other looks need not be: a count is of the first round, also after a hold, and a search precedes what is erased
    again.
    """
    at, body, first, before = said.statement.issued_at, said.statement.body, _received(said), said.told_before
    verified, counted = (stated(body.get(name)) for name in ("verifiedAt", "countedAt"))
    search = body.get("blindSearch")
    looks = [verified, counted, stated(search.get("at")) if isinstance(search, dict) else None]
    looks += [stated(one.at) for document in said.new_of(BackupCopies) for one in document.listings]
    looks += [stated(document.at) for document in said.new_of(SearchedStores)]
    evidence = form_reader.read(IdentityEvidence, body.get("identityEvidence"))
    checked = None if evidence is None else stated(evidence.checked_at)
    if any(one is not None and one > at + CLOCKS_DIFFER for one in [*looks, checked]):
        yield "looked-later-than-stated", ""
    if first is not None and any(one is not None and one < first - CLOCKS_DIFFER for one in looks):
        yield "looked-before-receipt", ""
    if verified is not None and counted is not None and counted > verified + CLOCKS_DIFFER:
        yield "counted-after-verified", ""
    if verified is not None and before is not None and verified < before - CLOCKS_DIFFER:
        yield "looks-backwards", ""


def _cutoffs(said: Said, _: datetime) -> Found:
    """A cutoff is set once, when the request is begun."""
    first, before = _received(said), said.before.cutoffs
    looked = stated(said.statement.body.get("verifiedAt")) or said.statement.issued_at
    cutoffs = [(store.store, stated(store.cutoff)) for store in said.stores]
    if any(cutoff is not None and cutoff > looked + STORES_DIFFER for _, cutoff in cutoffs):
        yield "cutoff-in-the-future", ""
    for store, cutoff in cutoffs:
        if first is not None and cutoff is not None and cutoff < first - STORES_DIFFER:
            yield "cutoff-before-receipt", store
        if store in before and cutoff != stated(before[store]):
            yield "cutoff-changes", store


def _taken(said: Said, _: datetime) -> Found:
    """No copy was begun after it was listed: a listing is dated when it begins, and is over before it is stated.

    A copy is dated by its storage's clock, as `storageAt` is; one that was seen earlier may be in another storage.
    """
    told = said.statement.issued_at
    for document in said.new_of(BackupCopies):
        listed = {one.place: stated(one.storage_at) for one in document.listings}
        later = (one.place for one in document.may_hold_the_records if _taken_after(one, told, listed.get(one.place)))
        yield from some(("taken-after-listed", place) for place in later)


def _taken_after(copy: BackupCopy, told: datetime, listed: datetime | None) -> bool:
    begun = stated(copy.taken_between[0])
    apart = STORES_DIFFER if copy.status == "unknown" else CLOCKS_DIFFER
    return begun is not None and begun > max(told, listed or told) + apart


def _clocks(said: Said, _: datetime) -> Found:
    current = said.statement
    first = _received(said)
    yield from (found for clocks in said.new_of(Deadlines) for found in _deadlines(clocks))
    for clocks in said.all_of(Deadlines):
        if first is not None and stated(clocks.received_at) != first:
            yield "receipt-differs", ""
        if current.open.items and current.open.expected_by != stated(clocks.answer_by):
            yield "answer-day-differs", ""
    before = said.before.clocks
    if current.event not in {"accepted", "extended"} and any(said.new_of(Deadlines)):
        yield "deadlines-change", ""
    if current.event == "extended" and said.known:
        now = next(said.new_of(Deadlines), None)
        if now is None or (before is not None and not _one_extended(before, now)):
            yield "extended-by-nothing", ""
    yield from _extensions(said)


def _extensions(said: Said) -> Found:
    """A clock is extended while it runs, and `extended` states that at once; see `_SET_BACK`."""
    current, last = said.statement, said.before.last
    clocks = [one for cited in said.new_of(Deadlines) for one in cited.clocks]
    yield from (("extension-misdated", one.clock) for one in clocks if _misdated(one, current.issued_at))
    if current.event != "extended" or last is None or current.issued_at == last.issued_at:
        return  # where a clock was set back, a statement bears the time of the one that it follows
    before = {} if said.before.clocks is None else {one.clock: one.extended_to for one in said.before.clocks.clocks}
    moved = ((one.clock, stated(one.due_at)) for one in clocks if one.extended_to != before.get(one.clock))
    yield from (("extension-misdated", clock) for clock, over in moved if over and over < current.issued_at)


def _misdated(clock: Clock, issued_at: datetime) -> bool:
    if clock.extension is None or clock.extended_to is None:
        return clock.extension is not None or clock.extended_to is not None
    began, at, over = (stated(one) for one in (clock.received_at, clock.extension.at, clock.due_at))
    if began is None or at is None or over is None:
        return False
    return not began <= at <= min(over, issued_at + _SET_BACK)


def _beyond_law(clock: Clock) -> bool:
    began, over = stated(clock.received_at), stated(clock.extended_to or clock.due_at)
    return clock.clock != "promise" and began is not None and over is not None and over - began > LONGEST_LAW


def _deadlines(clocks: Deadlines) -> Found:
    if any(ended < began for began, ended in _periods(clocks)):
        yield "deadline-before-receipt", ""
    begun = [
        ("", stated(clocks.controller_received_at)),
        *((one.clock, stated(one.received_at)) for one in clocks.clocks),
    ]
    received = stated(clocks.received_at)
    yield from some(("begins-after-receipt", one) for one, began in begun if began and received and began > received)
    twice = Counter(one.clock for one in clocks.clocks)
    yield from some(("place-twice", one) for one, number in twice.items() if number > 1)
    yield from some(("days-not-counted", one.clock) for one in clocks.clocks if _counts_otherwise(one))
    yield from (("clock-beyond-law", one.clock) for one in clocks.clocks if _beyond_law(one))
    ends = [(one.clock, stated(one.extended_to or one.due_at)) for one in clocks.clocks if one.clock != "confirmation"]
    by = stated(clocks.answer_by)
    if by != min((end for _, end in ends if end is not None), default=None):
        yield "answer-day-differs", ""
    elif ends and (clocks.first, by) not in ends:
        yield "answer-day-differs", clocks.first
    days = ((one.clock, stated(day), stated(end)) for one in clocks.clocks for day, end in _last_days(one))
    yield from (("answer-day-differs", clock) for clock, day, end in days if day and end and abs(end - day) > _ZONES)


def _counts_otherwise(clock: Clock) -> bool:
    """Whether it passes over a day that is none of its own, or over one twice, or its end is moved to no later day.

    Its own are those after its receipt, in its zone, up to its last.
    """
    began, off = stated(clock.received_at), [one.day for one in clock.not_counted]
    if clock.moved_from is not None and clock.moved_from >= clock.last_day:
        return True
    earliest = "" if began is None else (began - _ZONES).date().isoformat()
    return len(set(off)) < len(off) or any(not earliest <= day <= clock.last_day for day in off)


def _last_days(clock: Clock) -> Iterator[tuple[str, str | None]]:
    """The last day of a clock, and when it is over, first as it began and then as extended."""
    yield clock.last_day, clock.due_at
    if clock.extension is not None:
        yield clock.extension.last_day, clock.extended_to


def _one_extended(before: Deadlines, now: Deadlines) -> bool:
    """One clock ends later than before, the others as they did, and so does the answer, or later."""
    old, new = (sorted(one.clocks, key=lambda clock: clock.clock) for one in (before, now))
    by, was = stated(now.answer_by), stated(before.answer_by)
    same = [(one.clock, stated(one.due_at)) for one in old] == [(one.clock, stated(one.due_at)) for one in new]
    moved = [(one, then) for one, then in zip(old, new, strict=False) if one.extended_to != then.extended_to]
    later = all(
        (until := stated(then.extended_to)) is not None and until >= (stated(one.extended_to or one.due_at) or until)
        for one, then in moved
    )
    return same and len(moved) == 1 and later and not (by is not None and was is not None and by < was)


def _received(said: Said) -> datetime | None:
    return stated(said.first.body.get("receivedAt"))


def _periods(clocks: Deadlines) -> Iterator[tuple[datetime, datetime]]:
    """From when and until when each clock runs; one may run from before the operator knew, and be over by then."""
    received = [stated(one) for one in (clocks.received_at, clocks.controller_received_at)]
    first = min((one for one in received if one is not None), default=None)
    periods = [(stated(one.received_at) or first, stated(one.due_at)) for one in clocks.clocks]
    for began, ended in [(first, stated(clocks.answer_by)), *periods]:
        if began is not None and ended is not None:
            yield began, ended


RULES: Final = tuple(Rule(since=1, check=one) for one in (_times, _looks, _cutoffs, _taken, _clocks))
