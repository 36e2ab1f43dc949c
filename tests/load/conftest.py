"""The example company."""

from __future__ import annotations

from tests.support.installation import calltrack, fresh_inspections
from tests.support.store_inspector import inspector

__all__ = ["calltrack", "fresh_inspections", "inspector"]
