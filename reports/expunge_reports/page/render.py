"""Renders the receipt page from a verdict and the shared documents."""

from collections.abc import Mapping

from expunge_reports.page import backup_timeline, date_format, glossary, jinja_environment, view_model
from expunge_reports.verify import verdict_text
from expunge_reports.verify.verdict import Verdict


def receipt_page(verdict: Verdict, shared: Mapping[str, object], *, following: str | None = None) -> str:
    """Return the page for a verified receipt.

    Of an export that is invalid the page has the reason alone; of one that contradicts itself all of it, beside what
    cannot be true.

    Args:
        verdict: from `verifier.verify`.
        shared: the export's shared documents (`export.parse(data).shared`), shown unless it is invalid.
        following: that further statements were issued which the export has not, in words.
    """
    return jinja_environment.render(
        "receipt.html",
        verdict=verdict,
        verdict_text=verdict_text,
        following=following,
        receipt=view_model.receipt_view(verdict, shared) if verdict.genuine else None,
        glossary=glossary,
        moments=date_format,
        draw=backup_timeline.draw,
    )
