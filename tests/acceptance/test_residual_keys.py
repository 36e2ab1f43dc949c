"""What a request that was cancelled half-way left behind can still be found and erased by a later one (ADR 8)."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import ACTOR, cancel, filled_in, half_way, leftovers, secrets_left
from tests.support.cli import Desk
from tests.support.faulty_connector import Instead
from tests.support.installation import Office
from tests.support.people import make_caller, make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import Probe, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger.batches import BatchState


def test_a_later_request_takes_over_the_keys_and_erases_what_was_left(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    first = half_way(office, ann)
    (said,) = statements_of(office, first, "cancelled")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 2, 2)
    assert said.body["identifiersDestroyed"] is False
    assert "later request" in str(said.body["kept"])
    assert secrets_left(office, first) == 0
    assert leftovers(office)[0] == 1
    second = office.plan(ann.csv, ann.controller)
    planned = second.plan["stores"]["recordings"]["collections"]["recordings"]
    assert (planned["due"], second.plan["notFound"]) == (2, 0)
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert not any(ann.left(probe).values())
    (said,) = statements_of(office, second, "erased")
    assert lines_of(said.body)["recordings.recordings"] == ("erased", 2, 0)
    assert leftovers(office) == (0, 0)
    third = office.plan(ann.csv, ann.controller)
    office.erase(third)
    assert office.events(third) == [["accepted", "not-found"]]


def test_whoever_cannot_be_shown_to_be_the_same_person_is_told_so_and_erases_nothing(
    office: Office, probe: Probe
) -> None:
    """The number may have passed on: it does not prove that what was left is its present owner's."""
    ann = make_caller(probe)
    first = half_way(office, ann)
    was = probe.contents()
    second = office.plan(f"phone\n{ann.phone}\n", ann.controller)
    assert office.erase(second).state is BatchState.FAILED
    assert first.uid in office.failures(second)
    assert changed(was, probe.contents()) == {}
    assert leftovers(office)[0] == 1
    assert office.erase(office.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(probe).values())
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert office.events(second) == [["accepted", "not-found"]]


