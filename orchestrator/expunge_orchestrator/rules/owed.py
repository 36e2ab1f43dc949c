"""What a request owes after each of its statements, and by when (docs/receipts.md, `open`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from expunge_orchestrator.clock import parse
from expunge_reports.statement import Open, OpenCopies

SETTLED_WITHIN = timedelta(days=1)
"""A settling check is begun by the next `expunge run-due` once it is due, and looks at everybody of its batch."""

NO_COPIES = OpenCopies()


def answer(documents: Iterable[Mapping[str, object]], copies: OpenCopies = NO_COPIES) -> Open:
    """After `accepted` or `extended`: the answer, by what the deadlines say, if they are among the documents cited.

    `copies`: those that were counted before, by an `on-hold`.
    """
    by = [parse(str(one["answerBy"])) for one in documents if one["kind"] == "deadlines"]
    return Open(items=1, expected_by=min(by, default=None), copies=copies)


def settling_check(due: datetime, copies: OpenCopies) -> Open:
    """After the answer, also where nothing was found: the check after the settling time."""
    return Open(items=1, expected_by=due + SETTLED_WITHIN, copies=copies)


def end_of_hold(copies: OpenCopies) -> Open:
    """After `on-hold`: what the hold keeps; nobody knows when it is lifted."""
    return Open(items=1, copies=copies)


def places(number: int, copies: OpenCopies) -> Open:
    """After `settled`, or an end by the operator: places in which something is left, or kept for a time."""
    return Open(items=number, copies=copies)
