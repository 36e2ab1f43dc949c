"""Contradictions: what cannot be true of a series however well it is signed.

A rule belongs to the version of the predicate since which it holds (`statement.PREDICATES`): what an earlier version
left open is not held against its statements.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from expunge_reports import consistency
from expunge_reports.consistency import ANSWERED, LINES
from expunge_reports.forms import bodies, form_reader, shared_documents, stated_time
from expunge_reports.forms.bodies import BlindSearch, Store
from expunge_reports.forms.shared_documents import BackupCopies, BackupCopy, Deadlines, Document, Plan
from expunge_reports.statement import NOTHING_OPEN, OpenCopies, Statement

CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""Between the clock of the operator and that of a reader, or of a storage."""

_FIRST, _LAST = (datetime(year, 6, 1, tzinfo=UTC) for year in (1, 9999))
"""What is stated beyond them is taken for them, so that no clock's difference leads out of the calendar."""

STORES_DIFFER: Final = timedelta(days=1)
"""Between the clock of the operator and that of a store, which nobody holds against it."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    "form-unknown": "a body, what is stated of stores, or a document that is cited, is not in the form of its version",
    "count-negative": "a count is less than nothing",
    "sum-wrong": "more is due, kept or gone than was found",
    "outcome-against-counts": "what happened in a collection and its counts exclude each other",
    "kept-without-ground": "records are kept and no ground is named",
    "outcome-against-plan": "a record is said to be emptied where the plan erases, or erased where it empties",
    "place-twice": "a store, a collection or a copy is stated twice",
    "document-twice": "two documents of one kind are cited",
    "due-left": "something due is left where nothing may be",
    "event-against-outcome": "the event and the outcome stated beside it are different ones",
    "event-against-lines": "the event and what happened in the collections exclude each other",
    "event-order": "the event cannot follow those before it",
    "over-and-open": "the event is the last word, and something is left open or may follow",
    "time-backwards": "the statement is dated before the one that it follows",
    "in-the-future": "the statement is dated later than the reader's clock",
    "looked-later-than-stated": "a look is dated after the statement that tells of it",
    "counted-after-verified": "the count before erasing is dated after the check that followed it",
    "received-after-stated": "the request is dated after the statement that it was accepted",
    "looked-before-receipt": "a look is dated before the request was received",
    "cutoff-in-the-future": "the time from which on records are another's is dated after the statement",
    "deadline-before-receipt": "a deadline is over before the request was received from which it runs",
    "receipt-differs": "the request and the deadlines stated for it are dated differently",
    "answer-day-differs": "the answer is due on another day than that of the clock that ends first, or than is open",
    "extended-by-nothing": "the deadlines are extended, and none are cited, or the answer is due earlier than before",
    "controller-changes": "the statements of one request name different controllers",
    "types-change": "the statements of one request are limited to different data types",
    "plan-against-lines": "the collections that are stated are not those of the plan",
    "level-not-claimed": "another level is stated than `deleted`, which alone is claimed",
    "nothing-owed": "the event leaves something to be stated, and nothing is said to be open, or not by when",
    "copies-not-counted": "the copies counted as open are not those of the document that is cited, or none is",
    "copies-not-listed": "copies are stated of a place that was not listed, or more of them than were there",
    "copy-days-reversed": "a copy's times are in no possible order, or it is due and has no day",
    "kept-when-closed": "everything is said to be over, and a record is kept beyond that day",
    "keys-destroyed-and-kept": "the keys are said to be destroyed and to be kept, or neither",
    "search-not-limited": "there was no search because the request is limited, and it is not",
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
        known: whether its body, what it says of stores, and its documents of the kinds of this version, are in their
            form.
        cited: the documents that it cites.
        documents: those of them that have a known form.
        plan: the last one that was cited until now.
        clocks: the last ones that were cited before.
    """

    statement: Statement
    before: Sequence[Statement]
    stores: Sequence[Store]
    known: bool
    cited: Sequence[object]
    documents: Sequence[Document]
    plan: Plan | None
    clocks: Deadlines | None


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
    clocks: Deadlines | None = None
    read = {
        digest: shared_documents.document(one) for digest, one in shared.items()
    }  # once, however many statements cite it
    for seq, current in enumerate(statements):
        cited = [shared[digest] for digest in current.context]
        documents = [one for digest in current.context if (one := read[digest]) is not None]
        plan = next((one for one in documents if isinstance(one, Plan)), plan)
        stores = form_reader.read(tuple[Store, ...], current.body.get("stores", []))
        form = bodies.BODIES.get(current.event)
        known = (
            stores is not None
            and (form is None or form_reader.read(form, current.body) is not None)
            and len(documents) == sum(map(shared_documents.is_document, cited))
        )
        said = _Said(current, statements[:seq], stores or (), known, cited, documents, plan, clocks)
        clocks = next((one for one in documents if isinstance(one, Deadlines)), clocks)
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
    for store in said.stores:
        for line in store.collections:
            place = f"{store.store}.{line.collection}"
            yield from ((code, place) for code in consistency.in_line(line))
            if place in seen:
                yield "place-twice", place
            seen.add(place)
            if line.due and line.outcome != "left" and said.statement.event in ANSWERED | {"on-hold"}:
                yield "due-left", place
        if store.level not in {None, "deleted"}:
            yield "level-not-claimed", store.store
    if len({store.store for store in said.stores}) < len(said.stores):
        yield "place-twice", ""


