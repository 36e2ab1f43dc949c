"""Case sampling: which cases of the slow tests one run takes. `--cases=sample`, `--cases=others`; without: all.

What docs/laws.md names always runs, with the samples below. Of every other file whose tests need servers a sample takes
a seeded fifth of the test functions, at least one. Of a parametrised one it takes a seeded fifth of the cases, at least
one; of one that is marked `matrix(n)`, with servers or without, one in n; and it leaves out tests that are marked
`heavy`. Of a case for each kind of ledger (`support/ledgers.py`) it takes one kind before that. Everything else always
runs. `make test` takes the sample, `make chaos` the others: together they take every case. The seed is
EXPUNGE_CHAOS_SEED, or the day: what is left out changes daily.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

SHARE = 5
WITHOUT_SERVERS = ("tests/unit/", "tests/docs/")
LAWS = Path(__file__).parents[2] / "docs" / "laws.md"
OWN_SAMPLES = ("tests/chaos/", "tests/mutants/", "tests/load/", "tests/model/", "tests/bench/", "tests/interop/")


def seed() -> str:
    """The seed of this run, the same in every worker."""
    drawn = os.environ.get("EXPUNGE_CHAOS_SEED") or datetime.now(UTC).strftime("%Y%m%d")
    return os.environ.setdefault("PYTEST_CASES_SEED", drawn)


def split(items: Sequence[pytest.Item], of: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """(sampled, others). Each in the order in which it was collected.

    Args:
        items: What was collected.
        of: The seed.
    """
    families: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    left_out = _other_ledgers(items, of) | _other_functions(items, of)
    for item in items:
        if item.nodeid in left_out:
            continue
        if item.get_closest_marker("heavy"):
            left_out.add(item.nodeid)
        elif matrix := item.get_closest_marker("matrix"):
            families[item.nodeid.partition("[")[0], matrix.args[0]].append(item)
        elif not item.nodeid.startswith(WITHOUT_SERVERS + OWN_SAMPLES):
            families[item.nodeid.partition("[")[0], SHARE].append(item)
    for (_, share), cases in families.items():
        ranked = sorted(cases, key=lambda case: _rank(of, case.nodeid))
        left_out.update(case.nodeid for case in ranked[-(-len(cases) // share) :])
    sampled = [item for item in items if item.nodeid not in left_out]
    return sampled, [item for item in items if item.nodeid in left_out]


def _other_ledgers(items: Sequence[pytest.Item], of: str) -> set[str]:
    """Of each case that there is once for each kind of ledger all but one."""
    alike: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("ledgers")  # type: ignore[attr-defined]
        if kind is not None:
            alike[item.nodeid.replace(kind, "", 1)].append(item)
    return {
        case.nodeid for cases in alike.values() for case in sorted(cases, key=lambda one: _rank(of, one.nodeid))[1:]
    }


def named_by_laws() -> frozenset[str]:
    """The names of test files, and the folders of tests, that hold a law."""
    return frozenset(re.findall(r"\btest_\w+\.py|\btests/\w+/(?=`)", LAWS.read_text("utf-8")))


def _other_functions(items: Sequence[pytest.Item], of: str) -> set[str]:
    """Of each file that needs servers and holds no law all functions but a share, which no heavy one is part of.

    None where EXPUNGE_TEST_FUNCTIONS is `all`, as `.ci/run` has it: what lands was seen by every function.
    """
    if os.environ.get("EXPUNGE_TEST_FUNCTIONS") == "all":
        return set()
    named = named_by_laws()
    files: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        file = item.nodeid.partition("::")[0]
        holds_a_law = Path(file).name in named or any(file.startswith(one) for one in named)
        if holds_a_law or file.startswith(WITHOUT_SERVERS + OWN_SAMPLES) or item.get_closest_marker("heavy"):
            continue
        files[file][item.nodeid.partition("[")[0]].append(item.nodeid)
    return {
        case
        for functions in files.values()
        for one in sorted(functions, key=lambda name: _rank(of, name))[-(-len(functions) // SHARE) :]
        for case in functions[one]
    }


def some(items: Sequence[pytest.Item], number: int, of: str) -> list[pytest.Item]:
    """At most so many of them, in their order."""
    names = sorted((item.nodeid for item in items), key=lambda name: _rank(of, name))[:number]
    return [item for item in items if item.nodeid in set(names)]


def _rank(of: str, nodeid: str) -> bytes:
    return hashlib.sha256(f"{of} {nodeid}".encode()).digest()
