"""Timestamps of ledger and receipts: UTC, ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The orchestrator's own clock, UTC. Cutoffs come from the stores' clocks instead."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """`2026-11-24T10:15:42Z`: whole seconds, sortable as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact(moment: datetime) -> str:
    """With microseconds, for cutoffs: `2026-11-24T10:15:42.000001+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse(text: str) -> datetime:
    """Read either form back."""
    return datetime.fromisoformat(text)
