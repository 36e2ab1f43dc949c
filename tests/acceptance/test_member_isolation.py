"""A client may name whom it likes, and reaches only its own records (law 2), also in places that know no clients."""

from __future__ import annotations

import pytest
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.ledger.states import BatchState


def test_a_client_that_names_another_clients_caller_reaches_nothing(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """The cache knows a caller's id and no client: only the callers table can tell whose caller it is."""
    theirs = make_caller(inspector, client_id=43)
    was = inspector.contents()
    batch = module_installation.plan(theirs.csv, "client:42")
    assert batch.plan["not_found"] == 1
    assert not any(one["due"] for store in batch.plan["stores"].values() for one in store["collections"].values())
    module_installation.erase(batch)
    module_installation.settle()
    assert module_installation.events(batch) == [["accepted", "not-found", "settled"]]
    assert changed(was, inspector.contents()) == {}


def test_a_client_that_does_not_exist_reaches_nothing(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    theirs = make_caller(inspector, client_id=43)
    was = inspector.contents()
    batch = module_installation.plan(theirs.csv, "client:4711")
    module_installation.erase(batch)
    assert module_installation.events(batch) == [["accepted", "not-found"]]
    for member in ("*", "%", "43' OR '1'='1", "043", "43.0"):  # no client's number is written like this
        with pytest.raises(TerminalError, match="is not spelled as those in client_id are"):
            module_installation.plan(theirs.csv, f"client:{member}")
    assert changed(was, inspector.contents()) == {}


def test_somebody_who_rang_two_clients_stays_with_the_other_one(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    ours = make_caller(inspector)
    theirs = make_caller(inspector, ours.phone, client_id=43)
    batch = module_installation.plan(f"phone\n{ours.phone}\n", ours.controller)
    assert module_installation.erase(batch).state is BatchState.ERASED
    assert module_installation.events(batch) == [["accepted", "erased"]]
    assert not any(ours.left(inspector).values())
    assert all(theirs.left(inspector).values())


def test_ids_of_both_clients_in_one_list(module_installation: Installation, inspector: StoreInspector) -> None:
    ours, theirs = make_caller(inspector), make_caller(inspector, client_id=43)
    batch = module_installation.plan(f"caller_id\n{ours.id}\n{theirs.id}\n", ours.controller)
    module_installation.erase(batch)
    assert module_installation.events(batch) == [["accepted", "erased"], ["accepted", "not-found"]]
    assert not any(ours.left(inspector).values())
    assert all(theirs.left(inspector).values())


def test_a_caller_without_other_records_is_found_by_the_id_alone(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """The caller's own row is enough; web forms that name nobody are not this caller's."""
    ours = make_caller(inspector)
    inspector.sql("UPDATE leads SET caller_id = NULL, phone = NULL WHERE caller_id = %s", ours.id)
    batch = module_installation.plan(ours.csv, ours.controller)
    module_installation.erase(batch)
    assert module_installation.events(batch) == [["accepted", "erased"]]
    left = ours.left(inspector)
    assert {name for name, number in left.items() if number} == {"main.leads", "main.lead_answers"}


def test_an_id_that_nobody_vouches_for_yet_is_still_looked_for(
    module_installation: Installation, inspector: StoreInspector
) -> None:
    """A caller written by a slow transaction: unknown when keys were resolved, and due when it appears."""
    ours = make_caller(inspector)
    inspector.sql("UPDATE callers SET client_id = 43 WHERE id = %s", ours.id)
    inspector.sql("UPDATE calls SET client_id = 43 WHERE caller_id = %s", ours.id)
    inspector.sql("UPDATE leads SET client_id = 43 WHERE caller_id = %s", ours.id)

    def appears() -> None:
        inspector.sql("UPDATE callers SET client_id = 42 WHERE id = %s", ours.id)
        inspector.sql("UPDATE calls SET client_id = 42 WHERE caller_id = %s", ours.id)
        inspector.sql("UPDATE leads SET client_id = 42 WHERE caller_id = %s", ours.id)

    batch = module_installation.plan(ours.csv, ours.controller)
    main = module_installation.workspace.stores["main"]
    ended = module_installation.erase(
        batch, module_installation.with_stores({"main": before_call(main, "verify", appears)})
    )
    assert ended.state is BatchState.ERASED, module_installation.failures(ended)
    assert not any(number for name, number in ours.left(inspector).items() if name.startswith("main."))
