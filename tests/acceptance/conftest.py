"""The example company and an installation beside it."""

from __future__ import annotations

from tests.fixtures.calltrack import office, town

__all__ = ["office", "town"]
