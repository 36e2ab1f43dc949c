"""What an index names, and came to it between two looks, is found again through the index alone: it stays (law 6)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cancellation import end, failed_half_way
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import make_holder
from tests.support.statements import lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

OWN: dict[str, Any] = {"data_type": "messages", "owner": {"controller": "calltrack", "inherited": True}}
CACHE = {
    "uploads": {"key": "uploads:{user_id}", "type": "set", "yields": "upload", **OWN},
    "aliases": {"key": "alias:{user_id}", "type": "set", "yields": "email", **OWN},
    "mailboxes": {"key": "box:{email}", "type": "string", "undated": "erase", **OWN},
    "latest": {"key": "latest:{user_id}", "type": "string", "yields": "upload", **OWN},
}
PUT: dict[str, Callable[[Any, int, str], object]] = {
    "uploads": lambda client, user, name: client.sadd(f"uploads:{user}", name),
    "latest": lambda client, user, name: client.set(f"latest:{user}", name),
}


@pytest.fixture(scope="module")
def indexed(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The company with files in a bucket of which nothing but Redis knows."""
    home = tmp_path_factory.mktemp("indexed") / "expunge"
    document = document_of(calltrack.settings(home).data_map)
    document["identities"]["upload"] = {"kind": "internal"}
    document["stores"]["cache"]["collections"] |= CACHE
    files = {"bucket": "calltrack-exports", "key": "{upload}", **OWN}
    document["stores"]["recordings"]["collections"]["uploaded"] = files
    path: Path = home.parent / "indexed.yaml"
    write_document(path, json.loads(json.dumps(document)))
    with fresh_installation(calltrack, home, data_map=path) as made:
        yield made


@pytest.mark.parametrize("index", PUT)
def test_a_late_name_is_resolved_in_the_next_round(
    indexed: Installation, inspector: StoreInspector, index: str
) -> None:
    ann, names = make_holder(inspector), [f"up/{secrets.token_hex(6)}" for _ in range(2)]

    def upload(name: str) -> None:
        inspector.s3.put_object(Bucket="calltrack-exports", Key=name, Body=b"FILE")
        with inspector.redis() as client:
            PUT[index](client, ann.id, name)

    upload(names[0])
    batch = indexed.plan(ann.csv)
    cache = before_call(indexed.workspace.stores["cache"], "erase", lambda: upload(names[1]))
    ended = indexed.erase(batch, indexed.with_stores({"cache": cache}))  # type: ignore[dict-item]
    assert ended.state is BatchState.ERASED, indexed.failures(batch)
    assert [len(inspector.versions("calltrack-exports", name)) for name in names] == [0, 0]
    (said,) = statements_of(indexed, batch, "erased")
    assert lines_of(said.body)["recordings.uploaded"] == ("erased", 2, 0)
    with inspector.redis() as client:
        assert not client.exists(f"{index}:{ann.id}")


def test_a_late_address_is_resolved_in_the_next_round(indexed: Installation, inspector: StoreInspector) -> None:
    ann, marks = make_holder(inspector), [f"{secrets.token_hex(6)}@late.example" for _ in range(2)]

    def alias(address: str) -> None:
        with inspector.redis() as client:
            client.sadd(f"alias:{ann.id}", address)
            client.set(f"box:{address}", "x")

    alias(marks[0])
    batch = indexed.plan(ann.csv)
    cache = before_call(indexed.workspace.stores["cache"], "erase", lambda: alias(marks[1]))
    ended = indexed.erase(batch, indexed.with_stores({"cache": cache}))  # type: ignore[dict-item]
    assert ended.state is BatchState.ERASED, indexed.failures(batch)
    with inspector.redis() as client:
        assert not client.exists(f"alias:{ann.id}", *(f"box:{mark}" for mark in marks))


