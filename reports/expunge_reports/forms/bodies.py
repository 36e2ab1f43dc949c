"""Forms of what statements say: collections, stores, searches, and the body of each event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from expunge_reports.errors import MalformedError
from expunge_reports.forms import form_reader
from expunge_reports.forms.form_reader import NO_NAMES, NULLABLE, Digest, Members, Names
from expunge_reports.forms.stated_time import Day, Period, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One collection of a statement. A count is None if it is not stated; what is kept has a ground, as rules say.

    Attributes:
        unseen: nobody looked there any more, so it is not stated what is there: `due`, `retained` and `newer` are None.
        left_before: How many records an earlier request left there, as that one last saw them; no other count has them.
    """

    collection: str
    outcome: str
    found: int
    due: int | None = None
    retained: int | None = None
    newer: int | None = None
    gone: int | None = None
    ambiguous: int | None = None
    unread: int | None = None
    unseen: bool = False
    left_before: int | None = None
    ground: str | None = field(default=None, metadata=NULLABLE)
    until: Day | None = field(default=None, metadata=NULLABLE)
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store of a statement."""

    store: str
    level: str | None = None
    cutoff: Time | None
    collections: tuple[Collection, ...]
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvidence:
    """How the controller knows that it is the person."""

    kind: str = "not stated"
    checked_at: Time | None = None
    reference: str | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftPlace:
    """A place in which a search found what no map explains."""

    store: str
    place: str
    records: int
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSearch:
    """What a search without a map found of the person, or why there was none."""

    searched: Literal["searched", "not-in-sample", "no-values", "limited-request", "ended"]
    at: Time | None = None
    places: int | None = None
    values: int | None = None
    logs: int | None = None
    retained: int | None = None
    mapped: int | None = None
    gaps: int | None = None
    left: tuple[LeftPlace, ...] = ()
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiers:
    """What became of the request's own identifiers and keys."""

    destroyed_in_ledger: bool
    openable_from: str
    until: Day | None
    means: str
    kept: str | None = None
    contact_kept: str | None = None
    carried_over: str | None = None
    level: Literal["deleted"] | None = None
    level_means: str | None = None
    further: Members

    def __post_init__(self) -> None:
        """Require a level of what was destroyed."""
        if self.destroyed_in_ledger and None in (self.level, self.level_means):
            raise MalformedError("the identifiers are destroyed and have no level")


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderSample:
    """A collection of which the planner's samples are older, and why."""

    collection: str
    why: str
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerSamples:
    """What became of the planner's samples of one store."""

    store: str
    drawn_anew: tuple[str, ...]
    older: tuple[OlderSample, ...]
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What every statement says of a request."""

    controller: str
    data_types: Names | None = None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Body):
    """That it was received."""

    received_at: Time
    received_at_is: Literal["planning", "day"] | None = None
    identity_evidence: IdentityEvidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Body):
    """That nothing was erased, and why."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Ended):
    """That nothing was erased, and in which series the request goes on if its plan was replaced."""

    continued_in: str | None = None
    identifiers: Identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReErased(Body):
    """What happened in the stores, and when that was seen."""

    verified_at: Time
    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(ReErased):
    """What became of the request."""

    outcome: str
    counted_at: Time | None = None
    claim: str | None = None
    data_map: Digest | None = None
    normalisers: tuple[str, ...] = ()
    reason: str | None = None
    blind_search: BlindSearch | None = None
    identifiers: Identifiers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHold(ReErased):
    """What a hold keeps."""

    outcome: str
    reason: str
    until: Day | None
    blind_search: BlindSearch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Body):
    """That nothing due came back; what an earlier request left is due still."""

    verified_at: Time
    due: int
    ambiguous: int | None = None
    unread: int | None = None
    left: Names = NO_NAMES
    left_means: str | None = None
    dropped: Names | None = None
    blind_search: BlindSearch | None = None
    identifiers: Identifiers
    planner_samples: tuple[PlannerSamples, ...] = ()

    def __post_init__(self) -> None:
        """Require a word on what is left."""
        if self.left and self.left_means is None:
            raise MalformedError("something is left, and nothing says what that means")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGone(Body):
    """That what was kept for a time after the last check is gone: `places` are `store.collection`, as seen then."""

    verified_at: Time
    places: Names
    identifiers: Identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Body):
    """That a look found nothing of the person left, and that every copy that may have held the records is gone.

    Attributes:
        nothing_left_at: when the look was made that found nothing of the person left in the stores.
        ledger_copies: whether copies of the ledger, which open the identifiers, were followed as well; else nothing is
            said of them.
    """

    nothing_left_at: Time
    ledger_copies: Literal["gone", "not-followed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPlace:
    """What is due by age of one collection; `undated` have no start, and so no day on which they are due."""

    store: str
    collection: str
    data_type: str
    start_event: str
    period: Period
    due: int
    undated: int
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBegun(Body):
    """That records are being deleted by age: whose period was over on `day`. `not_by_age`: nothing goes there."""

    day: Day
    data_map: Digest
    places: tuple[PlannedPlace, ...]
    not_by_age: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptPlace:
    """What came of one collection.

    Attributes:
        gone_along: how many records of other collections went with those that are gone.
        left: how many that were due are there still, as a check saw that shares nothing with what deletes.
        held: for how many of these a hold is why; the others are needed by records that stay, or came meanwhile.
        oldest_left: the earliest start of what is left.
    """

    store: str
    collection: str
    data_type: str
    gone: int
    gone_along: int
    left: int
    held: int
    oldest_left: Day | None
    further: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept(Body):
    """What a sweep took away, and what it left."""

    day: Day
    verified_at: Time
    places: tuple[SweptPlace, ...]


BODIES: Final[Mapping[str, type[Body]]] = {
    "accepted": Accepted,
    "extended": Body,
    "erased": Answer,
    "partially-erased": Answer,
    "not-found": Answer,
    "on-hold": OnHold,
    "re-erased": ReErased,
    "settled": Settled,
    "kept-gone": KeptGone,
    "closed": Closed,
    "denied": Ended,
    "cancelled": Cancelled,
    "sweep-begun": SweepBegun,
    "swept": Swept,
}
"""Event -> the form of its body; of the others none is known."""


def collection(stated: Mapping[str, object]) -> Collection:
    """Return one collection of a statement that is about to be made."""
    return form_reader.required(Collection, stated, "the collection")
