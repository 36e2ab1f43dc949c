"""The world that is killed in, and how much of it."""

from __future__ import annotations

import pytest
from tests.support.chaos.fixtures import chaos, fleet
from tests.support.chaos.sampling import Choice, chosen

__all__ = ["chaos", "choice", "fleet"]


def pytest_report_header() -> str:
    return f"chaos: {chosen()}"


@pytest.fixture(scope="session")
def choice() -> Choice:
    """Which points: all, or a seeded sample."""
    return chosen()