def test_an_address_of_somebody_else_goes_with_its_index_and_leads_nowhere(
    indexed: Installation, inspector: StoreInspector
) -> None:
    """It was refused: it is not waited for."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    with inspector.redis() as client:
        client.sadd(f"alias:{ann.id}", bob.email)
        client.set(f"box:{bob.email}", "x")
    batch = indexed.plan(ann.csv)
    assert indexed.erase(batch).state is BatchState.ERASED, indexed.failures(batch)
    assert status(indexed, batch)["cache.mailboxes"]["ambiguous"] == 0, "it is Bob's, and was never hers"
    with inspector.redis() as client:
        assert not client.exists(f"alias:{ann.id}")
        assert client.exists(f"box:{bob.email}")


def test_an_address_of_two_accounts_leaves_what_it_alone_leads_to_and_says_so(
    indexed: Installation, inspector: StoreInspector
) -> None:
    """Nothing in a cache says whose a mailbox is: while another account has the address, it stays, counted."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    inspector.sql("UPDATE users SET email = %s WHERE id = %s", ann.email.upper(), bob.id)
    with inspector.redis() as client:
        client.set(f"box:{ann.email}", "x")
    batch = indexed.plan(f"user_id\n{ann.id}\n")
    assert indexed.erase(batch).state is BatchState.ERASED, indexed.failures(batch)
    assert indexed.outcomes(batch) == {"partially-erased": 1}
    assert status(indexed, batch)["cache.mailboxes"]["ambiguous"] == 1
    (said,) = statements_of(indexed, batch, "partially-erased")
    assert lines_of(said.body)["cache.mailboxes"][0] == "ambiguous"
    with inspector.redis() as client:
        assert client.exists(f"box:{ann.email}")


def test_an_address_that_is_taken_over_before_a_cache_is_asked_is_not_followed_there(
    indexed: Installation, inspector: StoreInspector
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    with inspector.redis() as client:
        client.set(f"box:{ann.email}", "x")

    def take_over() -> None:
        inspector.sql("UPDATE users SET email = %s WHERE id = %s", ann.email.upper(), bob.id)

    batch = indexed.plan(f"user_id\n{ann.id}\n")
    main = before_call(indexed.workspace.stores["main"], "erase", take_over)
    assert indexed.erase(batch, indexed.with_stores({"main": main})).state is BatchState.ERASED  # type: ignore[dict-item]
    indexed.settle()
    assert status(indexed, batch)["cache.mailboxes"]["ambiguous"] == 1
    assert status(indexed, batch)["main.marketing_optouts"]["ambiguous"] == 1  # whose period is over
    (said,) = statements_of(indexed, batch, "settled")
    assert (said.body["due"], said.body["ambiguous"]) == (0, 2)
    with inspector.redis() as client:
        assert client.exists(f"box:{ann.email}")


@pytest.mark.usefixtures("fresh_inspections")
def test_an_end_is_not_stuck_where_nobody_can_tell_any_more_whose_an_address_is(
    indexed: Installation, inspector: StoreInspector
) -> None:
    """Another table stands where the accounts were as the batch is ended: no address is followed, and it is told."""
    ann = make_holder(inspector)
    with inspector.redis() as client:
        client.set(f"box:{ann.email}", "x")
    batch = failed_half_way(indexed, ann, "cache")
    inspector.sql("ALTER TABLE users RENAME TO users_planned; CREATE TABLE users (LIKE users_planned INCLUDING ALL)")
    try:
        indexed.close()
        assert end(indexed, batch).state is BatchState.SETTLED, indexed.failures(batch)
    finally:
        inspector.sql("DROP TABLE users; ALTER TABLE users_planned RENAME TO users")
    (said,) = statements_of(indexed, batch, "partially-erased")
    assert lines_of(said.body)["main.users"][0] == "left"
    assert lines_of(said.body)["cache.mailboxes"][0] == "ambiguous"
    with inspector.redis() as client:
        assert client.exists(f"box:{ann.email}")


NO_TEXT = b"\xff\x01"


@pytest.mark.parametrize("index", PUT)
@pytest.mark.parametrize("moment", ["before the plan", "before the erasure", "during the erasure", "before settling"])
def test_a_name_that_is_no_text_is_told_as_unread_and_stops_nobody(
    indexed: Installation, inspector: StoreInspector, moment: str, index: str
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)

    def put() -> None:
        with inspector.redis() as client:
            PUT[index](client, ann.id, NO_TEXT)

    if moment == "before the plan":
        put()
    batch = indexed.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    if moment == "before the erasure":
        put()
    cache: Any = indexed.workspace.stores["cache"]
    if moment == "during the erasure":
        cache = before_call(cache, "erase", put)
    assert indexed.erase(batch, indexed.with_stores({"cache": cache})).state is BatchState.ERASED, indexed.failures(
        batch
    )
    if moment == "before settling":
        put()
    indexed.settle()
    assert indexed.again(batch).state is BatchState.SETTLED, indexed.failures(batch)
    assert indexed.outcomes(batch) == {"erased": 2}
    assert status(indexed, batch)[f"cache.{index}"]["unread"] == 1
    with inspector.redis() as client:
        assert not client.exists(f"{index}:{ann.id}")


def status(installation: Installation, batch: Batch) -> dict[str, dict[str, int | None]]:
    with reading(installation.workspace.ledger) as connection:
        return BatchSums().records(connection, batch).remaining()
