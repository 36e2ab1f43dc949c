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
from tests.support.faulty_connector import Instead, before
from tests.support.installation import Office, founded
from tests.support.outages import SERVERS, rename, server_of
from tests.support.people import Made, make_holder
from tests.support.seaweed_accounts import grant, new_account
from tests.support.store_inspector import Probe, changed

from expunge_connectors.contract import StoreConnector
from expunge_connectors.errors import ConnectorError
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.s3 import S3Connection, S3Store
from expunge_orchestrator.errors import FindingsError, PlanChangedError
from expunge_orchestrator.ledger.batches import Batch, BatchState

DONE = {"erased", "partially-erased"}


@pytest.fixture(scope="module")
def office(workshop: Office) -> Office:
    """One installation for the module."""
    return workshop


@pytest.fixture
def holder(probe: Probe) -> Made:
    return make_holder(probe)


@pytest.fixture
def batch(office: Office, holder: Made) -> Batch:
    return office.plan(holder.csv)


@contextmanager
def untouched(probe: Probe) -> Iterator[None]:
    """Nothing in any store changes inside."""
    was = probe.contents()
    yield
    assert changed(was, probe.contents()) == {}


def assert_failed(office: Office, batch: Batch, *words: str) -> None:
    again = office.again(batch)
    assert again.state is BatchState.FAILED
    told = office.failures(batch)
    assert all(word in told for word in words), told
    assert office.events(batch) == [["accepted"]]
    assert office.outcomes(batch).keys() <= {"failed", "open"}


def assert_ends_well(office: Office, probe: Probe, holder: Made, batch: Batch) -> None:
    """The same command again, with everything mended."""
    again = office.erase(batch)
    assert again.state is BatchState.ERASED, office.failures(again)
    ((accepted, concluded),) = office.events(again)
    assert accepted == "accepted"
    assert concluded in DONE
    assert not any(holder.left(probe).values()), holder.left(probe)


# Stopped -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", SERVERS)
def test_a_store_that_stops_while_it_is_erased(
    office: Office, probe: Probe, holder: Made, batch: Batch, store: str
) -> None:
    server = server_of(probe, store)
    broken = office.with_stores({store: before(office.workspace.stores[store], "erase", server.stop)})
    try:
        office.erase(batch, broken)
        assert_failed(office, batch, f"erase:{store}", store)
    finally:
        server.start()
    assert_ends_well(office, probe, holder, batch)


@pytest.mark.parametrize("store", SERVERS)
def test_a_store_that_is_stopped_from_the_start(
    office: Office, probe: Probe, holder: Made, batch: Batch, store: str
) -> None:
    server = server_of(probe, store)
    was = probe.contents()
    server.stop()
    try:
        with pytest.raises(ConnectorError, match=store) as refused:
            office.erase(batch)
        assert refused.value.exit_code == 8
        with pytest.raises(ConnectorError, match=store):
            office.plan(holder.csv)
    finally:
        server.start()
    assert office.again(batch).state is BatchState.PLANNED
    assert office.events(batch) == []
    assert changed(was, probe.contents()) == {}
    assert_ends_well(office, probe, holder, batch)


# A part is missing ---------------------------------------------------------------------------------------------------


def test_a_missing_table_refuses_a_plan_and_a_planned_batch(
    office: Office, probe: Probe, holder: Made, batch: Batch
) -> None:
    rename(probe, "messages", "messages_away")
    try:
        with untouched(probe):
            with pytest.raises(FindingsError, match=r"main\.messages"):
                office.plan(holder.csv)
            with pytest.raises(FindingsError, match=r"main\.messages"):
                office.erase(batch)
        assert office.again(batch).state is BatchState.PLANNED
        assert office.events(batch) == []
    finally:
        rename(probe, "messages_away", "messages")
    assert_ends_well(office, probe, holder, batch)


@pytest.mark.parametrize("verb", ["resolve", "count", "erase", "verify"])
def test_a_table_that_goes_missing_on_the_way(
    office: Office, probe: Probe, holder: Made, batch: Batch, verb: str
) -> None:
    def take_away() -> None:
        rename(probe, "messages", "messages_away")

    try:
        office.erase(batch, office.with_stores({"main": before(office.workspace.stores["main"], verb, take_away)}))
        assert_failed(office, batch, "main", "messages")
    finally:
        rename(probe, "messages_away", "messages")
    assert_ends_well(office, probe, holder, batch)


