"""What the packages import is declared: nothing may work only because a test tool happens to bring it along."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {"expunge_config", "expunge_connectors", "expunge_demo", "expunge_orchestrator", "expunge_reports"}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level names that code imports when it runs, leaving out what only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        else:
            yield from imports(node)


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("config", "connectors", "orchestrator", "reports", "demo")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imports(ast.parse(path.read_text()))
        if name not in sys.stdlib_module_names | OURS
        and not declared & {canonicalize_name(provider) for provider in providers.get(name, [])}
    }
    assert undeclared == set()


def test_an_import_for_type_checkers_is_left_out() -> None:
    code = "import a.b\nif TYPE_CHECKING:\n    import c\ndef f():\n    from d import e\nfrom . import g\n"
    assert list(imports(ast.parse(code))) == ["a", "d"]
