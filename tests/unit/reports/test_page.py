"""The receipt as HTML: everything escaped, nothing active, structure for screen readers."""

from html.parser import HTMLParser

from expunge_reports import export, page
from expunge_reports.statement import EVENTS

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"


class Structure(HTMLParser):
    """Collects tags and checks that each is closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _parse(html: str) -> Structure:
    found = Structure()
    found.feed(html)
    assert found.open == []
    return found


def _page(operator) -> str:
    data = operator.export()
    return page.render(operator.verify(data), export.parse(data).shared)


def test_a_page_shows_the_verdict_and_every_statement(finished):
    html = _page(finished)
    assert "<p>authentic, unanchored</p>" in html
    assert "places not declared are not covered." in html
    assert "no opening given: not bound to a person" in html
    assert finished.series in html
    for word in ("Request accepted", "Erased in part", "Closed", "pg-main", "data-map"):
        assert word in html
    found = _parse(html)
    assert ("html", {"lang": "en"}) in found.tags
    headings = [tag for tag, _ in found.tags if tag in {"h1", "h2"}]
    assert headings == ["h1", *["h2"] * 7]  # verdict, history, three statements, two documents
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    identifiers = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_nothing_in_a_receipt_becomes_markup(make_operator):
    operator = make_operator(documents=[{HOSTILE: [HOSTILE, None, True, 3, {}, []]}])
    operator.issue(
        "accepted", body={"note": HOSTILE, HOSTILE: HOSTILE, "context": [export.document_digest(operator.documents[0])]}
    )
    html = _page(operator)
    tags = {tag for tag, _ in _parse(html).tags}
    assert tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "section",
        "p",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "time",
        "code",
        "ul",
        "li",
    }
    assert "alert(1)" in html


def test_a_receipt_that_is_not_authentic_shows_the_reason_alone(finished, edit):
    data = edit(finished.export(), lambda document: document["shared"].popitem())
    html = page.render(finished.verify(data), export.parse(data).shared)
    assert "invalid: shared-document-missing" in html
    assert "pg-main" not in html
    assert "data-map" not in html
    _parse(html)


def test_every_event_has_words():
    assert page.EVENT_WORDS.keys() == EVENTS
