"""Says what can be repeated."""

from __future__ import annotations

from tests.support.model import sampling


def pytest_report_header() -> str:
    return f"model: EXPUNGE_MODEL_CASES={sampling.cases()}, EXPUNGE_CHAOS_SEED={sampling.seed()}"
