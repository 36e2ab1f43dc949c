"""Changes that were made apart, together: remainders that are withdrawn, or that others hang on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.cancellation import ACTOR, cancel, leftovers, taken_up
from tests.support.faulty_connector import Instead, before
from tests.support.installation import Office
from tests.support.people import Made, make_caller, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import Probe, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution import batch_control, remainders
from expunge_orchestrator.ledger.batches import Batch, BatchState


def left_to_an_email(office: Office, probe: Probe) -> tuple[Batch, int]:
    """A cancelled request that left a lead to which nothing but an e-mail leads by now; the lead's id."""
    ann = make_caller(probe)
    lead = probe.one(
        "INSERT INTO leads (client_id, name, postal_address, email, phone, created_at)"
        " VALUES (42, 'X', 'Y', %s, NULL, now() - interval '1 hour') RETURNING id",
        ann.email,
    )
    batch = office.plan(f"caller_id,email\n{ann.id},{ann.email}\n", "client:42")
    main = office.workspace.stores["main"]

    def all_but_leads(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in {"leads", "lead_answers", "callers"}}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        probe.sql("UPDATE leads SET caller_id = NULL WHERE caller_id = %s", ann.id)
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
        return done

    office.erase(batch, office.with_stores({"main": Instead(main, erase=all_but_leads)}))  # type: ignore[dict-item]
    assert office.again(batch).state is BatchState.CANCELLED, office.failures(batch)
    probe.sql("DELETE FROM callers WHERE id = %s", ann.id)
    return batch, int(str(lead))


@pytest.mark.parametrize("looked", ["looked at", "not even looked at"])
def test_a_remainder_that_is_withdrawn_before_it_began_says_nothing_new(
    office: Office, probe: Probe, looked: str
) -> None:
    """Cancelled again before anything was held against what was left: it stays left, whatever the kept keys find."""
    batch, lead = left_to_an_email(office, probe)
    (before,) = statements_of(office, batch, "cancelled")
    if looked == "looked at":
        assert taken_up(office, batch).state is BatchState.FAILED
    else:
        remainders.take_up(office.workspace, office.again(batch), ACTOR)
    assert cancel(office, batch).state is BatchState.CANCELLED, office.failures(batch)
    assert probe.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1
    assert office.events(batch) == [["accepted", "cancelled", "cancelled"]]
    again = statements_of(office, batch, "cancelled")[-1]
    assert lines_of(again.body)["main.leads"] == lines_of(before.body)["main.leads"]
    assert leftovers(office)[0] == 1


def without_objects(probe: Probe) -> Made:
    """An account of which there are rows alone, and neither objects nor sessions."""
    ann = make_holder(probe)
    for name, version, *_ in probe.versions("calltrack-exports", f"users/{ann.id}/"):
        probe.s3.delete_object(Bucket="calltrack-exports", Key=name, VersionId=version)
    with probe.redis() as client:
        client.delete(*(key for key, member in ann.keys.values() if member is None))
        client.zrem("online", str(ann.id))
    return ann


def with_nothing_but_rows(office: Office, probe: Probe) -> tuple[Batch, Made]:
    """A cancelled request that left the account's own row alone."""
    ann = without_objects(probe)
    batch = office.plan(ann.csv)
    main = office.workspace.stores["main"]

    def all_but_the_account(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name != "users"}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
        return done

    office.erase(batch, office.with_stores({"main": Instead(main, erase=all_but_the_account)}))  # type: ignore[dict-item]
    assert office.again(batch).state is BatchState.CANCELLED, office.failures(batch)
    return batch, ann


def test_a_remainder_does_not_take_the_way_to_what_came_since(office: Office, probe: Probe) -> None:
    """Who went on with the account has an export now, and the account is the only way from the e-mail to it."""
    batch, ann = with_nothing_but_rows(office, probe)
    (said,) = statements_of(office, batch, "cancelled")
    assert [name for name, line in lines_of(said.body).items() if line[0] == "left"] == ["main.users"]
    probe.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/new.csv", Body=b"new")
    was = probe.contents()
    assert taken_up(office, batch).state is BatchState.FAILED
    assert "more is there than was left" in office.failures(batch)
    assert changed(was, probe.contents()) == {}
    second = office.plan(f"email\n{ann.email}\n")
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert not any(ann.left(probe).values())


def test_a_remainder_that_others_could_hang_on_goes_where_nothing_does(office: Office, probe: Probe) -> None:
    batch, ann = with_nothing_but_rows(office, probe)
    assert taken_up(office, batch).state is BatchState.ERASED, office.failures(batch)
    assert not any(ann.left(probe).values())
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED
    assert leftovers(office) == (0, 0)


def test_what_only_a_verification_saw_is_not_called_not_found_by_another_request(office: Office, probe: Probe) -> None:
    """The count saw no object, the verification did, and then the request failed: its rows were the way there."""
    ann = without_objects(probe)
    stores = office.workspace.stores

    def appear() -> None:
        probe.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/late.csv", Body=b"late")

    def refused(*_: object) -> Any:
        raise TerminalError("store cache: refused.")

    late = office.with_stores(
        {
            "recordings": before(stores["recordings"], "verify", appear),
            "cache": Instead(stores["cache"], verify=refused),
        }  # type: ignore[dict-item]
    )
    first = office.plan(ann.csv)
    assert office.erase(first, late).state is BatchState.FAILED
    second = office.plan(f"email\n{ann.email}\n")
    assert office.erase(second).state is BatchState.FAILED, office.events(second)
    assert first.uid in office.failures(second)
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert not any(ann.left(probe).values())
