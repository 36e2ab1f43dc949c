"""Letter facts: what a letter may say, read from the statements of the request's receipt. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expunge_reports import consistency
from expunge_reports.forms import bodies, form_reader
from expunge_reports.statement import OpenCopies, Statement


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What the last statements of a series say.

    Attributes:
        ended: An operator ended it with something left: nobody looks once more.
        went: Something was deleted or tombstoned.
        copies: The backup copies that may hold the records; None: no statement counted them.
        reason: Why it was denied, in the receipt's words; None: it was not.
    """

    ended: bool = False
    went: bool = False
    copies: OpenCopies | None = None
    reason: str | None = None


def of_series(statements: Sequence[Statement]) -> LetterFacts:
    """The facts of a series, in order; no statement was made of a request that was taken back before its batch."""
    if not statements:
        return LetterFacts()
    last = statements[-1]
    counted = [one.open.copies for one in statements if one.event in consistency.ANSWERED | {"settled"}]
    reason = last.body.get("reason")
    return LetterFacts(
        ended=any(one.event == "partially-erased" and "identifiers" in one.body for one in statements),
        went=not all(consistency.nothing_went(_lines(one)) for one in statements),
        copies=counted[-1] if counted else None,
        reason=str(reason) if last.event == "denied" else None,
    )


def _lines(statement: Statement) -> list[bodies.Collection]:
    stores = form_reader.required(tuple[bodies.Store, ...], statement.body.get("stores", []), "the stores")
    return [line for store in stores for line in store.collections]
