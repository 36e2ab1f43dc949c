"""Writers that began before the cutoff are caught; whoever comes after it is another story (laws 1 and 7)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from tests.support.bulk_people import counted
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation, fresh_installation
from tests.support.people import CLIENT, SeededPerson, make_caller, make_holder
from tests.support.servers import wait_until
from tests.support.statements import assert_chain_intact
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

Statement = tuple[str, tuple[object, ...]]
DONE = {"erased", "partially-erased"}


@dataclass(slots=True)
class Writer:
    """Another program, in the middle of a transaction."""

    connection: psycopg.Connection
    name: str
    _ended: list[threading.Thread] = field(default_factory=list)

    def write(self, statement: Statement) -> None:
        self.connection.execute(*statement)  # type: ignore[call-overload]

    def prepare(self) -> None:
        """Two-phase commit: from here on the transaction outlives its session."""
        self.connection.execute(f"PREPARE TRANSACTION '{self.name}'")

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def commit_prepared(self) -> None:
        self.connection.execute(f"COMMIT PREPARED '{self.name}'")

    def commit_when_awaited(self, inspector: StoreInspector, commit: Callable[[], None]) -> None:
        """Commit as soon as somebody has looked at what runs and found this transaction."""
        looked = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expunge' AND query LIKE '%%pg_prepared_xacts%%'"
        )
        self.commit_when(lambda: bool(inspector.sql(looked)), commit)

    def commit_when(self, true: Callable[[], bool], commit: Callable[[], None]) -> None:
        """Commit as soon as something is true."""

        def work() -> None:
            wait_until(true)
            commit()

        thread = threading.Thread(target=work)
        thread.start()
        self._ended.append(thread)

    def join(self) -> None:
        for thread in self._ended:
            thread.join()


@pytest.fixture
def writer(inspector: StoreInspector) -> Iterator[Writer]:
    """A transaction that has begun already, and is cleared away if the test does not end it."""
    name = f"late_{secrets.token_hex(4)}"
    with inspector.postgres() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT txid_current()")
        made = Writer(connection, name)
        yield made
        made.join()
        connection.execute("ROLLBACK")
        if inspector.sql("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", name):
            connection.execute(f"ROLLBACK PREPARED '{name}'")


@contextmanager
def impatient(inspector: StoreInspector, home: Path) -> Iterator[Installation]:
    """An installation that waits a moment for old transactions, twice, and then gives up."""
    stores = dict(inspector.calltrack.settings(home).stores)
    stores["main"] = {**stores["main"], "verification_wait_seconds": SecretStr("0.2")}
    with fresh_installation(inspector.calltrack, home, stores=stores, max_attempts=2) as made:
        yield made


def message_of(holder: SeededPerson) -> Statement:
    return "INSERT INTO messages (user_id, body) VALUES (%s, 'late')", (holder.id,)


def lead_of(caller: SeededPerson) -> Statement:
    """A web form that names no caller, and agrees in phone and e-mail."""
    return (
        "INSERT INTO leads (client_id, name, postal_address, email, phone) VALUES (%s, 'Late', 'X', %s, %s)",
        (CLIENT, caller.email, caller.phone),
    )


def leads_left(inspector: StoreInspector, caller: SeededPerson) -> int:
    return int(inspector.one("SELECT count(*) FROM leads WHERE email = %s OR phone = %s", caller.email, caller.phone))


def assert_settled(installation: Installation, batch: Batch, *, again: bool) -> None:
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    ((accepted, concluded, *rest),) = installation.events(batch)
    assert accepted == "accepted"
    assert concluded in DONE
    assert rest == (["re-erased", "settled"] if again else ["settled"])
    assert_chain_intact(installation, batch)


def test_verification_waits_for_a_transaction_that_writes_after_the_erasure(
    module_installation: Installation, inspector: StoreInspector, writer: Writer
) -> None:
    holder = make_holder(inspector)
    batch = module_installation.plan(holder.csv)

    def goes_on() -> None:
        writer.write(message_of(holder))
        writer.commit_when_awaited(inspector, writer.commit)

    ended = module_installation.erase(
        batch,
        module_installation.with_stores(
            {"main": before_call(module_installation.workspace.stores["main"], "verify", goes_on)}
        ),
    )
    writer.join()
    assert ended.state is BatchState.ERASED, module_installation.failures(ended)
    assert not any(holder.left(inspector).values()), holder.left(inspector)
    assert_settled(module_installation, batch, again=False)


def test_a_record_that_comes_between_children_and_parent_is_nobodys_poison(
    module_installation: Installation, inspector: StoreInspector, writer: Writer
) -> None:
    """Its foreign key holds the parent's row until it is committed, and then the parent may not be deleted."""
    callers = [make_caller(inspector) for _ in range(3)]
    batch = module_installation.plan("caller_id\n" + "".join(f"{one.id}\n" for one in callers), callers[0].controller)
    writer.write(
        (
            "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at) VALUES (%s, %s, %s, 1, now())",
            (CLIENT, callers[1].id, callers[1].phone),
        )
    )
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expunge' AND wait_event_type = 'Lock'"

    def goes_on() -> None:
        writer.commit_when(lambda: bool(inspector.sql(waiting)), writer.commit)

    main, calls = counted(before_call(module_installation.workspace.stores["main"], "erase", goes_on), "erase")  # type: ignore[arg-type]
    ended = module_installation.erase(batch, module_installation.with_stores({"main": main}))  # type: ignore[dict-item]
    writer.join()
    assert ended.state is BatchState.ERASED, module_installation.failures(batch)
    assert calls == [3, 3]  # the second call finds the child as well
    assert not any(number for one in callers for number in one.left(inspector).values())
    assert module_installation.events(batch) == [["accepted", "erased"]] * 3


