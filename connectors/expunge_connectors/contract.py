"""Connector contract: the Protocols `StoreConnector` and `BackupConnector`, and the data passed to and fro.

Protocols and frozen dataclasses; constructors do no I/O; only `ConnectorError` escapes. A connector is handed whole
chunks of subjects and answers for all of them at once: its cost per person must fall with the size of the chunk.

Vocabulary: a *subject* is one person of a request, known here by a number and a set of keys. A *collection* is a table,
a kind of key or a kind of object. *due* is what must go, *retained* is kept with a ground, *newer* was found through a
reusable identifier and created at or after the cutoff, *ambiguous* names somebody else as well, or is known by a value
alone that somebody else has, or had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from expunge_config.datamap import Action, BackupSpec, DataMap, Model, StoreSpec
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import StoreReport
from expunge_connectors.errors import TerminalError


class SubjectKey(NamedTuple):
    """One identifier: namespace (an identity of the map, or `store.collection.column`) + normalised value.

    `repr` hides the value: keys turn up in tracebacks. A tuple, because a chunk has tens of thousands of them that are
    made, hashed and compared more than anything else.
    """

    namespace: str
    value: str

    def __repr__(self) -> str:
        return f"SubjectKey(namespace={self.namespace!r})"


class CoHolder(NamedTuple):
    """Somebody else who held one of a person's values when that was attributed: the value, and their person's key."""

    value: SubjectKey
    person: SubjectKey


@dataclass(frozen=True, slots=True)
class Subject:
    """One person of a chunk: the item's number in the ledger and every key known so far.

    Attributes:
        refused: Keys that the last resolution was told and did not accept. A key that is in neither came later. None:
            that is not known.
        shared: Those of them that the person's own record holds and another person's as well: what is found by one
            alone is ambiguous.
        doubtful: Those of them that records merely tell, and of which nobody can say whose they are: what is found by
            one alone is ambiguous. They are never followed, whoever else has them.
        attributed: Those of the keys that an operator and an approver say are this person's: what is found by one alone
            is theirs, though `co_holders` hold it as well.
        co_holders: Of these keys, who else held them when that was approved: they do not claim them from this person.
        known: Keys that an earlier round of the resolution followed. They lead nowhere in this one; a record that names
            its person by one of them says whose it is.
        unread: What the last resolution was told and nobody can read (`UNREAD`): counted, though a record may go.
        at_home: `store.collection` and key of a person's own records that were the request's member's when they were
            found: what another member has of them by now is not the subject's any more.
    """

    number: int
    keys: frozenset[SubjectKey]
    refused: frozenset[SubjectKey] | None = None
    shared: frozenset[SubjectKey] = frozenset()
    doubtful: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    co_holders: frozenset[CoHolder] = frozenset()
    known: frozenset[SubjectKey] = frozenset()
    unread: frozenset[SubjectKey] = frozenset()
    at_home: frozenset[SubjectKey] = frozenset()

    @property
    def hearsay(self) -> frozenset[SubjectKey]:
        """Those of the keys that records merely tell: theirs only while no record of somebody else holds one."""
        told = (key for key in self.keys if key.namespace.startswith(HEARSAY))
        values = {SubjectKey(key.namespace.removeprefix(HEARSAY), key.value) for key in told}
        return self.keys & values - self.attributed if values else frozenset()

    @property
    def unclear(self) -> frozenset[SubjectKey]:
        """Keys that lead to nothing of this person's for certain: what is found by one alone is ambiguous."""
        return (self.shared | self.doubtful) - self.keys

    def values(self, namespace: str) -> list[str]:
        """The values in one namespace, sorted."""
        return sorted(key.value for key in self.keys if key.namespace == namespace)


@dataclass(frozen=True, slots=True)
class Scope:
    """The one controller a request speaks for. `member` tells controllers of one kind apart (`client:42`)."""

    controller: str
    member: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.controller if self.member is None else f"{self.controller}:{self.member}"


UNREAD = "unread:"
"""Begins the namespace of what a record names and nobody can read (`unread:store.collection`); the value is a digest.

No namespace of a map holds a colon. It says how many there are, and is never asked for.
"""

