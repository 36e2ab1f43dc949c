"""Databases with people in them."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import populate


@pytest.fixture
def company(database: str) -> str:
    """The URL of a database with Calltrack's schema and a handful of people."""
    populate(database)
    return database
