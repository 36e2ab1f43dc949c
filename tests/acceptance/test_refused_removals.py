"""A store refuses to remove what the application then deletes: no receipt says that this request erased it."""

from __future__ import annotations

from contextlib import closing

from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.seaweed_accounts import grant, new_account, store_of
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.execution import operator_retry

NOTHING = ("not-found", 0, 0)


def test_redis_refuses_writes_without_a_replica(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    batch = installation.plan(ann.csv, ann.controller)
    name = f"cache:caller:{ann.id}"
    with inspector.redis() as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            installation.erase(batch)
        finally:
            client.config_set("min-replicas-to-write", 0)
        assert client.exists(name)
        client.delete(name)
    operator_retry.retry(installation.workspace, batch)
    installation.erase(batch)
    installation.settle()
    (answer,) = statements_of(installation, batch, "erased")
    assert lines_of(answer.body)["cache.caller_cache"] == NOTHING
    assert lines_of(answer.body)["main.leads"] == ("erased", 1, 0)
    assert_chain_intact(installation, batch)


def test_s3_refuses_every_object(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    account = new_account(inspector.calltrack.stack)
    buckets = [f"calltrack-{name}" for name in ("recordings", "exports", "logs")]
    grant(inspector.calltrack.stack, account, buckets, ["calltrack-exports/nobody/"])
    narrow = store_of(account, "recordings", installation.workspace.data_map)
    workspace = installation.with_stores({"recordings": narrow})
    with closing(narrow):
        batch = installation.plan(ann.csv, ann.controller, workspace)
        installation.erase(batch, workspace)
        assert "the service refuses" in installation.failures(batch)
        bucket, prefix = ann.objects["recordings"]
        there = inspector.versions(bucket, prefix)
        assert there
        for name, version, *_ in there:
            inspector.s3.delete_object(Bucket=bucket, Key=name, VersionId=version)
        operator_retry.retry(workspace, batch)
        installation.erase(batch, workspace)
        installation.settle(workspace)
    (answer,) = statements_of(installation, batch, "erased")
    assert lines_of(answer.body)["recordings.recordings"] == NOTHING
    assert_chain_intact(installation, batch)