SINCE = "since:"
"""Begins the namespace of when a person took a value (`since:phone`); the value is `claim_text`.

The person's own row says it, and it is sealed with the keys, for the row goes. It is never asked for by itself.
"""
HEARSAY = "hearsay:"
"""Begins the namespace of a value that is followed though no record that is the person holds it (`hearsay:email`).

A record merely told it. It is sealed with the keys, for the record goes, and never asked for by itself.
"""
FACTS = (SINCE, HEARSAY)
"""What begins the namespaces of keys that say something of another key, and lead nowhere."""


def claim_text(when: str, value: str) -> str:
    """A time (ISO 8601, UTC) and the value of which it is."""
    return f"{when}|{value}"


class DiscoveredKey(NamedTuple):
    """A record of `collection`, found for subject `number` through the key `via`, names a further key.

    Or, under a namespace that begins with `UNREAD`, a value that should be one and cannot be read as one; or, under one
    that begins with `SINCE`, when the person whom the record is took such a value.
    """

    number: int
    via: SubjectKey
    collection: str
    key: SubjectKey


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Records of one subject in one collection, at one moment.

    Attributes:
        due: Must go: not yet deleted or tombstoned.
        retained: Kept with a ground (data type, Object Lock, other owners of a shared row).
        newer: Found by a reusable identifier, created at or after the cutoff; not part of the request.
        until: Latest day to which something of `retained` is kept; None if nothing is or no day can be named.
        ground: Why it is retained when the reason is not the data type's own ground (`object-lock`, `shared`); where
            there are several, all of them (`legal-hold+object-lock`).
        ambiguous: Found by a value alone that is another person's as well, or was passed on to one, or in a record that
            names another person by a key, or is older than this person's claim on a value that is handed on: it stays,
            for nobody can tell that it is this one's.
    """

    due: int = 0
    retained: int = 0
    newer: int = 0
    until: date | None = None
    ground: str | None = None
    ambiguous: int = 0

    @property
    def empty(self) -> bool:
        """Nothing at all was found."""
        return not (self.due or self.retained or self.newer or self.ambiguous)


Holders = Mapping[SubjectKey, datetime | None]
"""A person's key -> since when, at the earliest, this person's records hold a value; None: one of them does not say."""


def with_holders(found: Holders, more: Holders) -> Holders:
    """What two records, collections or stores say of who holds a value."""
    both = {person: (found[person], more[person]) for person in found.keys() & more.keys()}
    earliest = {
        person: None if one is None or other is None else min(one, other) for person, (one, other) in both.items()
    }
    return {**found, **more, **earliest}


# subject number -> collection -> tally. A collection that was looked at and holds nothing is present with zeros, so
# that "looked for and not there" differs from "not looked for". Collections outside the scope and logs are absent.
Counts = Mapping[int, Mapping[str, RecordCounts]]


class Severity(StrEnum):
    """How bad a finding is: errors block `plan` and `erase`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `inspect` noticed, and what to do about it. `code` is stable and documented (docs/findings.md).

    Attributes:
        of_rows: Rows say it that stand there now, and not how the store is built: with one of them something could go
            that is another person's. Whoever only looks sees no less than without them.
        scopes: Whose rows they are: it stops requests for these alone; without a member, for every member. None: it
            stops everybody's.
    """

    severity: Severity
    code: str
    store: str
    collection: str | None
    message: str
    remedy: str
    of_rows: bool = False
    scopes: tuple[Scope, ...] | None = None

    def stops(self, scope: Scope | None) -> bool:
        """It is an error that stops requests for this scope; None: for any."""
        if self.severity is not Severity.ERROR or self.scopes is None or scope is None:
            return self.severity is Severity.ERROR
        return any(one in {scope, Scope(scope.controller)} for one in self.scopes)


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """What a store *is*, whatever URL leads to it: bound into the plan and the receipt. Holds no secret."""

    store: str
    kind: str
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over kind and parts in canonical JSON."""
        document = {"kind": self.kind, "parts": dict(self.parts)}
        return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


Heartbeat = Callable[[], None]
"""Called between bounded pieces of a long call: progress, and the place where a stopped run ends it by raising."""


