"""Grounds of holds: each line of a receipt names the holds that keep its records, and no others."""

from __future__ import annotations

from datetime import date, timedelta

from tests.support.cancellation import end, failed_half_way
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_caller, make_holder
from tests.support.statements import grounds_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger.batch_status import public_state
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

COURT, TAX, FRAUD = "Court order 7 O 3/26", "Tax audit 2026", "Fraud case 9/26 against employees"


def in_days(days: int) -> date:
    return now().date() + timedelta(days=days)


def on_hold(installation: Installation, batch: Batch) -> tuple[object, object, dict[str, tuple[str, str | None]]]:
    """Reason and day of the last `on-hold`, and ground and day of each of its lines that has some."""
    body = statements_of(installation, batch, "on-hold")[-1].body
    return body["reason"], body["until"], grounds_of(body)


def test_each_line_names_the_hold_on_its_data_type(installation: Installation, inspector: StoreInspector) -> None:
    """Both keep the caller to whom calls and leads refer."""
    caller, march = make_caller(inspector), in_days(90)
    court = place(installation, data_type="calls", until=march, ground=COURT)
    tax = place(installation, data_type="leads", ground=TAX)
    batch = installation.plan(caller.csv, caller.controller)
    installation.erase(batch)
    reason, until, kept = on_hold(installation, batch)
    assert (reason, until) == (f"{COURT}; {TAX}", None)
    assert kept["main.calls"] == kept["recordings.recordings"] == (COURT, march.isoformat())
    assert kept["main.leads"] == (TAX, None)
    assert kept["main.callers"] == (f"{COURT}; {TAX}", None)
    assert lift(installation, tax) == 1
    installation.erase(batch)
    reason, until, kept = on_hold(installation, batch)
    assert (reason, until) == (COURT, march.isoformat())
    assert set(kept.values()) == {(COURT, march.isoformat())}
    lift(installation, court)
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(caller, inspector) == {}


def test_a_hold_on_another_controllers_data_type_is_no_ground(
    installation: Installation, inspector: StoreInspector
) -> None:
    """No client has messages: the caller of one is not told what is investigated there."""
    caller, march = make_caller(inspector), in_days(90)
    court = place(installation, data_type="calls", until=march, ground=COURT)
    fraud = place(installation, data_type="messages", ground=FRAUD)
    batch = installation.plan(caller.csv, caller.controller)
    installation.erase(batch)
    reason, until, kept = on_hold(installation, batch)
    assert (reason, until) == (COURT, march.isoformat())
    assert set(kept.values()) == {(COURT, march.isoformat())}
    assert FRAUD not in str(installation.reasons(batch))
    assert lift(installation, fraud) == 0  # it kept nothing of the caller
    lift(installation, court)
    assert installation.erase(batch).state is BatchState.ERASED


def test_an_undisclosed_hold_on_another_data_type_silences_nothing(
    installation: Installation, inspector: StoreInspector
) -> None:
    caller = make_caller(inspector)
    court = place(installation, data_type="calls", ground=COURT)
    secret = place(installation, data_type="messages", ground=FRAUD, undisclosed=True)
    batch = installation.plan(caller.csv, caller.controller)
    assert batch.plan["on_hold"] == 1
    installation.erase(batch)
    assert installation.events(batch) == [["accepted", "on-hold"]]
    again = installation.again(batch)
    assert public_state(again.state, installation.outcomes(batch), undisclosed=again.undisclosed) == "on-hold"
    assert lift(installation, secret) == 0
    lift(installation, court)
    installation.erase(batch)
    assert installation.events(batch) == [["accepted", "on-hold", "erased"]]


def test_an_undisclosed_hold_silences_where_it_keeps_something(
    installation: Installation, inspector: StoreInspector
) -> None:
    caller = make_caller(inspector)
    court = place(installation, data_type="calls", ground=COURT)
    secret = place(installation, data_type="leads", ground=FRAUD, undisclosed=True)
    batch = installation.plan(caller.csv, caller.controller)
    assert batch.plan["on_hold"] == 0
    installation.erase(batch)
    assert installation.events(batch) == [["accepted"]]
    assert lift(installation, secret) == 1
    installation.erase(batch)
    assert installation.events(batch) == [["accepted", "on-hold"]]
    assert on_hold(installation, batch)[0] == COURT
    lift(installation, court)


def test_a_hold_on_the_person_is_a_ground_of_every_line(installation: Installation, inspector: StoreInspector) -> None:
    ann, near, far = make_holder(inspector), in_days(90), in_days(400)
    court = place(installation, [key("user_id", ann.id)], until=near, ground=COURT)
    tax = place(installation, data_type="messages", until=far, ground=TAX)
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    reason, until, kept = on_hold(installation, batch)
    assert (reason, until) == (f"{COURT}; {TAX}", far.isoformat())
    assert kept["main.messages"] == (f"{COURT}; {TAX}", far.isoformat())
    assert kept["main.marketing_optouts"] == kept["recordings.exports"] == (COURT, near.isoformat())
    lift(installation, tax)
    lift(installation, court)


def test_a_hold_on_another_data_type_hinders_no_end(installation: Installation, inspector: StoreInspector) -> None:
    batch = failed_half_way(installation, make_caller(inspector))
    fraud = place(installation, data_type="messages", ground=FRAUD)
    end(installation, batch)
    assert installation.events(batch) == [["accepted", "partially-erased"]]
    lift(installation, fraud)
