"""Every relative link in the documentation leads to something, and every anchor to a heading."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.support.documentation import FENCE, ROOT, pages

CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, by GitHub's rule: lower case, punctuation dropped, blanks to hyphens."""
    text = FENCE.sub("", page.read_text())
    slugs: dict[str, int] = {}
    found = set()
    for heading in HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = slugs.get(slug, 0)
        slugs[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def broken(page: Path) -> list[str]:
    """Return a page's links that lead nowhere."""
    text = CODE.sub("", FENCE.sub("", page.read_text()))
    wrong = []
    for target in (first or second for first, second in LINK.findall(text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue  # elsewhere: not looked up, the tests reach no network
        name, _, anchor = target.partition("#")
        other = (page.parent / unquote(name)).resolve() if name else page
        if not other.exists() or (anchor and other.suffix == ".md" and unquote(anchor) not in anchors(other)):
            wrong.append(target)
    return wrong


def test_there_are_pages_to_look_at() -> None:
    assert ROOT / "README.md" in pages()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One two\n[good](#one-two) [self](page.md#one-two) [bad](#three) [gone](gone.md)\n"
        "`[code](no.md)` [out](https://example.org/x)\n```\n[fenced](no.md)\n```\n[ref]: lost.md\n"
    )
    assert broken(page) == ["#three", "gone.md", "lost.md"]
