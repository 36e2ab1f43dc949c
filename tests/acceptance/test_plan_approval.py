"""A plan wrote nothing; one beyond a limit waits for a second pair of eyes; one that is not true any more stops."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.approval_limits import limited
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import cancel
from tests.support.cli import Desk
from tests.support.installation import Office, founded
from tests.support.people import make_holder
from tests.support.store_inspector import Probe, changed

from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.planning import approval

WRITES = {"set", "del", "unlink", "srem", "zrem", "hdel", "expire", "sadd", "zadd", "hset", "getdel", "lrem", "xdel"}


def approve(office: Office, batch: Batch, digest: str, approver: str) -> None:
    with office.workspace.ledger.begin() as connection:
        approval.approve(connection, office.again(batch), digest, approver)


# Dry run -------------------------------------------------------------------------------------------------------------


def written(probe: Probe) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Redis: calls of every writing command. Postgres: rows ever inserted, updated and deleted in every table."""
    with probe.redis() as client:
        stats = client.info("commandstats")
    commands = {name: int(one["calls"]) for name, one in stats.items() if name.removeprefix("cmdstat_") in WRITES}
    probe.sql("SELECT pg_stat_clear_snapshot()")
    tuples = probe.sql(
        "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
        " WHERE schemaname = 'public' ORDER BY 1"
    )
    return commands, tuples


def test_a_plan_writes_nothing_in_any_store(office: Office, probe: Probe) -> None:
    ann = make_holder(probe)
    office.plan(ann.csv)  # whatever a first connection may set up is set up by then
    was, stats = probe.contents(), written(probe)
    assert office.plan(ann.csv).plan["stores"]["main"]["collections"]["users"]["due"] == 1
    assert changed(was, probe.contents()) == {}
    assert written(probe) == stats
    assert probe.one("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == 0
    office.erase(office.plan(ann.csv))  # what the checks above would show of somebody who does write
    assert written(probe) != stats


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "limit"), [({"people": 2}, "people"), ({"rows_per_person": 1}, "rows-per-person")], ids=str
)
def test_a_plan_beyond_a_limit_waits_for_somebody_else(
    probe: Probe, tmp_path: Path, limits: dict[str, int], limit: str
) -> None:
    crowd = make_crowd(probe, 3)
    with limited(probe, tmp_path / "l", limits) as office:
        batch = office.plan(crowd.csv)
        assert batch.state is BatchState.AWAITING_APPROVAL
        assert [one["limit"] for one in batch.plan["exceeded"]] == [limit]
        was = probe.contents()
        with pytest.raises(BatchBlockedError, match="approval"):
            office.erase(batch)
        with pytest.raises(NotConfirmedError, match="cannot approve"):
            approve(office, batch, batch.plan_digest, "ann")
        with pytest.raises(NotConfirmedError, match="digest"):
            approve(office, batch, "0" * 64, "bob")
        assert office.again(batch).state is BatchState.AWAITING_APPROVAL
        assert changed(was, probe.contents()) == {}
        approve(office, batch, batch.plan_digest, "bob")
        assert office.erase(batch).state is BatchState.ERASED
        assert crowd.messages(probe) == []


def test_a_state_alone_is_no_approval(probe: Probe, tmp_path: Path) -> None:
    """Approval is a row for exactly this digest, by somebody else; not a word in the batch."""
    crowd = make_crowd(probe, 2)
    with limited(probe, tmp_path / "l", {"people": 1}) as office:
        batch = office.plan(crowd.csv)
        with office.workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.batch).values(state=BatchState.PLANNED.value))
        with pytest.raises(BatchBlockedError, match="approval"):
            office.erase(batch)
        with office.workspace.ledger.begin() as connection:
            connection.execute(
                sa.insert(tables.approval).values(
                    batch_id=batch.id, approver="bob", digest="0" * 64, at="2026-01-01T00:00:00Z"
                )
            )
        with pytest.raises(BatchBlockedError, match="approval"):
            office.erase(batch)


