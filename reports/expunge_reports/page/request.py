"""What was asked and when, and the history of the series."""

from collections.abc import Sequence
from typing import Final

from expunge_reports.page import generic, markup, words
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Plan
from expunge_reports.statement import Statement
from expunge_reports.verify import verdict_text

_EVIDENCE: Final = frozenset({"kind", "checkedAt", "reference"})
_KNOWN: Final = frozenset({"controller", "dataTypes", "receivedAt", "identityEvidence", "context"})


def render(names: Names, statements: Sequence[Statement], plan: Plan | None) -> Html:
    """Return the section; the first statement's body is part of it."""
    first = statements[0]
    asked = first.event == "accepted"
    facts: dict[str, Html] = {}
    if plan is not None and plan.operator is not None:
        contact = "" if plan.contact is None else f" ({plan.contact})"
        facts["Asked of"] = markup.text(f"{plan.operator}{contact}")
    if asked:
        facts |= _asked(first)
        facts["Accepted"] = markup.time(first.issued_at)
    if plan is not None and plan.stores:
        facts["Stores in its scope"] = markup.text(", ".join(f"{one.name} ({one.kind})" for one in plan.stores))
    title = "What was asked, and when" if asked else "What this is about"
    unknown = {key: value for key, value in first.body.items() if key not in _KNOWN}
    rest = generic.titled(names, "Also in statement 0", unknown) if unknown else markup.NOTHING
    return markup.section(names, title, Html(f"{markup.facts(facts)}{rest}{_history(names, statements)}"))


def _asked(first: Statement) -> dict[str, Html]:
    controller, received = first.body.get("controller"), first.body.get("receivedAt")
    limited = verdict_text.limited_to(first)
    facts = {"Asked for": Html("Erasure of one person's records")}
    if limited is not None:
        said = f"Erasure of some of one person's records. Only these data types: {', '.join(limited)}"
        facts["Asked for"] = markup.text(said)
    if controller is not None:
        facts["Controller"] = generic.inline(controller)
    if received is not None:
        facts["Received"] = markup.when(received) if isinstance(received, str) else generic.inline(received)
    if "identityEvidence" in first.body:
        facts["Identity evidence"] = _evidence(first.body["identityEvidence"])
    return facts


def _evidence(told: object) -> Html:
    """How the controller knows that it is the person; whatever has another form is shown as it stands."""
    if (
        not isinstance(told, dict)
        or not told.keys() <= _EVIDENCE
        or not all(isinstance(one, str) for one in told.values())
    ):
        return generic.inline(told)
    kind = markup.text(words.EVIDENCE_WORDS.get(told.get("kind", ""), told.get("kind", "not stated")))
    at = Html(f", {markup.when(told['checkedAt'])}") if "checkedAt" in told else markup.NOTHING
    reference = markup.text(f", file {told['reference']}") if "reference" in told else markup.NOTHING
    return Html(f"{kind}{at}{reference}. On file with the controller")


def _history(names: Names, statements: Sequence[Statement]) -> Html:
    cells = [
        (
            markup.text(current.seq),
            markup.time(current.issued_at),
            markup.text(words.event(current.event, limited=verdict_text.limited_to(current) is not None)),
            markup.text(words.owed(current.open.items, current.open.last_expected_by, final=current.final)),
        )
        for current in statements
    ]
    return markup.table(names, "History", ("Statement", "Issued", "What happened", "Still open"), [markup.rows(cells)])
