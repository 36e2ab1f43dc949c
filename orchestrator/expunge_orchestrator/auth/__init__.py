"""Who calls, and what they may do (ADR 12)."""
