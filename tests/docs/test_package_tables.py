"""Every package says in its docstring what its modules are: all of them, and none that is gone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.support.documentation import PACKAGES, ROOT

ROW = re.compile(r"^ *([a-z_0-9]+/?(?:, [a-z_0-9]+/?)*)  +\S", re.MULTILINE)


def docstring(folder: Path) -> str:
    """Return a package's docstring."""
    return ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""


def modules(folder: Path) -> set[str]:
    """Return the modules and packages in a package."""
    inside = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
    return inside | {path.parent.name for path in folder.glob("*/__init__.py")}


FOLDERS = sorted(
    init.parent
    for package in PACKAGES
    for init in Path(package.__path__[0]).rglob("__init__.py")
    if len(modules(init.parent)) > 1
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_docstring_names_every_module_and_none_that_is_gone(folder: Path) -> None:
    text = docstring(folder)
    assert {name for name in modules(folder) if not re.search(rf"\b{name}\b", text)} == set(), "not named"
    rows = {name.rstrip("/") for row in ROW.findall(text) for name in row.split(", ")}
    assert {name for name in rows if not (folder / name).is_dir()} - modules(folder) == set(), "gone"
