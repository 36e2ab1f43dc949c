"""Worlds that grow older, and which of their rows go by age, from docs/retention.md and ADR 30 alone."""
