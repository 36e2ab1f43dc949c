"""What is tested alone elsewhere, together: shared rows, limits of data types, what a storage keeps, two workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import Door, once, opened_door
from tests.support.cancellation import ACTOR, leftovers, release
from tests.support.cli import Desk
from tests.support.installation import Office, Town, built_town, founded
from tests.support.locate import located, records, the_one
from tests.support.people import make_caller, make_holder
from tests.support.servers import s3_client, wait_until
from tests.support.statements import limits_of, lines_of, statements_of
from tests.support.store_inspector import Probe, changed

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution import remainders
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import BatchState
from expunge_orchestrator.ledger.database import reading

BUCKET = "calltrack-exports"


def test_a_shared_row_stays_while_the_other_owner_asked_for_information_only(office: Office, probe: Probe) -> None:
    """Both asked, one of them for messages and exports alone: they go on living there, so the address stays."""
    ann, bob = make_holder(probe), make_holder(probe)
    home = probe.one("SELECT address_id FROM user_addresses WHERE user_id = %s", ann.id)
    theirs = probe.one("SELECT address_id FROM user_addresses WHERE user_id = %s", bob.id)
    probe.sql("UPDATE user_addresses SET address_id = %s WHERE user_id = %s", home, bob.id)
    probe.sql("DELETE FROM addresses WHERE id = %s", theirs)
    was = probe.contents()
    part = office.plan(ann.csv, data_types=("messages", "exports"))
    assert office.erase(part).state is BatchState.ERASED, office.failures(part)
    assert changed(was, probe.contents()) == {"table messages": (1, 0), f"bucket {BUCKET}": (1, 0)}
    whole = office.plan(bob.csv)
    assert office.erase(whole).state is BatchState.ERASED, office.failures(whole)
    assert probe.one("SELECT count(*) FROM addresses WHERE id = %s", home) == 1
    assert probe.sql("SELECT user_id FROM user_addresses WHERE address_id = %s", home) == [(ann.id,)]
    assert office.outcomes(whole) == {"partially-erased": 1}
    (said,) = statements_of(office, whole, "partially-erased")
    assert lines_of(said.body)["main.addresses"][0] == "retained"
    assert ann.left(probe)["main.users"] == 1
    rest = office.plan(ann.csv)
    assert office.erase(rest).state is BatchState.ERASED, office.failures(rest)
    assert office.outcomes(rest) == {"erased": 1}
    assert probe.one("SELECT count(*) FROM addresses WHERE id = %s", home) == 0
    assert not any(ann.left(probe).values())


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[tuple[Office, Probe]]:
    """Beside a company of its own: a bucket that locks objects does so for good."""
    with (
        built_town(people=250) as town,
        founded(town, tmp_path / "expunge") as office,
        s3_client(town.stack.endpoints) as s3,
    ):
        yield office, Probe(town, s3)


def test_an_object_that_the_storage_kept_of_a_limited_request(vault: tuple[Office, Probe]) -> None:
    """Object Lock, a limit of data types, `locate` and the taking up: the rest of the account is never touched."""
    office, probe = vault
    probe.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    ann = make_holder(probe)
    _, prefix = ann.objects["exports"]
    probe.s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for name, version, *_ in probe.versions(BUCKET, prefix):
        probe.s3.put_object_legal_hold(Bucket=BUCKET, Key=name, VersionId=version, LegalHold={"Status": "ON"})
    first = office.plan(ann.csv, data_types=("messages", "exports"))
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert office.outcomes(first) == {"partially-erased": 1}
    office.settle()
    assert office.again(first).state is BatchState.SETTLED, office.failures(first)
    assert leftovers(office)[0] == 1
    assert records(the_one(located(office, ann.csv, "calltrack")))["recordings.exports"] == 1
    was = probe.contents()
    release(probe, BUCKET, prefix)
    remainders.take_up(office.workspace, office.again(first), ACTOR)
    assert records(the_one(located(office, ann.csv, "calltrack")))["recordings.exports"] == 1, "taken up, not done"
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert changed(was, probe.contents()) == {f"bucket {BUCKET}": (1, 0)}
    assert not records(the_one(located(office, ann.csv, "calltrack"))).get("recordings.exports")
    office.settle()
    assert leftovers(office) == (0, 0)
    events = office.events(first)[0]
    assert events == ["accepted", "partially-erased", "settled", "erased", "settled"]
    assert limits_of(office, first) == {event: ["exports", "messages"] for event in events}
    whole = office.plan(ann.csv)
    assert office.erase(whole).state is BatchState.ERASED, office.failures(whole)
    assert not any(ann.left(probe).values())


def test_a_server_and_run_due_at_once(town: Town, probe: Probe, tmp_path: Path) -> None:
    """Both look for what is due in one ledger: one plan, one end and one statement of each, whoever did it."""
    callers = [make_caller(probe) for _ in range(6)]
    with opened_door(town, tmp_path, worker=True, clock_runs=True) as door:
        settings = {"EXPUNGE_SETTLING": "PT0S", "EXPUNGE_DATA_MAP": str(door.office.settings.data_map)}
        desk = Desk(tmp_path, {**town.environment(door.office.home), **settings})
        with ThreadPoolExecutor(3) as hands:
            runs = [hands.submit(desk.run, "run-due") for _ in range(3)]
            asked = [_asked(door, one.id) for one in callers]
            runs += [hands.submit(desk.run, "run-due") for _ in range(3)]
            codes = [one.result().code for one in runs]
        assert codes == [0] * 6, [one.result().told for one in runs]
        operator = door.key(Role.OPERATOR)

        def settled() -> bool:
            told = [door.client.get(f"/v1/requests/{uid}", headers=operator).json() for uid in asked]
            return {one["state"] for one in told} == {"settled"}

        wait_until(settled, seconds=120)
        with reading(door.office.workspace.ledger) as connection:
            batches = connection.scalar(sa.select(sa.func.count()).select_from(tables.batch))
            said = connection.execute(
                sa.select(tables.statement.c.series, tables.statement.c.event).order_by(tables.statement.c.id)
            ).all()
    assert batches == len(callers)
    by_series: dict[str, list[str]] = {}
    for series, event in said:
        by_series.setdefault(series, []).append(event)
    assert list(by_series.values()) == [["accepted", "erased", "settled"]] * len(callers)
    assert not any(number for one in callers for number in one.left(probe).values())


def _asked(door: Door, caller: int) -> str:
    wish = {"controller": "client:42", "identifiers": {"caller_id": str(caller)}}
    made = door.client.post("/v1/requests", json=wish, headers=once(door.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