@pytest.mark.parametrize("prepared", [False, True], ids=["open", "prepared"])
def test_verification_waits_for_a_transaction_that_wrote_before_the_cutoff(
    module_installation: Installation, inspector: StoreInspector, writer: Writer, *, prepared: bool
) -> None:
    caller = make_caller(inspector)
    batch = module_installation.plan(caller.csv, caller.controller)
    writer.write(lead_of(caller))
    if prepared:
        writer.prepare()
    commit = writer.commit_prepared if prepared else writer.commit

    def goes_on() -> None:
        writer.commit_when_awaited(inspector, commit)

    ended = module_installation.erase(
        batch,
        module_installation.with_stores(
            {"main": before_call(module_installation.workspace.stores["main"], "verify", goes_on)}
        ),
    )
    writer.join()
    assert ended.state is BatchState.ERASED, module_installation.failures(ended)
    assert leads_left(inspector, caller) == 0
    assert not any(caller.left(inspector).values())
    assert_settled(module_installation, batch, again=False)


@pytest.mark.parametrize("prepared", [False, True], ids=["open", "prepared"])
def test_a_transaction_that_does_not_end_is_no_success(
    inspector: StoreInspector, writer: Writer, tmp_path: Path, *, prepared: bool
) -> None:
    caller = make_caller(inspector)
    with impatient(inspector, tmp_path / "expunge") as installation:
        batch = installation.plan(caller.csv, caller.controller)
        writer.write(lead_of(caller))
        if prepared:
            writer.prepare()
        ended = installation.erase(batch)
        assert ended.state is BatchState.EXECUTING  # put off, and tried again by later runs
        assert "verify:main: store main: 1 transactions that may be older than the cutoff" in installation.failures(
            ended
        )
        assert installation.events(batch) == [["accepted"]]
        (writer.commit_prepared if prepared else writer.commit)()
        assert leads_left(inspector, caller) == 1
        assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
        assert leads_left(inspector, caller) == 0
        assert_settled(installation, batch, again=False)


