"""Calltrack: schema, data map and a deterministic generator of people and records."""

from expunge_config.examples.calltrack.company import Company

__all__ = ["Company"]