def test_another_controller_learns_nothing_of_it(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    half_way(office, ann)
    was = probe.contents()
    second = office.plan(ann.csv, "client:43")
    office.erase(second)
    assert office.events(second) == [["accepted", "not-found"]], office.failures(second)
    assert changed(was, probe.contents()) == {}
    assert leftovers(office)[0] == 1


def test_nor_of_one_that_failed(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)

    def refused(*_: object) -> int:
        raise TerminalError("store recordings: refused.")

    stuck = Instead(office.workspace.stores["recordings"], erase=refused)
    office.erase(office.plan(ann.csv, ann.controller), office.with_stores({"recordings": stuck}))  # type: ignore[dict-item]
    second = office.plan(ann.csv, "client:43")
    office.erase(second)
    assert office.events(second) == [["accepted", "not-found"]], office.failures(second)


def test_where_nothing_had_gone_nothing_is_kept(office: Office, probe: Probe) -> None:
    """Every way to the person's records is as it was: whoever asks again finds them by it."""
    ann = make_holder(probe)
    half_way(office, ann, "main")
    assert leftovers(office) == (0, 0)
    second = office.plan(ann.csv)
    assert office.erase(second).state is BatchState.ERASED
    assert not any(ann.left(probe).values())


def test_a_later_request_that_is_cancelled_too_keeps_what_it_took_over(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    half_way(office, ann)
    probe.sql("INSERT INTO callers (id, client_id, phone) OVERRIDING SYSTEM VALUE VALUES (%s, 42, '+491')", ann.id)
    half_way(office, ann)
    assert leftovers(office)[0] == 2
    assert office.erase(office.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


@pytest.mark.parametrize("refused", [True, False])
def test_what_the_settling_check_could_not_erase(office: Office, probe: Probe, *, refused: bool) -> None:
    """An object that came back and is refused: a cancel ends it, and a later request has the way there."""
    ann = make_caller(probe)
    batch = office.plan(ann.csv, ann.controller)
    office.erase(batch)
    name = ann.objects["recordings"][1]
    probe.s3.put_object(Bucket="calltrack-recordings", Key=name, Body=b"late")

    def erase(*_: object) -> int:
        if refused:
            raise TerminalError("store recordings: refused.")
        return 0

    stuck = office.with_stores({"recordings": Instead(office.workspace.stores["recordings"], erase=erase)})  # type: ignore[dict-item]
    office.settle(stuck)
    assert office.again(batch).state is BatchState.FAILED
    batch_control.cancel(office.workspace.ledger, batch, ACTOR)
    office.settle(stuck)
    assert office.again(batch).state is BatchState.CANCELLED, office.failures(batch)
    assert office.events(batch) == [["accepted", "erased", "cancelled"]]
    assert leftovers(office)[0] == 1
    assert office.erase(office.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


def test_the_command_says_what_it_means(office: Office, probe: Probe, forker: subprocess.Popen[str]) -> None:
    ann = make_caller(probe)
    crowd = make_crowd(probe, 1)
    uid = half_way(office, ann).uid
    office.close()
    desk = Desk(office.home, {**office.town.environment(office.home), "EXPUNGE_ACTOR": "ann"}, forker)
    answer = desk.run("cancel", uid)
    assert answer.code == 0, answer
    assert "1 person is left in part" in answer.told
    assert "sealed" in answer.told
    assert json.loads(desk.run("status", uid, "--json").out)["leftInPart"] == 1
    planned = json.loads(desk.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode()).out)
    assert "left in part" not in desk.run("cancel", planned["batch"]).told


def test_people_without_leftovers_are_not_mixed_up_with_those_who_have(office: Office, probe: Probe) -> None:
    ann, bob = make_caller(probe), make_caller(probe)
    half_way(office, ann)
    batch = office.plan(bob.csv, bob.controller)
    assert office.erase(batch).state is BatchState.ERASED
    assert ann.left(probe)["recordings.recordings"] == 2
    assert leftovers(office)[0] == 1
    assert cancel(office, office.plan(ann.csv, ann.controller)).state is BatchState.CANCELLED
    assert leftovers(office)[0] == 1


def there(probe: Probe, lead: int) -> bool:
    return probe.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1


def test_a_number_that_passed_on_is_not_used_again(office: Office, probe: Probe) -> None:
    """Dave has Ann's number by the time that Ann asks again, by her id."""
    ann = make_caller(probe)
    half_way(office, ann)
    daves = filled_in(probe, ann.phone, "dave@dave.example")
    second = office.plan(ann.csv, ann.controller)
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert there(probe, daves)
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


def test_cancelled_half_way_twice(office: Office, probe: Probe) -> None:
    """The second request found nothing but what the first had left: it must not take the way there with it."""
    ann = make_caller(probe)
    half_way(office, ann)
    half_way(office, ann)
    assert leftovers(office)[0] >= 1
    third = office.plan(ann.csv, ann.controller)
    assert office.erase(third).state is BatchState.ERASED, office.failures(third)
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


def test_what_a_legal_hold_kept_is_found_when_it_is_over(office: Office, probe: Probe) -> None:
    """The rows that named the object are gone by then."""
    ann = make_caller(probe)
    bucket, prefix = ann.objects["recordings"]
    probe.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    versions = [(key, version) for key, version, *_ in probe.versions(bucket, prefix)]
    for key, version in versions:
        probe.s3.put_object_legal_hold(Bucket=bucket, Key=key, VersionId=version, LegalHold={"Status": "ON"})
    first = office.plan(ann.csv, ann.controller)
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    office.settle()
    (said,) = statements_of(office, first, "settled")
    assert said.body["identifiersDestroyed"] is False
    assert leftovers(office)[0] == 1
    for key, version in versions:
        probe.s3.put_object_legal_hold(Bucket=bucket, Key=key, VersionId=version, LegalHold={"Status": "OFF"})
    second = office.plan(ann.csv, ann.controller)
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert office.events(second) == [["accepted", "erased"]]
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)
    office.settle()
    (said,) = statements_of(office, second, "settled")
    assert said.body["identifiersDestroyed"] is True
