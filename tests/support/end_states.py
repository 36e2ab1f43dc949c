"""States of a person in which a batch is cancelled or ended (ADR 8), and what the rule makes of each.

What refuses here are the stores themselves: a trigger, a right that was taken away, a legal hold on an object.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from tests.support.bulk_people import POISON, poisoned
from tests.support.cancellation import keys_left, lock, refused, release, residual
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.holds import key, lift, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import assert_chain_intact, destroyed, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_connectors.redis import SENTINEL
from expunge_orchestrator.json_views import batch_view
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState


@contextmanager
def planned(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    yield installation.plan(person.csv, person.controller)


@contextmanager
def held_whole(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    hold = place(installation, [key("user_id", person.id)])
    batch = installation.plan(person.csv)
    assert installation.erase(batch).state is BatchState.ON_HOLD
    try:
        yield batch
    finally:
        lift(installation, hold)


@contextmanager
def failed_before_the_first_call(
    installation: Installation, inspector: StoreInspector, person: SeededPerson
) -> Iterator[Batch]:
    """The count before erasing failed: no store was asked to erase."""
    batch = installation.plan(person.csv)
    broken = FaultyConnector(installation.workspace.stores["cache"], count=refused)
    assert installation.erase(batch, installation.with_stores({"cache": broken})).state is BatchState.FAILED  # type: ignore[dict-item]
    yield batch


@contextmanager
def refused_at_the_first_call(
    installation: Installation, inspector: StoreInspector, person: SeededPerson
) -> Iterator[Batch]:
    """A trigger refuses: the store was asked to erase, and nothing is gone."""
    batch = installation.plan(person.csv)
    with poisoned(inspector, [person.id]):
        assert installation.erase(batch).state is BatchState.FAILED
        yield batch


@contextmanager
def refused_half_way(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    """The right to remove keys is taken away when rows and objects are gone."""
    batch = installation.plan(person.csv)
    with revocable(inspector) as revoke:
        stuck = before_call(installation.workspace.stores["recordings"], "erase", revoke)
        assert installation.erase(batch, installation.with_stores({"recordings": stuck})).state is BatchState.FAILED  # type: ignore[dict-item]
        yield batch


@contextmanager
def revocable(inspector: StoreInspector) -> Iterator[Callable[[], object]]:
    """Yields what takes the right to remove keys from the cache."""
    try:
        with inspector.redis() as client:
            yield lambda: client.execute_command("ACL", "SETUSER", "default", "-unlink")
    finally:
        with inspector.redis() as client:
            client.execute_command("ACL", "SETUSER", "default", "+unlink")


@contextmanager
def refused_then_held(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    """A hold comes when the store has refused: what is held is nobody's to end."""
    with refused_half_way(installation, inspector, person) as batch:
        hold = place(installation, [key("user_id", person.id)])
        yield batch
        lift(installation, hold)


