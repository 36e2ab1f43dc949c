"""Contradictions: what cannot be true of a series however well it is signed.

A rule belongs to the version of the predicate since which it holds (`statement.PREDICATES`): what an earlier version
left open is not held against its statements.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from expunge_reports import consistency, forms
from expunge_reports.consistency import ANSWERED, ANSWERS
from expunge_reports.forms import BackupCopies, BackupCopy, Deadlines, Document, Plan, Store
from expunge_reports.statement import NOTHING_OPEN, Statement

CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""Between the clock of the operator and that of a reader, or of a storage."""

_FIRST, _LAST = (datetime(year, 6, 1, tzinfo=UTC) for year in (1, 9999))
"""What is stated beyond them is taken for them, so that no clock's difference leads out of the calendar."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    "form-unknown": "what is stated of stores, or a document that is cited, is not in the form of its version",
    "count-negative": "a count is less than nothing",
    "sum-wrong": "more is due, kept or gone than was found",
    "outcome-against-counts": "what happened in a collection and its counts exclude each other",
    "kept-without-ground": "records are kept and no ground is named",
    "place-twice": "a store, a collection or a copy is stated twice",
    "due-left": "something due is left where nothing may be",
    "event-against-outcome": "the event and the outcome stated beside it are different ones",
    "event-against-lines": "the event and what happened in the collections exclude each other",
    "event-order": "the event cannot follow those before it",
    "time-backwards": "the statement is dated before the one that it follows",
    "in-the-future": "the statement is dated later than the reader's clock",
    "looked-later-than-stated": "a look is dated after the statement that tells of it",
    "counted-after-verified": "the count before erasing is dated after the check that followed it",
    "received-after-stated": "the request is dated after the statement that it was accepted",
    "deadline-before-receipt": "a deadline is over before the request was received from which it runs",
    "receipt-differs": "the request and the deadlines stated for it are dated differently",
    "controller-changes": "the statements of one request name different controllers",
    "types-change": "the statements of one request are limited to different data types",
    "plan-against-lines": "a collection is stated that the plan does not have",
    "nothing-owed": "the event leaves something to be stated, and nothing is said to be open",
    "copies-not-counted": "the copies counted as open are not those of the document that is cited",
    "copy-days-reversed": "a copy's times are in no possible order, or it is due and has no day",
    "kept-when-closed": "everything is said to be over, and a record is kept beyond that day",
    "keys-destroyed-and-kept": "the keys are said to be destroyed and to be kept",
    "search-left-in-settled": "it is said to be settled, and a search left something unexplained",
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


Found = Iterator[tuple[str, str]]
"""Code and place of each contradiction within one statement."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement of a series with what is known of its form.

    Attributes:
        statement: as it was verified.
        before: those before it, in order.
        stores: what happened in each; empty if it says nothing of them, or in another form.
        known: whether what it says of stores, and its documents of the kinds of this version, are in their form.
        cited: the documents that it cites.
        documents: those of them that have a known form.
        plan: the last one that was cited until now.
    """

    statement: Statement
    before: Sequence[Statement]
    stores: Sequence[Store]
    known: bool
    cited: Sequence[object]
    documents: Sequence[Document]
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one statement in its series; `since` is the version of the predicate that it came with."""

    since: int
    check: Callable[[_Said, datetime], Found]


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
    plan: Plan | None = None
    read = {digest: forms.document(one) for digest, one in shared.items()}  # once, however many statements cite it
    for seq, current in enumerate(statements):
        cited = [shared[digest] for digest in current.context]
        documents = [one for digest in current.context if (one := read[digest]) is not None]
        plan = next((one for one in documents if isinstance(one, Plan)), plan)
        stores = forms.read(tuple[Store, ...], current.body.get("stores", []))
        known = stores is not None and len(documents) == sum(map(forms.is_document, cited))
        said = _Said(current, statements[:seq], stores or (), known, cited, documents, plan)
        for rule in RULES:
            if rule.since <= current.version:
                found |= {Contradiction(code, seq, where): None for code, where in rule.check(said, now)}
    return tuple(found)


def _form(said: _Said, _: datetime) -> Found:
    if not said.known:  # what no rule can read, no rule would refuse
        yield "form-unknown", ""


def _counts(said: _Said, _: datetime) -> Found:
    if any(map(_negative, [said.statement.body, *said.cited])):
        yield "count-negative", ""


def _negative(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_negative, value.values()))
    if isinstance(value, list):
        return any(map(_negative, value))
    return type(value) is int and value < 0


def _lines(said: _Said, _: datetime) -> Found:
    seen: set[str] = set()
    planned = None if said.plan is None else {one.store: one.collections for one in said.plan.stores}
    for store in said.stores:
        for line in store.collections:
            place = f"{store.store}.{line.collection}"
            yield from ((code, place) for code in consistency.in_line(line))
            if place in seen:
                yield "place-twice", place
            seen.add(place)
            if line.due and line.outcome != "left" and said.statement.event in ANSWERED | {"on-hold"}:
                yield "due-left", place
            if planned is not None and line.collection not in planned.get(store.store, ()):
                yield "plan-against-lines", place
    if len({store.store for store in said.stores}) < len(said.stores):
        yield "place-twice", ""


