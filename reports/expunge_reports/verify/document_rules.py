"""Document rules: what statements cite, against itself and against what they say is open."""

from collections import Counter
from datetime import datetime
from typing import Final

from expunge_reports import consistency
from expunge_reports.consistency import LINES
from expunge_reports.forms.shared_documents import BackupCopies, BackupCopy, Plan
from expunge_reports.statement import OpenCopies
from expunge_reports.verify.series_reading import Found, Rule, Said, stated


def _documents(said: Said, _: datetime) -> Found:
    kinds = Counter(type(one.form) for one in said.cited if one.form is not None)
    if any(number > 1 for number in kinds.values()):
        yield "document-twice", ""
    for plan in said.new_of(Plan):
        stores = Counter(store.store for store in plan.stores)
        yield from (("place-twice", store) for store, number in stores.items() if number > 1)


def _owed(said: Said, _: datetime) -> Found:
    current = said.statement
    if consistency.owes_nothing(current.event, current.open):
        yield "nothing-owed", ""
    if current.event in {"erased", "not-found"} and current.open.expected_by is None:
        yield "nothing-owed", ""  # that a check follows, and by when
    if consistency.checked_too_late(current.event, current.open, current.issued_at):
        yield "check-too-late", ""
    listed = [one.open_copies for one in said.cited if isinstance(one.form, BackupCopies)]
    if not listed and current.event not in LINES.keys() | {"settled"}:
        listed = [OpenCopies()]
    if said.known and (not listed or any(current.open.copies != one for one in listed)):
        yield "copies-not-counted", ""


def _copies(said: Said, _: datetime) -> Found:
    for document in said.new_of(BackupCopies):
        seen: set[tuple[str, str | None]] = set()
        listed = Counter({one.place: one.copies for one in document.listings})
        held = Counter[str]()
        for copy in document.may_hold_the_records:
            held[copy.place] += copy.copies
        yield from (("copies-not-listed", place) for place in held - listed)
        for copy in document.may_hold_the_records:
            if _reversed(copy) or (copy.status == "due" and copy.last_day is None):
                yield "copy-days-reversed", copy.place
            if copy.id is not None and (copy.place, copy.id) in seen:
                yield "place-twice", copy.place
            seen.add((copy.place, copy.id))


def _reversed(copy: BackupCopy) -> bool:
    """Nothing is gone before it was begun. When it was done by, and from when on it goes, are estimates apart."""
    begun, done = (*map(_second, copy.taken_between), None, None)[:2]
    due, gone = _second(copy.due), _second(copy.expected_by)
    pairs = ((begun, done), (begun, due), (begun, gone), (due, gone))
    return any(first is not None and then is not None and first > then for first, then in pairs)


def _second(text: str | None) -> datetime | None:
    found = stated(text)
    return None if found is None else found.replace(microsecond=0)  # some are stated to the second alone


RULES: Final = tuple(Rule(since=1, check=one) for one in (_documents, _owed, _copies))
