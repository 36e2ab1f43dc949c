"""Fixtures of the tests of pages that show servers at work."""

from __future__ import annotations

from tests.support.installation import calltrack

__all__ = ["calltrack"]