def _planned(said: _Said, _: datetime) -> Found:
    if not said.known:
        return
    stores = () if said.plan is None else said.plan.stores
    actions = {f"{store.store}.{name}": action for store in stores for name, action in store.collections.items()}
    outcomes = {f"{store.store}.{line.collection}": line.outcome for store in said.stores for line in store.collections}
    if said.statement.event in LINES:
        if not actions:
            yield "plan-against-lines", ""
        yield from (("plan-against-lines", place) for place in sorted(actions.keys() ^ outcomes.keys()))
    elif said.plan is not None:
        yield from (("plan-against-lines", place) for place in sorted(outcomes.keys() - actions.keys()))
    for place in sorted(actions.keys() & outcomes.keys()):
        emptied = {"tombstoned": True, "erased": False}.get(outcomes[place])
        if emptied not in {None, actions[place] == "tombstone"}:
            yield "outcome-against-plan", place


def _documents(said: _Said, _: datetime) -> Found:
    kinds = Counter(str(one.get("kind")) for one in said.cited if isinstance(one, dict))
    yield from (("document-twice", kind) for kind, number in kinds.items() if number > 1)
    for plan in _of(said, Plan):
        stores = Counter(store.store for store in plan.stores)
        yield from (("place-twice", store) for store, number in stores.items() if number > 1)


def _event(said: _Said, _: datetime) -> Found:
    current, before = said.statement, consistency.past([one.event for one in said.before])
    event, outcome = current.event, current.body.get("outcome")
    own = ("ambiguous", "denied") if event == "denied" else (event,)  # no set: the outcome may be anything
    if outcome is not None and outcome not in own:
        yield "event-against-outcome", ""
    if said.known and not _sums_up(said, before):
        yield "event-against-lines", ""
    if not consistency.follows(event, before):
        yield "event-order", ""
    if consistency.leaves_open(event, current.open, final=current.final):
        yield "over-and-open", ""
    due = current.body.get("due")
    if event == "settled" and type(due) is int and due > 0:
        yield "due-left", ""
    if event == "settled" and _left(current):
        yield "search-left-in-settled", ""
    identifiers = current.body.get("identifiers")
    if isinstance(identifiers, dict) and (identifiers.get("destroyedInLedger") is True) == ("kept" in identifiers):
        yield "keys-destroyed-and-kept", ""


def _sums_up(said: _Said, before: consistency.Past) -> bool:
    """Tell whether the event can be the sum of what happened in the collections, here and before."""
    event = said.statement.event
    outcomes = {line.outcome for store in said.stores for line in store.collections}
    if event == "cancelled" and not before.answered and any(_erased(one) for one in said.before):
        return False
    if event not in LINES:  # those that have a form state none
        return event not in bodies.BODIES or "stores" not in said.statement.body
    if event == "partially-erased" and outcomes <= LINES["erased"] and not _left(said.statement):
        return False
    if event == "on-hold" and not before.answered and "retained" not in outcomes:
        return False
    return not consistency.in_answer(event, frozenset(outcomes))


def _erased(earlier: Statement) -> bool:
    stores = form_reader.read(tuple[Store, ...], earlier.body.get("stores", [])) or ()
    return any(line.outcome in {"erased", "tombstoned"} for store in stores for line in store.collections)


def _left(current: Statement) -> bool:
    search = form_reader.read(BlindSearch, current.body.get("blindSearch"))
    return search is not None and bool(search.left)


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
    first = _received(said)
    if first is not None and any(one is not None and one < first - CLOCKS_DIFFER for one in (verified, counted)):
        yield "looked-before-receipt", ""
    cutoffs = [_stated(store.cutoff) for store in said.stores]
    if any(one is not None and one > at + STORES_DIFFER for one in cutoffs):
        yield "cutoff-in-the-future", ""


