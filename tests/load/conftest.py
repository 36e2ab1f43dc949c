"""The example company."""

from __future__ import annotations

from tests.acceptance.probe import probe
from tests.fixtures.calltrack import town

__all__ = ["probe", "town"]
