"""What an authentic series should have stated by when: its own debts, its deadlines and the ends of backup copies."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Final, NamedTuple, TypeAlias

from expunge_reports import consistency
from expunge_reports.consistency import Past
from expunge_reports.forms import form_reader, shared_documents, stated_time
from expunge_reports.forms.bodies import Identifiers
from expunge_reports.forms.shared_documents import LEDGER, BackupCopies, Deadlines, Plan
from expunge_reports.statement import Statement

Documents: TypeAlias = Mapping[str, shared_documents.Document | None]
"""By digest (hex), each read once however many statements cite it; None where the form is not known."""

_NONE: Final = ()
_DAY: Final = timedelta(days=1)

CLOSED_WITHIN: Final = timedelta(days=2)
"""From the day by which the last copy is gone until `closed`: the margin of a day (ADR 33), and a day for two looks."""


class LateAnswer(NamedTuple):
    """An answer that was given after its deadline, or a request that was cancelled after it instead.

    Attributes:
        seq: the statement that answers, or cancels.
        due: by when the answer was due, as stated last before it.
        days: how many days later that is dated, the one begun last counted as a whole.
        cancelled: it was cancelled; by whom is not stated.
    """

    seq: int
    due: datetime
    days: int
    cancelled: bool = False


def overdue_since(statements: Sequence[Statement], documents: Documents, now: datetime) -> datetime | None:
    """Return the time by which the request itself owed a statement; None if none has passed.

    Owed is what the last statement says, and, until one ends the request's deadlines, what is said of these last.
    """
    last = statements[-1]
    if last.final:
        return None
    times = [last.open.expected_by]
    if not reduce(lambda past, one: past.then(one.event), statements, Past()).ended:
        times.append(_answer_due(statements, documents))
    return min((one for one in times if one is not None and one < now), default=None)


def answered_late(statements: Sequence[Statement], documents: Documents) -> LateAnswer | None:
    """Return the answer, the denial or the cancel, if it came after the deadlines that were stated last before it."""
    past = Past()
    for seq, current in enumerate(statements):
        past = past.then(current.event)
        if past.ended:
            by = _answer_due(statements[:seq], documents)
            if by is None or by >= current.issued_at:
                return None
            return LateAnswer(seq, by, -((by - current.issued_at) // _DAY), past.cancelled)
    return None


def _answer_due(statements: Sequence[Statement], documents: Documents) -> datetime | None:
    """Return by when the answer is due, as the last statement says that says it: in itself, or by its deadlines."""
    for current in reversed(statements):
        own = [current.open.expected_by] if current.event in {"accepted", "extended"} else []
        cited = [stated_time.moment(one.answer_by) for one in _last(_cited([current], documents), Deadlines)]
        days = [one for one in (*own, *cited) if one is not None]
        if days:
            return min(days)
    return None


def copies_past(statements: Sequence[Statement], documents: Documents, now: datetime) -> int:
    """Return how many of the backup copies that were stated last should be stated to be gone by now.

    Nothing is stated when one of them goes; when the last has gone the request is closed, if it owes nothing itself and
    each of them has a day. So until then nothing is late.
    """
    last = statements[-1]
    copies = last.open.copies
    if last.final or last.open.items or copies.without_day or copies.last_by is None:
        return 0
    if any(one.event == "settled" and consistency.leaves_something(one.body) for one in statements):
        return 0
    days = [copies.last_by, last.issued_at]
    looked = [one for listed in _last(_cited(statements, documents), BackupCopies) for one in listed.listings]
    if any(one.of == LEDGER for one in looked):
        until = _openable_until(statements)  # copies of the ledger are followed as well
        if until is None:
            return 0
        days.append(until)
    return copies.count if max(days) < now - CLOSED_WITHIN else 0


def _openable_until(statements: Sequence[Statement]) -> datetime | None:
    """Return until when copies of the ledger open the identifiers, as stated last; None if no day is known."""
    for current in reversed(statements):
        identifiers = form_reader.read(Identifiers, current.body.get("identifiers"))
        if identifiers is not None:
            return stated_time.moment(identifiers.until)
    return None


def places_not_listed(statements: Sequence[Statement], documents: Documents) -> tuple[str, ...]:
    """Return the places with copies that the last plan names and the last list of copies does not have, in order.

    None before there is such a list. The data map may have lost a place since the plan.
    """
    listed = _last(_cited(statements, documents), BackupCopies)
    plans = _last(_cited(statements, documents), Plan)
    planned = {place for plan in plans for store in plan.stores for place in store.backup_places}
    return tuple(sorted(planned - {one.place for copies in listed for one in copies.listings})) if listed else ()


def _cited(statements: Sequence[Statement], documents: Documents) -> Iterator[shared_documents.Document]:
    """Yield the documents of known forms, the last cited first."""
    for current in reversed(statements):
        for digest in reversed(current.context):
            found = documents[digest]
            if found is not None:
                yield found


def _last(
    cited: Iterator[shared_documents.Document], form: type[shared_documents.AnyDocument]
) -> tuple[shared_documents.AnyDocument, ...]:
    return next(((one,) for one in cited if isinstance(one, form)), _NONE)
