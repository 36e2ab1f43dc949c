"""Series reader: each statement of a series with the forms and documents that rules on contradictions look at.

What is derived from a document is derived once, however many statements cite it, and what is known of the statements
before one is carried along: the work grows with the receipt alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, reduce
from itertools import islice
from typing import Final

from expunge_reports import consistency, counted_copies
from expunge_reports.consistency import Past
from expunge_reports.counted_copies import NOTHING_COUNTED, CountedCopies
from expunge_reports.forms import form_reader, shared_documents, stated_time
from expunge_reports.forms.bodies import Collection, KeptGone, Settled, Store
from expunge_reports.forms.shared_documents import LEDGER, AnyDocument, BackupCopies, Deadlines, Plan
from expunge_reports.statement import OpenCopies, Statement

_FIRST, _LAST = (datetime(year, 6, 1, tzinfo=UTC) for year in (1, 9999))
"""What is stated beyond them is taken for them, so that no clock's difference leads out of the calendar."""

Found = Iterator[tuple[str, str]]
"""Code and place of each contradiction within one statement."""

_NAMED: Final = 10


def some(found: Found) -> Found:
    """Yield the first of them alone, where what is wrong may be far larger than the statement that says it."""
    return islice(found, _NAMED)


class Cited:
    """One document of an export.

    Attributes:
        value: as it was enclosed.
        form: as the kind that it is of; None if this version has no such form.
        known: whether it is in the form of its kind, or of a kind that this version does not know.
    """

    def __init__(self, value: object) -> None:
        self.value = value
        self.form = shared_documents.document(value)
        self.known = self.form is not None or not shared_documents.is_document(value)

    @cached_property
    def actions(self) -> Mapping[str, str]:
        """Of a plan: `store.collection` -> its action."""
        stores = self.form.stores if isinstance(self.form, Plan) else ()
        return {f"{store.store}.{name}": action for store in stores for name, action in store.collections.items()}

    @cached_property
    def stores(self) -> frozenset[str]:
        """Of a plan: the names of its stores."""
        return frozenset(store.store for store in self.form.stores) if isinstance(self.form, Plan) else frozenset()

    @cached_property
    def limited_to(self) -> list[str] | None:
        """Of a plan: the data types that it is limited to; None if it is not."""
        limited = self.form.limited_to if isinstance(self.form, Plan) else None
        return None if limited is None else list(limited)

    @cached_property
    def open_copies(self) -> OpenCopies:
        """Of a list of backup copies: what a statement that cites it has to count as open."""
        return counted_copies.open_copies(self.form) if isinstance(self.form, BackupCopies) else OpenCopies()

    @cached_property
    def ledger_listed_at(self) -> datetime | None:
        """Of a list of backup copies: when the first place with copies of the ledger was listed, by its storage."""
        listings = self.form.listings if isinstance(self.form, BackupCopies) else ()
        times = (stated(one.storage_at) for one in listings if one.of == LEDGER and one.copies)
        return min((one for one in times if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the statements before one.

    Attributes:
        first: the one that opens the series.
        last: the one that it follows.
        past: what their events amount to.
        erased: whether one says that something is gone.
        lines: what the last one that says anything of stores says of each collection, by `store.collection`.
        answer: the event of the answer.
        found: how many records the answer says were found, by `store.collection`.
        cutoffs: the time from which on records are another's, as stated last, by store.
        ended: whether one is the last look: `settled`, or an end by the operator.
        left: the places that `settled` says an earlier request left.
        unclear: whether `settled` leaves something that nobody looks for again.
        kept: what the last one keeps that says anything of stores, the longest kept first, as (until, place); None: no
            day is given.
        told: when the statements were made that say when the stores were asked: the times of the last two, which are of
            one moment where several were made at once.
        looked: when the last look was made that one tells of.
        copies: the last list of backup copies that was cited.
        counted: the backup copies that their lists count.
        clocks: the last deadlines that were cited.
        plan: the last plan that was cited.
    """

    first: Statement | None = None
    last: Statement | None = None
    past: Past = field(default_factory=Past)
    erased: bool = False
    lines: Mapping[str, Collection] = field(default_factory=dict)
    answer: str | None = None
    found: Mapping[str, int] = field(default_factory=dict)
    cutoffs: Mapping[str, str | None] = field(default_factory=dict)
    ended: bool = False
    left: Sequence[str] = ()
    unclear: bool = False
    kept: Sequence[tuple[datetime | None, str]] = ()
    told: tuple[datetime | None, datetime | None] = (None, None)
    looked: datetime | None = None
    copies: Cited | None = None
    counted: CountedCopies = NOTHING_COUNTED
    clocks: Deadlines | None = None
    plan: Cited | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One statement of a series with what is known of its form.

    Attributes:
        statement: as it was verified.
        before: what is known of those before it.
        stores: what happened in each; empty if it says nothing of them, or in another form.
        known: whether its body, what it says of stores, and its documents of the kinds of this version, are in their
            form.
        cited: the documents that it cites.
        new: those of them that no statement before it cites: what a document says in itself is judged once.
        plan: the last one that was cited until now.
    """

    statement: Statement
    before: Before
    stores: Sequence[Store]
    known: bool
    cited: Sequence[Cited]
    new: Sequence[Cited]
    plan: Cited | None

    @property
    def first(self) -> Statement:
        """The one that opens the series."""
        return self.before.first or self.statement

    @property
    def is_end(self) -> bool:
        """Whether an operator ended the request with it: no other answer says what became of the identifiers."""
        return self.statement.event == "partially-erased" and "identifiers" in self.statement.body

    def all_of(self, form: type[AnyDocument]) -> Iterator[AnyDocument]:
        """Yield the documents of one kind that it cites."""
        return (one.form for one in self.cited if isinstance(one.form, form))

    def new_of(self, form: type[AnyDocument]) -> Iterator[AnyDocument]:
        """Yield the documents of one kind that it is the first to cite."""
        return (one.form for one in self.new if isinstance(one.form, form))

    def _unclear(self) -> bool:
        return self.statement.event == "settled" and consistency.leaves_something(self.statement.body)

    def _left_at_settling(self) -> Sequence[str]:
        settled = form_reader.read(Settled, self.statement.body) if self.statement.event == "settled" else None
        return () if settled is None else settled.left

    def _kept_still(self) -> Sequence[tuple[datetime | None, str]]:
        gone = form_reader.read(KeptGone, self.statement.body) if self.statement.event == "kept-gone" else None
        return self.before.kept if gone is None else [one for one in self.before.kept if one[1] not in gone.places]

    @property
    def told_before(self) -> datetime | None:
        """When the last statement was made, before this one was, that says when the stores were asked."""
        earlier, last = self.before.told
        return earlier if last == self.statement.issued_at else last

    def _told(self) -> tuple[datetime | None, datetime | None]:
        at, (_, last) = self.statement.issued_at, self.before.told
        return self.before.told if at == last or stated(self.statement.body.get("verifiedAt")) is None else (last, at)

    def then(self) -> Before:
        """Return what is known before the next one."""
        of_stores = "stores" in self.statement.body
        lines = [(f"{store.store}.{line.collection}", line) for store in self.stores for line in store.collections]
        answers = self.before.answer is None and self.statement.event in consistency.ANSWERS
        return Before(
            first=self.first,
            last=self.statement,
            past=self.before.past.then(self.statement.event),
            erased=self.before.erased or any(consistency.gone(line) for _, line in lines),
            lines=dict(lines) if lines else self.before.lines,
            answer=self.statement.event if answers else self.before.answer,
            found={place: line.found for place, line in lines} if answers else self.before.found,
            cutoffs={store.store: store.cutoff for store in self.stores} if self.stores else self.before.cutoffs,
            ended=self.before.ended or self.statement.event == "settled" or self.is_end,
            left=self._left_at_settling() or self.before.left,
            unclear=self.before.unclear or self._unclear(),
            kept=_kept(self.stores) if of_stores else self._kept_still(),
            told=self._told(),
            looked=stated(self.statement.body.get("verifiedAt")) or self.before.looked,
            counted=reduce(CountedCopies.with_list, self.new_of(BackupCopies), self.before.counted),
            copies=next((one for one in self.cited if isinstance(one.form, BackupCopies)), self.before.copies),
            clocks=next(self.all_of(Deadlines), self.before.clocks),
            plan=self.plan,
        )


def _kept(stores: Iterable[Store]) -> Sequence[tuple[datetime | None, str]]:
    kept = [
        (stated(line.until), f"{store.store}.{line.collection}")
        for store in stores
        for line in store.collections
        if line.retained
    ]
    return sorted(kept, key=lambda one: one[0] or _LAST, reverse=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one statement in its series; `since` is the version of the predicate that it came with."""

    since: int
    check: Callable[[Said, datetime], Found]


def stated(value: object) -> datetime | None:
    """Return a stated time, away from the ends of the calendar; None if it is none."""
    found = stated_time.moment(value) if isinstance(value, str) else None
    return None if found is None else min(max(found, _FIRST), _LAST)
