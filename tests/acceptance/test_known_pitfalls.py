"""Traps that other tools fell into, each walked into with real stores.

Others have tests where their subject is: a poison item (`test_poison.py`), a swapped or restored database
(`test_broken_stores.py`), cascades and SET NULL into a log (`tests/integration/postgres/test_erasure.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.faulty_connector import before
from tests.support.installation import Office, founded
from tests.support.people import CLIENT, make_caller, make_holder
from tests.support.store_inspector import Probe, changed

from expunge_config.errors import ExpungeError
from expunge_connectors.registry import installed
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger.batches import BatchState
from expunge_orchestrator.workspace import opened

EXPORTS = "calltrack-exports"
DONE = ({"erased"}, {"partially-erased"})


@pytest.fixture(scope="module")
def office(workshop: Office) -> Office:
    """One installation for the module."""
    return workshop


def register(probe: Probe, ident: int, email: str) -> None:
    """An account with this very number, and what the stores hold under it."""
    probe.sql(
        "INSERT INTO users (id, client_id, email, full_name, created_at) OVERRIDING SYSTEM VALUE"
        " VALUES (%s, %s, %s, 'Somebody', now() - interval '40 days')",
        ident,
        CLIENT,
        email,
    )
    probe.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'hello')", ident)
    probe.sql("INSERT INTO marketing_optouts (email, created_at) VALUES (%s, now() - interval '11 years')", email)
    with probe.redis() as client:
        client.sadd(f"user:{ident}:sessions", f"token{ident}")
        client.hset(f"session:token{ident}", mapping={"user_id": ident})
        client.set(f"cache:user:{ident}", "x")
        client.zadd("online", {str(ident): 1.0})
    probe.s3.put_object(Bucket=EXPORTS, Key=f"users/{ident}/export.csv", Body=b"x")


def belongings(probe: Probe, people: Sequence[int]) -> Iterator[Any]:
    """Everything that the stores hold of these people."""
    ids = list(people)
    yield probe.sql("SELECT u::text FROM users u WHERE id = ANY (%s) ORDER BY 1", ids)
    yield probe.sql("SELECT m::text FROM messages m WHERE user_id = ANY (%s) ORDER BY 1", ids)
    yield probe.sql(
        "SELECT o::text FROM marketing_optouts o JOIN users USING (email) WHERE users.id = ANY (%s) ORDER BY 1", ids
    )
    with probe.redis() as client:
        for ident in ids:
            yield client.smembers(f"user:{ident}:sessions"), client.hgetall(f"session:token{ident}")
            yield client.get(f"cache:user:{ident}"), client.zscore("online", str(ident))
    for ident in ids:
        yield probe.versions(EXPORTS, f"users/{ident}/")


def nothing_but_a_tombstone(probe: Probe, ident: int) -> bool:
    """The account's row is a tombstone, and nothing else is there."""
    name, messages, optouts, *others = belongings(probe, [ident])
    return "Somebody" not in str(name) and not messages and not optouts and not any(map(any, others))


def test_user_1_among_users_10_to_19(office: Office, probe: Probe) -> None:
    short = 4_000_000 + secrets.randbelow(1_000_000)
    longer = [short * 10 + digit for digit in range(10)]
    for ident in (short, *longer):
        register(probe, ident, f"n{ident}@people.example")
    was = list(belongings(probe, longer))
    batch = office.erase(office.plan(f"user_id\n{short}\n"))
    assert batch.state is BatchState.ERASED, office.failures(batch)
    assert list(belongings(probe, longer)) == was
    assert nothing_but_a_tombstone(probe, short)


def test_an_email_of_glob_and_like_characters(office: Office, probe: Probe) -> None:
    mark = secrets.token_hex(4)
    first = 50_000_000 + secrets.randbelow(10_000_000) * 4
    mails = [f"*?[a-z]%_{mark}@people.example", f"qq[a-z]%_{mark}@people.example", f"*?[a-z]zz_{mark}@people.example"]
    mails += [f"*?[a-z]%x{mark}@people.example", f"qxb%_{mark}@people.example"]  # as LIKE and as a glob would read it
    for number, mail in enumerate(mails):
        register(probe, first + number, mail)
    others = range(first + 1, first + len(mails))
    was = list(belongings(probe, others))
    batch = office.erase(office.plan(f'email\n"{mails[0]}"\n'))
    assert batch.state is BatchState.ERASED, office.failures(batch)
    assert list(belongings(probe, others)) == was
    assert nothing_but_a_tombstone(probe, first)
    assert probe.one("SELECT count(*) FROM marketing_optouts WHERE email = %s", mails[0]) == 0