def test_a_missing_bucket(office: Office, probe: Probe, holder: Made, batch: Batch) -> None:
    bucket = "calltrack-exports"
    kept = {key: probe.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key, *_ in probe.versions(bucket)}
    during = office.plan(holder.csv)
    try:
        for key in kept:
            probe.s3.delete_object(Bucket=bucket, Key=key)
        probe.s3.delete_bucket(Bucket=bucket)
        with pytest.raises(FindingsError, match=bucket):
            office.plan(holder.csv)
        with pytest.raises((ConnectorError, FindingsError, PlanChangedError), match="recordings"):
            office.erase(batch)
        assert office.again(batch).state is BatchState.PLANNED
    finally:
        probe.s3.create_bucket(Bucket=bucket)
        for key, body in kept.items():
            probe.s3.put_object(Bucket=bucket, Key=key, Body=body)
    # The same name again is another bucket: whatever is in it, it is not what was planned for.
    with untouched(probe):
        with pytest.raises(PlanChangedError, match="recordings") as refused:
            office.erase(during)
        assert refused.value.exit_code == 6
    assert_ends_well(office, probe, holder, office.plan(holder.csv))


# Rights are missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "right", ["DELETE ON public.messages", "UPDATE (email, full_name, phone, status) ON public.users"]
)
def test_a_read_only_role(office: Office, probe: Probe, holder: Made, batch: Batch, right: str) -> None:
    table = right.rpartition(".")[2]

    def revoke() -> None:
        probe.sql(f"REVOKE {right} FROM expunge_app")

    try:
        revoke()
        with untouched(probe):
            with pytest.raises(FindingsError, match=rf"main\.{table}"):
                office.plan(holder.csv)
            with pytest.raises(FindingsError, match=rf"main\.{table}"):
                office.erase(batch)
        assert office.again(batch).state is BatchState.PLANNED
        probe.sql(f"GRANT {right} TO expunge_app")
        office.erase(batch, office.with_stores({"main": before(office.workspace.stores["main"], "erase", revoke)}))
        assert_failed(office, batch, f"store main, collection {table}: permission denied")
    finally:
        probe.sql(f"GRANT {right} TO expunge_app")
    assert_ends_well(office, probe, holder, batch)


def test_a_redis_user_without_the_right_to_remove(probe: Probe, holder: Made, tmp_path: Path) -> None:
    name, password = "clerk", secrets.token_urlsafe(18)
    url = urlsplit(probe.town.stack.endpoints.redis_url)
    narrow = url._replace(netloc=f"{name}:{password}@{url.netloc.rpartition('@')[2]}").geturl()
    stores = {**probe.town.settings(tmp_path / "x").stores, "cache": {"url": SecretStr(narrow)}}
    try:
        with probe.redis() as client:
            client.execute_command("ACL", "SETUSER", name, "on", f">{password}", "~*", "+@all", "-flushall")
        with founded(probe.town, tmp_path / "expunge", stores=stores) as office:
            batch = office.plan(holder.csv)

            def narrowed() -> None:
                with probe.redis() as client:
                    client.execute_command("ACL", "SETUSER", name, "-unlink", "-del")

            cache = office.workspace.stores["cache"]
            office.erase(batch, office.with_stores({"cache": before(cache, "erase", narrowed)}))
            assert_failed(office, batch, "erase:cache", "Store cache, collection", "refused")
            with pytest.raises(FindingsError, match="cache"):
                office.plan(holder.csv)
            with probe.redis() as client:
                client.execute_command("ACL", "SETUSER", name, "+unlink", "+del")
            assert_ends_well(office, probe, holder, batch)
    finally:
        with probe.redis() as client:
            client.execute_command("ACL", "DELUSER", name)


def test_an_s3_role_that_may_not_remove_some_objects(office: Office, probe: Probe, holder: Made, batch: Batch) -> None:
    """The service refuses them one by one, beside others in the same call: who they belong to is not erased."""
    free = make_holder(probe)
    stack, buckets = probe.town.stack, [f"calltrack-{name}" for name in ("recordings", "exports", "logs")]
    account = new_account(stack)
    grant(stack, account, buckets, ["/".join(free.objects["exports"])])
    narrow = S3Store(
        "recordings",
        office.workspace.data_map,
        S3Connection.model_validate(
            {
                "endpoint_url": account.s3_endpoint,
                "access_key_id": account.s3_access_key,
                "secret_access_key": account.s3_secret_key,
            }
        ),
    )
    workspace = office.with_stores({"recordings": narrow})
    both = office.plan(f"{holder.csv}{free.id}\n", workspace=workspace)
    try:
        assert office.erase(both, workspace).state is BatchState.FAILED
        assert office.outcomes(both) == {"failed": 1, "erased": 1}
        assert office.events(both) == [["accepted"], ["accepted", "erased"]]
        assert "Store recordings, collection exports: the service refuses" in office.failures(both)
        assert holder.left(probe)["recordings.exports"] == 1
        assert not any(free.left(probe).values())
        assert office.erase(both, workspace).state is BatchState.FAILED
        assert office.events(both) == [["accepted"], ["accepted", "erased"]]
    finally:
        narrow.close()


