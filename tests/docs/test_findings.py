"""docs/findings.md names every finding there is, with its severity, and none that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.support.documentation import ROOT

SOURCES = sorted((ROOT / "connectors").rglob("*.py")) + sorted((ROOT / "orchestrator").rglob("*.py"))
ROW = re.compile(r"^\| (`[a-z0-9-]+`(?:, `[a-z0-9-]+`)*) \| ((?:error|warning|info)\b[^|]*)\|", re.MULTILINE)
SEVERITIES = {"error", "warning", "info"}
# Helpers whose own name or default gives the severity: name of the method -> severity.
LOGGERS = {"_LOG", "_ACCESS"}
BY_METHOD = {**{severity: severity for severity in SEVERITIES}, "error_of_rows": "error", "error_of_schemas": "error"}


def produced(source: str) -> Iterator[tuple[str | None, str | None, int]]:
    """Return (code, severity, line) of every finding that a module makes; None for what is no literal.

    A finding is made with a severity and a code side by side (`Finding(Severity.ERROR, "code", …)` and its short
    forms), or by a method called error, error_of_rows, error_of_schemas, warning or info whose first
    argument is the code. Functions that only hand `code` on are passed over.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        found = _severity_and_code(node)
        if found is None:
            continue
        severity, code = found
        if isinstance(code, ast.Name) and code.id == "code":
            continue
        for one in _choices(code, tree):
            literal = one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else None
            yield literal, severity, node.lineno


def _choices(code: ast.expr, tree: ast.Module) -> list[ast.expr]:
    """Return what a code can be: both ends of a conditional, every turn of a loop over a written-out table."""
    if isinstance(code, ast.IfExp):
        return [code.body, code.orelse]
    if isinstance(code, ast.Name):
        for loop in ast.walk(tree):
            if isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple) and isinstance(loop.iter, ast.Tuple):
                for at, variable in enumerate(loop.target.elts):
                    if isinstance(variable, ast.Name) and variable.id == code.id:
                        return [row.elts[at] for row in loop.iter.elts if isinstance(row, ast.Tuple)]
    return [code]


def _severity_and_code(call: ast.Call) -> tuple[str | None, ast.expr] | None:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else None
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(receiver, ast.Name) and receiver.id in LOGGERS:
        return None
    if method in BY_METHOD and call.args:
        return BY_METHOD[method], call.args[0]
    name = call.func.id if isinstance(call.func, ast.Name) else None
    for at, argument in enumerate(call.args[:-1]):
        if (
            isinstance(argument, ast.Attribute)
            and isinstance(argument.value, ast.Name)
            and argument.value.id == "Severity"
        ):
            return argument.attr.lower(), call.args[at + 1]
    if name == "Finding" and len(call.args) > 1:
        return None, call.args[1]
    return None


@cache
def in_source() -> dict[str, set[str]]:
    """Return code -> severities, over all sources."""
    codes: dict[str, set[str]] = {}
    for path in SOURCES:
        for code, severity, line in produced(path.read_text()):
            assert code is not None, f"{path.relative_to(ROOT)}:{line}: a finding's code is not written out"
            codes.setdefault(code, set()).update({severity} if severity else ())
    return codes


@cache
def in_page() -> dict[str, set[str]]:
    """Return code -> severities, as the page has them."""
    codes: dict[str, set[str]] = {}
    for named, severities in ROW.findall((ROOT / "docs" / "findings.md").read_text()):
        for code in re.findall(r"`([^`]+)`", named):
            codes.setdefault(code, set()).update(re.findall(r"error|warning|info", severities))
    return codes


def test_findings_are_documented_and_documented_ones_exist() -> None:
    assert in_page().keys() == in_source().keys()


@pytest.mark.parametrize("code", sorted(in_page()))
def test_severities_are_as_documented(code: str) -> None:
    assert in_source().get(code) in (set(), in_page()[code])


def test_every_kind_of_making_a_finding_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'Finding(Severity.ERROR, "a-b", s, c, "m", "r")\n'
        'notes(Severity.INFO, "c-d", "m")\n'
        'inspection.warning("e-f", c, "m", "r")\n'
        'inspection.info("g" if there else "h", c)\n'
        "Finding(severity, code, s, c, m, r)\n"
        'for kind, names in (("i", a), ("j", b)):\n'
        "    inspection.error(kind, c)\n"
        "inspection.error(NAMES[kind], c)\n"
    )
    assert sorted(produced(module.read_text()), key=lambda found: found[2]) == [
        ("a-b", "error", 1), ("c-d", "info", 2), ("e-f", "warning", 3), ("g", "info", 4), ("h", "info", 4),
        ("i", "error", 7), ("j", "error", 7), (None, "error", 8),
    ]  # fmt: skip
