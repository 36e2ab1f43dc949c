"""Sweep rules: what a sweep by age is said to have taken away and left, against what was said to be due."""

from datetime import datetime
from typing import Final

from expunge_reports.forms import form_reader
from expunge_reports.forms.bodies import SweepBegun, Swept, SweptPlace
from expunge_reports.verify.series_reader import Found, Rule, Said, some


def _plan(said: Said, _: datetime) -> Found:
    """It ends on the day and in the places of which it was said that they are swept."""
    begun, swept = form_reader.read(SweepBegun, said.first.body), _swept(said)
    if swept is None:
        return
    planned = [] if begun is None else [(one.store, one.collection, one.data_type) for one in begun.places]
    if begun is None or begun.day != swept.day or planned != [_place(one) for one in swept.places]:
        yield "sweep-against-plan", ""


def _counts(said: Said, _: datetime) -> Found:
    """No count is less than nothing, a hold keeps no more than is left, and what is left has an earliest start."""
    swept = _swept(said)
    if swept is None:
        return
    wrong = (
        f"{one.store}.{one.collection}"
        for one in swept.places
        if min(one.gone, one.gone_along, one.left, one.held) < 0
        or one.held > one.left
        or (one.left > 0) != (one.oldest_left is not None)
        or (one.gone_along > 0 and one.gone == 0)
    )
    yield from some(("sum-wrong", place) for place in wrong)


def _swept(said: Said) -> Swept | None:
    return form_reader.read(Swept, said.statement.body) if said.statement.event == "swept" else None


def _place(one: SweptPlace) -> tuple[str, str, str]:
    return one.store, one.collection, one.data_type


RULES: Final = tuple(Rule(since=1, check=one) for one in (_plan, _counts))
