"""What comments, docstrings and pages name exists: files, modules and what is in them, error classes.

A rename rewrites code; text keeps the old name until a reader looks for it in vain.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.documentation import PACKAGES, ROOT, files, pages

PRODUCT = sorted(path for package in PACKAGES for path in Path(*package.__path__).rglob("*.py"))
MODULES = files("*.py")
# They compare the names of a plan with ours.
ADRS_OF_NAMES = {"0017-names-and-folders.md", "0018-roles-and-claims.md"}
PAGES = [page for page in pages() if page.name not in ADRS_OF_NAMES]
ADRS = [page for page in PAGES if page.parent.name == "adr"]
# They describe the code; other pages name what a reader writes or types as well.
OF_CODE = [ROOT / "docs" / "architecture.md", ROOT / "docs" / "glossary.md"]

FILE = re.compile(r"[\w/.-]*\w\.py\b")
DOTTED = re.compile(r"`([a-z]\w*(?:\.[A-Za-z_]\w*)+)(?:\([^`]*\))?`")
WORD = re.compile(r"`([A-Za-z_]\w*)`")
ERROR = re.compile(r"\b(?:\w+\.)*[A-Z]\w*Error\b")
RAISES = re.compile(r"^( *)Raises:\n((?:\1 +\S.*\n?)+)", re.MULTILINE)
RAISED = re.compile(r"^([\w.]+(?:, [\w.]+)*):")

# A file that a reader writes (docs/api.md, a demo's application).
NOT_OURS = {"sign.py", "directory/app.py"}
# Names in SQL, in a data map or of a file stand in backticks as ours do.
FOREIGN = re.compile(r"(?:schema|public|pg_\w+|a)\.\w+|schema\.table\.column|\w+\.(?:env|html|json|txt|yaml|toml|py)")
# Words of a server's own, and examples of values, that no code of ours spells.
FOREIGN_WORDS = {"conenforced", "master_replid", "psql", "run_id", "localtime", "P1Y6M", "AuditLog", "app_user"}


@dataclass(frozen=True)
class Source:
    """A file as its text and its code.

    Attributes:
        text: Comments and docstrings, or the whole of a page, each with the number of its first line.
        words: Identifiers and strings of the code.
        classes: Names of the classes in it.
        defined: What the module and its classes define or import.
    """

    text: tuple[tuple[int, str], ...]
    words: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    defined: frozenset[str] = frozenset()


@cache
def read(path: Path) -> Source:
    """Return a page, or a module taken apart."""
    source = path.read_text()
    if path.suffix != ".py":
        return Source(((1, source),))
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    words = {token.string for token in tokens if token.type == tokenize.NAME}
    texts = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    classes, names, strings = set(), set(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            texts[node.lineno] = node.value.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.append((node.lineno, node.value))
        if isinstance(node, ast.ClassDef):
            classes.add(node.name)
        if isinstance(node, ast.Module | ast.ClassDef):
            names.update(name for statement in node.body for name in bound(statement))
    words |= {text for line, text in strings if texts.get(line) != text}
    return Source(tuple(texts.items()), frozenset(words), frozenset(classes), frozenset(names))


def bound(statement: ast.stmt) -> Iterator[str]:
    """Return the names that a statement defines or imports."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.ImportFrom | ast.Import):
        yield from (one.asname or one.name for one in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))


def found(pattern: re.Pattern[str], path: Path) -> Iterator[tuple[str, str]]:
    """Return what a pattern finds in the text of a file, with file and line."""
    for first, text in read(path).text:
        for match in pattern.finditer(text):
            line = first + text.count("\n", 0, match.start())
            yield match[match.lastindex or 0], f"{path.relative_to(ROOT)}:{line}" if ROOT in path.parents else str(line)


def raised(docstring: str) -> Iterator[str]:
    """Return the names under `Raises:`, each at the block's first indentation."""
    for _, block in RAISES.findall(docstring):
        lines = block.splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        for line in lines:
            if match := RAISED.match(line[indent:]):
                yield from match[1].split(", ")


@cache
def by_stem() -> dict[str, list[Path]]:
    """Return the product's modules by their name; a package is the module `__init__.py`."""
    modules = defaultdict(list)
    for path in PRODUCT:
        modules[path.parent.name if path.name == "__init__.py" else path.stem].append(path)
    return modules


def resolves(name: str) -> bool:
    """Whether `module.name`, `package.module.name` or `module.Class.name` is something of the product's."""
    head, *rest = name.split(".")
    for path in by_stem().get(head, []):
        at, left = path, list(rest)
        while left and at.name == "__init__.py":
            below = at.parent / left[0]
            inside = [one for one in (below.with_suffix(".py"), below / "__init__.py") if one.exists()]
            if not inside:
                break
            at = inside[0]
            left.pop(0)
        if set(left) <= read(at).defined:
            return True
    return False


