"""Traps that other tools fell into, each walked into with real stores.

Others have tests where their subject is: a poison item (`test_poison_isolation.py`), a swapped or restored
database (`test_store_outages.py`), cascades and SET NULL into a log (`tests/integration/postgres/test_erase.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation, fresh_installation
from tests.support.people import CLIENT, make_caller, make_holder
from tests.support.store_inspector import StoreInspector, changed

from expunge_config.errors import ExpungeError
from expunge_connectors.registry import installed
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.workspace import opened

EXPORTS = "calltrack-exports"
DONE = ({"erased"}, {"partially-erased"})


@pytest.fixture(scope="module")
def installation(module_installation: Installation) -> Installation:
    """One installation for the module."""
    return module_installation


def register(inspector: StoreInspector, ident: int, email: str) -> None:
    """An account with this very number, and what the stores hold under it."""
    inspector.sql(
        "INSERT INTO users (id, client_id, email, full_name, created_at) OVERRIDING SYSTEM VALUE"
        " VALUES (%s, %s, %s, 'Somebody', now() - interval '40 days')",
        ident,
        CLIENT,
        email,
    )
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'hello')", ident)
    inspector.sql("INSERT INTO marketing_optouts (email, created_at) VALUES (%s, now() - interval '11 years')", email)
    with inspector.redis() as client:
        client.sadd(f"user:{ident}:sessions", f"token{ident}")
        client.hset(f"session:token{ident}", mapping={"user_id": ident})
        client.set(f"cache:user:{ident}", "x")
        client.zadd("online", {str(ident): 1.0})
    inspector.s3.put_object(Bucket=EXPORTS, Key=f"users/{ident}/export.csv", Body=b"x")


def belongings(inspector: StoreInspector, people: Sequence[int]) -> Iterator[Any]:
    """Everything that the stores hold of these people."""
    ids = list(people)
    yield inspector.sql("SELECT u::text FROM users u WHERE id = ANY (%s) ORDER BY 1", ids)
    yield inspector.sql("SELECT m::text FROM messages m WHERE user_id = ANY (%s) ORDER BY 1", ids)
    yield inspector.sql(
        "SELECT o::text FROM marketing_optouts o JOIN users USING (email) WHERE users.id = ANY (%s) ORDER BY 1", ids
    )
    with inspector.redis() as client:
        for ident in ids:
            yield client.smembers(f"user:{ident}:sessions"), client.hgetall(f"session:token{ident}")
            yield client.get(f"cache:user:{ident}"), client.zscore("online", str(ident))
    for ident in ids:
        yield inspector.versions(EXPORTS, f"users/{ident}/")


def nothing_but_a_tombstone(inspector: StoreInspector, ident: int) -> bool:
    """The account's row is a tombstone, and nothing else is there."""
    name, messages, optouts, *others = belongings(inspector, [ident])
    return "Somebody" not in str(name) and not messages and not optouts and not any(map(any, others))


def test_user_1_among_users_10_to_19(installation: Installation, inspector: StoreInspector) -> None:
    short = 4_000_000 + secrets.randbelow(1_000_000)
    longer = [short * 10 + digit for digit in range(10)]
    for ident in (short, *longer):
        register(inspector, ident, f"n{ident}@people.example")
    was = list(belongings(inspector, longer))
    batch = installation.erase(installation.plan(f"user_id\n{short}\n"))
    assert batch.state is BatchState.ERASED, installation.failures(batch)
    assert list(belongings(inspector, longer)) == was
    assert nothing_but_a_tombstone(inspector, short)


def test_an_email_of_glob_and_like_characters(installation: Installation, inspector: StoreInspector) -> None:
    mark = secrets.token_hex(4)
    first = 50_000_000 + secrets.randbelow(10_000_000) * 4
    mails = [f"*?[a-z]%_{mark}@people.example", f"qq[a-z]%_{mark}@people.example", f"*?[a-z]zz_{mark}@people.example"]
    mails += [f"*?[a-z]%x{mark}@people.example", f"qxb%_{mark}@people.example"]  # as LIKE and as a glob would read it
    for number, mail in enumerate(mails):
        register(inspector, first + number, mail)
    others = range(first + 1, first + len(mails))
    was = list(belongings(inspector, others))
    batch = installation.erase(installation.plan(f'email\n"{mails[0]}"\n'))
    assert batch.state is BatchState.ERASED, installation.failures(batch)
    assert list(belongings(inspector, others)) == was
    assert nothing_but_a_tombstone(inspector, first)
    assert inspector.one("SELECT count(*) FROM marketing_optouts WHERE email = %s", mails[0]) == 0