def _clocks(said: _Said, _: datetime) -> Found:
    current = said.statement
    first = _received(said)
    for clocks in _of(said, Deadlines):
        if any(ended < began for began, ended in _periods(clocks)):
            yield "deadline-before-receipt", ""
        if first is not None and _stated(clocks.received_at) != first:
            yield "receipt-differs", ""
        ends = [_stated(one.extended_to or one.due_at) for one in clocks.clocks if one.clock != "confirmation"]
        by = _stated(clocks.answer_by)
        if by != min((one for one in ends if one is not None), default=by) or (
            current.open.items and current.open.expected_by != by
        ):
            yield "answer-day-differs", ""
    if current.event == "extended" and said.known:
        by = next((_stated(one.answer_by) for one in _of(said, Deadlines)), None)
        before = None if said.clocks is None else _stated(said.clocks.answer_by)
        if by is None or (before is not None and by < before):
            yield "extended-by-nothing", ""


def _received(said: _Said) -> datetime | None:
    return _stated([*said.before, said.statement][0].body.get("receivedAt"))


def _periods(clocks: Deadlines) -> Iterator[tuple[datetime, datetime]]:
    """From when and until when each clock runs; one may run from before the operator knew, and be over by then."""
    received = [_stated(one) for one in (clocks.received_at, clocks.controller_received_at)]
    first = min((one for one in received if one is not None), default=None)
    periods = [(_stated(one.received_at) or first, _stated(one.due_at)) for one in clocks.clocks]
    for began, ended in [(first, _stated(clocks.answer_by)), *periods]:
        if began is not None and ended is not None:
            yield began, ended


def _stated(value: object) -> datetime | None:
    found = stated_time.moment(value) if isinstance(value, str) else None
    return None if found is None else min(max(found, _FIRST), _LAST)


def _subject(said: _Said, _: datetime) -> Found:
    current, body = said.statement, said.statement.body
    first = said.before[0].body if said.before else body
    if "controller" in body and body["controller"] != first.get("controller", body["controller"]):
        yield "controller-changes", ""
    limited = [] if said.plan is None else [None if said.plan.limited_to is None else list(said.plan.limited_to)]
    named = current.event in bodies.BODIES or {"controller", "dataTypes"} & body.keys()
    if said.known and named and any(body.get("dataTypes") != one for one in [first.get("dataTypes"), *limited]):
        yield "types-change", ""
    search = form_reader.read(BlindSearch, body.get("blindSearch"))
    if search is not None and search.searched == "limited-request" and "dataTypes" not in body:
        yield "search-not-limited", ""


def _owed(said: _Said, _: datetime) -> Found:
    current = said.statement
    if consistency.owes_nothing(current.event, current.open):
        yield "nothing-owed", ""
    if current.event in {"erased", "not-found"} and current.open.expected_by is None:
        yield "nothing-owed", ""  # that a check follows, and by when
    listed = [consistency.open_copies(one) for one in _of(said, BackupCopies)]
    if not listed and current.event not in LINES.keys() | {"settled"}:
        listed = [OpenCopies()]
    if said.known and (not listed or any(current.open.copies != one for one in listed)):
        yield "copies-not-counted", ""


def _copies(said: _Said, _: datetime) -> Found:
    for document in _of(said, BackupCopies):
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
    stated = _stated(text)
    return None if stated is None else stated.replace(microsecond=0)  # some are stated to the second alone


def _closed(said: _Said, _: datetime) -> Found:
    current = said.statement
    if current.event != "closed":
        return
    if current.open != NOTHING_OPEN:
        yield "kept-when-closed", ""
    last = next((one for one in reversed(said.before) if "stores" in one.body), None)
    stores = () if last is None else form_reader.read(tuple[Store, ...], last.body["stores"]) or ()
    for store in stores:
        for line in store.collections:
            until = _stated(line.until)
            if line.retained and (until is None or until > current.issued_at):
                yield "kept-when-closed", f"{store.store}.{line.collection}"


def _of(said: _Said, form: type[shared_documents.AnyDocument]) -> Iterator[shared_documents.AnyDocument]:
    return (one for one in said.documents if isinstance(one, form))


RULES: Final = tuple(
    Rule(since=1, check=one)
    for one in (
        _form,
        _counts,
        _documents,
        _lines,
        _planned,
        _event,
        _times,
        _clocks,
        _subject,
        _owed,
        _copies,
        _closed,
    )
)
