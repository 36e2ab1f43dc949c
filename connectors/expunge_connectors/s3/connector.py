"""S3 connector: versions, delete markers and unfinished uploads of named objects or below a person's prefix."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from tenacity.wait import wait_base

from expunge_config.datamap import Action, DataMap, Model, StoreSpec
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import StoreReport
from expunge_connectors.contract import (
    Counts,
    DiscoveredKey,
    DriftReport,
    Finding,
    Heartbeat,
    RemovalNotice,
    Scope,
    StoreIdentity,
    Subject,
    no_beat,
    no_notice,
)
from expunge_connectors.draft import StoreDraft
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.template_rules import Tallies, check_actions
from expunge_connectors.s3 import blind_search, draft, lifecycle_drift, unmapped_identifiers
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.deletion import Removal
from expunge_connectors.s3.inspection import findings
from expunge_connectors.s3.listing import search
from expunge_connectors.s3.spec import S3Connection, S3Spec
from expunge_connectors.s3.targets import Names
from expunge_connectors.s3.ttl_cache import TtlCache
from expunge_connectors.s3.verification import count_left, remaining
from expunge_connectors.s3.version_rules import tally


class S3Store:
    """Buckets of one account.

    What counts as one record: a version that is not a delete marker; a delete marker without any version; an
    unfinished multipart upload. What an Object Lock or a legal hold protects is `retained`, GOVERNANCE included.
    """

    spec: ClassVar[type[StoreSpec]] = S3Spec
    connection: ClassVar[type[Model]] = S3Connection

    def __init__(self, name: str, data_map: DataMap, connection: Model, wait: wait_base | None = None) -> None:
        """Build the connector; nothing is contacted.

        Args:
            name: Name of the store in the data map.
            data_map: The whole map.
            connection: How to reach the service.
            wait: Pauses between attempts; tests make them instant.
        """
        spec = data_map.stores.get(name)
        if not isinstance(spec, S3Spec) or not isinstance(connection, S3Connection):
            raise TerminalError(f"Store {name} or its connection settings are not of the kind s3.")
        self.name = name
        self._map = data_map
        self._spec = spec
        self._service = Service(name, connection, wait)
        self._recent = TtlCache()

    @classmethod
    def draft(cls, name: str, connection: Model, rows: int, known: Sequence[StoreDraft]) -> StoreDraft:
        """Propose templates for the shapes of a sample of names, bucket by bucket."""
        if not isinstance(connection, S3Connection):
            raise TerminalError(f"Store {name}: its connection settings are not of the kind s3.")
        service = Service(name, connection)
        try:
            return draft.draft(service, rows, known)
        finally:
            service.close()

    def inspect(self) -> Sequence[Finding]:
        """Hold the data map against the live buckets. Reads only."""
        self._recent.forget()
        return findings(self._service, self._map, self._spec)

    def sweep(self, rows: int) -> Sequence[Finding]:
        """Hold the names of a sample of objects against the map's templates."""
        return list(unmapped_identifiers.findings(self._service, self._map, self._spec, rows))

    def search_blind(self, matcher: Matcher, effort: Effort, beat: Heartbeat) -> StoreReport:
        """Search the names, metadata and tags of all objects in the buckets that the map names."""
        return blind_search.search(self._service, self.now(), self._spec, self._map, matcher, effort=effort, beat=beat)

    def drift(self, held: Collection[str], beat: Heartbeat) -> DriftReport:
        """What lifecycles leave for longer than the map declares, or end before a law does; and the ages of logs."""
        return lifecycle_drift.drift(self._service, self._spec, self._map, held, self.now().date(), beat)

    def identity(self) -> StoreIdentity:
        """The account, and the buckets with their creation dates; independent of the endpoint."""
        return self.identity_at()[0]

    def identity_at(self) -> tuple[StoreIdentity, datetime]:
        """The same with the service's clock, from one answer."""
        parts, at = self._service.owned({objects.bucket for objects in self._spec.collections.values()})
        identity = StoreIdentity(self.name, "s3", parts)
        self._recent.are_of(identity.digest)
        return identity, at

    def now(self) -> datetime:
        """The service's clock: the Date of an answer, in whole seconds, never later than the true time."""
        return self._service.clock(next(iter(self._spec.collections.values())).bucket)

    def resolve(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime | None) -> Sequence[DiscoveredKey]:
        """Nothing: objects name no further keys."""
        del subjects, scope, cutoff
        return ()

    def count(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """List every version below the subjects' names, and ask what keeps it.

        Whether a bucket locks versions at all may be known from a moment ago. Erasing and verifying ask anew.
        """
        names = Names(self.name, self._map, self._spec, scope)
        tallies = Tallies(subjects, names.collections)
        for found in search(self._service, names.targets(subjects), names.heads, no_beat, self._recent):
            tally(tallies, found, cutoff)
        return tallies.counts

    def erase(  # noqa: PLR0913, PLR0917 - the verb of the contract
        self,
        subjects: Sequence[Subject],
        actions: Mapping[str, Action],
        scope: Scope,
        cutoff: datetime,
        beat: Heartbeat,
        notice: RemovalNotice = no_notice,
    ) -> int:
        """Remove what is due, each version by its id; what a lock protects, or is newer, stays.

        Where something stays below a visible version that goes, a delete marker hides it first: erasing never makes
        an older version readable.
        """
        check_actions(self.name, self._spec.collections, actions)
        names = Names(self.name, self._map, self._spec, scope)
        targets = [target for target in names.targets(subjects) if target.collection in actions]
        removal = Removal(self._service, cutoff, beat, notice)
        for found in search(self._service, targets, names.heads, beat):
            removal.take(found)
        removal.finish()
        return removal.gone

    def verify(self, subjects: Sequence[Subject], scope: Scope, cutoff: datetime) -> Counts:
        """Ask for every key on its own, and list versions, objects and uploads once more, by other code than `count`.

        There is nothing to wait for: S3 has no transactions, and a finished write is seen by every later read.
        """
        names = Names(self.name, self._map, self._spec, scope)
        tallies = Tallies(subjects, names.collections)
        for found in remaining(self._service, names.targets(subjects), names.heads):
            count_left(tallies, found, cutoff)
        return tallies.counts

    def close(self) -> None:
        """Give the connections back."""
        self._service.close()
