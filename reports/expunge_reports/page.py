"""A receipt as one plain HTML page: no script, no outside resource, readable by a screen reader and in print."""

from collections.abc import Mapping
from html import escape
from typing import Final

from expunge_reports import wording
from expunge_reports.statement import Statement
from expunge_reports.verdict import Verdict

EVENT_WORDS: Final[Mapping[str, str]] = {
    "accepted": "Request accepted",
    "erased": "Erased from the declared stores",
    "partially-erased": "Erased in part; what was kept is listed with its ground",
    "not-found": "No match found",
    "failed": "Not completed",
    "denied": "Denied",
    "cancelled": "Cancelled before execution",
    "settled": "Checked again after the settling time",
    "re-erased": "Erased again after a restore",
    "correction": "Correction of an earlier statement",
    "closed": "Closed: nothing is open any more",
    "copy-seen": "Backup copy seen",
    "copy-gone": "Backup copy looked for and not there any more",
}
"""What each event means to a reader who has never seen one."""

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}caption{text-align:left;font-weight:600}"
    "th,td{border:1px solid #767676;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "code{overflow-wrap:anywhere}"
)
_HEAD: Final = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    f"<title>Erasure receipt</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Erasure receipt</h1>\n"
)


def render(verdict: Verdict, shared: Mapping[str, object]) -> str:
    """Return the page for a verified receipt.

    Only what the verdict vouches for is shown: an export that is not authentic gives a page with the reason alone.

    Args:
        verdict: from `verification.verify`.
        shared: the export's shared documents (`export.parse(data).shared`), shown if the verdict is authentic.
    """
    parts = [_HEAD, '<section aria-labelledby="verdict">\n<h2 id="verdict">Verdict</h2>\n']
    # The lines after the statements' own are tables below.
    said = wording.lines(verdict)
    parts += [f"<p>{escape(line)}</p>\n" for line in said[: len(said) - len(verdict.statements)]]
    parts.append("</section>\n")
    if verdict.authentic:
        parts.append(_overview(verdict))
        parts += [_statement(current) for current in verdict.statements]
        parts += [_document(digest, shared[digest]) for digest in sorted(shared)]
    parts.append("</main>\n</body>\n</html>\n")
    return "".join(parts)


def _overview(verdict: Verdict) -> str:
    rows = "".join(
        f'<tr><th scope="row">{current.seq}</th><td>{_when(current)}</td>'
        f"<td>{escape(EVENT_WORDS.get(current.event, current.event))}</td><td>{_owed(current)}</td></tr>\n"
        for current in verdict.statements
    )
    series = escape(verdict.statements[0].series)
    return (
        '<section aria-labelledby="history">\n<h2 id="history">History</h2>\n'
        f"<table>\n<caption>Statements of series <code>{series}</code></caption>\n<thead>\n"
        '<tr><th scope="col">Number</th><th scope="col">Issued (UTC)</th><th scope="col">What happened</th>'
        '<th scope="col">Still open</th></tr>\n'
        f"</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )


def _statement(current: Statement) -> str:
    name = f"statement-{current.seq}"
    title = f"Statement {current.seq}: {current.event}"
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n'
        f"{_value(current.body, f'Content of statement {current.seq}')}</section>\n"
    )


def _document(digest: str, document: object) -> str:
    name = f"document-{escape(digest)}"
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">Shared document</h2>\n'
        f"<p><code>sha256:{escape(digest)}</code></p>\n{_value(document, 'Content of the shared document')}</section>\n"
    )


def _value(value: object, caption: str = "") -> str:
    """Return JSON data as nested tables and lists; the depth is bounded by the canonical form's."""
    if isinstance(value, Mapping):
        if not value:
            return "<p>none</p>\n" if caption else "none"
        rows = "".join(
            f'<tr><th scope="row">{escape(str(key))}</th><td>{_value(item)}</td></tr>\n' for key, item in value.items()
        )
        titled = f"<caption>{escape(caption)}</caption>\n" if caption else ""
        return f"<table>\n{titled}<tbody>\n{rows}</tbody>\n</table>\n"
    if isinstance(value, list):
        return "<ul>\n" + "".join(f"<li>{_value(item)}</li>\n" for item in value) + "</ul>\n" if value else "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _when(current: Statement) -> str:
    shown = current.issued_at.strftime("%Y-%m-%d %H:%M:%S")
    return f'<time datetime="{current.issued_at.isoformat()}">{shown}</time>'


def _owed(current: Statement) -> str:
    if current.final:
        return "nothing; final"
    expected = current.open.last_expected_by
    return f"{current.open.items}" + ("" if expected is None else f", expected by {expected.isoformat()}")
