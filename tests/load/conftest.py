"""The example company."""

from __future__ import annotations

from tests.support.installation import town
from tests.support.store_inspector import probe

__all__ = ["probe", "town"]