def no_beat() -> None:
    """A `Heartbeat` for callers that do not watch."""


@runtime_checkable
class StoreConnector(Protocol):
    """One store of the data map."""

    name: str

    def inspect(self) -> Sequence[Finding]:
        """Hold the data map against the live store. Reads only."""
        ...

    def identity(self) -> StoreIdentity:
        """Say what this store is.

        Raises:
            TerminalError: It has no identity of its own and carries no sentinel yet (`expunge adopt`).
        """
        ...

    def now(self) -> datetime:
        """The store's own clock (UTC, aware): cutoffs are taken from it."""
        ...

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        """The declared yields of every record linked to these keys, within the scope.

        With a cutoff, records found by a reusable identifier count only if created before it. One step only: the
        caller feeds accepted keys back until nothing new appears. Keys of the connector's own paths
        (`store.collection.column`) are followed here to their end.
        """
        ...

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """What is there now for each subject, in every collection of the scope.

        Raises:
            UnknownMemberError: No records can be of the scope's member as it is spelled; also for no subjects.
        """
        ...

    def erase(
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
    ) -> int:
        """Delete or tombstone what is due, in the collections that `actions` names, and nothing else.

        Idempotent and resumable: calling it again after any interruption ends in the same state. Bounded transactions.
        Returns the number of records touched by this call: progress only, never evidence.
        """
        ...

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """Count again, by statements that share nothing with `erase`; only due = 0 is success.

        Waits (bounded) for transactions older than the cutoff.

        Raises:
            NotQuiescentError: Such transactions are still running.
        """
        ...

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


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


@runtime_checkable
class Sampleable(Protocol):
    """A store of which samples can be looked at: what the map does not name, or would not find (`check --sample`)."""

    def sweep(self, rows: int) -> Sequence[Finding]:
        """Look at samples of unmapped places: what looks like an identifier, where, and how often. Never a value.

        And, where a record can only be found by its exact name, at names in another spelling than is looked for.

        Reads only, in bounded time: what could not be looked at in time, or at all, is a finding of its own.

        Args:
            rows: At most so many rows of a table, and so many names of a keyspace or bucket.
        """
        ...


