"""A store that is stopped, swapped, narrowed or missing a part is not done (law 4), and says which one it was."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import Installation, fresh_installation
from tests.support.outages import SERVERS, rename, server_of
from tests.support.people import SeededPerson, make_holder
from tests.support.seaweed_accounts import grant, new_account, store_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.contract import StoreConnector
from expunge_connectors.errors import ConnectorError
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection
from expunge_connectors.redis.records import SENTINEL
from expunge_orchestrator.errors import FindingsError, PlanChangedError
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")
DONE = {"erased", "partially-erased"}


@pytest.fixture(scope="module")
def installation(module_installation: Installation) -> Installation:
    """One installation for the module."""
    return module_installation


@pytest.fixture
def holder(inspector: StoreInspector) -> SeededPerson:
    return make_holder(inspector)


@pytest.fixture
def batch(installation: Installation, holder: SeededPerson) -> Batch:
    return installation.plan(holder.csv)


@contextmanager
def untouched(inspector: StoreInspector) -> Iterator[None]:
    """Nothing in any store changes inside."""
    was = inspector.contents()
    yield
    assert changed(was, inspector.contents()) == {}


def assert_failed(installation: Installation, batch: Batch, *words: str) -> None:
    again = installation.again(batch)
    assert again.state is BatchState.FAILED
    told = installation.failures(batch)
    assert all(word in told for word in words), told
    assert installation.events(batch) == [["accepted"]]
    assert installation.outcomes(batch).keys() <= {"failed", "open"}


def assert_ends_well(installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch) -> None:
    """The same command again, with everything mended."""
    again = installation.erase(batch)
    assert again.state is BatchState.ERASED, installation.failures(again)
    ((accepted, concluded),) = installation.events(again)
    assert accepted == "accepted"
    assert concluded in DONE
    assert not any(holder.left(inspector).values()), holder.left(inspector)


# Stopped -------------------------------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("store", SERVERS)
def test_a_store_that_stops_while_it_is_erased(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch, store: str
) -> None:
    server = server_of(inspector, store)
    broken = installation.with_stores({store: before_call(installation.workspace.stores[store], "erase", server.stop)})
    try:
        installation.erase(batch, broken)
        assert_failed(installation, batch, store)  # where the chunk is taken up: who it is, or what is there
    finally:
        server.start()
    assert_ends_well(installation, inspector, holder, batch)


@pytest.mark.heavy
@pytest.mark.parametrize("store", SERVERS)
def test_a_store_that_is_stopped_from_the_start(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch, store: str
) -> None:
    server = server_of(inspector, store)
    was = inspector.contents()
    server.stop()
    try:
        with pytest.raises(ConnectorError, match=store) as refused:
            installation.erase(batch)
        assert refused.value.exit_code == 8
        with pytest.raises(ConnectorError, match=store):
            installation.plan(holder.csv)
    finally:
        server.start()
    assert installation.again(batch).state is BatchState.PLANNED
    assert installation.events(batch) == []
    assert changed(was, inspector.contents()) == {}
    assert_ends_well(installation, inspector, holder, batch)


# A part is missing ---------------------------------------------------------------------------------------------------


def test_a_missing_table_refuses_a_plan_and_a_planned_batch(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch
) -> None:
    rename(inspector, "messages", "messages_away")
    try:
        with untouched(inspector):
            with pytest.raises(FindingsError, match=r"main\.messages"):
                installation.plan(holder.csv)
            with pytest.raises(FindingsError, match=r"main\.messages"):
                installation.erase(batch)
        assert installation.again(batch).state is BatchState.PLANNED
        assert installation.events(batch) == []
    finally:
        rename(inspector, "messages_away", "messages")
    assert_ends_well(installation, inspector, holder, batch)


@pytest.mark.parametrize("verb", ["resolve", "count", "erase", "verify"])
def test_a_table_that_goes_missing_on_the_way(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch, verb: str
) -> None:
    def take_away() -> None:
        rename(inspector, "messages", "messages_away")

    try:
        installation.erase(
            batch,
            installation.with_stores({"main": before_call(installation.workspace.stores["main"], verb, take_away)}),
        )
        assert_failed(installation, batch, "main", "messages")
    finally:
        rename(inspector, "messages_away", "messages")
    assert_ends_well(installation, inspector, holder, batch)


def test_a_missing_bucket(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch
) -> None:
    bucket = "calltrack-exports"
    kept = {
        key: inspector.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key, *_ in inspector.versions(bucket)
    }
    during = installation.plan(holder.csv)
    try:
        for key in kept:
            inspector.s3.delete_object(Bucket=bucket, Key=key)
        inspector.s3.delete_bucket(Bucket=bucket)
        with pytest.raises(FindingsError, match=bucket):
            installation.plan(holder.csv)
        with pytest.raises((ConnectorError, FindingsError, PlanChangedError), match="recordings"):
            installation.erase(batch)
        assert installation.again(batch).state is BatchState.PLANNED
    finally:
        inspector.s3.create_bucket(Bucket=bucket)
        for key, body in kept.items():
            inspector.s3.put_object(Bucket=bucket, Key=key, Body=body)
    # The same name again is another bucket: whatever is in it, it is not what was planned for.
    with untouched(inspector):
        with pytest.raises(PlanChangedError, match="recordings") as refused:
            installation.erase(during)
        assert refused.value.exit_code == 6
    assert_ends_well(installation, inspector, holder, installation.plan(holder.csv))


# Rights are missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "right", ["DELETE ON public.messages", "UPDATE (email, full_name, phone, status) ON public.users"]
)
def test_a_read_only_role(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch, right: str
) -> None:
    table = right.rpartition(".")[2]

    def revoke() -> None:
        inspector.sql(f"REVOKE {right} FROM expunge_app")

    try:
        revoke()
        with untouched(inspector):
            with pytest.raises(FindingsError, match=rf"main\.{table}"):
                installation.plan(holder.csv)
            with pytest.raises(FindingsError, match=rf"main\.{table}"):
                installation.erase(batch)
        assert installation.again(batch).state is BatchState.PLANNED
        inspector.sql(f"GRANT {right} TO expunge_app")
        installation.erase(
            batch,
            installation.with_stores({"main": before_call(installation.workspace.stores["main"], "erase", revoke)}),
        )
        assert_failed(installation, batch, f"store main, collection {table}: permission denied")
    finally:
        inspector.sql(f"GRANT {right} TO expunge_app")
    assert_ends_well(installation, inspector, holder, batch)


def test_a_redis_user_without_the_right_to_remove(
    inspector: StoreInspector, holder: SeededPerson, tmp_path: Path
) -> None:
    name, password = "clerk", secrets.token_urlsafe(18)
    url = urlsplit(inspector.calltrack.stack.endpoints.redis_url)
    narrow = url._replace(netloc=f"{name}:{password}@{url.netloc.rpartition('@')[2]}").geturl()
    stores = {**inspector.calltrack.settings(tmp_path / "x").stores, "cache": {"url": SecretStr(narrow)}}
    try:
        with inspector.redis() as client:
            client.execute_command("ACL", "SETUSER", name, "on", f">{password}", "~*", "+@all", "-flushall")
        with fresh_installation(inspector.calltrack, tmp_path / "expunge", stores=stores) as installation:
            batch = installation.plan(holder.csv)

            def narrowed() -> None:
                with inspector.redis() as client:
                    client.execute_command("ACL", "SETUSER", name, "-unlink", "-del")

            cache = installation.workspace.stores["cache"]
            installation.erase(batch, installation.with_stores({"cache": before_call(cache, "erase", narrowed)}))
            assert_failed(installation, batch, "erase:cache", "Store cache, collection", "refused")
            with pytest.raises(FindingsError, match="cache"):
                installation.plan(holder.csv)
            with inspector.redis() as client:
                client.execute_command("ACL", "SETUSER", name, "+unlink", "+del")
            assert_ends_well(installation, inspector, holder, batch)
    finally:
        with inspector.redis() as client:
            client.execute_command("ACL", "DELUSER", name)


def test_an_s3_role_that_may_not_remove_some_objects(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch
) -> None:
    """The service refuses them one by one, beside others in the same call: who they belong to is not erased."""
    free = make_holder(inspector)
    stack, buckets = inspector.calltrack.stack, [f"calltrack-{name}" for name in ("recordings", "exports", "logs")]
    account = new_account(stack)
    grant(stack, account, buckets, ["/".join(free.objects["exports"])])
    narrow = store_of(account, "recordings", installation.workspace.data_map)
    workspace = installation.with_stores({"recordings": narrow})
    both = installation.plan(f"{holder.csv}{free.id}\n", workspace=workspace)
    try:
        assert installation.erase(both, workspace).state is BatchState.FAILED
        assert installation.outcomes(both) == {"failed": 1, "erased": 1}
        assert installation.events(both) == [["accepted"], ["accepted", "erased"]]
        assert "Store recordings, collection exports: the service refuses" in installation.failures(both)
        assert holder.left(inspector)["recordings.exports"] == 1
        assert not any(free.left(inspector).values())
        assert installation.erase(both, workspace).state is BatchState.FAILED
        assert installation.events(both) == [["accepted"], ["accepted", "erased"]]
    finally:
        narrow.close()


# Another store behind the same name ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Twin:
    """A database with the same rows in the same cluster: another database all the same."""

    store: StoreConnector
    url: str = field(repr=False)

    def holds(self, holder: SeededPerson) -> bool:
        """The person is there as before."""
        with psycopg.connect(self.url) as connection:
            return bool(connection.execute("SELECT FROM users WHERE email = %s", (holder.email,)).fetchall())


@pytest.fixture
def twin(installation: Installation, inspector: StoreInspector, holder: SeededPerson) -> Iterator[Twin]:
    """A copy of the company's database, made when the person is in it."""
    name = f"twin_{secrets.token_hex(4)}"
    superuser = urlsplit(inspector.calltrack.stack.endpoints.postgres_url)
    with psycopg.connect(superuser._replace(path="/template1").geturl(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE postgres").format(sql.Identifier(name)))
    ours = urlsplit(inspector.calltrack.loaded.postgres_url)._replace(path=f"/{name}").geturl()
    made = PostgresStore("main", installation.workspace.data_map, PostgresConnection(url=SecretStr(ours)))
    try:
        yield Twin(made, superuser._replace(path=f"/{name}").geturl())
    finally:
        made.close()
        inspector.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_another_database_behind_the_same_url(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch, twin: Twin
) -> None:
    with untouched(inspector):
        with pytest.raises(PlanChangedError, match="main") as refused:
            installation.erase(batch, installation.with_stores({"main": twin.store}))
        assert refused.value.exit_code == 6
    assert twin.holds(holder)
    assert installation.again(batch).state is BatchState.PLANNED
    assert installation.events(batch) == []
    assert_ends_well(installation, inspector, holder, batch)


def swapped_after(real: StoreConnector, other: StoreConnector, verb: str) -> FaultyConnector:
    """After the first call of a verb, another store answers at the same address."""
    at_work = [real]

    def passing(name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            answer = getattr(at_work[0], name)(*arguments)
            if name == verb:
                at_work[0] = other
            return answer

        return call

    return FaultyConnector(
        real, **{name: passing(name) for name in ("identity", "resolve", "count", "erase", "verify", "now")}
    )


@pytest.mark.parametrize("verb", ["count", "erase"])
def test_a_database_that_is_swapped_on_the_way(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, twin: Twin, verb: str
) -> None:
    batch = installation.plan(holder.csv)
    installation.erase(
        batch,
        installation.with_stores({"main": swapped_after(installation.workspace.stores["main"], twin.store, verb)}),
    )
    assert_failed(
        installation, batch, f"{'erase' if verb == 'count' else 'verify'}:main", "The store main is not the one"
    )
    assert twin.holds(holder)
    assert_ends_well(installation, inspector, holder, batch)


def test_a_replaced_sentinel_is_another_redis(
    installation: Installation, inspector: StoreInspector, holder: SeededPerson, batch: Batch
) -> None:
    with inspector.redis() as client:
        was = client.get(SENTINEL)
        assert was is not None
        client.set(SENTINEL, "11111111-2222-4333-8444-555555555555")
    try:
        with untouched(inspector):
            with pytest.raises(PlanChangedError, match="cache") as refused:
                installation.erase(batch)
            assert refused.value.exit_code == 6
    finally:
        with inspector.redis() as client:
            client.set(SENTINEL, was)

    def emptied() -> None:
        with inspector.redis() as client:
            client.delete(SENTINEL)

    try:
        installation.erase(
            batch,
            installation.with_stores({"cache": before_call(installation.workspace.stores["cache"], "count", emptied)}),
        )
        assert_failed(installation, batch, "erase:cache", "sentinel")
    finally:
        with inspector.redis() as client:
            client.set(SENTINEL, was)
    assert_ends_well(installation, inspector, holder, batch)


def test_a_changed_data_map_needs_a_new_plan(inspector: StoreInspector, holder: SeededPerson, tmp_path: Path) -> None:
    path = tmp_path / "datamap.yaml"
    text = (files("expunge_demo.calltrack") / "datamap.yaml").read_text()
    path.write_text(text)
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", data_map=path) as installation:
        batch = installation.plan(holder.csv)
        path.write_text(text.replace("purpose: Bookkeeping", "purpose: Book-keeping"))
        installation.close()
        with untouched(inspector):
            with pytest.raises(PlanChangedError, match="data map") as refused:
                installation.erase(batch)
            assert refused.value.exit_code == 6
        assert installation.again(batch).state is BatchState.PLANNED
        path.write_text(text)
        installation.close()
        assert_ends_well(installation, inspector, holder, batch)
