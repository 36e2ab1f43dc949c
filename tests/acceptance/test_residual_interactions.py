"""Changes that were made apart, together: remainders that are withdrawn, or that others hang on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.cancellation import ACTOR, cancel, leftovers, taken_up
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution import batch_control, remainders
from expunge_orchestrator.ledger.batches import Batch, BatchState


def left_to_an_email(installation: Installation, inspector: StoreInspector) -> tuple[Batch, int]:
    """A cancelled request that left a lead to which nothing but an e-mail leads by now; the lead's id."""
    ann = make_caller(inspector)
    lead = inspector.one(
        "INSERT INTO leads (client_id, name, postal_address, email, phone, created_at)"
        " VALUES (42, 'X', 'Y', %s, NULL, now() - interval '1 hour') RETURNING id",
        ann.email,
    )
    batch = installation.plan(f"caller_id,email\n{ann.id},{ann.email}\n", "client:42")
    main = installation.workspace.stores["main"]

    def all_but_leads(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in {"leads", "lead_answers", "callers"}}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        inspector.sql("UPDATE leads SET caller_id = NULL WHERE caller_id = %s", ann.id)
        batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
        return done

    installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=all_but_leads)}))  # type: ignore[dict-item]
    assert installation.again(batch).state is BatchState.CANCELLED, installation.failures(batch)
    inspector.sql("DELETE FROM callers WHERE id = %s", ann.id)
    return batch, int(str(lead))


@pytest.mark.parametrize("looked", ["looked at", "not even looked at"])
def test_a_remainder_that_is_withdrawn_before_it_began_says_nothing_new(
    installation: Installation, inspector: StoreInspector, looked: str
) -> None:
    """Cancelled again before anything was held against what was left: it stays left, whatever the kept keys find."""
    batch, lead = left_to_an_email(installation, inspector)
    (before_call,) = statements_of(installation, batch, "cancelled")
    if looked == "looked at":
        assert taken_up(installation, batch).state is BatchState.FAILED
    else:
        remainders.take_up(installation.workspace, installation.again(batch), ACTOR)
    assert cancel(installation, batch).state is BatchState.CANCELLED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1
    assert installation.events(batch) == [["accepted", "cancelled", "cancelled"]]
    again = statements_of(installation, batch, "cancelled")[-1]
    assert lines_of(again.body)["main.leads"] == lines_of(before_call.body)["main.leads"]
    assert leftovers(installation)[0] == 1


def without_objects(inspector: StoreInspector) -> SeededPerson:
    """An account of which there are rows alone, and neither objects nor sessions."""
    ann = make_holder(inspector)
    for name, version, *_ in inspector.versions("calltrack-exports", f"users/{ann.id}/"):
        inspector.s3.delete_object(Bucket="calltrack-exports", Key=name, VersionId=version)
    with inspector.redis() as client:
        client.delete(*(key for key, member in ann.keys.values() if member is None))
        client.zrem("online", str(ann.id))
    return ann


def with_nothing_but_rows(installation: Installation, inspector: StoreInspector) -> tuple[Batch, SeededPerson]:
    """A cancelled request that left the account's own row alone."""
    ann = without_objects(inspector)
    batch = installation.plan(ann.csv)
    main = installation.workspace.stores["main"]

    def all_but_the_account(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name != "users"}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
        return done

    installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=all_but_the_account)}))  # type: ignore[dict-item]
    assert installation.again(batch).state is BatchState.CANCELLED, installation.failures(batch)
    return batch, ann


def test_a_remainder_does_not_take_the_way_to_what_came_since(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Who went on with the account has an export now, and the account is the only way from the e-mail to it."""
    batch, ann = with_nothing_but_rows(installation, inspector)
    (said,) = statements_of(installation, batch, "cancelled")
    assert [name for name, line in lines_of(said.body).items() if line[0] == "left"] == ["main.users"]
    inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/new.csv", Body=b"new")
    was = inspector.contents()
    assert taken_up(installation, batch).state is BatchState.FAILED
    assert "more is there than was left" in installation.failures(batch)
    assert changed(was, inspector.contents()) == {}
    second = installation.plan(f"email\n{ann.email}\n")
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())


def test_a_remainder_that_others_could_hang_on_goes_where_nothing_does(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, ann = with_nothing_but_rows(installation, inspector)
    assert taken_up(installation, batch).state is BatchState.ERASED, installation.failures(batch)
    assert not any(ann.left(inspector).values())
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED
    assert leftovers(installation) == (0, 0)


def test_what_only_a_verification_saw_is_not_called_not_found_by_another_request(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The count saw no object, the verification did, and then the request failed: its rows were the way there."""
    ann = without_objects(inspector)
    stores = installation.workspace.stores

    def appear() -> None:
        inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/late.csv", Body=b"late")

    def refused(*_: object) -> Any:
        raise TerminalError("store cache: refused.")

    late = installation.with_stores(
        {
            "recordings": before_call(stores["recordings"], "verify", appear),
            "cache": FaultyConnector(stores["cache"], verify=refused),
        }  # type: ignore[dict-item]
    )
    first = installation.plan(ann.csv)
    assert installation.erase(first, late).state is BatchState.FAILED
    second = installation.plan(f"email\n{ann.email}\n")
    assert installation.erase(second).state is BatchState.FAILED, installation.events(second)
    assert first.uid in installation.failures(second)
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert not any(ann.left(inspector).values())
