"""What an auditor compares: series, digests, cutoffs, checkpoint."""

from collections.abc import Mapping, Sequence

from expunge_reports.page import copies, generic, markup, reading
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Copies, Plan
from expunge_reports.statement import Statement
from expunge_reports.verify.verdict import Verdict


def render(names: Names, verdict: Verdict, plans: Mapping[str, Plan], earlier: Mapping[str, Copies]) -> Html:
    """Return the details, closed at first.

    Args:
        names: where element ids come from.
        verdict: an authentic one.
        plans: every plan document by its digest (hex).
        earlier: documents about backup copies by digest that a later one replaced.
    """
    parts = [_receipt(names, verdict), _statements(names, verdict.statements), _cutoffs(names, verdict.statements)]
    parts += [_plan(names, digest, plan) for digest, plan in plans.items()]
    parts += [_copies(names, digest, document) for digest, document in earlier.items()]
    heading = markup.element("h2", Html("Technical details"))
    return Html(f"<details>\n<summary>{heading}</summary>\n{markup.join(parts)}</details>\n")


def _receipt(names: Names, verdict: Verdict) -> Html:
    first = verdict.statements[0]
    facts = {"Series": markup.code(first.series)}
    found = verdict.as_of
    if found is not None:
        facts |= {
            "Log": markup.code(found.origin),
            "Checkpoint, leaves": markup.text(found.size),
            "Checkpoint, root": markup.code(found.root),
            "Checkpoint, witnessed": Html("no") if found.witnessed_at is None else markup.time(found.witnessed_at),
        }
    facts["Subjects (digests of opening files)"] = markup.bullets([markup.code(one) for one in first.subjects])
    return markup.section(names, "Receipt and log", markup.facts(facts), level=3)


def _statements(names: Names, statements: Sequence[Statement]) -> Html:
    cells = [
        (
            markup.text(current.seq),
            markup.code(current.event),
            markup.time(current.issued_at),
            _digests([current.prev] if current.prev else []),
            _digests(current.context),
            generic.inline(current.body.get("controller")),
            markup.code(current.body["dataMap"]) if "dataMap" in current.body else markup.NOT_STATED,
        )
        for current in statements
    ]
    columns = ("Statement", "Event", "Issued", "Follows payload", "Cites documents", "Controller", "Data map")
    return markup.section(
        names,
        "Statements",
        markup.table(names, "How the statements hang together", columns, [markup.rows(cells)]),
        level=3,
    )


def _digests(found: Sequence[str]) -> Html:
    return markup.join((markup.code(f"sha256:{one}") for one in found), "<br>") or markup.NONE


def _cutoffs(names: Names, statements: Sequence[Statement]) -> Html:
    cells = [
        (
            markup.text(store.name),
            markup.text(current.seq),
            markup.NOT_STATED if store.level is None else markup.text(store.level),
            markup.NOT_STATED if store.cutoff is None else markup.code(store.cutoff),
        )
        for current in statements
        for store in reading.stores(current.body.get("stores")) or ()
    ]
    if not cells:
        return markup.NOTHING
    columns = ("Store", "Statement", "Level", "Cutoff on the store's own clock")
    return markup.section(
        names,
        "Cutoffs",
        markup.table(names, "Levels and cutoffs of the stores", columns, [markup.rows(cells)]),
        level=3,
    )


def _plan(names: Names, digest: str, plan: Plan) -> Html:
    facts = {
        "Document": markup.code(f"sha256:{digest}"),
        **{
            title: markup.code(value)
            for title, value in (
                ("Plan", plan.digest),
                ("Data map", plan.data_map),
                ("Software", plan.software),
                ("Operator", plan.operator),
                ("Contact", plan.contact),
            )
            if value is not None
        },
    }
    cells = [
        (
            markup.text(store.name),
            markup.text(store.kind),
            markup.NOT_STATED if store.identity is None else markup.code(store.identity),
            generic.inline(
                [
                    f"{name}: {action}{_typed(plan.data_types.get(f'{store.name}.{name}'))}"
                    for name, action in store.actions.items()
                ]
            ),
        )
        for store in plan.stores
    ]
    columns = ("Store", "Kind", "Identity", "Planned per collection (data type)")
    further: dict[str, object] = dict(plan.further)
    further |= {f"store {store.name}": store.further for store in plan.stores if store.further}
    return markup.section(
        names,
        "Plan",
        Html(
            markup.facts(facts)
            + (markup.table(names, "Stores of the plan", columns, [markup.rows(cells)]) if cells else "")
            + (generic.titled(names, "Also in the plan", further) if further else "")
        ),
        level=3,
    )


def _typed(data_type: str | None) -> str:
    return "" if data_type is None else f" ({data_type})"


def _copies(names: Names, digest: str, document: Copies) -> Html:
    held = (
        copies.table(names, "Copies that might hold the records then", document.held)
        if document.held
        else markup.paragraph("No copy was named then.")
    )
    rest = generic.titled(names, "Also stated then", document.further) if document.further else ""
    facts = markup.facts({"Document": markup.code(f"sha256:{digest}")})
    return markup.section(
        names,
        "Earlier look at the backup copies",
        Html(f"{facts}{held}{copies.listings(names, document.listings)}{rest}"),
        level=3,
    )
