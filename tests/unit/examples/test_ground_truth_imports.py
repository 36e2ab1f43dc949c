"""The judge is independent: what it may import is listed here, not what it may not."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from expunge_demo import ground_truth

ALLOWED = {"psycopg", "redis", "boto3", "botocore", "mypy_boto3_s3"}
OWN = "expunge_demo.ground_truth"


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


def test_the_judge_imports_drivers_and_the_standard_library_alone():
    files = list(Path(ground_truth.__file__).parent.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for name in imported(ast.parse(file.read_text(encoding="utf-8"))):
            root = name.partition(".")[0]
            assert name == OWN or name.startswith(OWN + ".") or root in ALLOWED | sys.stdlib_module_names, (file, name)
