"""Renders the receipt page from a verdict and the shared documents."""

from collections.abc import Mapping

from expunge_reports.page import backup_timeline, date_format, glossary, jinja_environment, view_model
from expunge_reports.verify import verdict_text
from expunge_reports.verify.verdict import Verdict


def receipt_page(verdict: Verdict, shared: Mapping[str, object]) -> str:
    """Return the page for a verified receipt.

    Only what the verdict vouches for is shown: an export that is not authentic gives a page with the reason alone.

    Args:
        verdict: from `verifier.verify`.
        shared: the export's shared documents (`export.parse(data).shared`), shown if the verdict is authentic.
    """
    return jinja_environment.render(
        "receipt.html",
        verdict=verdict,
        verdict_text=verdict_text,
        receipt=view_model.receipt_view(verdict, shared) if verdict.authentic else None,
        glossary=glossary,
        moments=date_format,
        draw=backup_timeline.draw,
    )