@contextmanager
def refused_at_settling(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    """A message comes back by the settling check, and a trigger refuses to let it go."""
    batch = installation.plan(person.csv)
    assert installation.erase(batch).state is BatchState.ERASED
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", person.id, POISON)
    with poisoned(inspector, []):
        installation.settle()
        assert installation.again(batch).state is BatchState.FAILED
        yield batch


@contextmanager
def another_cache_half_way(
    installation: Installation, inspector: StoreInspector, person: SeededPerson
) -> Iterator[Batch]:
    """The cache's address is another store's when rows are gone, with keys of the person in it."""
    batch = installation.plan(person.csv)
    with another_cache(inspector) as comes:
        stuck = before_call(installation.workspace.stores["recordings"], "erase", comes)
        assert installation.erase(batch, installation.with_stores({"recordings": stuck})).state is BatchState.FAILED  # type: ignore[dict-item]
        yield batch


@contextmanager
def another_cache(inspector: StoreInspector) -> Iterator[Callable[[], object]]:
    """Yields what puts another store in the cache's place, as `expunge adopt` after a FLUSHALL would; its keys stay."""
    with inspector.redis() as client:
        before = client.get(SENTINEL)
        try:
            yield lambda: client.set(SENTINEL, str(uuid.uuid4()))
        finally:
            client.set(SENTINEL, before or b"")


@contextmanager
def locked(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    """The storage keeps the object, and the rows that named it are gone."""
    lock(inspector, *person.objects["recordings"])
    batch = installation.plan(person.csv, person.controller)
    assert installation.erase(batch).state is BatchState.ERASED
    try:
        yield batch
    finally:
        release(inspector, *person.objects["recordings"])


@contextmanager
def erased(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Iterator[Batch]:
    batch = installation.plan(person.csv)
    assert installation.erase(batch).state is BatchState.ERASED
    yield batch


@dataclass(frozen=True, slots=True)
class State:
    """A state of a person, and what the two verbs make of it.

    Attributes:
        events: The statements of the person in this state.
        state: The batch's, as it is told.
        verb: The one that ends it; None: neither does.
    """

    prepare: Callable[[Installation, StoreInspector, SeededPerson], AbstractContextManager[Batch]]
    events: Sequence[str]
    state: str
    verb: str | None
    made: Callable[[StoreInspector], SeededPerson] = field(default=make_holder)


STATES = {
    one.prepare.__name__: one
    for one in (
        State(planned, [], "planned", "cancel"),
        State(held_whole, ["accepted", "on-hold"], "on-hold", "cancel"),
        State(failed_before_the_first_call, ["accepted"], "failed", "cancel"),
        State(refused_at_the_first_call, ["accepted"], "failed", "end"),
        State(refused_half_way, ["accepted"], "failed", "end"),
        State(another_cache_half_way, ["accepted"], "failed", "end"),
        State(refused_then_held, ["accepted"], "failed", None),
        State(refused_at_settling, ["accepted", "erased"], "failed", "end"),
        State(locked, ["accepted", "partially-erased"], "partially-erased", None, make_caller),
        State(erased, ["accepted", "erased"], "erased", None),
    )
}

DONE = {"cancel": ("cancelled", "cancelled"), "end": ("settled", "partially-erased")}
"""What a batch and its person become by a verb that ends them: state, and the last statement's event."""


def left(person: SeededPerson, inspector: StoreInspector) -> dict[str, int]:
    return {name: number for name, number in person.left(inspector).items() if number}


def entries(installation: Installation, batch: Batch) -> int:
    """How many suppression entries the batch has: who has any is erased again after a restore."""
    with reading(installation.workspace.ledger) as connection:
        known = sa.select(sa.func.count()).select_from(tables.suppression).join(tables.item)
        return connection.scalar(known.where(tables.item.c.batch_id == batch.id)) or 0


def assert_by_the_rule(
    installation: Installation, state: State, batch: Batch, had: Mapping[str, int], known: int
) -> None:
    """What the rule makes of a batch in this state by the verb that ends it.

    Args:
        installation: Where it is.
        state: What it was in.
        batch: Of one person.
        had: Places in which something due was left.
        known: The suppression entries that it had.
    """
    assert state.verb is not None
    told = batch_view(installation.workspace, installation.again(batch))
    ended, event = DONE[state.verb]
    assert (told["state"], told["outcomes"]) == (ended, {event: 1})
    assert installation.events(batch) == [[*(state.events or ["accepted"]), event]]
    assert keys_left(installation, batch) == 0
    (said,) = statements_of(installation, batch, event)[-1:]
    assert said.body["outcome"] == event
    assert_chain_intact(installation, batch)
    if state.verb == "cancel":
        assert (said.final, said.open.items, "stores" in said.body) == (True, 0, False)
        assert (entries(installation, batch), residual(installation), told["left"]) == (0, [], {})
    else:
        assert_ended(installation, batch, had, told)
        assert entries(installation, batch) == known


def assert_ended(installation: Installation, batch: Batch, had: Mapping[str, int], told: Mapping[str, object]) -> None:
    """Every place is named, what is due is left, and what leads there is kept."""
    said = statements_of(installation, batch, "partially-erased")[-1]
    lines = lines_of(said.body)
    named = {name for name, (outcome, _, due) in lines.items() if outcome == "left" and due}
    assert named == had.keys()
    assert lines.keys() >= had.keys()
    assert all(
        outcome in {"erased", "tombstoned", "retained", "not-found"} for outcome, _, due in lines.values() if not due
    )
    assert destroyed(said) is False
    assert "Ended by the operator" in str(said.body["reason"])
    some_went = any(outcome in {"erased", "tombstoned"} for outcome, *_ in lines.values())
    assert not (some_went and "nothing of the rest" in str(said.body["reason"]))
    kept = [f"{store}.{name}" for one in residual(installation) for store, name in one]
    assert sorted(kept) == sorted(named)
    assert told["left"] == {name: {"people": 1, "records": lines[name][2]} for name in named}
    assert (said.final, said.open.items, said.open.copies.count > 0) == (False, len(named), True)
