"""Outcome rules: an event and its collections against each other, against the plan and against what came before."""

from datetime import datetime
from typing import Final

from expunge_reports import consistency
from expunge_reports.consistency import ANSWERED, LINES
from expunge_reports.forms import bodies, form_reader
from expunge_reports.forms.bodies import BlindSearch, OnHold, Settled
from expunge_reports.statement import Statement
from expunge_reports.verify.series_reader import Found, Rule, Said, some, stated


def _form(said: Said, _: datetime) -> Found:
    if not said.known:  # what no rule can read, no rule would refuse
        yield "form-unknown", ""


def _counts(said: Said, _: datetime) -> Found:
    if any(map(_negative, [said.statement.body, *(one.value for one in said.new)])):
        yield "count-negative", ""


def _negative(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_negative, value.values()))
    if isinstance(value, list):
        return any(map(_negative, value))
    return type(value) is int and value < 0


def _lines(said: Said, _: datetime) -> Found:
    seen: set[str] = set()
    verified = stated(said.statement.body.get("verifiedAt"))
    for store in said.stores:
        for line in store.collections:
            place = f"{store.store}.{line.collection}"
            yield from ((code, place) for code in consistency.in_line(line))
            if consistency.kept_until_past(line, stated(store.cutoff) or verified):
                yield "kept-until-past", place
            if place in seen:
                yield "place-twice", place
            seen.add(place)
            here = line.due or line.unseen or (line.outcome == "left" and not line.left_before)
            if here and not (said.is_end and line.outcome == "left") and said.statement.event in ANSWERED | {"on-hold"}:
                yield "due-left", place
        if store.cutoff is None and not consistency.nothing_went(store.collections):
            yield "erased-without-cutoff", store.store
        if store.level not in {None, "deleted"}:
            yield "level-not-claimed", store.store
        if store.level is not None and not any(line.outcome in consistency.GONE_OUTCOMES for line in store.collections):
            yield "level-against-lines", store.store
    if len({store.store for store in said.stores}) < len(said.stores):
        yield "place-twice", ""


def _held(said: Said, _: datetime) -> Found:
    """A hold's last day is the operator's, as that of a line is."""
    held = form_reader.read(OnHold, said.statement.body) if said.statement.event == "on-hold" else None
    if held is not None and consistency.over_by(held.until, stated(held.verified_at)):
        yield "kept-until-past", ""


def _claim(said: Said, _: datetime) -> Found:
    claim, reason = (said.statement.body.get(one) for one in ("claim", "reason"))
    if isinstance(reason, str) and consistency.denies_more(
        reason, (line for store in said.stores for line in store.collections)
    ):
        yield "claim-against-lines", ""
    if isinstance(claim, str) and consistency.claims_more(
        claim, (line for store in said.stores for line in store.collections)
    ):
        yield "claim-against-lines", ""
    if isinstance(claim, str) and consistency.claims_another_scope(claim, limited="dataTypes" in said.statement.body):
        yield "claim-against-limit", ""


def _planned(said: Said, _: datetime) -> Found:
    if not said.known:
        return
    actions = {} if said.plan is None else said.plan.actions
    outcomes = {f"{store.store}.{line.collection}": line.outcome for store in said.stores for line in store.collections}
    if said.statement.event in LINES:
        if not actions:
            yield "plan-against-lines", ""
        yield from some(("plan-against-lines", place) for place in actions if place not in outcomes)
    if said.plan is not None:
        yield from (("plan-against-lines", place) for place in outcomes if place not in actions)
        settled = form_reader.read(Settled, said.statement.body) if said.statement.event == "settled" else None
        named = () if settled is None else (*(settled.dropped or ()), *settled.left)
        yield from some(("plan-against-lines", place) for place in named if place not in actions)
    for place, outcome in outcomes.items():
        emptied = {"tombstoned": True, "erased": False}.get(outcome)
        if place in actions and emptied not in {None, actions[place] == "tombstone"}:
            yield "outcome-against-plan", place


def _event(said: Said, _: datetime) -> Found:
    current, before = said.statement, said.before.past
    event, outcome = current.event, current.body.get("outcome")
    own = ("ambiguous", "denied") if event == "denied" else (event,)  # no set: the outcome may be anything
    if outcome is not None and outcome not in own:
        yield "event-against-outcome", ""
    if said.known and not _sums_up(said, before):
        yield "event-against-lines", ""
    if not consistency.follows(event, before):
        yield "event-order", ""
    if consistency.leaves_open(event, current.open, final=current.final):
        yield "over-and-open", ""
    if said.before.last is not None and consistency.lowers_debt(event, current.open, said.before.last.open):
        yield "debt-lowered", ""
    due = current.body.get("due")
    if event == "settled" and type(due) is int and due > 0:
        yield "due-left", ""
    if event in bodies.BODIES and event != "on-hold" and not said.is_end and _left(current):
        yield "search-left", ""
    identifiers = current.body.get("identifiers")
    if isinstance(identifiers, dict) and (identifiers.get("destroyedInLedger") is True) == bool(
        _KEPT & identifiers.keys()
    ):
        yield "keys-destroyed-and-kept", ""


_KEPT: Final = frozenset({"kept", "contactKept", "carriedOver"})
"""Members of `identifiers` that say what the ledger still opens."""


def _going_on(said: Said, _: datetime) -> Found:
    """A request goes on in another series after a cancel alone, and its keys are carried over to that series alone.

    They need not be: the request may be over there by then, and its keys destroyed.
    """
    current, identifiers = said.statement, said.statement.body.get("identifiers")
    named = "continuedIn" in current.body
    carried = isinstance(identifiers, dict) and "carriedOver" in identifiers
    elsewhere = current.event == "cancelled" and current.body.get("continuedIn") != current.series
    if (named and not elsewhere) or (carried and not named):
        yield "goes-on-nowhere", ""


def _sums_up(said: Said, before: consistency.Past) -> bool:
    """Tell whether the event can be the sum of what happened in the collections, here and before."""
    event = said.statement.event
    outcomes = {line.outcome for store in said.stores for line in store.collections}
    if event in {"cancelled", "denied", "not-found"} and not before.answered and said.before.erased:
        return False
    if event not in LINES:  # those that have a form state none
        return event not in bodies.BODIES or "stores" not in said.statement.body
    if event == "partially-erased" and outcomes <= LINES["erased"] and not _left(said.statement):
        return False
    if event == "on-hold" and "retained" not in outcomes and not _left(said.statement):
        return False
    return not consistency.in_answer(event, frozenset(outcomes))


def _left(current: Statement) -> bool:
    search = form_reader.read(BlindSearch, current.body.get("blindSearch"))
    return search is not None and bool(search.left)


def _subject(said: Said, _: datetime) -> Found:
    current, body = said.statement, said.statement.body
    first = said.first.body
    if "controller" in body and body["controller"] != first.get("controller", body["controller"]):
        yield "controller-changes", ""
    limited = [] if said.plan is None else [said.plan.limited_to]
    named = current.event in bodies.BODIES or {"controller", "dataTypes"} & body.keys()
    if said.known and named and any(body.get("dataTypes") != one for one in [first.get("dataTypes"), *limited]):
        yield "types-change", ""
    search = form_reader.read(BlindSearch, body.get("blindSearch"))
    if search is not None and (search.searched == "limited-request") != ("dataTypes" in body):
        yield "search-not-limited", ""


RULES: Final = tuple(
    Rule(since=1, check=one) for one in (_form, _counts, _lines, _held, _claim, _planned, _event, _going_on, _subject)
)
