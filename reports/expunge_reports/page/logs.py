"""Logs left alone on purpose."""

from expunge_reports.page import generic, markup, words
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Plan

_COLUMNS = ("Log", "Purpose", "Ground", "Kept for", "Approved by")


def render(names: Names, plan: Plan | None) -> Html:
    """Return the section."""
    if plan is None:
        content = markup.paragraph("This receipt cites no plan, so it says nothing of logs.")
    elif not plan.logs:
        content = markup.paragraph("No log is declared in the stores of this operator.")
    else:
        said = "These logs may name the person. They are not erased on request; each is kept for its own time."
        extra = any(log.further for log in plan.logs)
        cells = [
            [
                markup.text(f"{log.store}.{log.collection}"),
                *(
                    markup.NOT_STATED if value is None else markup.text(value)
                    for value in (
                        log.purpose,
                        log.ground,
                        log.retention and words.duration(log.retention),
                        log.approved_by,
                    )
                ),
                *([generic.inline(log.further) if log.further else markup.NOTHING] if extra else []),
            ]
            for log in plan.logs
        ]
        columns = (*_COLUMNS, "Also stated") if extra else _COLUMNS
        content = Html(
            markup.paragraph(said)
            + markup.table(names, "Logs left alone, why, and for how long", columns, [markup.rows(cells)])
        )
    return markup.section(names, "Logs left alone on purpose", content)
