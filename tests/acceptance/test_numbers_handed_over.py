"""A person's second number (a patient's, of the medical record) is whose row holds it by now, in any store (ADR 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.cancellation import refused
from tests.support.data_map_text import write_document
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import left, small_document
from tests.support.servers import Keyspace
from tests.support.statements import lines_of, statements_of

from expunge_orchestrator.execution import operator_retry

SCHEMA = """
CREATE TABLE patients (id int PRIMARY KEY, mrn text UNIQUE, email text,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE visits (id int PRIMARY KEY, patient_id int REFERENCES patients);
CREATE TABLE labs (id int PRIMARY KEY, mrn text);
CREATE TABLE samples (mrn text PRIMARY KEY);
INSERT INTO patients SELECT n, 'M' || n, n || '@x.example' FROM generate_series(1, 3) n;
INSERT INTO visits SELECT n, n FROM generate_series(1, 3) n;
INSERT INTO labs SELECT n, 'M' || n FROM generate_series(1, 3) n;
INSERT INTO samples SELECT mrn FROM labs;
"""
PATIENTS = """
patients: {table: public.patients, person: patient_id, created: created_at,
  yields: {patient_id: id, mrn: mrn, email: email},
  found_by: [{column: id, identity: patient_id}, {column: mrn, identity: mrn}, {column: email, identity: email}]}
visits: {table: public.visits, found_by: [{column: patient_id, of: patients.id}]}
"""
LABS = """
labs: {table: public.labs, found_by: [{column: mrn, identity: mrn}]}
samples: {table: public.samples, person: mrn, yields: {mrn: mrn}, found_by: [{column: mrn, identity: mrn}]}
"""
WAITING = {"key": "waiting:{mrn}", "type": "string", "data_type": "gone", "owner": {"controller": "acme"}}
TO_BOB = "UPDATE patients SET mrn = NULL WHERE id = 1; UPDATE patients SET mrn = 'M1' WHERE id = 2"
SWAPPED = f"{TO_BOB}; UPDATE patients SET mrn = 'M2' WHERE id = 1"
ANN = "patient_id\n1\n"


@pytest.fixture
def made(
    database: str, keyspace: Keyspace, calltrack: CompanyStack, tmp_path: Path
) -> Iterator[Callable[[bool], Installation]]:
    """The patients, their results (in a second database, if they are to be apart), and the list of who is waiting."""
    execute(database, SCHEMA)
    keyspace.client.mset({"waiting:M1": "Ann", "waiting:M2": "Bob"})
    opened = ExitStack()

    def make(apart: bool) -> Installation:  # noqa: FBT001 - a parameter of tests
        document = small_document(PATIENTS + LABS)
        collections = document["stores"]["main"]["collections"]
        for identity in ("patient_id", "mrn"):
            document["identities"][identity] = {"kind": "person", "normaliser": "exact/1"}
        document["stores"]["cache"] = {"connector": "redis", "collections": {"waiting": WAITING}}
        stores = {"main": {"url": SecretStr(database)}, "cache": {"url": SecretStr(keyspace.url)}}
        if apart:
            there = {name: collections.pop(name) for name in ("labs", "samples")}
            document["stores"]["lab"] = {"connector": "postgres", "collections": there}
            stores["lab"] = stores["main"]
        write_document(tmp_path / "datamap.yaml", document)
        places = {"data_map": tmp_path / "datamap.yaml", "stores": stores}
        return opened.enter_context(fresh_installation(calltrack, tmp_path / "expunge", **places))

    with opened:
        yield make


def ambiguous(installation: Installation, batch: str) -> set[str]:
    (said,) = statements_of(installation, batch, "partially-erased")
    lines = lines_of(said.body)
    return {name.partition(".")[2] for name, (outcome, *_) in lines.items() if outcome == "ambiguous"}


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("moved", [SWAPPED, TO_BOB], ids=["swapped", "handed over"])
def test_what_is_named_after_the_number_stays(
    made: Callable[[bool], Installation], database: str, keyspace: Keyspace, moved: str, *, apart: bool
) -> None:
    """Two numbers were mixed up, and are put right before the first row goes."""
    installation = made(apart)
    batch = installation.plan(ANN, "acme")
    main = before_call(installation.workspace.stores["main"], "erase", lambda: execute(database, moved))
    installation.erase(batch, installation.with_stores({"main": main}))
    assert installation.outcomes(batch) == {"partially-erased": 1}, installation.failures(batch)
    hers = {1} if moved == SWAPPED else set()
    assert set(left(database, "patients")) == set(left(database, "visits")) == {2, 3} | hers
    assert ambiguous(installation, batch) == {"patients", "labs", "samples", "waiting", *(["visits"] if hers else [])}
    installation.settle()
    assert left(database, "labs") == [1, 2, 3]
    assert left(database, "samples", "mrn") == ["M1", "M2", "M3"]
    assert sorted(keyspace.client.keys("waiting:*")) == [b"waiting:M1", b"waiting:M2"]


def test_so_it_does_where_only_some_of_the_stores_were_done(
    made: Callable[[bool], Installation], database: str, keyspace: Keyspace
) -> None:
    """Ann's row is gone, and her number Bob's, before what failed is tried again."""
    installation = made(True)
    batch = installation.plan(ANN, "acme")
    stuck = {name: FaultyConnector(installation.workspace.stores[name], erase=refused) for name in ("lab", "cache")}
    installation.erase(batch, installation.with_stores(stuck))
    assert left(database, "patients") == [2, 3]
    execute(database, TO_BOB)
    keyspace.client.set("waiting:M1", "Bob")
    operator_retry.retry(installation.workspace, installation.again(batch))
    installation.erase(batch)
    assert installation.outcomes(batch) == {"partially-erased": 1}, installation.failures(batch)
    assert ambiguous(installation, batch) == {"patients", "labs", "samples", "waiting"}
    installation.settle()
    assert left(database, "labs") == [1, 2, 3]
    assert left(database, "samples", "mrn") == ["M1", "M2", "M3"]
    assert sorted(keyspace.client.keys("waiting:*")) == [b"waiting:M1", b"waiting:M2"]


@pytest.mark.parametrize("when", ["verification", "settling"])
def test_what_bob_has_under_it_by_then_does_not_hold_the_batch_up(
    made: Callable[[bool], Installation], database: str, when: str
) -> None:
    """Seen: the identifiers were found to lead to two people, and the step failed at each retry."""
    installation = made(False)
    batch = installation.plan(ANN, "acme")
    late = f"{TO_BOB}; INSERT INTO labs VALUES (9, 'M1')"
    if when == "verification":
        main = before_call(installation.workspace.stores["main"], "verify", lambda: execute(database, late))
        installation.erase(batch, installation.with_stores({"main": main}))
        assert installation.outcomes(batch) == {"partially-erased": 1}, installation.failures(batch)
    else:
        installation.erase(batch)
        assert installation.outcomes(batch) == {"erased": 1}, installation.failures(batch)
        execute(database, late)
    installation.settle()
    assert installation.again(batch).state == "settled"
    assert left(database, "labs") == [2, 3, 9]
    assert left(database, "patients") == [2, 3]
