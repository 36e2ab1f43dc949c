"""The settling check: whoever cannot be settled keeps nobody else from it, and there is a way to end it truthfully.

An identifier that was erased is free to be taken by somebody else. Where it is put into an old record, nothing but a
person can say that the record is not one that was missed: it stays, it is called due, and it is somebody's decision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import cancel, end, keys_left, secrets_left
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.people import SeededPerson, fresh_phone, make_caller, make_holder
from tests.support.reassigned_identifiers import alive, lead, lost
from tests.support.statements import assert_chain_intact, chunks, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.errors import BatchBlockedError
from expunge_orchestrator.execution import settling_time
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState


def taken_over(installation: Installation, inspector: StoreInspector) -> tuple[Batch, SeededPerson, int]:
    """Three callers erased; by settling time the address of the second stands in an old lead of somebody else's.

    No caller's row holds an address, so none says whose it is; the request does, so it is no hearsay.
    """
    three = [make_caller(inspector) for _ in range(3)]
    bob = make_caller(inspector)
    people = "caller_id,email\n" + "".join(f"{one.id},{one.email}\n" for one in three)
    batch = installation.plan(people, three[0].controller)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    theirs = lead(inspector, three[1].email, None, caller=bob.id)
    installation.settle()
    return batch, bob, theirs


def test_one_who_cannot_be_settled_fails_alone_and_is_taken_up_by_a_retry(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _, theirs = taken_over(installation, inspector)
    assert installation.again(batch).state is BatchState.FAILED
    assert sorted(chunks(installation, batch)) == [("done", 2), ("failed", 1)]
    settled = ["accepted", "erased", "settled"]
    assert installation.events(batch) == [settled, ["accepted", "erased"], settled]
    assert "settling, 1 of 3 people: not done: main.leads (1 due: known by email alone; " in installation.failures(
        batch
    )
    assert secrets_left(installation, batch) == 3  # the keys of two are destroyed, the tags of three stay
    assert alive(inspector, theirs)
    assert installation.erase(batch).state is BatchState.FAILED  # a retry looks again
    assert alive(inspector, theirs)
    inspector.sql("UPDATE leads SET email = %s WHERE id = %s", f"bob{fresh_phone()[1:]}@x.example", theirs)
    assert installation.erase(batch).state is BatchState.SETTLED
    assert installation.events(batch) == [settled] * 3 or installation.events(batch)[1] == [
        *settled[:2],
        "re-erased",
        "settled",
    ]
    assert alive(inspector, theirs)
    assert_chain_intact(installation, batch)


def test_an_end_says_what_is_left(installation: Installation, inspector: StoreInspector) -> None:
    batch, _, theirs = taken_over(installation, inspector)
    with pytest.raises(BatchBlockedError, match="can be withdrawn"):
        cancel(installation, batch)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch)[1] == ["accepted", "erased", "partially-erased"]
    (said,) = statements_of(installation, batch, "partially-erased")
    assert (said.final, said.open.items) == (False, 1)  # the way to what is left is kept: that is owed
    assert said.body["outcome"] == "partially-erased"
    assert lines_of(said.body)["main.leads"] == ("left", 2, 1)  # their own went before the answer
    assert "Ended by the operator" in str(said.body["reason"])
    assert installation.outcomes(batch) == {"erased": 2, "partially-erased": 1}
    assert keys_left(installation, batch) == 0
    assert alive(inspector, theirs)
    assert_chain_intact(installation, batch)
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED


def test_of_whom_nothing_was_erased_it_is_not_said_that_something_was(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Nobody had the e-mail at first; at settling time an old account has it, and is not the person who was meant."""
    bob, carl = make_holder(inspector), make_holder(inspector)
    email = f"nobody{bob.id}@people.example"
    batch = installation.plan(f"user_id,email\n{carl.id},\n,{email}\n")
    assert installation.erase(batch).state is BatchState.ERASED
    assert installation.outcomes(batch) == {"erased": 1, "not-found": 1}
    inspector.sql("UPDATE users SET email = %s WHERE id = %s", email, bob.id)
    had = bob.left(inspector)
    installation.settle()
    assert installation.again(batch).state is BatchState.FAILED
    assert installation.events(batch) == [["accepted", "erased", "settled"], ["accepted", "not-found"]]
    assert "did not lead when the erasure began" in installation.failures(batch)
    assert "something" not in installation.failures(batch)
    assert list(installation.reasons(batch).values()) == [1]
    assert installation.erase(batch).state is BatchState.FAILED
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    assert {outcome for outcome, *_ in lines_of(said.body).values()} <= {"left", "retained", "not-found"}
    assert lines_of(said.body)["main.users"] == ("left", 1, 1)
    assert lost(bob, had, inspector) == {}
    assert_chain_intact(installation, batch)


def test_one_who_is_not_erased_keeps_nobody_of_the_chunk_from_settling(
    installation: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)
    main = installation.workspace.stores["main"]

    def erase(subjects: Any, *rest: Any) -> int:
        stuck = str(crowd.ids[1])
        return main.erase([one for one in subjects if all(key.value != stuck for key in one.keys)], *rest)

    assert (
        installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=erase)})).state
        is BatchState.FAILED
    )  # type: ignore[dict-item]
    assert sorted(chunks(installation, batch)) == [("failed", 1), ("waiting", 2)]
    assert "1 of 3 people: not done: main.users (1 due), main.messages (1 due)" in installation.failures(batch)
    installation.settle()
    settled = ["accepted", "erased", "settled"]
    assert installation.events(batch) == [settled, ["accepted"], settled]
    assert installation.erase(batch).state is BatchState.ERASED
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED
    assert installation.events(batch) == [settled] * 3


@pytest.mark.parametrize("verb", ["resolve", "erase"])
def test_nothing_of_whoever_took_it_over_goes_while_it_is_settled(
    installation: Installation, inspector: StoreInspector, verb: str
) -> None:
    ann, bob = make_caller(inspector), make_caller(inspector)
    batch = installation.plan(ann.csv, ann.controller)
    installation.erase(batch)
    inspector.sql("INSERT INTO callers (client_id, phone) VALUES (42, %s)", ann.phone)  # newer: no part of the request
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=ann.objects["recordings"][1], Body=b"late")
    had = bob.left(inspector)

    def move() -> None:
        inspector.sql("UPDATE callers SET phone = %s WHERE id = %s", ann.phone, bob.id)

    main = before_call(installation.workspace.stores["main"], verb, move)
    installation.settle(installation.with_stores({"main": main}))  # type: ignore[dict-item]
    assert lost(bob, had, inspector) == {}
    assert not any(number for name, number in ann.left(inspector).items() if name.startswith("recordings."))


def test_run_due_counts_the_checks_that_an_interrupted_run_had_begun(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer, tmp_path: Path
) -> None:
    batch = installation.plan(make_holder(inspector).csv)
    assert installation.erase(batch).state is BatchState.ERASED
    assert settling_time.start_due(installation.workspace) == 1  # and then the process died
    cli = CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)
    assert "1 settling check done" in cli.run("run-due").output
    assert installation.again(batch).state is BatchState.SETTLED
    assert "0 settling checks done" in cli.run("run-due").output
