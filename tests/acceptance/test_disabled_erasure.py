"""A collection or a store whose erasure does not happen is never called erased (law 4), and can be taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

import pytest
from tests.support.faulty_connector import Instead, idle, without
from tests.support.installation import Office
from tests.support.people import CLIENT, Made, make_caller, make_holder
from tests.support.store_inspector import Probe

from expunge_config.datamap import DataMap, load
from expunge_connectors.registry import installed
from expunge_orchestrator.ledger.batches import Batch, BatchState

CONCLUSIONS = {"erased", "partially-erased", "not-found"}
DONE = {"erased", "partially-erased"}


def packaged_map() -> DataMap:
    registry = installed()
    path = files("expunge_config.examples.calltrack") / "datamap.yaml"
    return load(path, registry.store_specs, registry.backup_specs)  # type: ignore[arg-type]


# Read from the map itself: a new collection is a new case.
COLLECTIONS = [
    pytest.param(store, name, spec.owner.controller, id=f"{store}.{name}")
    for store, name, spec in packaged_map().collections()
    if spec.log is None and spec.owner is not None
]
STORES = sorted({(param.values[0], param.values[2]) for param in COLLECTIONS})


def candidates(probe: Probe, controller: str) -> Iterator[tuple[Made | None, str]]:
    """Requests to try: a person made with every known record first, then the company's own people."""
    if controller == "calltrack":
        made = make_holder(probe)
        yield made, made.csv
        for ident in probe.town.take_holders(20):
            yield None, f"user_id\n{ident}\n"
    else:
        made = make_caller(probe)
        yield made, made.csv
        for ident in probe.town.company.callers_of(CLIENT)[:20]:
            yield None, f"caller_id\n{ident}\n"


def scope(controller: str) -> str:
    return controller if controller == "calltrack" else f"client:{CLIENT}"


def planned(office: Office, probe: Probe, store: str, collection: str, controller: str) -> tuple[Made | None, Batch]:
    """The plan for a person who has something due in the collection."""
    for made, csv in candidates(probe, controller):
        batch = office.plan(csv, scope(controller))
        if batch.plan["stores"][store]["collections"][collection]["due"]:
            return made, batch
    pytest.fail(f"nobody has a record in {store}.{collection}: let people.py make one")


def assert_not_erased(office: Office, batch: Batch, *places: str) -> None:
    """The batch failed, says where, and no statement claims anything."""
    assert batch.state is BatchState.FAILED
    told = office.failures(batch)
    for place in places:
        assert named(place, told), told
    assert office.outcomes(batch).keys() <= {"failed", "open"}
    assert office.events(batch) == [["accepted"]]


def named(place: str, told: str) -> bool:
    """A failure names its collection, or, where a foreign key to it stood in the way, the collection's table."""
    store, _, collection = place.partition(".")
    return any(
        form in told
        for form in (
            f"{place} (",
            f"store {store}, collection {collection}:",
            f"Store {store}, collection {collection}:",
            f"of table public.{collection}.",
        )
    )


def assert_erased_now(office: Office, probe: Probe, made: Made | None, batch: Batch) -> None:
    """Taken up with the connector as it should be, the batch ends well, with one statement per stage."""
    again = office.erase(batch)
    assert again.state is BatchState.ERASED, office.failures(again)
    ((accepted, concluded),) = office.events(again)
    assert accepted == "accepted"
    assert concluded in DONE
    if made is not None:
        assert not any(made.left(probe).values()), made.left(probe)


@pytest.mark.parametrize(("store", "collection", "controller"), COLLECTIONS)
def test_a_collection_that_is_not_erased_fails_the_request(
    workshop: Office, probe: Probe, store: str, collection: str, controller: str
) -> None:
    made, batch = planned(workshop, probe, store, collection, controller)
    broken = workshop.with_stores({store: without(workshop.workspace.stores[store], collection)})
    ended = workshop.erase(batch, broken)
    if ended.state is not BatchState.FAILED:
        # Only a declared cascade may have emptied it: then nothing is there by our own query either.
        assert made is not None
        assert made.left(probe)[f"{store}.{collection}"] == 0
        assert cascades(probe, store, collection)
        return
    assert_not_erased(workshop, ended, f"{store}.{collection}")
    assert_erased_now(workshop, probe, made, batch)


def cascades(probe: Probe, store: str, collection: str) -> bool:
    """The collection's table has a foreign key that deletes its rows with their parents."""
    return store == "main" and bool(
        probe.one(
            "SELECT count(*) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f' AND confdeltype = 'c'",
            f"public.{collection}",
        )
    )


@pytest.mark.parametrize(("store", "controller"), STORES)
def test_a_store_that_erases_nothing_fails_the_request(
    workshop: Office, probe: Probe, store: str, controller: str
) -> None:
    make: Callable[[Probe], Made] = make_holder if controller == "calltrack" else make_caller
    made = make(probe)
    batch = workshop.plan(made.csv, made.controller)
    ended = workshop.erase(batch, workshop.with_stores({store: idle(workshop.workspace.stores[store])}))
    due = [
        f"{store}.{name}"
        for name, counts in batch.plan["stores"][store]["collections"].items()
        if counts["due"] and name != "addresses"
    ]
    assert due
    assert_not_erased(workshop, ended, *due)
    assert_erased_now(workshop, probe, made, batch)


def test_two_people_of_whom_one_fails_are_told_apart(workshop: Office, probe: Probe) -> None:
    holder, other = make_holder(probe), make_holder(probe)
    inner = workshop.workspace.stores["cache"]

    def spares_one(subjects, actions, scope, cutoff, beat):
        spared = [one for one in subjects if str(holder.id) not in one.values("user_id")]
        return inner.erase(spared, actions, scope, cutoff, beat)

    batch = workshop.plan(f"user_id\n{holder.id}\n{other.id}\n")
    ended = workshop.erase(batch, workshop.with_stores({"cache": Instead(inner, erase=spares_one)}))
    assert ended.state is BatchState.FAILED
    assert workshop.events(ended)[0] == ["accepted"]
    assert len(workshop.events(ended)[1]) == 2
    assert set(workshop.events(ended)[1]) & DONE
    again = workshop.erase(batch)
    assert again.state is BatchState.ERASED
    assert [len(events) for events in workshop.events(again)] == [2, 2]
    assert not any(holder.left(probe).values())
