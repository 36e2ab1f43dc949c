"""A store that answers with another identity by now keeps nobody for ever: `expunge end` leaves it out (ADR 4, ADR 8).

Half-way, in every way of ending: `another_cache_half_way` in `test_cancel_and_end`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from tests.support.cancellation import end, keys_left, residual
from tests.support.cli import CliRunner
from tests.support.end_states import another_cache, another_cache_half_way, left
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_holder
from tests.support.public_schemas import copied
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.json_views import batch_view
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")


def erased(installation: Installation, person: SeededPerson) -> Batch:
    batch = installation.plan(person.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    return batch


def stated(installation: Installation, batch: Batch) -> dict[str, str]:
    """What the end says: `store.collection` -> outcome."""
    (said,) = statements_of(installation, batch, "partially-erased")
    assert "not looked at any more" in str(said.body["reason"])
    assert "another store" in str(said.body["reason"])
    return {name: outcome for name, (outcome, *_) in lines_of(said.body).items()}


def of_store(outcomes: dict[str, str], store: str) -> set[str]:
    return {outcome for name, outcome in outcomes.items() if name.startswith(f"{store}.")}


def test_a_cache_flushed_and_adopted_before_settling(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    with (
        fresh_installation(calltrack, tmp_path / "expunge") as installation,
        another_cache(inspector) as comes,
        inspector.redis() as client,
    ):
        cli = CliRunner(tmp_path, calltrack.environment(installation.home), fork_server)
        batch = erased(installation, ann)
        comes()
        client.set(f"cache:user:{ann.id}", "in the other store")
        later = erased(installation, bob)
        was = inspector.contents()
        for _ in range(2):
            due = cli.run("run-due", settings={"EXPUNGE_SETTLING": "PT0S"})
            assert (due.code, "expunge end" in due.output) == (1, True), due
            assert batch.uid in due.output
            assert later.uid not in due.output
            assert installation.again(later).state is BatchState.SETTLED, "others go on"
        for verb, code in (("retry", 1), ("cancel", 11)):
            told = cli.run(verb, batch.uid)
            assert (told.code, f"expunge end {batch.uid}" in told.output) == (code, True), told
        assert f"expunge end {batch.uid}" in cli.run("status", batch.uid).output
        assert changed(was, inspector.contents()) == {}
        done = cli.run("end", batch.uid, "--confirm", batch.plan_digest)
        assert done.code == 0, done
        assert changed(was, inspector.contents()) == {}, "nothing is erased where another store answers"
        assert cli.run("run-due").code == 0
        assert installation.events(batch) == [["accepted", "erased", "partially-erased"]]
        outcomes = stated(installation, batch)
        assert of_store(outcomes, "cache") == {"left"}
        assert "left" not in of_store(outcomes, "main") | of_store(outcomes, "recordings")
        assert keys_left(installation, batch) == 0
        assert_chain_intact(installation, batch)
        again = installation.plan(ann.csv)
        assert installation.erase(again).state is BatchState.ERASED, installation.failures(again)
        assert installation.outcomes(again) == {"erased": 1}, installation.reasons(again)
        assert (left(ann, inspector), residual(installation)) == ({}, [])


def test_a_later_request_half_way_waits_for_nothing_but_the_end(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Whose keys the cache lost, or still has: what was kept leads there, and the later request looks by it."""
    ann = make_holder(inspector)
    with another_cache_half_way(installation, inspector, ann) as batch:
        later = installation.plan(ann.csv)
        assert installation.erase(later).state is BatchState.FAILED
        assert "another request of this person is not finished" in installation.failures(later)
        assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
        outcomes = stated(installation, batch)
        assert {"erased", "tombstoned"} <= of_store(outcomes, "main"), "what is known stays said"
        places = batch_view(installation.workspace, installation.again(batch))["left"]
        assert {one["records"] for one in places.values()} == {1}
        assert installation.erase(later).state is BatchState.ERASED, installation.failures(later)
        assert (left(ann, inspector), residual(installation)) == ({}, [])


@contextmanager
def on_a_copy(calltrack: CompanyStack, home: Path) -> Iterator[tuple[Installation, str]]:
    """An installation beside a copy of the company's database; the copy's name."""
    with copied(calltrack.stack.endpoints.postgres_url) as url:
        name = url.rpartition("/")[2]
        stores = with_database(calltrack.settings(home).stores, name)
        with fresh_installation(calltrack, home, stores=stores) as installation:
            yield installation, name


def with_database(stores: Any, name: str) -> Any:
    address = stores["main"]["url"].get_secret_value().rpartition("/")[0]
    return {**stores, "main": {**stores["main"], "url": SecretStr(f"{address}/{name}")}}


@contextmanager
def renamed(calltrack: CompanyStack, name: str) -> Iterator[str]:
    """The database under another name, for the `with` block."""
    server = calltrack.stack.endpoints.postgres_url.rpartition("/")[0]

    def rename(before: str, after: str) -> None:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            admin.execute(statement.format(sql.Identifier(before), sql.Identifier(after)))

    other = f"{name}_r"
    rename(name, other)
    try:
        yield other
    finally:
        rename(other, name)


def test_a_database_renamed_before_settling(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> None:
    ann = make_holder(inspector)
    with on_a_copy(calltrack, tmp_path / "expunge") as (installation, name):
        batch = erased(installation, ann)
        installation.close()
        with renamed(calltrack, name) as called:
            stores = with_database(installation.settings.stores, called)
            installation.settings = installation.settings.model_copy(update={"stores": stores})
            installation.settle()
            assert installation.again(batch).state is BatchState.FAILED
            assert f"expunge end {batch.uid}" in installation.failures(batch)
            assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
            outcomes = stated(installation, batch)
            assert of_store(outcomes, "main") == {"left"}
            assert "left" not in of_store(outcomes, "cache") | of_store(outcomes, "recordings")
            assert keys_left(installation, batch) == 0
            assert_chain_intact(installation, batch)
            kept = residual(installation)
            installation.erase(installation.plan(f"email\n{ann.email}\n"))
            assert residual(installation) == kept != [], "who has the address may be somebody else"
            later = installation.plan(ann.csv)
            assert installation.erase(later).state is BatchState.ERASED, installation.failures(later)
            assert installation.outcomes(later) == {"not-found": 1}, installation.reasons(later)
            assert residual(installation) == []
            installation.settle()
            assert installation.again(later).state is BatchState.SETTLED, installation.failures(later)
            installation.close()