# Another store behind the same name ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Twin:
    """A database with the same rows in the same cluster: another database all the same."""

    store: StoreConnector
    url: str = field(repr=False)

    def holds(self, holder: Made) -> bool:
        """The person is there as before."""
        with psycopg.connect(self.url) as connection:
            return bool(connection.execute("SELECT FROM users WHERE email = %s", (holder.email,)).fetchall())


@pytest.fixture
def twin(office: Office, probe: Probe, holder: Made) -> Iterator[Twin]:
    """A copy of the company's database, made when the person is in it."""
    name = f"twin_{secrets.token_hex(4)}"
    superuser = urlsplit(probe.town.stack.endpoints.postgres_url)
    with psycopg.connect(superuser._replace(path="/template1").geturl(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE postgres").format(sql.Identifier(name)))
    ours = urlsplit(probe.town.loaded.postgres_url)._replace(path=f"/{name}").geturl()
    made = PostgresStore("main", office.workspace.data_map, PostgresConnection(url=SecretStr(ours)))
    try:
        yield Twin(made, superuser._replace(path=f"/{name}").geturl())
    finally:
        made.close()
        probe.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_another_database_behind_the_same_url(
    office: Office, probe: Probe, holder: Made, batch: Batch, twin: Twin
) -> None:
    with untouched(probe):
        with pytest.raises(PlanChangedError, match="main") as refused:
            office.erase(batch, office.with_stores({"main": twin.store}))
        assert refused.value.exit_code == 6
    assert twin.holds(holder)
    assert office.again(batch).state is BatchState.PLANNED
    assert office.events(batch) == []
    assert_ends_well(office, probe, holder, batch)


def swapped_after(real: StoreConnector, other: StoreConnector, verb: str) -> Instead:
    """After the first call of a verb, another store answers at the same address."""
    at_work = [real]

    def passing(name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            answer = getattr(at_work[0], name)(*arguments)
            if name == verb:
                at_work[0] = other
            return answer

        return call

    return Instead(real, **{name: passing(name) for name in ("identity", "resolve", "count", "erase", "verify", "now")})


@pytest.mark.parametrize("verb", ["count", "erase"])
def test_a_database_that_is_swapped_on_the_way(
    office: Office, probe: Probe, holder: Made, twin: Twin, verb: str
) -> None:
    batch = office.plan(holder.csv)
    office.erase(batch, office.with_stores({"main": swapped_after(office.workspace.stores["main"], twin.store, verb)}))
    assert_failed(office, batch, f"{'erase' if verb == 'count' else 'verify'}:main", "The store main is not the one")
    assert twin.holds(holder)
    assert_ends_well(office, probe, holder, batch)


def test_a_replaced_sentinel_is_another_redis(office: Office, probe: Probe, holder: Made, batch: Batch) -> None:
    with probe.redis() as client:
        was = client.get(SENTINEL)
        assert was is not None
        client.set(SENTINEL, "11111111-2222-4333-8444-555555555555")
    try:
        with untouched(probe):
            with pytest.raises(PlanChangedError, match="cache") as refused:
                office.erase(batch)
            assert refused.value.exit_code == 6
    finally:
        with probe.redis() as client:
            client.set(SENTINEL, was)

    def emptied() -> None:
        with probe.redis() as client:
            client.delete(SENTINEL)

    try:
        office.erase(batch, office.with_stores({"cache": before(office.workspace.stores["cache"], "count", emptied)}))
        assert_failed(office, batch, "erase:cache", "sentinel")
    finally:
        with probe.redis() as client:
            client.set(SENTINEL, was)
    assert_ends_well(office, probe, holder, batch)


def test_a_changed_data_map_needs_a_new_plan(probe: Probe, holder: Made, tmp_path: Path) -> None:
    path = tmp_path / "datamap.yaml"
    text = (files("expunge_config.examples.calltrack") / "datamap.yaml").read_text()
    path.write_text(text)
    with founded(probe.town, tmp_path / "expunge", data_map=path) as office:
        batch = office.plan(holder.csv)
        path.write_text(text.replace("purpose: Bookkeeping", "purpose: Book-keeping"))
        office.close()
        with untouched(probe):
            with pytest.raises(PlanChangedError, match="data map") as refused:
                office.erase(batch)
            assert refused.value.exit_code == 6
        assert office.again(batch).state is BatchState.PLANNED
        path.write_text(text)
        office.close()
        assert_ends_well(office, probe, holder, batch)