@pytest.mark.heavy
def test_retry_when_the_row_that_identified_somebody_is_gone(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The caller's row and calls go first; their recordings and cache are found all the same, from the sealed keys."""
    caller = make_caller(inspector)
    batch = installation.plan(f"phone\n{caller.phone}\n", f"client:{CLIENT}")
    server = inspector.calltrack.stack.s3
    broken = installation.with_stores(
        {"recordings": before_call(installation.workspace.stores["recordings"], "erase", server.stop)}
    )
    try:
        assert installation.erase(batch, broken).state is BatchState.FAILED
    finally:
        server.start()
    left = caller.left(inspector)
    assert not any(number for name, number in left.items() if name.startswith("main."))
    assert any(left.values())
    assert installation.erase(batch).state is BatchState.ERASED
    assert not any(caller.left(inspector).values()), caller.left(inspector)


@pytest.mark.parametrize("store", ["main", "cache", "recordings"])
def test_a_store_that_is_not_configured_is_not_done(
    installation: Installation, inspector: StoreInspector, tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 alone has defaults, the account of the machine: here there is none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    holder = make_holder(inspector)
    was = inspector.contents()
    stores = {name: one for name, one in inspector.calltrack.settings(tmp_path).stores.items() if name != store}
    settings = installation.settings.model_copy(update={"stores": stores})
    with pytest.raises(ExpungeError, match=store), opened(settings, installed()) as workspace:
        installation.plan(holder.csv, workspace=workspace)
    assert changed(was, inspector.contents()) == {}


def test_a_key_that_no_request_ever_leads_to_is_not_called_not_found(inspector: StoreInspector, tmp_path: Path) -> None:
    """Nobody yields the cart's id: it would never be looked for, and the receipt would say that it is not there."""
    document = document_of()
    document["identities"]["cart_id"] = {"kind": "internal"}
    sessions = document["stores"]["cache"]["collections"]["sessions"]
    document["stores"]["cache"]["collections"]["carts"] = {
        **sessions,
        "key": "cart:{cart_id}",
        "owner": {**sessions["owner"]},
    }
    path = tmp_path / "datamap.yaml"
    write_document(path, document)
    holder = make_holder(inspector)
    with inspector.redis() as client:
        client.hset(f"cart:{holder.id}", "line", "x")
    with fresh_installation(inspector.calltrack, tmp_path / "expunge", data_map=path) as installation:
        was = inspector.contents()
        with pytest.raises(FindingsError, match=r"cache\.carts: Nothing yields `cart_id`"):
            installation.plan(holder.csv)
        assert changed(was, inspector.contents()) == {}


def test_verification_that_finds_one_row(installation: Installation, inspector: StoreInspector) -> None:
    """A trigger keeps one row of many and says nothing: the database reports success."""
    holder = make_holder(inspector)
    name = f"keep_{secrets.token_hex(4)}"
    kept = inspector.one("INSERT INTO messages (user_id, body) VALUES (%s, 'kept') RETURNING id", holder.id)
    batch = installation.plan(holder.csv)
    inspector.sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF OLD.id = {kept} THEN RETURN NULL; END IF; RETURN OLD; END $$"
    )
    try:
        inspector.sql(f"CREATE TRIGGER {name} BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION {name}()")
        ended = installation.erase(batch)
        assert ended.state is BatchState.FAILED
        assert "messages" in installation.failures(batch)
        assert installation.outcomes(batch).keys() == {"failed"}
        assert installation.events(batch) == [["accepted"]]
    finally:
        inspector.sql(f"DROP FUNCTION {name} CASCADE")
    assert installation.erase(batch).state is BatchState.ERASED
    ((accepted, concluded),) = installation.events(batch)
    assert (accepted, {concluded} in DONE) == ("accepted", True)
    assert not any(holder.left(inspector).values())