@cache
def spelt_in_product() -> frozenset[str]:
    """Return every word and string of the product's code: events, operations, settings, columns."""
    return frozenset().union(*(read(path).words for path in PRODUCT))


@cache
def classes() -> frozenset[str]:
    """Return the classes of the repository and of the language."""
    return frozenset(dir(builtins)).union(*(read(path).classes for path in MODULES))


@cache
def columns() -> frozenset[str]:
    """Return `table.column` of the ledger."""
    tables = import_module("expunge_orchestrator.ledger.request_tables").metadata.tables.values()
    return frozenset(str(column) for table in tables for column in table.columns)


def is_known(name: str, path: Path) -> bool:
    """Whether a dotted name is one of the product's, or starts with something that this module's code handles."""
    if resolves(name) or name in columns() or name in spelt_in_product() or FOREIGN.fullmatch(name):
        return True
    head = name.partition(".")[0]
    return head not in by_stem() and path.suffix == ".py" and head in read(path).words


def is_error(name: str, path: Path) -> bool:
    """Whether an error class is ours, the language's, a library's by its full name, or one that the code names."""
    package, _, own = name.rpartition(".")
    if own in classes() or (path.suffix == ".py" and own in read(path).words):
        return True
    return bool(find_spec(package.partition(".")[0])) and hasattr(import_module(package), own) if package else False


def unknown_files(path: Path, there: frozenset[str]) -> list[str]:
    """Return the modules that the text names by their file and that are not there."""
    return [
        f"{at}: {name}"
        for name, at in found(FILE, path)
        if name not in NOT_OURS and not any(f"/{one}".endswith(f"/{name}") for one in there)
    ]


@cache
def there() -> frozenset[str]:
    return frozenset(str(path.relative_to(ROOT)) for path in MODULES)


def test_files_named_in_text_exist() -> None:
    assert [wrong for path in (*MODULES, *PAGES) for wrong in unknown_files(path, there())] == []


def test_definitions_named_in_text_exist() -> None:
    assert [
        f"{at}: {name}"
        for path in (*PRODUCT, *ADRS, *OF_CODE)
        for name, at in found(DOTTED, path)
        if not is_known(name, path)
    ] == []


def test_words_in_backticks_stand_in_code() -> None:
    known = spelt_in_product() | FOREIGN_WORDS
    spelt = known.union(word for text in known for word in re.findall(r"\w+", text))
    assert [
        f"{at}: {word}" for path in (*PRODUCT, *OF_CODE) for word, at in found(WORD, path) if word not in spelt
    ] == []


def test_errors_named_in_text_exist() -> None:
    assert [
        f"{at}: {name}" for path in (*MODULES, *PAGES) for name, at in found(ERROR, path) if not is_error(name, path)
    ] == []


def test_what_raises_names_exists() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in PRODUCT
        for line, text in read(path).text
        for name in raised(text)
        if not is_error(name, path)
    ] == []


def test_an_unknown_file_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""See `gone.py`, tests/docs/test_links.py."""\nX = 1  # links.py and\n# docs/old.py\nY = "no.py"\n'
    )
    assert unknown_files(module, there()) == ["2: links.py", "3: docs/old.py", "1: gone.py"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("states.BatchState", True),
        ("ledger.states.BatchState", True),
        ("ledger.batches", True),
        ("states.BatchState.CANCELLED", True),
        ("batches.Gone", False),
        ("ledger.records", False),
        ("ledger.records.BatchState", False),
        ("records.BatchState", False),
        ("states.begin", False),
        ("batch.pause", True),
        ("batch.settle_after", False),
        ("pg_class.relkind", True),
        ("module.name", True),
    ],
)
def test_an_unknown_definition_is_seen(tmp_path: Path, name: str, *, known: bool) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f(module): return module.name")
    assert is_known(name, module) is known


def test_an_unknown_error_is_seen() -> None:
    text = (
        "F.\n\n  Raises:\n    ValueError: a\n      Or: so.\n    GoneError, OldError: b\n    x.y.ZError: c\n\n  End.\n"
    )
    assert list(raised(text)) == ["ValueError", "GoneError", "OldError", "x.y.ZError"]
    assert not is_error("GoneError", ROOT / "README.md")
    assert not is_error("sqlalchemy.exc.GoneError", ROOT / "README.md")
    assert not is_error("x.y.ZError", ROOT / "README.md")
    assert is_error("sqlalchemy.exc.DBAPIError", ROOT / "README.md")
    assert is_error("UsageError", ROOT / "README.md")
