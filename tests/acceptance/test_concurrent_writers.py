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
from tests.support.faulty_connector import before
from tests.support.installation import Office, founded
from tests.support.people import CLIENT, Made, make_caller, make_holder
from tests.support.servers import wait_until
from tests.support.statements import assert_chain_intact
from tests.support.store_inspector import Probe, changed

from expunge_orchestrator.ledger.batch_status import remaining_by_collection
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading

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

    def commit_when_awaited(self, probe: Probe, commit: Callable[[], None]) -> None:
        """Commit as soon as somebody has looked at what runs and found this transaction."""
        looked = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expunge' AND query LIKE '%%pg_prepared_xacts%%'"
        )
        self.commit_when(lambda: bool(probe.sql(looked)), commit)

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
def writer(probe: Probe) -> Iterator[Writer]:
    """A transaction that has begun already, and is cleared away if the test does not end it."""
    name = f"late_{secrets.token_hex(4)}"
    with probe.postgres() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT txid_current()")
        made = Writer(connection, name)
        yield made
        made.join()
        connection.execute("ROLLBACK")
        if probe.sql("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", name):
            connection.execute(f"ROLLBACK PREPARED '{name}'")


@contextmanager
def impatient(probe: Probe, home: Path) -> Iterator[Office]:
    """An installation that waits a moment for old transactions, twice, and then gives up."""
    stores = dict(probe.town.settings(home).stores)
    stores["main"] = {**stores["main"], "verification_wait_seconds": SecretStr("0.2")}
    with founded(probe.town, home, stores=stores, max_attempts=2) as made:
        yield made


def message_of(holder: Made) -> Statement:
    return "INSERT INTO messages (user_id, body) VALUES (%s, 'late')", (holder.id,)


def lead_of(caller: Made) -> Statement:
    """A web form that names no caller, and agrees in phone and e-mail."""
    return (
        "INSERT INTO leads (client_id, name, postal_address, email, phone) VALUES (%s, 'Late', 'X', %s, %s)",
        (CLIENT, caller.email, caller.phone),
    )


def leads_left(probe: Probe, caller: Made) -> int:
    return int(probe.one("SELECT count(*) FROM leads WHERE email = %s OR phone = %s", caller.email, caller.phone))


def assert_settled(office: Office, batch: Batch, *, again: bool) -> None:
    office.settle()
    assert office.again(batch).state is BatchState.SETTLED, office.failures(batch)
    ((accepted, concluded, *rest),) = office.events(batch)
    assert accepted == "accepted"
    assert concluded in DONE
    assert rest == (["re-erased", "settled"] if again else ["settled"])
    assert_chain_intact(office, batch)


def test_verification_waits_for_a_transaction_that_writes_after_the_erasure(
    workshop: Office, probe: Probe, writer: Writer
) -> None:
    holder = make_holder(probe)
    batch = workshop.plan(holder.csv)

    def goes_on() -> None:
        writer.write(message_of(holder))
        writer.commit_when_awaited(probe, writer.commit)

    ended = workshop.erase(
        batch, workshop.with_stores({"main": before(workshop.workspace.stores["main"], "verify", goes_on)})
    )
    writer.join()
    assert ended.state is BatchState.ERASED, workshop.failures(ended)
    assert not any(holder.left(probe).values()), holder.left(probe)
    assert_settled(workshop, batch, again=False)


def test_a_record_that_comes_between_children_and_parent_is_nobodys_poison(
    workshop: Office, probe: Probe, writer: Writer
) -> None:
    """Its foreign key holds the parent's row until it is committed, and then the parent may not be deleted."""
    callers = [make_caller(probe) for _ in range(3)]
    batch = workshop.plan("caller_id\n" + "".join(f"{one.id}\n" for one in callers), callers[0].controller)
    writer.write(
        (
            "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at) VALUES (%s, %s, %s, 1, now())",
            (CLIENT, callers[1].id, callers[1].phone),
        )
    )
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expunge' AND wait_event_type = 'Lock'"

    def goes_on() -> None:
        writer.commit_when(lambda: bool(probe.sql(waiting)), writer.commit)

    main, calls = counted(before(workshop.workspace.stores["main"], "erase", goes_on), "erase")  # type: ignore[arg-type]
    ended = workshop.erase(batch, workshop.with_stores({"main": main}))  # type: ignore[dict-item]
    writer.join()
    assert ended.state is BatchState.ERASED, workshop.failures(batch)
    assert calls == [3, 3]  # the second call finds the child as well
    assert not any(number for one in callers for number in one.left(probe).values())
    assert workshop.events(batch) == [["accepted", "erased"]] * 3


@pytest.mark.parametrize("prepared", [False, True], ids=["open", "prepared"])
def test_verification_waits_for_a_transaction_that_wrote_before_the_cutoff(
    workshop: Office, probe: Probe, writer: Writer, *, prepared: bool
) -> None:
    caller = make_caller(probe)
    batch = workshop.plan(caller.csv, caller.controller)
    writer.write(lead_of(caller))
    if prepared:
        writer.prepare()
    commit = writer.commit_prepared if prepared else writer.commit

    def goes_on() -> None:
        writer.commit_when_awaited(probe, commit)

    ended = workshop.erase(
        batch, workshop.with_stores({"main": before(workshop.workspace.stores["main"], "verify", goes_on)})
    )
    writer.join()
    assert ended.state is BatchState.ERASED, workshop.failures(ended)
    assert leads_left(probe, caller) == 0
    assert not any(caller.left(probe).values())
    assert_settled(workshop, batch, again=False)


