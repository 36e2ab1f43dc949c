"""What the verifier found, and what that does not say."""

from expunge_reports.page import markup
from expunge_reports.page.markup import Html, Names
from expunge_reports.verify import verdict_text
from expunge_reports.verify.verdict import Verdict

_MADE_FROM = (
    "This page is for reading. Anyone can write such a page, so rely on the receipt file instead and verify that: "
    "python -m expunge_reports verify receipt.json --trust trust.json"
)
_EXPLAINED = (
    "Authentic means: signed by a key of the operator, recorded in the operator's signed log, complete as a series "
    "from its first statement, and not altered."
)


def render(names: Names, verdict: Verdict) -> Html:
    """Return the verdict with its limits."""
    said = verdict_text.lines(verdict)
    calm = verdict.authentic and verdict.complete
    if not verdict.authentic:
        inner = [markup.paragraph(said[0], "word"), markup.paragraph("Do not rely on it. Its content is not shown.")]
    else:
        inner = [
            markup.paragraph(said[0], "word"),
            markup.paragraph(verdict_text.claim(verdict)),
            markup.paragraph(_EXPLAINED, "small"),
        ]
    box = Html(f'<div class="verdict{"" if calm else " warn"}">\n{markup.join(inner)}</div>\n')
    limits = _limits(verdict)
    head = markup.paragraph("What this verdict rests on, and what was not looked at:") if limits else markup.NOTHING
    return markup.section(names, "Verdict", Html(f"{box}{head}{markup.bullets(limits)}"))


def _limits(verdict: Verdict) -> list[Html]:
    found = verdict.as_of
    limits: list[str] = []
    if found is not None:
        seen = "" if found.witnessed_at is None else f", witnessed {found.witnessed_at.isoformat()}"
        limits.append(
            f"as of checkpoint {found.origin} size {found.size}{seen}: later statements may exist "
            "that this receipt does not hold"
        )
    if verdict.authentic:
        if not verdict.anchored:
            limits.append("unanchored: no witness vouches that the log was never rewritten")
        limits += [verdict_text.binding(verdict), verdict_text.completeness(verdict)]
    return [*(markup.text(limit) for limit in limits), markup.text(_MADE_FROM)]
