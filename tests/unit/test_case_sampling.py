"""Case sampling: a sample keeps the tests that hold a law, and with the others it is every case."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.case_sampling import SHARE, named_by_laws, split

LAW, PLAIN = "tests/acceptance/test_settling_check.py", "tests/acceptance/test_deadlines.py"


@dataclass(frozen=True)
class Case:
    """What of a collected test the sampling looks at."""

    nodeid: str
    markers: tuple[str, ...] = ()
    callspec: Any = field(default_factory=lambda: SimpleNamespace(params={}))

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.markers else None


@pytest.fixture(autouse=True)
def _samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make test` samples by itself, whatever the run that this one is part of was asked for."""
    monkeypatch.delenv("EXPUNGE_TEST_FUNCTIONS", raising=False)


def cases(file: str, number: int, *markers: str) -> list[Case]:
    return [Case(f"{file}::test_{one}", markers) for one in range(number)]


def sampled(given: list[Case], seed: str = "1") -> set[str]:
    taken, others = split(cast("list[pytest.Item]", given), seed)
    assert sorted(one.nodeid for one in (*taken, *others)) == sorted(one.nodeid for one in given)
    return {one.nodeid for one in taken}


def test_tests_that_hold_a_law_always_run() -> None:
    given = cases(LAW, 12)
    assert sampled(given) == {one.nodeid for one in given}


def test_the_laws_name_files_and_folders() -> None:
    assert {"test_settling_check.py", "tests/contract/"} <= named_by_laws()


def test_of_every_other_file_with_servers_a_share_runs() -> None:
    given = [*cases(PLAIN, 4 * SHARE), *cases("tests/api/test_tokens.py", 2)]
    taken = sampled(given)
    assert len([one for one in taken if one.startswith(PLAIN)]) == 4
    assert len([one for one in taken if one.startswith("tests/api/")]) == 1


def test_other_seeds_take_others() -> None:
    given = cases(PLAIN, 4 * SHARE)
    assert len(set().union(*(sampled(given, str(seed)) for seed in range(20)))) > 4 * 2


def test_a_heavy_test_is_not_the_one_that_runs() -> None:
    heavy = cases(PLAIN, SHARE, "heavy")
    light = Case(f"{PLAIN}::test_light")
    assert sampled([*heavy, light]) == {light.nodeid}


@pytest.mark.parametrize("folder", ["unit", "docs", "model"])
def test_what_needs_no_servers_or_samples_itself_always_runs(folder: str) -> None:
    given = cases(f"tests/{folder}/test_more.py", 12)
    assert sampled(given) == {one.nodeid for one in given}


def test_of_a_function_that_runs_a_share_of_the_cases_does() -> None:
    given = [Case(f"{PLAIN}::test_one[{number}]") for number in range(3 * SHARE)]
    assert len(sampled(given)) == 3


def test_every_function_runs_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_TEST_FUNCTIONS", "all")
    given = cases(PLAIN, 4 * SHARE)
    assert sampled(given) == {one.nodeid for one in given}
