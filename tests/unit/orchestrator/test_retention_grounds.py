"""Why something is kept is said in words, whoever keeps it."""

from __future__ import annotations

import pytest

from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.rules.outcomes import BY_STORAGE, SHARED
from expunge_orchestrator.rules.retention_grounds import ground_of


@pytest.mark.parametrize("code", sorted(BY_STORAGE | {SHARED}))
def test_every_code_has_words(code: str) -> None:
    words = ground_of(RecordCounts(retained=1, ground=code), "main", "users", {})
    assert words is not None
    assert words != code
    assert " " in words


def test_what_other_people_have_a_right_to_is_kept_for_them() -> None:
    """That it goes with the last record is how it is done, and no ground."""
    words = str(ground_of(RecordCounts(retained=1, ground=SHARED), "main", "users", {("main", "users"): "law"}))
    assert words.startswith("Other people's right")
    assert "GDPR" in words


def test_other_words_are_the_stores_own_or_the_data_types() -> None:
    grounds = {("main", "users"): "Tax law"}
    assert ground_of(RecordCounts(retained=1), "main", "users", grounds) == "Tax law"
    assert ground_of(RecordCounts(retained=1, ground="dated"), "main", "users", grounds) == "dated"
