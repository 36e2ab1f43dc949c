"""The example that people copy stays small, and its pages hold no script and load nothing from elsewhere."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest
from tests.support.documentation import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "account_settings"
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
DESCRIBED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def lines_of_code(path: Path) -> set[int]:
    """Return the numbers of the lines that are neither blank nor comment nor docstring."""
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in NO_CODE]
    code = {line for token in tokens[1:] for line in range(token.start[0], token.end[0] + 1)}  # without the encoding
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DESCRIBED) and ast.get_docstring(node) is not None:
            code -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return code


def test_it_is_read_in_five_minutes() -> None:
    assert 0 < sum(len(lines_of_code(path)) for path in EXAMPLE.glob("*.py")) < 150


@pytest.mark.parametrize("page", sorted((EXAMPLE / "templates").glob("*.html")), ids=lambda page: page.name)
def test_a_page_has_no_script_and_loads_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<script|\son\w+=|javascript:", text)
    addresses = re.findall(r"(?:src|href|action)=(\S+)", text)
    assert [one for one in addresses if not re.match(r'"(/(?!/)|mailto:)', one)] == []


def test_every_form_that_changes_something_holds_the_word() -> None:
    for page in (EXAMPLE / "templates").glob("*.html"):
        for form in re.findall(r"<form method=\"post\".*?</form>", page.read_text(), re.DOTALL):
            assert 'name="csrf" value="$csrf"' in form, page.name
