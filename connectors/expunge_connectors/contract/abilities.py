"""Abilities: verbs that not every store has; a connector that has one is recognised by its Protocol.

The core asks `isinstance(store, KnowsClaims)` and goes on without where it has not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

from expunge_connectors.contract.ages import Age, DueLeft
from expunge_connectors.contract.counts import Counts
from expunge_connectors.contract.stores import Heartbeat, StoreConnector, StoreIdentity
from expunge_connectors.contract.subjects import DiscoveredKey, Holders, Scope, Subject, SubjectKey
from expunge_connectors.contract.sweeps import BeforePiece, PieceNotice


@runtime_checkable
class ReportsClock(Protocol):
    """A store that says by one request what it is and what time it is there."""

    def identity_at(self) -> tuple[StoreIdentity, datetime]:
        """As `identity` and `now`, of the same moment."""
        ...


@runtime_checkable
class EstimatesSize(Protocol):
    """A store that can tell about how much it holds: for limits on shares."""

    def sizes(self, scope: Scope) -> Mapping[str, int]:
        """Collection -> about how many records there are in all, of everybody. Reads only; logs are absent.

        Of what each member has a place of its own for, this member's alone.
        """
        ...


@runtime_checkable
class KnowsDependencies(Protocol):
    """A store in which records of one collection cannot stay without those of another."""

    def needed_by(self, collections: Collection[str], scope: Scope) -> frozenset[str]:
        """The collections whose records must not be deleted while records of these stay, these left out. Reads only."""
        ...


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Records that stay and need records of a subject, which therefore cannot be deleted.

    Attributes:
        number: The subject.
        collection: Whose records cannot go.
        table: Where the others are, as the store calls it.
        constraint: What forbids it.
        records: How many of them there are.
    """

    number: int
    collection: str
    table: str
    constraint: str
    records: int


