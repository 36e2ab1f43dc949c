"""The page from top to bottom."""

from collections.abc import Mapping, Sequence
from typing import Final

from expunge_reports.page import (
    clocks,
    copies,
    deadlines,
    generic,
    logs,
    markup,
    reading,
    request,
    results,
    style,
    technical,
    verdicts,
)
from expunge_reports.page.clocks import Deadlines
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Copies, Plan
from expunge_reports.statement import Statement
from expunge_reports.verify.verdict import Verdict

_HEAD: Final = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    f'<meta http-equiv="Content-Security-Policy" content="{style.POLICY}">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="referrer" content="no-referrer">\n'
    f"<title>Erasure receipt</title>\n<style>{style.SHEET}</style>\n</head>\n"
    "<body>\n<main>\n<h1>Erasure receipt</h1>\n"
)
_FOOT: Final = "</main>\n</body>\n</html>\n"


def render(verdict: Verdict, shared: Mapping[str, object]) -> str:
    """Return the page for a verified receipt.

    Only what the verdict vouches for is shown: an export that is not authentic gives a page with the reason alone.

    Args:
        verdict: from `verification.verify`.
        shared: the export's shared documents (`export.parse(data).shared`), shown if the verdict is authentic.
    """
    names = Names()
    parts = [verdicts.render(names, verdict)]
    if verdict.authentic:
        parts += _content(names, verdict, shared)
    return f"{_HEAD}{markup.join(parts)}{_FOOT}"


def _content(names: Names, verdict: Verdict, shared: Mapping[str, object]) -> list[Html]:
    cited = _in_order(verdict.statements, shared)
    plans = {digest: plan for digest, document in cited.items() if (plan := _plan(document)) is not None}
    listed = {digest: known for digest, document in cited.items() if (known := _copies(document)) is not None}
    dated = {digest: clock for digest, document in cited.items() if (clock := _deadlines(document)) is not None}
    plan = next(reversed(plans.values()), None)
    latest = next(reversed(listed), None)
    earlier = {digest: document for digest, document in listed.items() if digest != latest}
    told = next(reversed(dated), None)  # those before it stand among the other documents
    named = {*plans, *listed, told}
    return [
        request.render(names, verdict.statements, plan),
        deadlines.render(names, None if told is None else dated[told]),
        results.render(names, verdict.statements, plan),
        copies.render(names, None if latest is None else listed[latest], owed=verdict.statements[-1].open.items),
        logs.render(names, plan),
        _others(names, {one: document for one, document in cited.items() if one not in named}),
        technical.render(names, verdict, plans, earlier),
    ]


def _in_order(statements: Sequence[Statement], shared: Mapping[str, object]) -> dict[str, object]:
    """Return the shared documents, each in the place of the last statement that cites it."""
    cited: dict[str, object] = {}
    for current in statements:
        for digest in current.context:
            cited.pop(digest, None)
            cited[digest] = shared[digest]
    return cited


def _plan(document: object) -> Plan | None:
    return reading.plan(document) if reading.kind(document) == reading.PLAN else None


def _copies(document: object) -> Copies | None:
    return reading.copies(document) if reading.kind(document) == reading.COPIES else None


def _deadlines(document: object) -> Deadlines | None:
    return clocks.read(document) if reading.kind(document) == clocks.DEADLINES else None


def _others(names: Names, documents: Mapping[str, object]) -> Html:
    if not documents:
        return markup.NOTHING
    parts = [
        markup.section(
            names,
            f"Document {number}",
            Html(
                f"{markup.element('p', markup.code(f'sha256:{digest}'))}\n"
                f"{generic.titled(names, f'Content of document {number}', document)}"
            ),
            level=3,
        )
        for number, (digest, document) in enumerate(documents.items(), 1)
    ]
    return markup.section(names, "Other documents that the statements cite", markup.join(parts))
