"""Samples and searches: verbs of stores that can be looked into beside the map; a connector may have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import StoreReport
from expunge_connectors.contract.findings import Finding
from expunge_connectors.contract.stores import Heartbeat
from expunge_connectors.contract.subjects import SubjectKey


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
