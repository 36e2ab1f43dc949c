"""What is tested alone elsewhere, together: shared rows, limits of data types, what a storage keeps, two workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once, open_api
from tests.support.cancellation import release, residual
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation, build_company_stack, fresh_installation
from tests.support.locate import located, records, the_one
from tests.support.people import make_caller, make_holder
from tests.support.servers import s3_client, wait_until
from tests.support.statements import limits_of, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

BUCKET = "calltrack-exports"


def test_a_shared_row_stays_while_the_other_owner_asked_for_information_only(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Both asked, one of them for messages and exports alone: they go on living there, so the address stays."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    home = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", ann.id)
    theirs = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", bob.id)
    inspector.sql("UPDATE user_addresses SET address_id = %s WHERE user_id = %s", home, bob.id)
    inspector.sql("DELETE FROM addresses WHERE id = %s", theirs)
    was = inspector.contents()
    part = installation.plan(ann.csv, data_types=("messages", "exports"))
    assert installation.erase(part).state is BatchState.ERASED, installation.failures(part)
    assert changed(was, inspector.contents()) == {"table messages": (1, 0), f"bucket {BUCKET}": (1, 0)}
    whole = installation.plan(bob.csv)
    assert installation.erase(whole).state is BatchState.ERASED, installation.failures(whole)
    assert inspector.one("SELECT count(*) FROM addresses WHERE id = %s", home) == 1
    assert inspector.sql("SELECT user_id FROM user_addresses WHERE address_id = %s", home) == [(ann.id,)]
    assert installation.outcomes(whole) == {"partially-erased": 1}
    (said,) = statements_of(installation, whole, "partially-erased")
    assert lines_of(said.body)["main.addresses"][0] == "retained"
    assert ann.left(inspector)["main.users"] == 1
    rest = installation.plan(ann.csv)
    assert installation.erase(rest).state is BatchState.ERASED, installation.failures(rest)
    assert installation.outcomes(rest) == {"erased": 1}
    assert inspector.one("SELECT count(*) FROM addresses WHERE id = %s", home) == 0
    assert not any(ann.left(inspector).values())


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[tuple[Installation, StoreInspector]]:
    """Beside a company of its own: a bucket that locks objects does so for good."""
    with (
        build_company_stack(people=250) as calltrack,
        fresh_installation(calltrack, tmp_path / "expunge") as installation,
        s3_client(calltrack.stack.endpoints) as s3,
    ):
        yield installation, StoreInspector(calltrack, s3)


def test_an_object_that_the_storage_kept_of_a_limited_request(vault: tuple[Installation, StoreInspector]) -> None:
    """Object Lock, a limit of data types, `locate` and a later request: the rest of the account is never touched."""
    installation, inspector = vault
    inspector.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    ann = make_holder(inspector)
    _, prefix = ann.objects["exports"]
    inspector.s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for name, version, *_ in inspector.versions(BUCKET, prefix):
        inspector.s3.put_object_legal_hold(Bucket=BUCKET, Key=name, VersionId=version, LegalHold={"Status": "ON"})
    first = installation.plan(ann.csv, data_types=("messages", "exports"))
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert installation.outcomes(first) == {"partially-erased": 1}
    installation.settle()
    assert installation.again(first).state is BatchState.SETTLED, installation.failures(first)
    assert residual(installation) == [[("recordings", "exports")]]
    assert records(the_one(located(installation, ann.csv, "calltrack")))["recordings.exports"] == 1
    was = inspector.contents()
    release(inspector, BUCKET, prefix)
    second = installation.plan(ann.csv, data_types=("messages", "exports"))
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert changed(was, inspector.contents()) == {f"bucket {BUCKET}": (1, 0)}
    assert not records(the_one(located(installation, ann.csv, "calltrack"))).get("recordings.exports")
    assert residual(installation) == []
    for batch, events in ((first, ["accepted", "partially-erased", "settled"]), (second, ["accepted", "erased"])):
        assert installation.events(batch) == [events]
        assert limits_of(installation, batch) == {event: ["exports", "messages"] for event in events}
    whole = installation.plan(ann.csv)
    assert installation.erase(whole).state is BatchState.ERASED, installation.failures(whole)
    assert not any(ann.left(inspector).values())


@pytest.mark.heavy
def test_a_server_and_run_due_at_once(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> None:
    """Both look for what is due in one ledger: one plan, one end and one statement of each, whoever did it."""
    callers = [make_caller(inspector) for _ in range(6)]
    with open_api(calltrack, tmp_path, worker=True, clock_runs=True) as api:
        settings = {"EXPUNGE_SETTLING": "PT0S", "EXPUNGE_DATA_MAP": str(api.installation.settings.data_map)}
        cli = CliRunner(tmp_path, {**calltrack.environment(api.installation.home), **settings}, fork_server)
        with ThreadPoolExecutor(3) as hands:
            runs = [hands.submit(cli.run, "run-due") for _ in range(3)]
            asked = [_asked(api, one.id) for one in callers]
            runs += [hands.submit(cli.run, "run-due") for _ in range(3)]
            codes = [one.result().code for one in runs]
        assert codes == [0] * 6, [one.result().output for one in runs]
        operator = api.key(Role.OPERATOR)

        def settled() -> bool:
            told = [api.client.get(f"/v1/erasure_requests/{uid}", headers=operator).json() for uid in asked]
            return {one["state"] for one in told} == {"settled"}

        wait_until(settled, seconds=120)
        with reading(api.installation.workspace.ledger) as connection:
            batches = connection.scalar(sa.select(sa.func.count()).select_from(tables.batch))
            said = connection.execute(
                sa.select(tables.statement.c.series, tables.statement.c.event).order_by(tables.statement.c.id)
            ).all()
    assert batches == len(callers)
    by_series: dict[str, list[str]] = {}
    for series, event in said:
        by_series.setdefault(series, []).append(event)
    assert list(by_series.values()) == [["accepted", "erased", "settled"]] * len(callers)
    assert not any(number for one in callers for number in one.left(inspector).values())


def _asked(api: ApiHarness, caller: int) -> str:
    wish = {"controller": "client:42", "identifiers": {"caller_id": str(caller)}}
    made = api.client.post("/v1/erasure_requests", json=wish, headers=once(api.key(Role.REQUESTER)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
