"""A record that came between two looks and was found by a known identifier leads on as the earlier ones did (law 1).

Who was meant is decided all the same by the first look: what names somebody else leads nowhere (law 2).
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.cancellation import ended_half_way, filled_in
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import CLIENT, SeededPerson, fresh_phone, make_caller
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.states import BatchState

TABLE = """
CREATE TABLE uploads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id bigint NOT NULL REFERENCES clients,
    caller_id bigint REFERENCES callers,
    phone text NOT NULL,
    object_key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON uploads (phone);
CREATE INDEX ON uploads (caller_id);
CREATE INDEX ON uploads (client_id);
GRANT SELECT, DELETE ON uploads TO expunge_app;
"""
COLLECTION: dict[str, Any] = {
    "table": "public.uploads",
    "data_type": "leads",
    "owner": {"controller": "client", "column": "client_id"},
    "found_by": [{"column": "caller_id", "of": "callers.id"}, {"column": "phone", "identity": "phone"}],
    "created": "created_at",
    "yields": {"caller_id": "caller_id", "recording_object": "object_key"},
}


@pytest.fixture(scope="module")
def uploading(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The company with one more table: files that came by telephone number alone, and name an object."""
    home = tmp_path_factory.mktemp("uploads") / "expunge"
    document = document_of(calltrack.settings(home).data_map)
    document["stores"]["main"]["collections"]["uploads"] = copy.deepcopy(COLLECTION)
    path: Path = home.parent / "uploads.yaml"
    write_document(path, document)
    inspector.sql(TABLE)
    try:
        with fresh_installation(calltrack, home, data_map=path) as made:
            yield made
    finally:
        inspector.sql("DROP TABLE uploads")


def upload(inspector: StoreInspector, phone: str, caller: int | None = None) -> str:
    """A file by this number, made thirty days ago; returns the object's name."""
    name = f"{CLIENT}/uploads/{secrets.token_hex(6)}.pdf"
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=name, Body=b"FILE")
    inspector.sql(
        "INSERT INTO uploads (client_id, caller_id, phone, object_key, created_at)"
        " VALUES (%s, %s, %s, %s, now() - interval '30 days')",
        CLIENT,
        caller,
        phone,
        name,
    )
    return name


def there(inspector: StoreInspector, name: str) -> tuple[int, int]:
    """Rows that name an object, and its versions."""
    rows = inspector.one("SELECT count(*) FROM uploads WHERE object_key = %s", name)
    return rows, len(inspector.versions("calltrack-recordings", name))


@pytest.mark.parametrize("asked_by", ["caller_id", "phone"])
@pytest.mark.parametrize("verb", ["count", "erase", "verify"])
def test_what_it_leads_to_goes_with_it(
    uploading: Installation, inspector: StoreInspector, verb: str, asked_by: str
) -> None:
    ann = make_caller(inspector)
    names: list[str] = []
    batch = uploading.plan(ann.csv if asked_by == "caller_id" else f"phone\n{ann.phone}\n", ann.controller)
    main = before_call(uploading.workspace.stores["main"], verb, lambda: names.append(upload(inspector, ann.phone)))
    ended = uploading.erase(batch, uploading.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.ERASED, uploading.failures(batch)
    assert there(inspector, names[0]) == (0, 0)
    (said,) = statements_of(uploading, batch, "erased")
    assert lines_of(said.body)["main.uploads"] == ("erased", 1, 0)
    assert lines_of(said.body)["recordings.recordings"] == ("erased", 3, 0)  # two versions of the call's, and this
    assert not any(ann.left(inspector).values())


def test_what_comes_before_settling_goes_then(uploading: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    batch = uploading.plan(ann.csv, ann.controller)
    uploading.erase(batch)
    name = upload(inspector, ann.phone)
    uploading.settle()
    assert uploading.again(batch).state is BatchState.SETTLED, uploading.failures(batch)
    assert there(inspector, name) == (0, 0)
    before, after = (
        lines_of(statements_of(uploading, batch, event)[0].body)["recordings.recordings"]
        for event in ("erased", "re-erased")
    )
    assert after == ("erased", before[1] + 1, 0)  # nothing led to it when it was reviewed
    (said,) = statements_of(uploading, batch, "re-erased")
    assert lines_of(said.body)["main.uploads"] == ("erased", 1, 0)


def passed_on(inspector: StoreInspector, ann: SeededPerson, bob: SeededPerson) -> str:
    name = upload(inspector, bob.phone, bob.id)
    inspector.sql("UPDATE uploads SET phone = %s WHERE object_key = %s", ann.phone, name)
    return name


@pytest.mark.parametrize("verb", ["count", "erase", "verify"])
def test_a_late_record_of_somebody_else_leads_nowhere(
    uploading: Installation, inspector: StoreInspector, verb: str
) -> None:
    ann, bob = make_caller(inspector), make_caller(inspector)
    had = bob.left(inspector)
    names: list[str] = []

    def both() -> None:
        names.extend((passed_on(inspector, ann, bob), upload(inspector, ann.phone)))

    batch = uploading.plan(ann.csv, ann.controller)
    main = before_call(uploading.workspace.stores["main"], verb, both)
    ended = uploading.erase(batch, uploading.with_stores({"main": main}))  # type: ignore[dict-item]
    assert ended.state is BatchState.ERASED, uploading.failures(batch)
    assert uploading.outcomes(batch) == {"partially-erased": 1}  # of Bob's record, in which her number stands
    assert [there(inspector, name) for name in names] == [(1, 1), (0, 0)]
    assert bob.left(inspector) == had


def test_an_account_that_takes_over_the_number_is_not_adopted_beside_it(
    uploading: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_caller(inspector), make_caller(inspector)
    names: list[str] = []

    def both() -> None:
        names.append(upload(inspector, ann.phone))
        inspector.sql("UPDATE callers SET phone = %s WHERE id = %s", ann.phone, bob.id)

    had = bob.left(inspector)
    batch = uploading.plan(ann.csv, ann.controller)
    main = before_call(uploading.workspace.stores["main"], "erase", both)
    uploading.erase(batch, uploading.with_stores({"main": main}))  # type: ignore[dict-item]
    assert bob.left(inspector) == had


class ByNumber(NamedTuple):
    """A request by telephone number alone."""

    csv: str
    controller: str = f"client:{CLIENT}"


def test_who_was_known_by_a_number_alone_is_taken_for_nobody_else(
    uploading: Installation, inspector: StoreInspector
) -> None:
    """A request by a number is ended half-way; nothing shows whether who asks by it later is the same person."""
    phone, email = fresh_phone(), f"ann{fresh_phone()[1:]}@ann.example"
    filled_in(inspector, phone, email)
    name = upload(inspector, phone)
    asked = ByNumber(f"phone\n{phone}\n")
    first = ended_half_way(uploading, asked)
    anns = filled_in(inspector, fresh_phone(), email)
    filled_in(inspector, phone, "bob@bob.example")
    second = uploading.plan(asked.csv, asked.controller)
    assert uploading.erase(second).state is BatchState.ERASED, uploading.failures(second)
    assert uploading.outcomes(second) == {"partially-erased": 1}
    [reason] = uploading.reasons(second)
    assert first.uid in reason
    assert inspector.one("SELECT count(*) FROM leads WHERE id = %s", anns) == 1
    assert there(inspector, name) == (0, 1)
