"""docs/architecture.md and docs/glossary.md name files that exist, and the import contracts as they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests.support.documentation import PACKAGES, ROOT, first_cells

PAGES = [ROOT / "docs" / "architecture.md", ROOT / "docs" / "glossary.md"]
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]*)+)`")
ROW = re.compile(r"^\| (?!term |---)(.+?) \| (.+) \| (.+) \|$", re.MULTILINE)
FOLDERS = [ROOT, *(Path(package.__path__[0]).parent for package in PACKAGES)]


def missing(text: str) -> list[str]:
    """Return the paths in backticks that lead to nothing, from the root or from the folder of a package."""
    return [path for path in PATH.findall(text) if not any((folder / path).exists() for folder in FOLDERS)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    text = page.read_text()
    assert len(PATH.findall(text)) > 50
    assert missing(text) == []


def test_a_path_that_is_gone_is_seen() -> None:
    text = "`docs/laws.md` `expunge_config/settings.py` `tests/docs/` `expunge_config/gone.py` `gone/` `plan` `a b/c`"
    assert missing(text) == ["expunge_config/gone.py", "gone/"]


def test_the_page_has_the_import_contracts_and_no_others() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition("| contract |")[2].partition("\n\n")[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]
    assert first_cells(f"| contract |{table}\n") == contracts


def test_terms_are_in_order_and_each_says_where_it_is() -> None:
    rows = ROW.findall((ROOT / "docs" / "glossary.md").read_text())
    terms = [term for term, _, _ in rows]
    assert len(terms) > 80
    assert terms == sorted(set(terms), key=str.casefold)
    assert [term for term, _, where in rows if not PATH.search(where)] == []
