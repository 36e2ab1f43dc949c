"""A plan wrote nothing; one beyond a limit waits for a second pair of eyes; one that is not true any more stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.approval_limits import limited
from tests.support.bulk_people import make_crowd
from tests.support.cancellation import cancel
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation, fresh_installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.errors import BatchBlockedError, NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import approval

WRITES = {"set", "del", "unlink", "srem", "zrem", "hdel", "expire", "sadd", "zadd", "hset", "getdel", "lrem", "xdel"}


def approve(installation: Installation, batch: Batch, digest: str, approver: str) -> None:
    with installation.workspace.ledger.begin() as connection:
        approval.approve(connection, installation.again(batch), digest, approver)


# Dry run -------------------------------------------------------------------------------------------------------------


def written(inspector: StoreInspector) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Redis: calls of every writing command. Postgres: rows ever inserted, updated and deleted in every table."""
    with inspector.redis() as client:
        stats = client.info("commandstats")
    commands = {name: int(one["calls"]) for name, one in stats.items() if name.removeprefix("cmdstat_") in WRITES}
    inspector.sql("SELECT pg_stat_clear_snapshot()")
    tuples = inspector.sql(
        "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
        " WHERE schemaname = 'public' ORDER BY 1"
    )
    return commands, tuples


def test_a_plan_writes_nothing_in_any_store(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    installation.plan(ann.csv)  # whatever a first connection may set up is set up by then
    was, stats = inspector.contents(), written(inspector)
    assert installation.plan(ann.csv).plan["stores"]["main"]["collections"]["users"]["due"] == 1
    assert changed(was, inspector.contents()) == {}
    assert written(inspector) == stats
    assert inspector.one("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == 0
    installation.erase(installation.plan(ann.csv))  # what the checks above would show of somebody who does write
    assert written(inspector) != stats


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "limit"), [({"people": 2}, "people"), ({"rows_per_person": 1}, "rows-per-person")], ids=str
)
def test_a_plan_beyond_a_limit_waits_for_somebody_else(
    inspector: StoreInspector, tmp_path: Path, limits: dict[str, int], limit: str
) -> None:
    crowd = make_crowd(inspector, 3)
    with limited(inspector, tmp_path / "l", limits) as installation:
        batch = installation.plan(crowd.csv)
        assert batch.state is BatchState.AWAITING_APPROVAL
        assert [one["limit"] for one in batch.plan["exceeded"]] == [limit]
        was = inspector.contents()
        with pytest.raises(BatchBlockedError, match="approval"):
            installation.erase(batch)
        with pytest.raises(NotConfirmedError, match="cannot approve"):
            approve(installation, batch, batch.plan_digest, "ann")
        with pytest.raises(NotConfirmedError, match="digest"):
            approve(installation, batch, "0" * 64, "bob")
        assert installation.again(batch).state is BatchState.AWAITING_APPROVAL
        assert changed(was, inspector.contents()) == {}
        approve(installation, batch, batch.plan_digest, "bob")
        assert installation.erase(batch).state is BatchState.ERASED
        assert crowd.messages(inspector) == []


def test_a_state_alone_is_no_approval(inspector: StoreInspector, tmp_path: Path) -> None:
    """Approval is a row for exactly this digest, by somebody else; not a word in the batch."""
    crowd = make_crowd(inspector, 2)
    with limited(inspector, tmp_path / "l", {"people": 1}) as installation:
        batch = installation.plan(crowd.csv)
        with installation.workspace.ledger.begin() as connection:
            connection.execute(sa.update(tables.batch).values(state=BatchState.PLANNED.value))
        with pytest.raises(BatchBlockedError, match="approval"):
            installation.erase(batch)
        with installation.workspace.ledger.begin() as connection:
            connection.execute(
                sa.insert(tables.approval).values(
                    batch_id=batch.id,
                    approver="bob",
                    digest="0" * 64,
                    at="2026-01-01T00:00:00Z",
                    persons=["bob"],
                    requester_persons=["ann"],
                )
            )
        with pytest.raises(BatchBlockedError, match="approval"):
            installation.erase(batch)


