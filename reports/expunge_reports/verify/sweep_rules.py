"""Sweep rules: what a sweep by age is said to have taken away and left, against what was said to be due."""

from collections import Counter
from datetime import datetime
from typing import Final

from expunge_reports.consistency import CLOCKS_DIFFER
from expunge_reports.forms import form_reader, stated_time
from expunge_reports.forms.bodies import SweepBegun, Swept, SweptPlace
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated


def _begun(said: Said, _: datetime) -> Found:
    """It is of the day on which it begins, or of one before where the clock was set back; and of each place once."""
    current = said.statement
    begun = form_reader.read(SweepBegun, current.body) if current.event == "sweep-begun" else None
    if begun is None:
        return
    if begun.day > (current.issued_at + CLOCKS_DIFFER).date().isoformat():
        yield "sweep-misdated", ""
    named = Counter((*(f"{one.store}.{one.collection}" for one in begun.places), *begun.not_by_age))
    yield from some(("place-twice", place) for place, number in named.items() if number > 1)


def _plan(said: Said, _: datetime) -> Found:
    """It ends on the day and in the places of which it was said that they are swept."""
    swept = _swept(said)
    if swept is None:
        return
    begun = _first(said)
    planned = [] if begun is None else [(one.store, one.collection, one.data_type) for one in begun.places]
    if begun is None or begun.day != swept.day or planned != [_place(one) for one in swept.places]:
        yield "sweep-against-plan", ""


def _looks(said: Said, _: datetime) -> Found:
    """What is left was looked at after it was begun; the oldest of it was due on its day, by the period stated then."""
    swept = _swept(said)
    if swept is None:
        return
    looked, begun = stated(swept.verified_at), _first(said)
    if looked is not None and looked < said.first.issued_at - CLOCKS_DIFFER:
        yield "sweep-misdated", ""
    periods = {} if begun is None else {(one.store, one.collection): one.period for one in begun.places}
    early = (
        f"{one.store}.{one.collection}"
        for one in swept.places
        if one.oldest_left is not None
        and (period := periods.get((one.store, one.collection))) is not None
        and ((over := stated_time.after(one.oldest_left, period)) is None or over > swept.day)
    )
    yield from some(("sweep-misdated", place) for place in early)


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


def _first(said: Said) -> SweepBegun | None:
    return form_reader.read(SweepBegun, said.first.body)


def _swept(said: Said) -> Swept | None:
    return form_reader.read(Swept, said.statement.body) if said.statement.event == "swept" else None


def _place(one: SweptPlace) -> tuple[str, str, str]:
    return one.store, one.collection, one.data_type


RULES: Final = tuple(Rule(since=1, check=one) for one in (_begun, _plan, _looks, _counts))
