"""The example company."""

from __future__ import annotations

from tests.support.installation import calltrack
from tests.support.store_inspector import inspector

__all__ = ["calltrack", "inspector"]
