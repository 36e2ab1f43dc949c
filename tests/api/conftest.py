"""Fixtures of the API's tests."""

from __future__ import annotations

from tests.support.api import door
from tests.support.installation import town
from tests.support.store_inspector import probe

__all__ = ["door", "probe", "town"]