@pytest.mark.parametrize("prepared", [False, True], ids=["open", "prepared"])
def test_a_transaction_that_does_not_end_is_no_success(
    probe: Probe, writer: Writer, tmp_path: Path, *, prepared: bool
) -> None:
    caller = make_caller(probe)
    with impatient(probe, tmp_path / "expunge") as office:
        batch = office.plan(caller.csv, caller.controller)
        writer.write(lead_of(caller))
        if prepared:
            writer.prepare()
        ended = office.erase(batch)
        assert ended.state is BatchState.FAILED
        assert "verify:main: store main: 1 transactions that may be older than the cutoff" in office.failures(ended)
        assert office.events(batch) == [["accepted"]]
        (writer.commit_prepared if prepared else writer.commit)()
        assert leads_left(probe, caller) == 1
        assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
        assert leads_left(probe, caller) == 0
        assert_settled(office, batch, again=False)


def test_what_appears_before_the_settling_check_is_erased_by_it(workshop: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = workshop.plan(holder.csv)
    assert workshop.erase(batch).state is BatchState.ERASED
    assert not any(holder.left(probe).values())
    # A queue delivers what was written long ago, and a cache is filled again from an old page.
    probe.sql(*message_of(holder)[:1], *message_of(holder)[1])
    with probe.redis() as client:
        client.set(f"cache:user:{holder.id}", "late")
    probe.s3.put_object(Bucket="calltrack-exports", Key=f"users/{holder.id}/late.csv", Body=b"late")
    assert {name for name, number in holder.left(probe).items() if number} == {
        "main.messages",
        "cache.user_cache",
        "recordings.exports",
    }
    assert_settled(workshop, batch, again=True)
    assert not any(holder.left(probe).values())


def test_the_same_person_registering_again_is_left_alone(workshop: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = workshop.plan(holder.csv)
    registered = []

    def register() -> None:
        """At once after the erasure, with the same e-mail and phone."""
        mark = secrets.token_hex(8)
        user = probe.one(
            "INSERT INTO users (client_id, email, full_name, phone) VALUES (%s, %s, 'Again', %s) RETURNING id",
            CLIENT,
            holder.email,
            holder.phone,
        )
        probe.sql("INSERT INTO user_profiles VALUES (%s, 'Europe/Berlin', '{}')", user)
        probe.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'Hello again')", user)
        probe.sql("INSERT INTO marketing_optouts (email) VALUES (%s)", holder.email)
        with probe.redis() as client:
            client.sadd(f"user:{user}:sessions", mark)
            client.hset(f"session:{mark}", mapping={"user_id": user, "email": holder.email})
            client.set(f"cache:user:{user}", holder.email)
            client.zadd("online", {str(user): 1.0})
        probe.s3.put_object(Bucket="calltrack-exports", Key=f"users/{user}/again.csv", Body=b"again")
        registered.append(probe.contents())

    main = workshop.workspace.stores["main"]
    ended = workshop.erase(batch, workshop.with_stores({"main": before(main, "verify", register)}))
    assert ended.state is BatchState.ERASED, workshop.failures(ended)
    assert changed(registered[0], probe.contents()) == {}
    with reading(workshop.workspace.ledger) as connection:
        counts = remaining_by_collection(connection, ended)
    newer = {name: one["newer"] for name, one in counts.items() if one["newer"]}
    assert newer == {"main.users": 1, "main.marketing_optouts": 1}
    assert {one["due"] for one in counts.values()} == {0}
    assert_settled(workshop, batch, again=False)
    assert changed(registered[0], probe.contents()) == {}
    assert not any(number for name, number in holder.left(probe).items() if name != "main.marketing_optouts")


def test_another_person_with_the_same_phone_who_was_about_to_be_written(
    workshop: Office, probe: Probe, writer: Writer
) -> None:
    """Nobody could see this account when the phone was resolved: it is not the person who was found then."""
    holder = make_holder(probe)
    batch = workshop.plan(f"phone\n{holder.phone}\n")
    other = f"other-{secrets.token_hex(4)}@people.example"
    writer.write(
        (
            "INSERT INTO users (client_id, email, full_name, phone) VALUES (%s, %s, 'Other', %s)",
            (CLIENT, other, holder.phone),
        )
    )
    main = workshop.workspace.stores["main"]
    ended = workshop.erase(batch, workshop.with_stores({"main": before(main, "erase", writer.commit)}))
    assert ended.state is BatchState.ERASED, workshop.failures(ended)
    with reading(workshop.workspace.ledger) as connection:
        counts = remaining_by_collection(connection, ended)
    assert {name for name, one in counts.items() if one["newer"]} == {"main.users"}
    assert not any(holder.left(probe).values()), holder.left(probe)
    assert_settled(workshop, batch, again=False)
    assert probe.sql("SELECT full_name, phone FROM users WHERE email = %s", other) == [("Other", holder.phone)]