def test_the_share_of_a_table_is_a_limit(probe: Probe, tmp_path: Path) -> None:
    crowd = make_crowd(probe, 150)
    with limited(probe, tmp_path / "l", {"share_percent": 1}) as office:
        batch = office.plan(crowd.csv)
        places = {one["place"]: one["value"] for one in batch.plan["exceeded"]}
        users = probe.one("SELECT count(*) FROM users")
        assert places["main.users"] == -(-150 * 100 // users)
        assert cancel(office, batch).state is BatchState.CANCELLED


def test_a_plan_within_its_limits_waits_for_nobody(probe: Probe, tmp_path: Path) -> None:
    crowd = make_crowd(probe, 2)
    with limited(probe, tmp_path / "l", {"people": 2, "rows_per_person": 50, "share_percent": 90}) as office:
        batch = office.plan(crowd.csv)
        assert batch.state is BatchState.PLANNED
        assert office.erase(batch).state is BatchState.ERASED


# Drift ---------------------------------------------------------------------------------------------------------------


def test_a_chunk_that_drifted_stops_before_anything_is_deleted(probe: Probe, tmp_path: Path) -> None:
    one, other = make_crowd(probe, 1), make_crowd(probe, 1)
    with founded(probe.town, tmp_path / "expunge", chunk_size=1) as office:
        batch = office.plan(f"user_id\n{one.ids[0]}\n{other.ids[0]}\n")
        probe.sql("INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, 40)", one.ids[0])
        assert office.erase(batch).state is BatchState.FAILED
        assert "main.messages: 1 planned, 41 found" in office.failures(batch)
        assert f"expunge cancel {batch.uid}" in office.failures(batch)
        assert one.messages(probe) == [one.ids[0]]
        assert one.named(probe) == 1
        assert other.messages(probe) == []
        assert office.events(batch) == [["accepted"], ["accepted", "erased"]]
        with office.workspace.ledger.begin() as connection:
            found = connection.scalars(sa.select(tables.item.c.found).order_by(tables.item.c.id)).first()
        assert found is not None
        assert found["main"]["messages"][0] == 41  # counted durably, and then stopped
        assert cancel(office, batch).state is BatchState.CANCELLED
        assert office.events(batch)[0] == ["accepted", "cancelled"]
        assert office.erase(office.plan(one.csv)).state is BatchState.ERASED


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(probe: Probe, tmp_path: Path, forker: subprocess.Popen[str]) -> Iterator[Desk]:
    with limited(probe, tmp_path / "l", {"people": 0}) as office:
        environment = {**probe.town.environment(office.home), "EXPUNGE_DATA_MAP": str(office.settings.data_map)}
        yield Desk(tmp_path, environment, forker)


def test_the_command_and_its_exit_codes(desk: Desk, probe: Probe) -> None:
    crowd = make_crowd(probe, 1)
    ann, bob = {"EXPUNGE_ACTOR": "ann"}, {"EXPUNGE_ACTOR": "bob"}
    shown = desk.run("plan", "-", "-c", "calltrack", stdin=crowd.csv.encode(), settings=ann)
    assert shown.code == 0
    assert "Somebody other than ann" in shown.told
    plan = json.loads(desk.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode(), settings=ann).out)
    uid, digest = plan["batch"], plan["digest"]
    assert plan["state"] == "awaiting-approval"
    refused = desk.run("erase", uid, "--confirm", digest, settings=ann)
    assert refused.code == 11
    assert f"expunge approve {uid}" in refused.told
    assert desk.run("approve", uid, "--digest", digest, settings=ann).code == 7
    assert desk.run("approve", uid, "--digest", "1" * 64, settings=bob).code == 7
    assert desk.run("approve", uid, "--digest", digest, "--json", settings=bob).code == 0
    assert desk.run("approve", uid, "--digest", digest, settings=bob).code == 0
    assert desk.run("approve", uid, "--digest", digest, settings={"EXPUNGE_ACTOR": "carol"}).code == 2
    assert desk.run("erase", uid, "--confirm", digest, settings=ann).code == 0
    assert crowd.messages(probe) == []


@pytest.mark.parametrize("spelt", ["Ann", "ann ", "ann\u200b"])
def test_who_asked_approves_under_no_other_spelling(probe: Probe, tmp_path: Path, spelt: str) -> None:
    with limited(probe, tmp_path / "spelt", {"people": 0}) as office:
        batch = office.plan(make_holder(probe).csv)
        with pytest.raises(NotConfirmedError):
            approve(office, batch, batch.plan_digest, spelt)
        with office.workspace.ledger.begin() as connection:
            row = {"batch_id": batch.id, "approver": spelt, "digest": batch.plan_digest, "at": "2026-01-01T00:00:00Z"}
            connection.execute(sa.insert(tables.approval).values(**row))
            with pytest.raises(BatchBlockedError):
                approval.require_approved(connection, batch)