@runtime_checkable
class KnowsObstacles(Protocol):
    """A store that refuses to delete what other people's records need, and can tell before."""

    def count_with_obstacles(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> tuple[Counts, Sequence[Obstacle]]:
        """As `count`, and what would be in the way if all of these were erased together, from one look. Reads only."""
        ...


@runtime_checkable
class KnowsClaims(Protocol):
    """A store whose records say whose a value is that passes from one person to another."""

    def claimed(self, subjects: Sequence[Subject], scope: Scope) -> Mapping[int, frozenset[SubjectKey]]:
        """Subject number -> keys that lead to somebody else as well by now. Reads only.

        Of reusable identities that another person's record holds, who is none of the key's `co_holders`, under that
        identity or another one that is read in the same place (`aliases`); and those that a record tells which people
        share, while it is not to go with this subject.
        """
        ...

    def claimants(self, values: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, Holders]:
        """Key of a reusable identity -> the persons whose records hold it now, and since when. Reads only.

        Under that identity, or another one that is read in the same place (`aliases`).
        A record that is a person and has no person's key is not told: it claims the value from everybody.
        """
        ...

    def persons_since(self, persons: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, datetime]:
        """Person's key -> when the earliest of the records was made that are this person. Reads only.

        Of those of whom a record says it: one that does not say counts for nothing.
        """
        ...

    def persons_by(self, persons: Collection[SubjectKey], scope: Scope) -> Mapping[SubjectKey, datetime]:
        """Person's key -> by when every record was made that is this person, at the latest. Reads only.

        A day without a time means its end. A record that does not say when it was made counts for nothing.
        """
        ...

    def told_by_others(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, frozenset[SubjectKey]]:
        """Subject number -> those of the `doubtful` keys that a record of somebody else holds. Reads only.

        A record that says by a key whose it is, and is not found for this subject: it tells the value, or is found by
        it.
        """
        ...

    def given_again(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, frozenset[SubjectKey]]:
        """Subject number -> keys of the erased person that somebody else has by now. Reads only.

        A record that is a person, and was made after the cutoff, holds such a key; or one that is a person says by
        another key that it is somebody else; or a record that is not found for this subject holds an internal one, and
        none that is; or one that is a person holds a value under another identity that is read in the same place. Of
        hearsay: what `told_by_others` says of it by now. A subject without keys goes as well, by those
        `known`.
        """
        ...


@runtime_checkable
class KnowsSharedRows(Protocol):
    """A store with records that people share, each of which goes with the last of them."""

    def resolve_together(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime, going: Collection[str]
    ) -> Sequence[DiscoveredKey]:
        """As `resolve`, of what records tell that these subjects share and nobody else, or that hang on such records.

        `resolve` tells it to none of them, for one may have to stay. Here all of them go, with every key that is known
        of them. Of a store of which shared records do not go (`going` names the collections), nothing.
        """
        ...

    def resolve_shared(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Sequence[DiscoveredKey]:
        """What shared records tell that each of these subjects owns, whoever owns them as well. Reads only.

        It leads to nothing that goes: it says what there was to be known, for when such a record is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class RelationChange:
    """How a collection is not what it was planned to be.

    Attributes:
        said: In words.
        dropped: It is gone, with all that stood in it: it was looked for and is not there, nor is anything of its name.
        called: It is the same one under another name, by which the store finds it.
    """

    said: str
    dropped: bool = False
    called: str | None = None

    @property
    def settles(self) -> bool:
        """Whether a settling check can go on without anybody's word."""
        return self.dropped or self.called is not None


@runtime_checkable
class KnowsWaiting(Protocol):
    """A store that leaves rows whose keys are not known to be the subject's, and can say so."""

    def waiting(
        self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime
    ) -> Mapping[int, Mapping[str, Sequence[str]]]:
        """Subject number -> collection -> identities that its rows name and wait for. Reads only."""
        ...


@runtime_checkable
class KnowsAges(Protocol):
    """A store that can tell which of its records have had their time."""

    def ages(self, beat: Heartbeat) -> Mapping[str, Age]:
        """Collection that is no log -> its records by age, on the day of the store's clock (UTC). Reads only.

        Of everybody: not of one controller's. In bounded pieces, each of which sees what is there at its time.
        """
        ...


@runtime_checkable
class DeletesByAge(KnowsAges, Protocol):
    """A store from which records go by age (ADR 30).

    `ages` names its collections in the order in which they are to be swept: what needs other records before those.
    """

    def delete_due(  # noqa: PLR0913, PLR0917 - what goes, and who is asked and told on the way
        self,
        collection: str,
        today: date,
        before: BeforePiece,
        notice: PieceNotice,
        beat: Heartbeat,
        after: str | None,
        busy: float,
    ) -> bool:
        """Delete or overwrite, as the map says, every record whose period is over, with those that go with it.

        A record stays that a hold keeps, or that one needs which stays. In pieces, each in a transaction of its own.

        Args:
            collection: One that has an age of its own.
            today: The day (UTC). None that the store's own clock has not reached.
            before: Asked before each piece.
            notice: Told of each piece before it is committed; of one that is done again, once more.
            beat: Called after each piece.
            after: Where to begin (`SweptPiece.after`); None: at the beginning.
            busy: The share of the time, at most, in which it is at work: above 0, at most 1.

        Returns:
            Whether it came to the end; False: `before` stopped it.

        Raises:
            TerminalError: A right is missing, or other records would change. What was committed before stays.
        """
        ...

    def committed(self, mark: str) -> bool:
        """Whether the transaction of a piece (`SweptPiece.mark`) was committed. Its process may be dead.

        Raises:
            TransientError: It has not ended.
            TerminalError: The store does not know any more.
        """
        ...

    def people(self, identities: Collection[str], beat: Heartbeat) -> Iterator[Sequence[frozenset[SubjectKey]]]:
        """By which keys each person's own record knows the person, in pieces; of records that say one of these."""
        ...

    def due_left(self, collection: str, today: date, beat: Heartbeat) -> DueLeft:
        """What is due there still, seen by statements that share nothing with those that delete (law 1)."""
        ...


@runtime_checkable
class RefreshesStatistics(Protocol):
    """A store whose planner keeps samples of values, which outlive the records that they were drawn from."""

    def refresh_statistics(self, collections: Collection[str], scope: Scope) -> Mapping[str, str | None]:
        """Draw these samples anew, whenever that was done before: what began before the erasing ended is no reason.

        Args:
            collections: Those from which something was erased.
            scope: Of the request.

        Returns:
            Collection -> None: its samples are of what is there now; or why older ones are left, in words for a
            receipt. Without a collection of which there are no samples.
        """
        ...


@runtime_checkable
class KnowsRelations(Protocol):
    """A store in which something else may come to stand under the name of a collection.

    `relations` and `changed` look at how the store is built, and so do `erase` and `verify`. `resolve`, `count` and
    `claimed` may rest on the last look of this process: each plan, look-up and step begins with one.
    """

    def relations(self, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
        """Collection -> what it is for a request.

        Frozen with a plan, so it holds ASCII keys, strings, integers and lists alone.
        """
        ...

    def changed(self, planned: Mapping[str, Mapping[str, Any]], scope: Scope) -> Mapping[str, RelationChange]:
        """Collections that are no longer what they were -> how. What merely came is no change. Reads only.

        Collections that the map does not name any more are among them, whatever became of them, and so are those that
        are found through one of them that cannot be looked into.
        """
        ...

    def following(self, changed: Mapping[str, RelationChange], scope: Scope) -> StoreConnector:
        """This store as far as it still is what was planned: what is called otherwise is looked for by that name.

        It answers requests of this scope alone.

        It knows no other collection that changed. It is not to be closed. No I/O.
        """
        ...


@runtime_checkable
class Adoptable(Protocol):
    """A store without an identity of its own: it can be given a sentinel, once, on purpose (`expunge adopt`)."""

    def adopt(self) -> StoreIdentity:
        """Plant a sentinel unless there is one, and return the identity."""
        ...
