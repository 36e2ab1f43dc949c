"""What was planned and what is carried out are about the same people: an identifier may pass on in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.approval_limits import limited
from tests.support.cancellation import end
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation
from tests.support.people import fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import lead
from tests.support.statements import statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

OTHERWISE = "an identifier leads to another person than when the plan was made"


def assert_denied(installation: Installation, batch: Batch, inspector: StoreInspector) -> None:
    was = inspector.contents()
    installation.erase(batch)
    assert changed(was, inspector.contents()) == {}
    assert installation.outcomes(batch) == {"ambiguous": 1}
    assert installation.reasons(batch) == {OTHERWISE: 1}
    assert installation.events(batch) == [["accepted", "denied"]]
    (said,) = statements_of(installation, batch, "denied")
    assert said.body["reason"] == OTHERWISE


@pytest.mark.parametrize("column", ["email", "phone"])
def test_an_identifier_that_was_passed_on_since_the_plan_erases_neither(
    installation: Installation, inspector: StoreInspector, column: str
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    value = getattr(ann, column)
    batch = installation.plan(f"{column}\n{value}\n")
    inspector.sql(f"UPDATE users SET {column} = 'new-' || id || '@people.example' WHERE id = %s", ann.id)
    inspector.sql(f"UPDATE users SET {column} = %s WHERE id = %s", value, bob.id)
    assert_denied(installation, batch, inspector)
    assert installation.erase(installation.plan(bob.csv)).state is BatchState.ERASED  # asked by what does not pass on


def test_nor_somebody_who_was_not_there_when_it_was_planned(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The plan said that nobody is found; whoever is found now was not approved."""
    phone = fresh_phone()
    batch = installation.plan(f"phone\n{phone}\n")
    assert batch.plan["not_found"] == 1
    bob = make_holder(inspector)
    inspector.sql("UPDATE users SET phone = %s WHERE id = %s", phone, bob.id)
    assert_denied(installation, batch, inspector)
    assert installation.erase(installation.plan(f"phone\n{phone}\n")).state is BatchState.ERASED


def test_nor_one_of_several_who_had_it(installation: Installation, inspector: StoreInspector) -> None:
    phone = fresh_phone()
    ann, _ = make_holder(inspector, phone), make_holder(inspector, phone)
    batch = installation.plan(f"phone\n{phone}\n")
    assert batch.plan["ambiguous"] == 1
    inspector.sql("UPDATE users SET phone = NULL WHERE id = %s", ann.id)
    assert_denied(installation, batch, inspector)


def test_the_same_person_is_erased_with_what_was_added(installation: Installation, inspector: StoreInspector) -> None:
    dora = make_caller(inspector)
    batch = installation.plan(f"phone\n{dora.phone}\n", dora.controller)
    lead(inspector, dora.email, dora.phone, caller=dora.id)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM leads WHERE phone = %s", dora.phone) == 0


def test_what_was_shared_when_it_was_planned_is_no_drift_when_it_is_not(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The plan counts it as kept, for it has another owner, who may be of an earlier chunk of the batch."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    inspector.sql(
        "WITH a AS (INSERT INTO addresses (street, postcode, city) SELECT 'Shared', '1', 'X'"
        " FROM generate_series(1, 12) RETURNING id)"
        " INSERT INTO user_addresses SELECT u, a.id FROM a, unnest(ARRAY[%s, %s]::bigint[]) AS u",
        ann.id,
        bob.id,
    )
    batch = installation.plan(ann.csv)
    assert batch.plan["stores"]["main"]["collections"]["addresses"]["retained"] == 12
    inspector.sql("DELETE FROM user_addresses WHERE user_id = %s", bob.id)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM addresses WHERE street = 'Shared'") == 0