def test_retry_when_the_row_that_identified_somebody_is_gone(office: Office, probe: Probe) -> None:
    """The caller's row and calls go first; their recordings and cache are found all the same, from the sealed keys."""
    caller = make_caller(probe)
    batch = office.plan(f"phone\n{caller.phone}\n", f"client:{CLIENT}")
    server = probe.town.stack.s3
    broken = office.with_stores({"recordings": before(office.workspace.stores["recordings"], "erase", server.stop)})
    try:
        assert office.erase(batch, broken).state is BatchState.FAILED
    finally:
        server.start()
    left = caller.left(probe)
    assert not any(number for name, number in left.items() if name.startswith("main."))
    assert any(left.values())
    assert office.erase(batch).state is BatchState.ERASED
    assert not any(caller.left(probe).values()), caller.left(probe)


@pytest.mark.parametrize("store", ["main", "cache", "recordings"])
def test_a_store_that_is_not_configured_is_not_done(
    office: Office, probe: Probe, tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 alone has defaults, the account of the machine: here there is none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    holder = make_holder(probe)
    was = probe.contents()
    stores = {name: one for name, one in probe.town.settings(tmp_path).stores.items() if name != store}
    settings = office.settings.model_copy(update={"stores": stores})
    with pytest.raises(ExpungeError, match=store), opened(settings, installed()) as workspace:
        office.plan(holder.csv, workspace=workspace)
    assert changed(was, probe.contents()) == {}


def test_a_key_that_no_request_ever_leads_to_is_not_called_not_found(probe: Probe, tmp_path: Path) -> None:
    """Nobody yields the cart's id: it would never be looked for, and the receipt would say that it is not there."""
    document = yaml.safe_load((files("expunge_config.examples.calltrack") / "datamap.yaml").read_text())
    document["identities"]["cart_id"] = {"kind": "internal"}
    sessions = document["stores"]["cache"]["collections"]["sessions"]
    document["stores"]["cache"]["collections"]["carts"] = {
        **sessions,
        "key": "cart:{cart_id}",
        "owner": {**sessions["owner"]},
    }
    path = tmp_path / "datamap.yaml"
    path.write_text(yaml.safe_dump(document))
    holder = make_holder(probe)
    with probe.redis() as client:
        client.hset(f"cart:{holder.id}", "line", "x")
    with founded(probe.town, tmp_path / "expunge", data_map=path) as office:
        was = probe.contents()
        with pytest.raises(FindingsError, match=r"cache\.carts: Nothing yields `cart_id`"):
            office.plan(holder.csv)
        assert changed(was, probe.contents()) == {}


def test_verification_that_finds_one_row(office: Office, probe: Probe) -> None:
    """A trigger keeps one row of many and says nothing: the database reports success."""
    holder = make_holder(probe)
    name = f"keep_{secrets.token_hex(4)}"
    kept = probe.one("INSERT INTO messages (user_id, body) VALUES (%s, 'kept') RETURNING id", holder.id)
    batch = office.plan(holder.csv)
    probe.sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF OLD.id = {kept} THEN RETURN NULL; END IF; RETURN OLD; END $$"
    )
    try:
        probe.sql(f"CREATE TRIGGER {name} BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION {name}()")
        ended = office.erase(batch)
        assert ended.state is BatchState.FAILED
        assert "messages" in office.failures(batch)
        assert office.outcomes(batch).keys() == {"failed"}
        assert office.events(batch) == [["accepted"]]
    finally:
        probe.sql(f"DROP FUNCTION {name} CASCADE")
    assert office.erase(batch).state is BatchState.ERASED
    ((accepted, concluded),) = office.events(batch)
    assert (accepted, {concluded} in DONE) == ("accepted", True)
    assert not any(holder.left(probe).values())
