"""What was done: one section per statement, one table for its collections."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from expunge_reports.page import generic, markup, reading, words
from expunge_reports.page.markup import Html, Names
from expunge_reports.page.reading import Collection, Plan, Store
from expunge_reports.statement import Statement
from expunge_reports.verify import verdict_text

_COLUMNS: Final = (
    "Store",
    "Collection",
    "Data type",
    "What happened",
    "Found",
    "Still due",
    "Kept",
    "Ground for keeping",
    "Kept until",
    "Newer",
)
_LEGEND: Final = (
    "Found: records there when the request was carried out. Still due: records that should be gone and were there "
    "when the store was asked again. Kept: records kept on the ground named. Newer: records made after the request's "
    "cutoff, which it does not cover. A store's own files and backup copies may hold erased records for longer."
)
_FACTS: Final[Mapping[str, str]] = {
    "dataTypes": "Only data of these types; nothing is said of any other",
    "reason": "Reason",
    "claim": "What is claimed",
    "countedAt": "Counted before erasing",
    "verifiedAt": "Checked by asking again",
    "normalisers": "Identifiers were compared in these spellings",
    "due": "Records still due",
    "identifiersDestroyed": "The request's own copy of the identifiers was destroyed",
}
_ELSEWHERE: Final = frozenset({"context", "controller", "dataMap"})
"""Members that the section on the request or the technical details show."""


def render(names: Names, statements: Sequence[Statement], plan: Plan | None) -> Html:
    """Return the statements after the first, each with its own heading."""
    done = [_statement(names, current, plan) for current in statements[1:]]
    if not done:
        done = [markup.paragraph("Nothing was stated yet.")]
    return markup.section(names, "What happened", markup.join(done))


def _statement(names: Names, current: Statement, plan: Plan | None) -> Html:
    body = current.body
    facts = {"Stated": markup.time(current.issued_at)}
    for member, title in _FACTS.items():
        if member in body:
            value = body[member]
            timed = member in {"verifiedAt", "countedAt"} and isinstance(value, str)
            facts[title] = markup.when(str(value)) if timed else generic.inline(value)
    unknown = {key: value for key, value in body.items() if key not in _FACTS.keys() | _ELSEWHERE}
    # The outcome of a whole request is its event again; any other is said.
    if unknown.get("outcome") == current.event:
        del unknown["outcome"]
    stores = reading.stores(unknown["stores"]) if "stores" in unknown else None
    tables = markup.NOTHING
    if stores is not None:
        del unknown["stores"]
        facts |= _levels(stores)
        tables = _table(names, current.seq, stores, plan)
        # Identities and the like, should a later version state them of a store.
        unknown |= {f"store {store.name}": store.further for store in stores if store.further}
    rest = generic.titled(names, f"Also in statement {current.seq}", unknown) if unknown else markup.NOTHING
    said = words.event(current.event, limited=verdict_text.limited_to(current) is not None)
    title = f"{said} (statement {current.seq})"
    return markup.section(names, title, Html(f"{markup.facts(facts)}{tables}{rest}"), level=3)


def _levels(stores: Iterable[Store]) -> dict[str, Html]:
    reached: dict[str, list[str]] = {}
    for store in stores:
        if store.level is not None:
            reached.setdefault(store.level, []).append(store.name)
    said = [f"{words.LEVEL_WORDS.get(level, level)}: {', '.join(found)}" for level, found in reached.items()]
    return {"Level reached": markup.text("; ".join(said))} if said else {}


def _table(names: Names, seq: int, stores: Sequence[Store], plan: Plan | None) -> Html:
    types = {} if plan is None else plan.data_types
    extra = any(row.further for store in stores for row in store.collections)
    bodies = [_store(store, types, extra=extra) for store in stores if store.collections]
    if not bodies:
        return markup.paragraph("No collection is listed.")
    columns = (*_COLUMNS, "Also stated") if extra else _COLUMNS
    caption = f"What happened in each collection, as statement {seq} says"
    return Html(markup.table(names, caption, columns, bodies) + markup.paragraph(_LEGEND, "small quiet"))


def _store(store: Store, types: Mapping[str, str], *, extra: bool) -> Html:
    lines: list[str] = []
    for place, row in enumerate(store.collections):
        head = markup.NOTHING
        if place == 0:
            head = markup.element("th", markup.text(store.name), scope="rowgroup", rowspan=str(len(store.collections)))
        lines.append(f"<tr>{head}{_row(row, types.get(f'{store.name}.{row.name}'), extra=extra)}</tr>\n")
    return Html(f"<tbody>\n{''.join(lines)}</tbody>\n")


def _row(row: Collection, data_type: str | None, *, extra: bool) -> Html:
    kept = row.outcome == "retained" or bool(row.retained)
    absent = markup.NOT_STATED if kept else markup.NOTHING
    cells = [
        markup.element("th", markup.text(row.name), scope="row"),
        markup.element("td", markup.NOT_STATED if data_type is None else markup.text(data_type)),
        markup.element("td", markup.text(words.outcome(row.outcome, row.found, row.retained)), class_="words"),
        *(_number(count) for count in (row.found, row.due, row.retained)),
        markup.element(
            "td", absent if row.ground is None else markup.text(row.ground), class_="ground" if kept else ""
        ),
        markup.element("td", markup.when(row.until, Html("no day given") if kept else markup.NOTHING), class_="day"),
        _number(row.newer),
    ]
    if extra:
        cells.append(markup.element("td", generic.inline(row.further) if row.further else markup.NOTHING))
    return markup.join(cells)


def _number(count: int | None) -> Html:
    return markup.element("td", markup.NOT_STATED if count is None else markup.text(count), class_="number")
