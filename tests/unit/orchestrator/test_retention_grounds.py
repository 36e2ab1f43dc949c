"""Why something is kept is said in words, whoever keeps it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from expunge_connectors.contract import DATA_TYPE, SHARED, RecordCounts
from expunge_orchestrator.rules.count_records import BY_STORAGE, is_shared, kept_for_a_time
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


def test_several_grounds_are_all_said() -> None:
    """One object is locked until a day, another is held without one: neither ground is that of both."""
    both = RecordCounts(retained=2, ground="legal-hold+object-lock")
    assert ground_of(both, "files", "files", {}) == (
        "Each is kept for one of these reasons, or for several: Legal hold on the object: the storage refuses to delete"
        " it; Object Lock: the storage refuses to delete it before its day"
    )
    assert ground_of(RecordCounts(retained=1, ground="tax+trade"), "files", "files", {}) == "tax+trade"


def test_so_is_the_data_types_own_beside_that_of_other_people() -> None:
    """An invoice of the person, and one of an account that is somebody else's as well."""
    both = RecordCounts(retained=2, ground=f"{DATA_TYPE}+{SHARED}")
    said = str(ground_of(both, "main", "invoices", {("main", "invoices"): "Tax law"}))
    assert said.startswith("Each is kept for one of these reasons, or for several: Tax law; Other people's right")
    assert str(ground_of(both, "main", "invoices", {})).startswith("Other people's right"), (
        "it is not retained any more"
    )
    assert kept_for_a_time(both)
    assert is_shared(both.ground)


def test_what_has_to_go_one_day_is_kept_for_a_time() -> None:
    """What is shared goes with another person's request."""
    by_law = RecordCounts(retained=1)
    assert all(kept_for_a_time(replace(by_law, ground=code)) for code in (None, "tax", *BY_STORAGE))
    assert not kept_for_a_time(replace(by_law, ground=SHARED))
    assert not kept_for_a_time(replace(by_law, retained=0))
