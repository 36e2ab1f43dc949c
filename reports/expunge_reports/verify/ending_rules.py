"""Ending rules: what `settled` and an operator's end say is left, open and kept, and what may follow them."""

from datetime import datetime
from typing import Final

from expunge_reports.consistency import SETTLED
from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import Answer, Settled
from expunge_reports.verify.series_reading import Found, Rule, Said


def _open(said: Said, _: datetime) -> Found:
    """Open are a search's places and those for which keys are kept: what was left, or a storage keeps."""
    ending = _ending(said)
    if ending is None or ending.identifiers is None:
        return
    if isinstance(ending, Settled):
        least, most = len(ending.left), None if said.plan is None else len(said.plan.actions)
    else:
        lines = [line for store in said.stores for line in store.collections]
        left = [line.outcome == "left" or line.left_before is not None for line in lines]
        least, most = sum(left), sum(one or bool(line.retained) for one, line in zip(left, lines, strict=True))
    places = said.statement.open.items - (0 if ending.blind_search is None else len(ending.blind_search.left))
    kept = ending.identifiers.kept is not None
    if places < least or (most is not None and places > most) or (places > 0) != kept:
        yield "open-against-left", ""


def _order(said: Said, _: datetime) -> Found:
    """Nobody looks after the last look."""
    if said.before.ended and said.statement.event in SETTLED | {"partially-erased", "on-hold"}:
        yield "event-order", ""


def _ending(said: Said) -> Answer | Settled | None:
    if said.statement.event == "settled":
        return form_reader.read(Settled, said.statement.body)
    return form_reader.read(Answer, said.statement.body) if said.is_end else None


RULES: Final = tuple(Rule(since=1, check=one) for one in (_open, _order))
