"""Calltrack: schema, data map and a deterministic generator of people and records."""