@runtime_checkable
class SearchesBlind(Protocol):
    """A store that can be searched without the data map, for what is left of people (`expunge search --blind`)."""

    def search_blind(self, matcher: Matcher, effort: Effort, beat: Heartbeat) -> StoreReport:
        """Look for the values of many people everywhere in the store, in one pass. Reads only.

        What is searched for is matched in this process: none of it goes to the store. What could not be searched, or
        not in time, is a gap of the report; places are named with values masked.

        Raises:
            ConnectorError: The store as a whole cannot be searched.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReadSample:
    """What a sample of one place says of the values of one identity.

    Attributes:
        collection: Whose records were looked at.
        where: The place, in words.
        identity: As what its values are read.
        seen: How many values were looked at; None: that was not possible, or not in time.
        unread: How many of them cannot be read, or not all of what stands there.
        keys: Of a place whose values lead on: the controller's member whose record it is, and the key. Nothing keeps
            them.
    """

    collection: str
    where: str
    identity: str
    seen: int | None
    unread: int = 0
    keys: frozenset[tuple[str | None, SubjectKey]] = field(default=frozenset(), repr=False)


@runtime_checkable
class SamplesReadings(Protocol):
    """A store in which values stand that have to be read before they are compared."""

    def readings(self, rows: int) -> Sequence[ReadSample]:
        """Read samples of every place by which records are found or that leads on from them. Reads only.

        Args:
            rows: At most so many rows of a table.
        """
        ...


class StoreType(Protocol):
    """What an entry point of the group `expunge.connectors` names: a class that makes connectors."""

    spec: ClassVar[type[StoreSpec]]
    connection: ClassVar[type[Model]]

    def __call__(self, name: str, data_map: DataMap, connection: Model) -> StoreConnector:
        """Build the connector of store `name`. No I/O."""
        ...


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


class CopyStatus(StrEnum):
    """What is known of the end of a backup copy. Only an observation makes it GONE.

    OVERDUE is our own judgement, and no connector's: its days have passed, and it was seen after them.
    """

    DUE = "due"
    OVERDUE = "overdue"
    NEVER = "never"
    HELD = "held"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


OBJECTS = "objects"
"""Kind of copies that are single objects of a store, named by their keys: nobody but the operator is told these."""

LONGEST_COPY_ID, LONGEST_KIND, LONGEST_WORDS = 2100, 40, 500
"""Bytes of a copy's id (S3: a key and a version id of 1,024 each), characters of its kind and of words about it."""


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """One copy of a store's data, as seen in a listing. Words that are too long are cut, names are refused.

    Attributes:
        id: Stable name of the copy within its place (for S3: key@version).
        taken_from / taken_until: The data in it was read in this interval (unknown edge: widest).
        due: Day-and-time after which the storage may remove it; a prediction. None unless status is DUE.
        expected_by: `due` + the allowance for lag; later than that it is overdue.
        ground: The rule that says so ("lifecycle rule dumps-30d: expires 30 days after creation").
        blocker: For NEVER, HELD, CONDITIONAL, UNKNOWN: what stands in the way, in words a reader can act on.
    """

    place: str
    store: str
    kind: str
    id: str
    taken_from: datetime
    taken_until: datetime
    status: CopyStatus
    due: datetime | None
    expected_by: datetime | None
    ground: str
    blocker: str | None
    size: int

    def __post_init__(self) -> None:
        """Keep the bounds of who records it, wherever the texts come from."""
        if len(self.id.encode()) > LONGEST_COPY_ID or len(self.kind) > LONGEST_KIND:
            raise TerminalError(
                f"Backup place {self.place} has a copy whose id is longer than {LONGEST_COPY_ID} bytes,"
                f" or its kind than {LONGEST_KIND} characters."
            )
        object.__setattr__(self, "ground", _cut(self.ground))
        object.__setattr__(self, "blocker", self.blocker and _cut(self.blocker))


@dataclass(frozen=True, slots=True)
class CopyListing:
    """All copies of one place at one moment.

    Attributes:
        identity: Digest of the storage's identity (account, bucket), in which an id names one copy: whatever the map
            calls the place, only a listing of the same storage can say that a copy is gone.
        control: What proves that the listing looked at the right place (law 8), e.g. the bucket's own marker or any
            other entry in the same listing; None if the listing proves nothing, and then absence is no evidence.
        at: When, by the storage's own clock: its rules end copies by that one.
        gone: Copies that were known before, are not in the listing and, where the place can be asked
            (`ConfirmsCopies`), not there by name either. Only who keeps the list of known copies can say; else empty.
        begun_at: When the listing was begun, by the clock of the caller, who alone can say; else None.
        below: What the ids of all copies begin with that the listing could show, as a prefix in the bucket: of others
            in the same storage it says nothing.
    """

    place: str
    identity: str
    at: datetime
    copies: tuple[BackupCopy, ...]
    control: str | None
    gone: frozenset[str] = frozenset()
    begun_at: datetime | None = None
    below: str = ""


@runtime_checkable
class BackupConnector(Protocol):
    """One backup place of the data map. It has one verb and no right to delete."""

    name: str

    def inspect(self) -> Sequence[Finding]:
        """Hold the declaration against the live place. Reads only."""
        ...

    def identity(self) -> StoreIdentity:
        """Say what the storage of this place is: the same for all places in it."""
        ...

    def copies(self) -> CopyListing:
        """List every copy with its due date and ground, or with what keeps it."""
        ...

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


@runtime_checkable
class ConfirmsCopies(Protocol):
    """A backup place in which a copy can be looked for by its id: a listing may leave out what is there (law 8)."""

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        """Ask for each copy by itself; returns those that are there."""
        ...


class BackupType(Protocol):
    """What an entry point of the group `expunge.backups` names: a class that makes backup connectors."""

    spec: ClassVar[type[BackupSpec]]
    connection: ClassVar[type[Model]]

    def __call__(self, name: str, data_map: DataMap, connection: Model) -> BackupConnector:
        """Build the connector of backup place `name`. No I/O."""
        ...
