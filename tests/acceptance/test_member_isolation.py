"""A client may name whom it likes, and reaches only its own records (law 2), also in places that know no clients."""

from __future__ import annotations

import pytest
from tests.support.faulty_connector import before
from tests.support.installation import Office
from tests.support.people import make_caller
from tests.support.store_inspector import Probe, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.ledger.batches import BatchState


def test_a_client_that_names_another_clients_caller_reaches_nothing(workshop: Office, probe: Probe) -> None:
    """The cache knows a caller's id and no client: only the callers table can tell whose caller it is."""
    theirs = make_caller(probe, client_id=43)
    was = probe.contents()
    batch = workshop.plan(theirs.csv, "client:42")
    assert batch.plan["notFound"] == 1
    assert not any(one["due"] for store in batch.plan["stores"].values() for one in store["collections"].values())
    workshop.erase(batch)
    workshop.settle()
    assert workshop.events(batch) == [["accepted", "not-found", "settled"]]
    assert changed(was, probe.contents()) == {}


def test_a_client_that_does_not_exist_reaches_nothing(workshop: Office, probe: Probe) -> None:
    theirs = make_caller(probe, client_id=43)
    was = probe.contents()
    batch = workshop.plan(theirs.csv, "client:4711")
    workshop.erase(batch)
    assert workshop.events(batch) == [["accepted", "not-found"]]
    for member in ("*", "%", "43' OR '1'='1", "043", "43.0"):  # no client's number is written like this
        with pytest.raises(TerminalError, match="is not spelled as those in client_id are"):
            workshop.plan(theirs.csv, f"client:{member}")
    assert changed(was, probe.contents()) == {}


def test_somebody_who_rang_two_clients_stays_with_the_other_one(workshop: Office, probe: Probe) -> None:
    ours = make_caller(probe)
    theirs = make_caller(probe, ours.phone, client_id=43)
    batch = workshop.plan(f"phone\n{ours.phone}\n", ours.controller)
    assert workshop.erase(batch).state is BatchState.ERASED
    assert workshop.events(batch) == [["accepted", "erased"]]
    assert not any(ours.left(probe).values())
    assert all(theirs.left(probe).values())


def test_ids_of_both_clients_in_one_list(workshop: Office, probe: Probe) -> None:
    ours, theirs = make_caller(probe), make_caller(probe, client_id=43)
    batch = workshop.plan(f"caller_id\n{ours.id}\n{theirs.id}\n", ours.controller)
    workshop.erase(batch)
    assert workshop.events(batch) == [["accepted", "erased"], ["accepted", "not-found"]]
    assert not any(ours.left(probe).values())
    assert all(theirs.left(probe).values())


def test_a_caller_without_other_records_is_found_by_the_id_alone(workshop: Office, probe: Probe) -> None:
    """The caller's own row is enough; web forms that name nobody are not this caller's."""
    ours = make_caller(probe)
    probe.sql("UPDATE leads SET caller_id = NULL, phone = NULL WHERE caller_id = %s", ours.id)
    batch = workshop.plan(ours.csv, ours.controller)
    workshop.erase(batch)
    assert workshop.events(batch) == [["accepted", "erased"]]
    left = ours.left(probe)
    assert {name for name, number in left.items() if number} == {"main.leads", "main.lead_answers"}


def test_an_id_that_nobody_vouches_for_yet_is_still_looked_for(workshop: Office, probe: Probe) -> None:
    """A caller written by a slow transaction: unknown when keys were resolved, and due when it appears."""
    ours = make_caller(probe)
    probe.sql("UPDATE callers SET client_id = 43 WHERE id = %s", ours.id)
    probe.sql("UPDATE calls SET client_id = 43 WHERE caller_id = %s", ours.id)
    probe.sql("UPDATE leads SET client_id = 43 WHERE caller_id = %s", ours.id)

    def appears() -> None:
        probe.sql("UPDATE callers SET client_id = 42 WHERE id = %s", ours.id)
        probe.sql("UPDATE calls SET client_id = 42 WHERE caller_id = %s", ours.id)
        probe.sql("UPDATE leads SET client_id = 42 WHERE caller_id = %s", ours.id)

    batch = workshop.plan(ours.csv, ours.controller)
    main = workshop.workspace.stores["main"]
    ended = workshop.erase(batch, workshop.with_stores({"main": before(main, "verify", appears)}))
    assert ended.state is BatchState.ERASED, workshop.failures(ended)
    assert not any(number for name, number in ours.left(probe).items() if name.startswith("main."))
