"""A collection or a store whose erasure does not happen is never called erased (law 4), and can be taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

import pytest
from tests.support.faulty_connector import FaultyConnector, no_op_erase, skip_collection
from tests.support.installation import Installation
from tests.support.people import CLIENT, SeededPerson, make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_config.datamap import DataMap, load
from expunge_connectors.registry import installed
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

CONCLUSIONS = {"erased", "partially-erased", "not-found"}
DONE = {"erased", "partially-erased"}


def packaged_map() -> DataMap:
    registry = installed()
    path = files("expunge_demo.calltrack") / "datamap.yaml"
    return load(path, registry.store_specs, registry.backup_specs)  # type: ignore[arg-type]


# Read from the map itself: a new collection is a new case.
COLLECTIONS = [
    pytest.param(store, name, spec.owner.controller, id=f"{store}.{name}")
    for store, name, spec in packaged_map().collections()
    if spec.log is None and spec.owner is not None
]
STORES = sorted({(param.values[0], param.values[2]) for param in COLLECTIONS})


def candidates(inspector: StoreInspector, controller: str) -> Iterator[tuple[SeededPerson | None, str]]:
    """Requests to try: a person made with every known record first, then the company's own people."""
    if controller == "calltrack":
        made = make_holder(inspector)
        yield made, made.csv
        for ident in inspector.calltrack.take_holders(20):
            yield None, f"user_id\n{ident}\n"
    else:
        made = make_caller(inspector)
        yield made, made.csv
        for ident in inspector.calltrack.company.callers_of(CLIENT)[:20]:
            yield None, f"caller_id\n{ident}\n"


def scope(controller: str) -> str:
    return controller if controller == "calltrack" else f"client:{CLIENT}"


def planned(
    installation: Installation, inspector: StoreInspector, store: str, collection: str, controller: str
) -> tuple[SeededPerson | None, Batch]:
    """The plan for a person who has something due in the collection."""
    for made, csv in candidates(inspector, controller):
        batch = installation.plan(csv, scope(controller))
        if batch.plan["stores"][store]["collections"][collection]["due"]:
            return made, batch
    pytest.fail(f"nobody has a record in {store}.{collection}: let people.py make one")


def assert_not_erased(installation: Installation, batch: Batch, *places: str) -> None:
    """The batch failed, says where, and no statement claims anything."""
    assert batch.state is BatchState.FAILED
    told = installation.failures(batch)
    for place in places:
        assert named(place, told), told
    assert installation.outcomes(batch).keys() <= {"failed", "open"}
    assert installation.events(batch) == [["accepted"]]


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


def assert_erased_now(
    installation: Installation, inspector: StoreInspector, made: SeededPerson | None, batch: Batch
) -> None:
    """Taken up with the connector as it should be, the batch ends well, with one statement per stage."""
    again = installation.erase(batch)
    assert again.state is BatchState.ERASED, installation.failures(again)
    ((accepted, concluded),) = installation.events(again)
    assert accepted == "accepted"
    assert concluded in DONE
    if made is not None:
        assert not any(made.left(inspector).values()), made.left(inspector)


@pytest.mark.parametrize(("store", "collection", "controller"), COLLECTIONS)
def test_a_collection_that_is_not_erased_fails_the_request(
    module_installation: Installation, inspector: StoreInspector, store: str, collection: str, controller: str
) -> None:
    made, batch = planned(module_installation, inspector, store, collection, controller)
    broken = module_installation.with_stores(
        {store: skip_collection(module_installation.workspace.stores[store], collection)}
    )
    ended = module_installation.erase(batch, broken)
    if ended.state is not BatchState.FAILED:
        # Only a declared cascade may have emptied it: then nothing is there by our own query either.
        assert made is not None
        assert made.left(inspector)[f"{store}.{collection}"] == 0
        assert cascades(inspector, store, collection)
        return
    assert_not_erased(module_installation, ended, f"{store}.{collection}")
    assert_erased_now(module_installation, inspector, made, batch)


def cascades(inspector: StoreInspector, store: str, collection: str) -> bool:
    """The collection's table has a foreign key that deletes its rows with their parents."""
    return store == "main" and bool(
        inspector.one(
            "SELECT count(*) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f' AND confdeltype = 'c'",
            f"public.{collection}",
        )
    )


@pytest.mark.parametrize(("store", "controller"), STORES)
def test_a_store_that_erases_nothing_fails_the_request(
    module_installation: Installation, inspector: StoreInspector, store: str, controller: str
) -> None:
    make: Callable[[StoreInspector], SeededPerson] = make_holder if controller == "calltrack" else make_caller
    made = make(inspector)
    batch = module_installation.plan(made.csv, made.controller)
    ended = module_installation.erase(
        batch, module_installation.with_stores({store: no_op_erase(module_installation.workspace.stores[store])})
    )
    due = [
        f"{store}.{name}"
        for name, counts in batch.plan["stores"][store]["collections"].items()
        if counts["due"] and name != "addresses"
    ]
    assert due
    assert_not_erased(module_installation, ended, *due)
    assert_erased_now(module_installation, inspector, made, batch)


def test_two_people_of_whom_one_fails_are_told_apart(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    holder, other = make_holder(inspector), make_holder(inspector)
    inner = module_installation.workspace.stores["cache"]

    def spares_one(subjects, *rest):
        spared = [one for one in subjects if str(holder.id) not in one.values("user_id")]
        return inner.erase(spared, *rest)

    batch = module_installation.plan(f"user_id\n{holder.id}\n{other.id}\n")
    ended = module_installation.erase(
        batch, module_installation.with_stores({"cache": FaultyConnector(inner, erase=spares_one)})
    )
    assert ended.state is BatchState.FAILED
    assert module_installation.events(ended)[0] == ["accepted"]
    assert len(module_installation.events(ended)[1]) == 2
    assert set(module_installation.events(ended)[1]) & DONE
    again = module_installation.erase(batch)
    assert again.state is BatchState.ERASED
    assert [len(events) for events in module_installation.events(again)] == [2, 2]
    assert not any(holder.left(inspector).values())