def test_what_appears_before_the_settling_check_is_erased_by_it(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    batch = module_installation.plan(holder.csv)
    assert module_installation.erase(batch).state is BatchState.ERASED
    assert not any(holder.left(inspector).values())
    # A queue delivers what was written long ago, and a cache is filled again from an old page.
    inspector.sql(*message_of(holder)[:1], *message_of(holder)[1])
    with inspector.redis() as client:
        client.set(f"cache:user:{holder.id}", "late")
    inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{holder.id}/late.csv", Body=b"late")
    assert {name for name, number in holder.left(inspector).items() if number} == {
        "main.messages",
        "cache.user_cache",
        "recordings.exports",
    }
    assert_settled(module_installation, batch, again=True)
    assert not any(holder.left(inspector).values())


def test_the_same_person_registering_again_is_left_alone(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    batch = module_installation.plan(holder.csv)
    registered = []

    def register() -> None:
        """At once after the erasure, with the same e-mail and phone."""
        mark = secrets.token_hex(8)
        user = inspector.one(
            "INSERT INTO users (client_id, email, full_name, phone) VALUES (%s, %s, 'Again', %s) RETURNING id",
            CLIENT,
            holder.email,
            holder.phone,
        )
        inspector.sql("INSERT INTO user_profiles VALUES (%s, 'Europe/Berlin', '{}')", user)
        inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'Hello again')", user)
        inspector.sql("INSERT INTO marketing_optouts (email) VALUES (%s)", holder.email)
        with inspector.redis() as client:
            client.sadd(f"user:{user}:sessions", mark)
            client.hset(f"session:{mark}", mapping={"user_id": user, "email": holder.email})
            client.set(f"cache:user:{user}", holder.email)
            client.zadd("online", {str(user): 1.0})
        inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{user}/again.csv", Body=b"again")
        registered.append(inspector.contents())

    main = module_installation.workspace.stores["main"]
    ended = module_installation.erase(
        batch, module_installation.with_stores({"main": before_call(main, "verify", register)})
    )
    assert ended.state is BatchState.ERASED, module_installation.failures(ended)
    assert changed(registered[0], inspector.contents()) == {}
    with reading(module_installation.workspace.ledger) as connection:
        counts = BatchSums().records(connection, ended).remaining()
    newer = {name: one["newer"] for name, one in counts.items() if one["newer"]}
    assert newer == {"main.users": 1, "main.marketing_optouts": 1}
    assert {one["due"] for one in counts.values()} == {0}
    assert_settled(module_installation, batch, again=False)
    assert changed(registered[0], inspector.contents()) == {}
    assert not any(number for name, number in holder.left(inspector).items() if name != "main.marketing_optouts")


def test_another_person_with_the_same_phone_who_was_about_to_be_written(
    module_installation: Installation, inspector: StoreInspector, writer: Writer
) -> None:
    """Nobody could see this account when the phone was resolved: it is not the person who was found then."""
    holder = make_holder(inspector)
    batch = module_installation.plan(f"phone\n{holder.phone}\n")
    other = f"other-{secrets.token_hex(4)}@people.example"
    writer.write(
        (
            "INSERT INTO users (client_id, email, full_name, phone) VALUES (%s, %s, 'Other', %s)",
            (CLIENT, other, holder.phone),
        )
    )
    main = module_installation.workspace.stores["main"]
    ended = module_installation.erase(
        batch, module_installation.with_stores({"main": before_call(main, "erase", writer.commit)})
    )
    assert ended.state is BatchState.ERASED, module_installation.failures(ended)
    with reading(module_installation.workspace.ledger) as connection:
        counts = BatchSums().records(connection, ended).remaining()
    assert not any(one["newer"] or one["due"] for one in counts.values())
    assert not any(holder.left(inspector).values()), holder.left(inspector)
    assert_settled(module_installation, batch, again=False)
    assert inspector.sql("SELECT full_name, phone FROM users WHERE email = %s", other) == [("Other", holder.phone)]
