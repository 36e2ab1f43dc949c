"""Store connectors: the verbs that every store has, and what a store is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from expunge_config.datamap import Action, DataMap, Model, StoreSpec
from expunge_connectors.contract.counts import Counts
from expunge_connectors.contract.findings import Finding
from expunge_connectors.contract.subjects import DiscoveredKey, Scope, Subject


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


RemovalNotice = Callable[[Mapping[int, Collection[str]]], None]
"""Called with subject number -> collections in which something of the subject went: before the commit of a transaction,
whose end alone may stay unknown; where nothing is rolled back, after the store's answer, and before anything else is
asked or raised. Where nothing went, or the store refused to let it go, nothing is told. Of what one transaction removes
every subject that it was for may be named, and the collections that share records or a statement with those of which
records went. Where an answer was lost the outcome is unknown, and what may have gone is told as gone. By raising it
ends the call, and a transaction at work is rolled back."""


def no_notice(_: Mapping[int, Collection[str]]) -> None:
    """A `RemovalNotice` for callers that keep no record."""


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
        (columns with store and collection) are followed here to their end.
        """
        ...

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """What is there now for each subject, in every collection of the scope.

        Raises:
            UnknownMemberError: No records can be of the scope's member as it is spelled; also for no subjects.
        """
        ...

    def erase(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice = no_notice,
    ) -> int:
        """Delete or tombstone what is due, in the collections that `actions` names, and nothing else.

        Idempotent and resumable: calling it again after any interruption ends in the same state. Bounded transactions.
        `notice` is told where something went, also where the call fails after that: what is gone is stated as erased in
        the collections that it was told of, and in no other.
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


class StoreType(Protocol):
    """What an entry point of the group `expunge.connectors` names: a class that makes connectors."""

    spec: ClassVar[type[StoreSpec]]
    connection: ClassVar[type[Model]]

    def __call__(self, name: str, data_map: DataMap, connection: Model) -> StoreConnector:
        """Build the connector of store `name`. No I/O."""
        ...
