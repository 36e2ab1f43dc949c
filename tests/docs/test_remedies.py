"""Whoever meets an error is told what to do next: no error of ours is raised with a message and nothing after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from tests.support.documentation import ROOT, error_classes

# What the command line prints. A connector's error names the place where somebody has to look, a receipt's is a
# verdict, the API's are problem details, the demo's and the test servers' are for those who work on Expunge.
NAMES = {
    one.__name__
    for one in error_classes()
    if one.__module__ in {"expunge_config.errors", "expunge_orchestrator.errors"}
}
SOURCES = sorted(path for folder in ("config", "orchestrator", "demo") for path in (ROOT / folder).rglob("*.py"))


def without_remedy(source: str) -> Iterator[int]:
    """Return the line of every error that is made without a remedy."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
            given = {word.arg for word in node.keywords}
            if not given & {"remedy", None}:
                yield node.lineno


def test_every_error_says_what_to_do_next() -> None:
    bare = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line in without_remedy(path.read_text())]
    assert bare == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("raise UsageError('x')", [1]),
        ("\nraise LedgerError(f'{x}') from None", [2]),
        ("raise UsageError('x', remedy='y')", []),
        ("raise ValueError('x')", []),
    ],
)
def test_an_error_without_is_seen(source: str, lines: list[int]) -> None:
    assert list(without_remedy(source)) == lines