def _event(said: _Said, _: datetime) -> Found:
    current = said.statement
    event, outcome = current.event, current.body.get("outcome")
    own = ("ambiguous", "denied") if event == "denied" else (event,)  # no set: the outcome may be anything
    if outcome is not None and event in {*ANSWERS, "on-hold", "cancelled", "denied"} and outcome not in own:
        yield "event-against-outcome", ""
    outcomes = frozenset(line.outcome for store in said.stores for line in store.collections)
    if outcomes and consistency.in_answer(event, outcomes):
        yield "event-against-lines", ""
    if not consistency.follows(event, consistency.past([one.event for one in said.before])):
        yield "event-order", ""
    due = current.body.get("due")
    if event == "settled" and type(due) is int and due > 0:
        yield "due-left", ""
    search = current.body.get("blindSearch")
    if event == "settled" and isinstance(search, dict) and search.get("left"):
        yield "search-left-in-settled", ""
    identifiers = current.body.get("identifiers")
    if isinstance(identifiers, dict) and identifiers.get("destroyedInLedger") is True and "kept" in identifiers:
        yield "keys-destroyed-and-kept", ""


def _times(said: _Said, now: datetime) -> Found:
    current = said.statement
    at, body = current.issued_at, current.body
    if said.before and at < said.before[-1].issued_at:
        yield "time-backwards", ""
    if at > now + CLOCKS_DIFFER:
        yield "in-the-future", ""
    verified, counted, received = (_stated(body.get(name)) for name in ("verifiedAt", "countedAt", "receivedAt"))
    search = body.get("blindSearch")
    looks = [verified, counted, _stated(search.get("at")) if isinstance(search, dict) else None]
    looks += [_stated(one.at) for document in _of(said, BackupCopies) for one in document.listings]
    if any(one is not None and one > at + CLOCKS_DIFFER for one in looks):
        yield "looked-later-than-stated", ""
    if verified is not None and counted is not None and counted > verified + CLOCKS_DIFFER:
        yield "counted-after-verified", ""
    if received is not None and received > at + CLOCKS_DIFFER:
        yield "received-after-stated", ""
    for clocks in _of(said, Deadlines):
        stated = _stated(clocks.received_at)
        if any(ended < began for began, ended in _periods(clocks)):
            yield "deadline-before-receipt", ""
        if received is not None and stated is not None and stated != received:
            yield "receipt-differs", ""


def _periods(clocks: Deadlines) -> Iterator[tuple[datetime, datetime]]:
    """From when and until when each clock runs; one may run from before the operator knew, and be over by then."""
    received = [_stated(one) for one in (clocks.received_at, clocks.controller_received_at)]
    first = min((one for one in received if one is not None), default=None)
    periods = [(_stated(one.received_at) or first, _stated(one.due_at)) for one in clocks.clocks]
    for began, ended in [(first, _stated(clocks.answer_by)), *periods]:
        if began is not None and ended is not None:
            yield began, ended


def _stated(value: object) -> datetime | None:
    found = forms.moment(value) if isinstance(value, str) else None
    return None if found is None else min(max(found, _FIRST), _LAST)


def _subject(said: _Said, _: datetime) -> Found:
    body = said.statement.body
    first = said.before[0].body if said.before else body
    if "controller" in body and body["controller"] != first.get("controller", body["controller"]):
        yield "controller-changes", ""
    limited = [] if said.plan is None else [None if said.plan.limited_to is None else list(said.plan.limited_to)]
    named = {"controller", "dataTypes"} & body.keys()
    if named and any(body.get("dataTypes") != one for one in [first.get("dataTypes"), *limited]):
        yield "types-change", ""


def _owed(said: _Said, _: datetime) -> Found:
    current = said.statement
    if consistency.owes_nothing(current.event, current.open):
        yield "nothing-owed", ""
    for document in _of(said, BackupCopies):
        if current.open.copies != consistency.open_copies(document):
            yield "copies-not-counted", ""


def _copies(said: _Said, _: datetime) -> Found:
    for document in _of(said, BackupCopies):
        seen: set[tuple[str, str | None]] = set()
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
    stated = _stated(text)
    return None if stated is None else stated.replace(microsecond=0)  # some are stated to the second alone


def _closed(said: _Said, _: datetime) -> Found:
    current = said.statement
    if current.event != "closed":
        return
    if current.open != NOTHING_OPEN:
        yield "kept-when-closed", ""
    last = next((one for one in reversed(said.before) if "stores" in one.body), None)
    stores = () if last is None else forms.read(tuple[Store, ...], last.body["stores"]) or ()
    for store in stores:
        for line in store.collections:
            until = _stated(line.until)
            if line.retained and (until is None or until > current.issued_at):
                yield "kept-when-closed", f"{store.store}.{line.collection}"


def _of(said: _Said, form: type[forms.AnyDocument]) -> Iterator[forms.AnyDocument]:
    return (one for one in said.documents if isinstance(one, form))


RULES: Final = tuple(
    Rule(since=1, check=one) for one in (_form, _counts, _lines, _event, _times, _subject, _owed, _copies, _closed)
)
