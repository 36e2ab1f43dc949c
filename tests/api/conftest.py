"""Fixtures of the API's tests."""

from __future__ import annotations

from tests.acceptance.probe import probe
from tests.fixtures.api import door
from tests.fixtures.calltrack import town

__all__ = ["door", "probe", "town"]