def test_a_limit_of_records_per_person_holds_when_it_is_carried_out(inspector: StoreInspector, tmp_path: Path) -> None:
    ann = make_holder(inspector)
    with limited(inspector, tmp_path / "l", {"rows_per_person": 20}) as installation:
        batch = installation.plan(ann.csv)
        room = 20 - batch.plan["max_records_per_person"]
        inspector.sql(
            "INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, %s)", ann.id, room + 1
        )
        was = inspector.contents()
        assert installation.erase(batch).state is BatchState.FAILED
        assert changed(was, inspector.contents()) == {}
        assert "21 records of one person; the map allows 20" in installation.failures(batch)
        inspector.sql(
            "DELETE FROM messages WHERE ctid IN (SELECT ctid FROM messages WHERE user_id = %s LIMIT 1)", ann.id
        )
        assert installation.erase(batch).state is BatchState.ERASED


def test_nor_is_more_deleted_in_a_further_round_than_was_planned(
    installation: Installation, inspector: StoreInspector
) -> None:
    """What comes late is seen by the verification, and counted like what was there before."""
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)

    def write_more() -> None:
        inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'late' FROM generate_series(1, 20)", ann.id)

    late = installation.with_stores({"main": before_call(installation.workspace.stores["main"], "verify", write_more)})  # type: ignore[dict-item]
    assert installation.erase(batch, late).state is BatchState.FAILED
    more = "main.messages: 1 planned, 20 found"
    assert f"more is there than was planned ({more}); it stays. Plan anew: expunge end" in installation.failures(batch)
    messages = "SELECT count(*) FROM messages WHERE user_id = %s"
    assert inspector.one(messages, ann.id) == 20
    assert installation.erase(batch).state is BatchState.FAILED
    # Some of it goes by itself, and is not counted for ever.
    inspector.sql("DELETE FROM messages WHERE ctid IN (SELECT ctid FROM messages WHERE user_id = %s LIMIT 15)", ann.id)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert inspector.one(messages, ann.id) == 0


def test_nor_is_more_deleted_at_the_settling_check(installation: Installation, inspector: StoreInspector) -> None:
    """A restore, or a wrong import: nobody approved that, and the check runs by itself. Others settle."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    assert installation.erase(batch).state is BatchState.ERASED
    inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'late' FROM generate_series(1, 20)", ann.id)
    installation.settle()
    assert installation.again(batch).state is BatchState.FAILED
    assert "more came back than was found (main.messages: 1 found, 20 came since)" in installation.failures(batch)
    messages = "SELECT count(*) FROM messages WHERE user_id = %s"
    assert inspector.one(messages, ann.id) == 20
    assert installation.events(batch) == [["accepted", "erased"], ["accepted", "erased", "settled"]]
    inspector.sql("DELETE FROM messages WHERE ctid IN (SELECT ctid FROM messages WHERE user_id = %s LIMIT 15)", ann.id)
    installation.erase(batch)
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert inspector.one(messages, ann.id) == 0
    assert ["accepted", "erased", "re-erased", "settled"] in installation.events(batch)


def test_who_is_ended_there_is_told_what_is_left_and_can_be_planned_anew(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)

    def write_more() -> None:
        inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'late' FROM generate_series(1, 20)", ann.id)

    late = installation.with_stores({"main": before_call(installation.workspace.stores["main"], "verify", write_more)})  # type: ignore[dict-item]
    assert installation.erase(batch, late).state is BatchState.FAILED
    end(installation, batch)
    [main, *_] = statements_of(installation, batch, "partially-erased")[0].body["stores"]
    [told] = [line for line in main["collections"] if line["collection"] == "messages"]
    assert (told["outcome"], told["due"], told["found"]) == ("left", 20, 20)
    again = installation.plan(ann.csv)
    assert again.plan["stores"]["main"]["collections"]["messages"]["due"] == 20
    assert installation.erase(again).state is BatchState.ERASED


def test_a_batch_that_stopped_says_why_of_its_people(installation: Installation, inspector: StoreInspector) -> None:
    """The word stood at the chunk alone: whoever reads `reasons` saw none."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    for number in range(500):
        inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", ann.id, f"more {number}")
    assert installation.erase(batch).state is BatchState.FAILED
    failure = installation.failures(batch)
    assert failure.startswith("recount: more is there than was planned")
    assert installation.reasons(batch) == {failure: 2}
