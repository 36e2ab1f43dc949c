"""Rows that people share, of which the person is the only owner left: what keeps the person's own row keeps them."""

from __future__ import annotations

from datetime import timedelta

from tests.support.cancellation import ended_half_way
from tests.support.holds import GROUND, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.statements import grounds_of, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState


def ground(installation: Installation, batch: Batch) -> tuple[str, str | None]:
    """Ground and day of the address in `on-hold`."""
    (said,) = statements_of(installation, batch, "on-hold")
    return grounds_of(said.body)["main.addresses"]


def test_a_hold_on_the_person_is_the_ground(installation: Installation, inspector: StoreInspector) -> None:
    ann, day = make_holder(inspector), now().date() + timedelta(days=90)
    placed = place(installation, [key("user_id", ann.id)], until=day)
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    assert ground(installation, batch) == (GROUND, day.isoformat())
    lift(installation, placed)
    assert installation.erase(batch).state is BatchState.ERASED


def test_a_hold_on_the_data_type_is_the_ground(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    placed = place(installation, data_type="account")
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    assert ground(installation, batch) == (GROUND, None)
    lift(installation, placed)
    assert installation.erase(batch).state is BatchState.ERASED


def test_an_end_says_that_it_is_left(installation: Installation, inspector: StoreInspector) -> None:
    batch = ended_half_way(installation, make_holder(inspector), "main")
    (said,) = statements_of(installation, batch, "partially-erased")
    lines = lines_of(said.body)
    assert lines["main.user_addresses"] == lines["main.addresses"] == ("left", 1, 1)


def test_where_others_own_it_too_it_is_kept_for_them(installation: Installation, inspector: StoreInspector) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    home = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", ann.id)
    inspector.sql("INSERT INTO user_addresses VALUES (%s, %s)", bob.id, home)
    placed = place(installation, [key("user_id", ann.id)])
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    said, until = ground(installation, batch)
    assert (said.startswith("Other people's right"), until) == (True, None)
    lift(installation, placed)
