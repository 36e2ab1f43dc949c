"""Document rules: what statements cite, against itself and against what they say is open."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from expunge_reports import consistency
from expunge_reports.consistency import LINES, OWING
from expunge_reports.forms.shared_documents import BackupCopies, BackupCopy, Plan, SearchedStores
from expunge_reports.statement import OpenCopies
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated


def _documents(said: Said, _: datetime) -> Found:
    kinds = Counter(type(one.form) for one in said.cited if one.form is not None)
    if any(number > 1 for number in kinds.values()):
        yield "document-twice", ""
    if said.before.plan is not None and said.statement.event != "cancelled" and any(said.new_of(Plan)):
        yield "plan-changes", ""  # a plan that is cancelled may have lost what the map lost
    for plan in said.new_of(Plan):
        stores = Counter(store.store for store in plan.stores)
        yield from (("place-twice", store) for store, number in stores.items() if number > 1)
        places = Counter(f"{one.store}.{one.collection}" for one in plan.logs_left_alone)
        places.update(f"{store.store}.{name}" for store in plan.stores for name in store.collections)
        yield from some(("place-twice", place) for place, number in places.items() if number > 1)
        unclear = (one.store for one in plan.stores if bool(one.backup_places) == (one.no_backups is not None))
        yield from some(("backups-unclear", store) for store in unclear)
    for search in said.new_of(SearchedStores):
        named = Counter((*(one.store for one in search.stores), *search.stores_not_searched))
        yield from some(("place-twice", store) for store, number in named.items() if number > 1)
    for one in said.new:
        limited = one.limited_to
        if limited is not None and isinstance(one.form, Plan):
            types = one.form.data_types
            yield from some(("type-not-asked-for", place) for place in one.actions if types.get(place) not in limited)


def _owed(said: Said, _: datetime) -> Found:
    current = said.statement
    if consistency.owes_nothing(current.event, current.open):
        yield "nothing-owed", ""
    if consistency.owes_no_day(current.event, current.open, ended=said.is_end):
        yield "nothing-owed", ""  # that a check follows, and by when
    if current.event in OWING and current.open.items > 1 and not said.is_end:
        yield "several-owed", ""
    if consistency.day_of_nothing(current.event, current.open, ended=said.is_end):
        yield "day-of-nothing", ""
    if consistency.checked_too_late(current.event, current.open, current.issued_at):
        yield "check-too-late", ""
    listed = [one.open_copies for one in said.cited if isinstance(one.form, BackupCopies)]
    if not listed and current.event not in LINES.keys() | {"settled", "kept-gone"}:
        listed = [OpenCopies()]
    if said.known and (not listed or any(current.open.copies != one for one in listed)):
        yield "copies-not-counted", ""


def _copies(said: Said, _: datetime) -> Found:
    for document in said.new_of(BackupCopies):
        seen: set[tuple[str, str | None]] = set()
        looks = Counter(one.place for one in document.listings)
        yield from (("place-twice", place) for place, number in looks.items() if number > 1)
        listed = Counter({one.place: one.copies for one in document.listings})
        at = {one.place: _second(one.at) for one in document.listings}
        of = {one.place: one.of for one in document.listings}
        stores = None if said.plan is None else said.plan.stores
        held = Counter[str]()
        for copy in document.may_hold_the_records:
            if copy.status != "unknown":  # one that was seen earlier may be there, whatever a listing shows
                held[copy.place] += copy.copies
        yield from (("copies-not-listed", place) for place in held - listed)
        for copy in document.may_hold_the_records:
            if _reversed(copy) or (copy.status == "due" and copy.expected_by is None):
                yield "copy-days-reversed", copy.place
            if _status_against_days(copy, at.get(copy.place)):
                yield "status-against-days", copy.place
            foreign = copy.status != "unknown" and of.get(copy.place, copy.store) != copy.store
            if foreign or copy.copies < 1 or (stores is not None and copy.store not in stores):
                yield "copies-not-listed", copy.place
            if copy.id is None or copy.status == "unknown":
                continue  # a place that was moved may have left one of the same id in each storage that it was
            if (copy.place, copy.id) in seen:
                yield "place-twice", copy.place
            seen.add((copy.place, copy.id))


def _reversed(copy: BackupCopy) -> bool:
    """Nothing is gone before it was begun. When it was done by, and from when on it goes, are estimates apart."""
    begun, done = map(_second, copy.taken_between)
    due, gone = _second(copy.due), _second(copy.expected_by)
    pairs = ((begun, done), (begun, due), (begun, gone), (due, gone))
    return any(first is not None and then is not None and first > then for first, then in pairs)


def _status_against_days(copy: BackupCopy, listed: datetime | None) -> bool:
    """A copy whose end nothing gives has a day, or one that is overdue goes later than it was seen, by more than a day.

    The day is let pass for the storage's clock and ours.
    """
    days = [day for day in (_second(copy.due), _second(copy.expected_by)) if day is not None]
    if copy.status == "overdue":
        return not days or (listed is not None and max(days) > listed + timedelta(days=1))
    return copy.status in {"never", "held", "conditional", "unknown"} and bool(days)


def _second(text: str | None) -> datetime | None:
    found = stated(text)
    return None if found is None else found.replace(microsecond=0)  # some are stated to the second alone


RULES: Final = tuple(Rule(since=1, check=one) for one in (_documents, _owed, _copies))
