"""By when the request is to be answered: the promise, and the law beside it."""

from typing import Final

from expunge_reports.page import generic, markup, words
from expunge_reports.page.clocks import Clock, Deadlines
from expunge_reports.page.markup import Html, Names

TITLE: Final = "By when it is to be answered"

_COLUMNS: Final = ("Clock", "Started", "Last day", "Over at", "Rule", "Days not counted")


def render(names: Names, known: Deadlines | None) -> Html:
    """Return the section; nothing where no statement cites deadlines."""
    if known is None:
        return markup.NOTHING
    extra = any(clock.further for clock in known.clocks)
    cells = [
        [
            markup.text(words.CLOCK_WORDS.get(clock.name, clock.name)),
            markup.when(clock.started),
            _last_day(clock),
            _over(clock),
            markup.NOT_STATED if clock.ground is None else markup.text(clock.ground),
            _off(clock),
            *([generic.inline(clock.further) if clock.further else markup.NOTHING] if extra else []),
        ]
        for clock in known.clocks
    ]
    columns = (*_COLUMNS, "Also stated") if extra else _COLUMNS
    parts = [
        markup.NOTHING if known.warning is None else _warning(known.warning),
        markup.table(names, "Clocks of this request", columns, [markup.rows(cells)]),
        markup.facts(_facts(known)),
    ]
    if known.further:
        parts.append(generic.titled(names, "Also stated about deadlines", known.further))
    return markup.section(names, TITLE, markup.join(parts))


def _warning(said: str) -> Html:
    return Html(f"{markup.element('p', markup.element('strong', markup.text(said)))}\n")


def _facts(known: Deadlines) -> dict[str, Html]:
    place = "-".join(part for part in (known.country, known.subdivision) if part is not None)
    holidays = place if known.source is None else f"{place or 'a place not stated'}, by {known.source}"
    facts: dict[str, Html] = {}
    if known.first is not None:
        facts["Ends first"] = markup.text(words.CLOCK_WORDS.get(known.first, known.first))
    if known.answer_by is not None:
        facts["Answer before"] = markup.when(known.answer_by)
    if known.controller_received is not None:
        facts["Received by the controller"] = markup.when(known.controller_received)
    if known.received is not None:
        facts["Received by the operator"] = markup.when(known.received)
    if known.business_days is not None:
        facts["Promised"] = markup.text(f"{known.business_days} business days")
    if known.statute is not None:
        facts["Law"] = markup.text(words.STATUTE_WORDS.get(known.statute, known.statute))
    if known.time_zone is not None:
        facts["Days are those of"] = markup.text(known.time_zone)
    if holidays:
        facts["Public holidays of"] = markup.text(holidays)
    return facts


def _last_day(clock: Clock) -> Html:
    lines = [markup.when(clock.last_day)]
    if clock.moved_from is not None:
        lines.append(Html(f"moved from {markup.when(clock.moved_from)}"))
    if clock.extension is not None:
        told = clock.extension
        lines.append(Html(f"extended to {markup.when(told.last_day)}"))
        lines += [] if told.at is None else [Html(f"told {markup.when(told.at)}")]
        lines += [markup.text(why) for why in (told.reason, told.ground) if why is not None]
    return markup.join(lines, "<br>")


def _over(clock: Clock) -> Html:
    due = markup.when(clock.due)
    return due if clock.extended_to is None else Html(f"{due}<br>extended to {markup.when(clock.extended_to)}")


def _off(clock: Clock) -> Html:
    days = (Html(f"{markup.when(day)} {markup.text(name)}") for day, name in clock.off)
    return markup.join(days, "<br>") or markup.NONE