def test_the_share_of_a_table_is_a_limit(inspector: StoreInspector, tmp_path: Path) -> None:
    crowd = make_crowd(inspector, 150)
    with limited(inspector, tmp_path / "l", {"share_percent": 1}) as installation:
        batch = installation.plan(crowd.csv)
        places = {one["place"]: one["value"] for one in batch.plan["exceeded"]}
        users = inspector.one("SELECT count(*) FROM users")
        assert places["main.users"] == -(-150 * 100 // users)
        assert cancel(installation, batch).state is BatchState.CANCELLED


def test_a_plan_within_its_limits_waits_for_nobody(inspector: StoreInspector, tmp_path: Path) -> None:
    crowd = make_crowd(inspector, 2)
    with limited(inspector, tmp_path / "l", {"people": 2, "rows_per_person": 50, "share_percent": 90}) as installation:
        batch = installation.plan(crowd.csv)
        assert batch.state is BatchState.PLANNED
        assert installation.erase(batch).state is BatchState.ERASED


# Drift ---------------------------------------------------------------------------------------------------------------


def test_a_chunk_that_drifted_stops_before_anything_is_deleted(inspector: StoreInspector, tmp_path: Path) -> None:
    one, other = make_crowd(inspector, 1), make_crowd(inspector, 1)
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", chunk_size=1) as installation:
        batch = installation.plan(f"user_id\n{one.ids[0]}\n{other.ids[0]}\n")
        inspector.sql("INSERT INTO messages (user_id, body) SELECT %s, 'more' FROM generate_series(1, 40)", one.ids[0])
        assert installation.erase(batch).state is BatchState.FAILED
        assert "main.messages: 1 planned, 41 found" in installation.failures(batch)
        assert f"expunge cancel {batch.uid}" in installation.failures(batch)
        assert one.messages(inspector) == [one.ids[0]]
        assert one.named(inspector) == 1
        assert other.messages(inspector) == []
        assert installation.events(batch) == [["accepted"], ["accepted", "erased"]]
        with installation.workspace.ledger.begin() as connection:
            found = connection.scalars(sa.select(tables.item.c.found).order_by(tables.item.c.id)).first()
        assert found is not None
        assert found["main"]["messages"][0] == 41  # counted durably, and then stopped
        assert cancel(installation, batch).state is BatchState.ERASED  # of the other; this one is withdrawn
        assert installation.events(batch)[0] == ["accepted", "cancelled"]
        assert installation.erase(installation.plan(one.csv)).state is BatchState.ERASED


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer) -> Iterator[CliRunner]:
    with limited(inspector, tmp_path / "l", {"people": 0}) as installation:
        environment = {
            **inspector.calltrack.environment(installation.home),
            "EXPUNGE_DATA_MAP": str(installation.settings.data_map),
        }
        yield CliRunner(tmp_path, environment, fork_server)


def test_the_command_and_its_exit_codes(cli: CliRunner, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 1)
    ann, bob = {"EXPUNGE_ACTOR": "ann"}, {"EXPUNGE_ACTOR": "bob"}
    make_holder(inspector)
    inspector.sql(
        "UPDATE messages SET reply_to = (SELECT min(id) FROM messages WHERE user_id = ANY (%s))"
        " WHERE id = (SELECT min(id) FROM messages WHERE user_id <> ALL (%s)) RETURNING 1",
        list(crowd.ids),
        list(crowd.ids),
    )
    shown = cli.run("plan", "-", "-c", "calltrack", stdin=crowd.csv.encode(), settings=ann)
    assert shown.code == 0
    assert "Somebody other than ann" in shown.output
    assert "main.messages: 1 row of public.messages that stays points" in shown.output
    assert "messages_reply_to_fkey): 1 person" in shown.output
    inspector.sql("UPDATE messages SET reply_to = NULL RETURNING 1")
    plan = json.loads(cli.run("plan", "-", "-c", "calltrack", "--json", stdin=crowd.csv.encode(), settings=ann).out)
    uid, digest = plan["id"], plan["digest"]
    assert plan["state"] == "awaiting-approval"
    refused = cli.run("erase", uid, "--confirm", digest, settings=ann)
    assert refused.code == 11
    assert f"expunge approve {uid}" in refused.output
    assert cli.run("approve", uid, "--digest", digest, settings=ann).code == 7
    assert cli.run("approve", uid, "--digest", "1" * 64, settings=bob).code == 7
    assert cli.run("approve", uid, "--digest", digest, "--json", settings=bob).code == 0
    assert cli.run("approve", uid, "--digest", digest, settings=bob).code == 0
    assert cli.run("approve", uid, "--digest", digest, settings={"EXPUNGE_ACTOR": "carol"}).code == 2
    assert cli.run("erase", uid, "--confirm", digest, settings=ann).code == 0
    assert cli.run("erase", uid, "--confirm", "1" * 64, settings=ann).code == 7, "whatever the batch's state is"
    assert crowd.messages(inspector) == []


@pytest.mark.parametrize("spelt", ["Ann", "ann ", "ann\u200b"])
def test_who_asked_approves_under_no_other_spelling(inspector: StoreInspector, tmp_path: Path, spelt: str) -> None:
    with limited(inspector, tmp_path / "spelt", {"people": 0}) as installation:
        batch = installation.plan(make_holder(inspector).csv)
        with pytest.raises(NotConfirmedError):
            approve(installation, batch, batch.plan_digest, spelt)
