"""What was planned and what is carried out are about the same people: an identifier may pass on in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.approval_limits import limited
from tests.support.installation import Office
from tests.support.people import fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import lead
from tests.support.statements import statements_of
from tests.support.store_inspector import Probe, changed

from expunge_orchestrator.ledger.batches import Batch, BatchState

OTHERWISE = "an identifier leads to another person than when the plan was made"


def assert_denied(office: Office, batch: Batch, probe: Probe) -> None:
    was = probe.contents()
    office.erase(batch)
    assert changed(was, probe.contents()) == {}
    assert office.outcomes(batch) == {"ambiguous": 1}
    assert office.reasons(batch) == {OTHERWISE: 1}
    assert office.events(batch) == [["accepted", "denied"]]
    (said,) = statements_of(office, batch, "denied")
    assert said.body["reason"] == OTHERWISE


@pytest.mark.parametrize("column", ["email", "phone"])
def test_an_identifier_that_was_passed_on_since_the_plan_erases_neither(
    office: Office, probe: Probe, column: str
) -> None:
    ann, bob = make_holder(probe), make_holder(probe)
    value = getattr(ann, column)
    batch = office.plan(f"{column}\n{value}\n")
    probe.sql(f"UPDATE users SET {column} = 'new-' || id || '@people.example' WHERE id = %s", ann.id)
    probe.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)
    assert_denied(office, batch, probe)
    assert office.erase(office.plan(bob.csv)).state is BatchState.ERASED  # asked by what does not pass on


def test_nor_somebody_who_was_not_there_when_it_was_planned(office: Office, probe: Probe) -> None:
    """The plan said that nobody is found; whoever is found now was not approved."""
    phone = fresh_phone()
    batch = office.plan(f"phone\n{phone}\n")
    assert batch.plan["notFound"] == 1
    bob = make_holder(probe)
    probe.sql("UPDATE users SET phone = %s WHERE id = %s", phone, bob.id)
    assert_denied(office, batch, probe)
    assert office.erase(office.plan(f"phone\n{phone}\n")).state is BatchState.ERASED


def test_nor_one_of_several_who_had_it(office: Office, probe: Probe) -> None:
    phone = fresh_phone()
    ann, _ = make_holder(probe, phone), make_holder(probe, phone)
    batch = office.plan(f"phone\n{phone}\n")
    assert batch.plan["ambiguous"] == 1
    probe.sql("UPDATE users SET phone = NULL WHERE id = %s", ann.id)
    assert_denied(office, batch, probe)


def test_the_same_person_is_erased_with_what_was_added(office: Office, probe: Probe) -> None:
    dora = make_caller(probe)
    batch = office.plan(f"phone\n{dora.phone}\n", dora.controller)
    lead(probe, dora.email, dora.phone, caller=dora.id)
    assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
    assert probe.one("SELECT count(*) FROM leads WHERE phone = %s", dora.phone) == 0


def test_a_limit_of_records_per_person_holds_when_it_is_carried_out(probe: Probe, tmp_path: Path) -> None:
    ann = make_holder(probe)
    with limited(probe, tmp_path / "l", {"rows_per_person": 20}) as office:
        batch = office.plan(ann.csv)
        room = 20 - batch.plan["mostPerPerson"]
        probe.sql(
            "INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, %s)", ann.id, room + 1
        )
        was = probe.contents()
        assert office.erase(batch).state is BatchState.FAILED
        assert changed(was, probe.contents()) == {}
        assert "21 records of one person; the map allows 20" in office.failures(batch)
        probe.sql("DELETE FROM messages WHERE ctid IN (SELECT ctid FROM messages WHERE user_id = %s LIMIT 1)", ann.id)
        assert office.erase(batch).state is BatchState.ERASED
