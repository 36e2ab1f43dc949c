"""Drift: what stores do by themselves with data that has had its time, against what the data map declares (ADR 31)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol, runtime_checkable

from expunge_connectors.contract.stores import Heartbeat

HELD = "A hold keeps something here: look again once it is lifted"


class DriftKind(StrEnum):
    """In which way a store does not do as the map declares."""

    TOO_LONG = "too long"
    """Records are there after their period."""
    TOO_EARLY = "too early"
    """Records go before the time for which a law, or a hold, keeps them."""
    EMPTY = "empty"
    """Nothing is kept: a part of a table whose time is over, and which may be dropped."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a store keeps records of one collection otherwise than the map declares.

    Attributes:
        declared: The period (ISO 8601).
        found: What is there instead, in words. Never a value, nor the name of a record.
        records: How many records this concerns; None: not counted, it is about how the store is set up.
        fix: What an operator runs, as it is; None: nothing that is printed would be right, and `remedy` says why.
        remedy: What to do, in words.
        kind: In which way it is otherwise.
        oldest: The day (UTC) of the oldest record that is there for too long; None: it is not known.
    """

    collection: str
    declared: str
    found: str
    records: int | None
    fix: str | None = field(repr=False)
    remedy: str
    kind: DriftKind = DriftKind.TOO_LONG
    oldest: date | None = None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What one store was seen to do.

    Attributes:
        drifts: By collection.
        unjudged: Collection -> why it cannot be told whether the store keeps to the map, in words.
    """

    drifts: Sequence[Drift]
    unjudged: Mapping[str, str]


@runtime_checkable
class ReportsDrift(Protocol):
    """A store that ends records by itself, and can say whether it does as the map declares."""

    def drift(self, held: Collection[str], beat: Heartbeat) -> DriftReport:
        """Hold what the store does by itself against the map. Reads only; of everybody.

        Args:
            held: Collections of which holds keep something: no fix is given for these.
            beat: Called after each bounded piece.

        Raises:
            ConnectorError: The store cannot be asked.
        """
        ...
