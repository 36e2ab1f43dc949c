"""What a request that was cancelled half-way left behind can still be found and erased by a later one (ADR 8)."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import ACTOR, cancel, filled_in, half_way, leftovers, secrets_left
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import Installation
from tests.support.people import make_caller, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger.batches import BatchState


def test_a_later_request_takes_over_the_keys_and_erases_what_was_left(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    (said,) = statements_of(installation, first, "cancelled")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 2, 2)
    assert said.body["identifiersDestroyed"] is False
    assert "later request" in str(said.body["kept"])
    assert secrets_left(installation, first) == 0
    assert leftovers(installation)[0] == 1
    second = installation.plan(ann.csv, ann.controller)
    planned = second.plan["stores"]["recordings"]["collections"]["recordings"]
    assert (planned["due"], second.plan["notFound"]) == (2, 0)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())
    (said,) = statements_of(installation, second, "erased")
    assert lines_of(said.body)["recordings.recordings"] == ("erased", 2, 0)
    assert leftovers(installation) == (0, 0)
    third = installation.plan(ann.csv, ann.controller)
    installation.erase(third)
    assert installation.events(third) == [["accepted", "not-found"]]


def test_whoever_cannot_be_shown_to_be_the_same_person_is_told_so_and_erases_nothing(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The number may have passed on: it does not prove that what was left is its present owner's."""
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    was = inspector.contents()
    second = installation.plan(f"phone\n{ann.phone}\n", ann.controller)
    assert installation.erase(second).state is BatchState.FAILED
    assert first.uid in installation.failures(second)
    assert changed(was, inspector.contents()) == {}
    assert leftovers(installation)[0] == 1
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "not-found"]]


def test_another_controller_learns_nothing_of_it(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    half_way(installation, ann)
    was = inspector.contents()
    second = installation.plan(ann.csv, "client:43")
    installation.erase(second)
    assert installation.events(second) == [["accepted", "not-found"]], installation.failures(second)
    assert changed(was, inspector.contents()) == {}
    assert leftovers(installation)[0] == 1


def test_nor_of_one_that_failed(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)

    def refused(*_: object) -> int:
        raise TerminalError("store recordings: refused.")

    stuck = FaultyConnector(installation.workspace.stores["recordings"], erase=refused)
    installation.erase(installation.plan(ann.csv, ann.controller), installation.with_stores({"recordings": stuck}))  # type: ignore[dict-item]
    second = installation.plan(ann.csv, "client:43")
    installation.erase(second)
    assert installation.events(second) == [["accepted", "not-found"]], installation.failures(second)


def test_where_nothing_had_gone_nothing_is_kept(installation: Installation, inspector: StoreInspector) -> None:
    """Every way to the person's records is as it was: whoever asks again finds them by it."""
    ann = make_holder(inspector)
    half_way(installation, ann, "main")
    assert leftovers(installation) == (0, 0)
    second = installation.plan(ann.csv)
    assert installation.erase(second).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())


def test_a_later_request_that_is_cancelled_too_keeps_what_it_took_over(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    half_way(installation, ann)
    inspector.sql("INSERT INTO callers (id, client_id, phone) OVERRIDING SYSTEM VALUE VALUES (%s, 42, '+491')", ann.id)
    half_way(installation, ann)
    assert leftovers(installation)[0] == 2
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


@pytest.mark.parametrize("refused", [True, False])
def test_what_the_settling_check_could_not_erase(
    installation: Installation, inspector: StoreInspector, *, refused: bool
) -> None:
    """An object that came back and is refused: a cancel ends it, and a later request has the way there."""
    ann = make_caller(inspector)
    batch = installation.plan(ann.csv, ann.controller)
    installation.erase(batch)
    name = ann.objects["recordings"][1]
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=name, Body=b"late")

    def erase(*_: object) -> int:
        if refused:
            raise TerminalError("store recordings: refused.")
        return 0

    stuck = installation.with_stores(
        {"recordings": FaultyConnector(installation.workspace.stores["recordings"], erase=erase)}
    )  # type: ignore[dict-item]
    installation.settle(stuck)
    assert installation.again(batch).state is BatchState.FAILED
    batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
    installation.settle(stuck)
    assert installation.again(batch).state is BatchState.CANCELLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "cancelled"]]
    assert leftovers(installation)[0] == 1
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


def test_the_command_says_what_it_means(
    installation: Installation, inspector: StoreInspector, fork_server: subprocess.Popen[str]
) -> None:
    ann = make_caller(inspector)
    crowd = make_crowd(inspector, 1)
    uid = half_way(installation, ann).uid
    installation.close()
    cli = CliRunner(
        installation.home,
        {**installation.calltrack.environment(installation.home), "EXPUNGE_ACTOR": "ann"},
        fork_server,
    )
    answer = cli.run("cancel", uid)
    assert answer.code == 0, answer
    assert "1 person is left in part" in answer.output
    assert "sealed" in answer.output
    assert json.loads(cli.run("status", uid, "--json").out)["leftInPart"] == 1
    planned = json.loads(cli.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    assert "left in part" not in cli.run("cancel", planned["batch"]).output


def test_people_without_leftovers_are_not_mixed_up_with_those_who_have(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_caller(inspector), make_caller(inspector)
    half_way(installation, ann)
    batch = installation.plan(bob.csv, bob.controller)
    assert installation.erase(batch).state is BatchState.ERASED
    assert ann.left(inspector)["recordings.recordings"] == 2
    assert leftovers(installation)[0] == 1
    assert cancel(installation, installation.plan(ann.csv, ann.controller)).state is BatchState.CANCELLED
    assert leftovers(installation)[0] == 1


def there(inspector: StoreInspector, lead: int) -> bool:
    return inspector.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1


def test_a_number_that_passed_on_is_not_used_again(installation: Installation, inspector: StoreInspector) -> None:
    """Dave has Ann's number by the time that Ann asks again, by her id."""
    ann = make_caller(inspector)
    half_way(installation, ann)
    daves = filled_in(inspector, ann.phone, "dave@dave.example")
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert there(inspector, daves)
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


def test_cancelled_half_way_twice(installation: Installation, inspector: StoreInspector) -> None:
    """The second request found nothing but what the first had left: it must not take the way there with it."""
    ann = make_caller(inspector)
    half_way(installation, ann)
    half_way(installation, ann)
    assert leftovers(installation)[0] >= 1
    third = installation.plan(ann.csv, ann.controller)
    assert installation.erase(third).state is BatchState.ERASED, installation.failures(third)
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


def test_what_a_legal_hold_kept_is_found_when_it_is_over(installation: Installation, inspector: StoreInspector) -> None:
    """The rows that named the object are gone by then."""
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    inspector.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    versions = [(key, version) for key, version, *_ in inspector.versions(bucket, prefix)]
    for key, version in versions:
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=key, VersionId=version, LegalHold={"Status": "ON"})
    first = installation.plan(ann.csv, ann.controller)
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    installation.settle()
    (said,) = statements_of(installation, first, "settled")
    assert said.body["identifiersDestroyed"] is False
    assert leftovers(installation)[0] == 1
    for key, version in versions:
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=key, VersionId=version, LegalHold={"Status": "OFF"})
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "erased"]]
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)
    installation.settle()
    (said,) = statements_of(installation, second, "settled")
    assert said.body["identifiersDestroyed"] is True
