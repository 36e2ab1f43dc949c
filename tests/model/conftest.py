"""Says what can be repeated."""

from __future__ import annotations

from tests.model import choice


def pytest_report_header() -> str:
    return f"model: EXPUNGE_MODEL_CASES={choice.cases()}, EXPUNGE_CHAOS_SEED={choice.seed()}"
