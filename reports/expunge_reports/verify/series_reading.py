"""Series reading: each statement of a series with the forms and documents that rules on contradictions look at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from expunge_reports.forms import stated_time
from expunge_reports.forms.bodies import Store
from expunge_reports.forms.shared_documents import AnyDocument, Deadlines, Document, Plan
from expunge_reports.statement import Statement

_FIRST, _LAST = (datetime(year, 6, 1, tzinfo=UTC) for year in (1, 9999))
"""What is stated beyond them is taken for them, so that no clock's difference leads out of the calendar."""

Found = Iterator[tuple[str, str]]
"""Code and place of each contradiction within one statement."""


@dataclass(frozen=True, slots=True)
class Said:
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

    def of(self, form: type[AnyDocument]) -> Iterator[AnyDocument]:
        """Yield the documents of one kind that it cites."""
        return (one for one in self.documents if isinstance(one, form))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one statement in its series; `since` is the version of the predicate that it came with."""

    since: int
    check: Callable[[Said, datetime], Found]


def stated(value: object) -> datetime | None:
    """Return a stated time, away from the ends of the calendar; None if it is none."""
    found = stated_time.moment(value) if isinstance(value, str) else None
    return None if found is None else min(max(found, _FIRST), _LAST)
