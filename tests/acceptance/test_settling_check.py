"""The settling check: whoever cannot be settled keeps nobody else from it, and there is a way to end it truthfully.

An identifier that was erased is free to be taken by somebody else. Where it is put into an old record, nothing but a
person can say that the record is not one that was missed: it stays, it is called due, and it is somebody's decision.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import cancel, secrets_left
from tests.support.faulty_connector import Instead, before
from tests.support.installation import Office
from tests.support.people import Made, fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import alive, lead, lost
from tests.support.statements import assert_chain_intact, chunks, lines_of, statements_of
from tests.support.store_inspector import Probe

from expunge_orchestrator.ledger.batches import Batch, BatchState


def taken_over(office: Office, probe: Probe) -> tuple[Batch, Made, int]:
    """Three callers erased; by settling time the phone of the second stands in an old lead of somebody else's."""
    three = [make_caller(probe) for _ in range(3)]
    bob = make_caller(probe)
    batch = office.plan("caller_id\n" + "".join(f"{one.id}\n" for one in three), three[0].controller)
    assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
    theirs = lead(probe, f"bob{bob.phone[1:]}@x.example", three[1].phone, caller=bob.id)
    office.settle()
    return batch, bob, theirs


def test_one_who_cannot_be_settled_fails_alone_and_is_taken_up_by_a_retry(office: Office, probe: Probe) -> None:
    batch, _, theirs = taken_over(office, probe)
    assert office.again(batch).state is BatchState.FAILED
    assert sorted(chunks(office, batch)) == [("done", 2), ("failed", 1)]
    settled = ["accepted", "erased", "settled"]
    assert office.events(batch) == [settled, ["accepted", "erased"], settled]
    assert "settling, 1 of 3 people: not done: main.leads (1 due)" in office.failures(batch)
    assert secrets_left(office, batch) == 3  # the keys of two are destroyed, the tags of three stay
    assert alive(probe, theirs)
    assert office.erase(batch).state is BatchState.FAILED  # a retry looks again
    assert alive(probe, theirs)
    probe.sql("UPDATE leads SET phone = %s WHERE id = %s", fresh_phone(), theirs)
    assert office.erase(batch).state is BatchState.SETTLED
    assert office.events(batch) == [settled] * 3 or office.events(batch)[1] == [*settled[:2], "re-erased", "settled"]
    assert alive(probe, theirs)
    assert_chain_intact(office, batch)


def test_a_cancel_ends_it_with_what_is_left(office: Office, probe: Probe) -> None:
    batch, _, theirs = taken_over(office, probe)
    assert cancel(office, batch).state is BatchState.CANCELLED, office.failures(batch)
    assert office.events(batch)[1] == ["accepted", "erased", "cancelled"]
    (said,) = statements_of(office, batch, "cancelled")
    assert not said.final  # the way to what is left is kept: that is owed
    assert said.open.items == 1
    assert said.body["outcome"] == "partially-erased"
    assert lines_of(said.body)["main.leads"] == ("left", 1, 1)
    assert "settling" in str(said.body["reason"])
    assert office.outcomes(batch) == {"erased": 2, "cancelled": 1}
    assert alive(probe, theirs)
    assert_chain_intact(office, batch)
    office.settle()
    assert office.again(batch).state is BatchState.CANCELLED


def test_of_whom_nothing_was_erased_it_is_not_said_that_something_was(office: Office, probe: Probe) -> None:
    """Nobody had the e-mail at first; at settling time an old account has it, and is not the person who was meant."""
    bob, carl = make_holder(probe), make_holder(probe)
    email = f"nobody{bob.id}@people.example"
    batch = office.plan(f"user_id,email\n{carl.id},\n,{email}\n")
    assert office.erase(batch).state is BatchState.ERASED
    assert office.outcomes(batch) == {"erased": 1, "not-found": 1}
    probe.sql("UPDATE users SET email = %s WHERE id = %s", email, bob.id)
    had = bob.left(probe)
    office.settle()
    assert office.again(batch).state is BatchState.FAILED
    assert office.events(batch) == [["accepted", "erased", "settled"], ["accepted", "not-found"]]
    assert "did not lead when the erasure began" in office.failures(batch)
    assert "something" not in office.failures(batch)
    assert list(office.reasons(batch).values()) == [1]
    assert office.erase(batch).state is BatchState.FAILED
    assert cancel(office, batch).state is BatchState.CANCELLED, office.failures(batch)
    (said,) = statements_of(office, batch, "cancelled")
    assert said.body["outcome"] == "cancelled"
    assert lines_of(said.body)["main.users"] == ("left", 1, 1)
    assert lost(bob, had, probe) == {}
    assert_chain_intact(office, batch)


def test_one_who_is_not_erased_keeps_nobody_of_the_chunk_from_settling(office: Office, probe: Probe) -> None:
    crowd = make_crowd(probe, 3)
    batch = office.plan(crowd.csv)
    main = office.workspace.stores["main"]

    def erase(subjects: Any, *rest: Any) -> int:
        stuck = str(crowd.ids[1])
        return main.erase([one for one in subjects if all(key.value != stuck for key in one.keys)], *rest)

    assert office.erase(batch, office.with_stores({"main": Instead(main, erase=erase)})).state is BatchState.FAILED  # type: ignore[dict-item]
    assert sorted(chunks(office, batch)) == [("failed", 1), ("waiting", 2)]
    assert "1 of 3 people: not done: main.users (1 due), main.messages (1 due)" in office.failures(batch)
    office.settle()
    settled = ["accepted", "erased", "settled"]
    assert office.events(batch) == [settled, ["accepted"], settled]
    assert office.erase(batch).state is BatchState.ERASED
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED
    assert office.events(batch) == [settled] * 3


@pytest.mark.parametrize("verb", ["resolve", "erase"])
def test_nothing_of_whoever_took_it_over_goes_while_it_is_settled(office: Office, probe: Probe, verb: str) -> None:
    ann, bob = make_caller(probe), make_caller(probe)
    batch = office.plan(ann.csv, ann.controller)
    office.erase(batch)
    probe.sql("INSERT INTO callers (client_id, phone) VALUES (42, %s)", ann.phone)  # newer: no part of the request
    probe.s3.put_object(Bucket="calltrack-recordings", Key=ann.objects["recordings"][1], Body=b"late")
    had = bob.left(probe)

    def move() -> None:
        probe.sql("UPDATE callers SET phone = %s WHERE id = %s", ann.phone, bob.id)

    main = before(office.workspace.stores["main"], verb, move)
    office.settle(office.with_stores({"main": main}))  # type: ignore[dict-item]
    assert lost(bob, had, probe) == {}
    assert not any(number for name, number in ann.left(probe).items() if name.startswith("recordings."))
