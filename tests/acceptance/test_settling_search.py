"""The blind search before settling: what the map forgot keeps a person from being settled, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.support.canary_values import Flock
from tests.support.cancellation import end, keys_left
from tests.support.faulty_connector import FaultyConnector
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import assert_chain_intact, chunks, destroyed, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_config.search_settings import SearchSettings
from expunge_connectors.errors import TransientError
from expunge_orchestrator.execution import settling_search, settling_time
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.runner_lock import search_lock
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import trust
from expunge_reports.verify import verdict_text, verifier

EXPORTS = "calltrack-exports"
AT_ONCE = SearchSettings(every=timedelta(0), share=100)


@pytest.fixture
def searching(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Installation]:
    """A fresh installation whose settling checks wait for a search."""
    with fresh_installation(calltrack, tmp_path / "expunge", search=AT_ONCE) as made:
        yield made


@contextmanager
def left_behind(inspector: StoreInspector, person: SeededPerson) -> Iterator[None]:
    """An address where nothing of the map leads, for the block: in a table, a payload and metadata that no collection
    covers, and in a row of client 42 in a mapped table that names nobody.
    """
    inspector.sql("CREATE TABLE tickets_old (id int, what text)")
    inspector.sql("INSERT INTO tickets_old VALUES (1, %s), (2, 'x')", f"Call {person.email} back")
    with inspector.redis() as client:
        client.set("job:77", json.dumps({"to": person.email}))
    inspector.s3.put_object(Bucket=EXPORTS, Key="doc/77", Body=b"x", Metadata={"by": person.email})
    asked = f"Ask {person.email}"
    inspector.sql("INSERT INTO leads (client_id, name, postal_address, email) VALUES (42, %s, '', '')", asked)
    try:
        yield
    finally:
        inspector.sql("DELETE FROM leads WHERE name = %s", asked)
        inspector.sql("DROP TABLE tickets_old")
        with inspector.redis() as client:
            client.delete("job:77")
        for _, version, *_ in inspector.versions(EXPORTS, "doc/77"):
            inspector.s3.delete_object(Bucket=EXPORTS, Key="doc/77", VersionId=version)


def erased(installation: Installation, *people: SeededPerson) -> Batch:
    """These people, erased, all their identifiers given."""
    controller = people[0].controller
    kind = "user_id" if controller == "calltrack" else "caller_id"
    csv = f"{kind},email,phone\n" + "".join(f"{one.id},{one.email},{one.phone}\n" for one in people)
    batch = installation.plan(csv, controller)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    return batch


def words_of(installation: Installation, batch: Batch) -> list[list[str]]:
    """What the offline verifier says of each receipt of a batch."""
    with reading(installation.workspace.ledger) as connection:
        tagger = Tagger(installation.workspace.keys.suppression)
        found = receipt_export.series_of(connection, batch.uid, None, tagger)
    pinned = trust.parse(receipt_export.trust_file(installation.workspace))
    exports = [receipt_export.exported(installation.workspace, one.series).data for one in found]
    return [verdict_text.lines(verifier.verify(data, pinned, [], datetime.now(UTC))) for data in exports]


def test_what_the_map_forgot_keeps_one_person_from_settling_until_it_is_gone(
    searching: Installation, inspector: StoreInspector
) -> None:
    ann, bea, ben = (make_holder(inspector) for _ in range(3))
    inspector.sql("UPDATE marketing_optouts SET created_at = now() WHERE email = %s", bea.email)
    batch = erased(searching, ann, bea)
    # Of Bea: a log, an opt-out that is retained, and a message of Ben's.
    url = f"/?mail={bea.email.replace('@', '%40')}"
    inspector.sql("INSERT INTO access_log (ip, browser, url, status) VALUES ('10.0.0.1', 'b', %s, 200)", url)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, %s)", ben.id, f"ask {bea.email}")
    with left_behind(inspector, ann):
        searching.settle()
        assert searching.again(batch).state is BatchState.FAILED
        assert sorted(chunks(searching, batch)) == [("done", 1), ("failed", 1)]
        why = searching.failures(batch)
        assert "settling, 1 of 2 people: blind search: left in main: public.tickets_old.what (1)" in why
        assert "public.leads" not in why  # a row of a client's, for which nobody has asked
        assert f"recordings: {EXPORTS}/doc/{{n}} (1)" in why
        assert "cache: job:{n} (1)" in why
        assert searching.erase(batch).state is BatchState.ERASED  # a retry waits for another search
        searching.settle()
        assert searching.again(batch).state is BatchState.FAILED
        assert searching.events(batch) == [["accepted", "erased"], ["accepted", "partially-erased", "settled"]]
        # A client who names somebody without having a record learns nothing of what stands elsewhere.
        curious = searching.plan(f"email\n{ann.email}\n", "client:42")
        searching.erase(curious)
        searching.settle()
        (of_stranger,) = statements_of(searching, curious, "settled")
        assert of_stranger.body["blindSearch"]["searched"] == "no-values"  # type: ignore[index]
    searching.erase(batch)
    searching.settle()
    assert searching.again(batch).state is BatchState.SETTLED, searching.failures(batch)
    of_ann, of_bea = (one.body["blindSearch"] for one in statements_of(searching, batch, "settled"))
    assert isinstance(of_ann, dict)
    assert isinstance(of_bea, dict)
    found = ("searched", "values", "logs", "retained", "mapped", "gaps", "left")
    assert [of_ann[name] for name in found] == ["searched", 3, 0, 0, 0, 0, []]  # e-mail, phone, session token
    assert [of_bea[name] for name in found] == ["searched", 3, 1, 1, 1, 0, []]
    said, of_others = words_of(searching, batch)
    assert said[-1].startswith("    blind search as of ")
    assert f"{of_ann['places']} places for 3 values of the person; records found: 0 in logs" in said[-1]
    assert "1 in logs, 1 in what is retained, 1 in mapped places" in of_others[-1]
    assert_chain_intact(searching, batch)
    canaries = Flock({"ann": ann.email, "her number": ann.phone, "bea": bea.email, "number of bea": bea.phone})
    assert canaries.found_below([searching.home]) == {}


def test_an_end_states_the_places_in_which_something_is_left(
    searching: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    batch = erased(searching, ann)
    with left_behind(inspector, ann):
        searching.settle()
        assert end(searching, batch).state is BatchState.SETTLED, searching.failures(batch)
    (said,) = statements_of(searching, batch, "partially-erased")
    searched = said.body["blindSearch"]
    assert isinstance(searched, dict)
    assert [(one["store"], one["place"], one["records"]) for one in searched["left"]] == [
        ("main", "public.leads.name", 1),
        ("main", "public.tickets_old.what", 1),
        ("recordings", f"{EXPORTS}/doc/{{n}}", 1),
        ("cache", "job:{n}", 1),
    ]
    assert "knows no map" in str(said.body["reason"])
    assert destroyed(said)  # nothing in the map leads there
    assert keys_left(searching, batch) == 0
    (words,) = words_of(searching, batch)
    assert "elsewhere in places that it lists, 4;" in words[-1]


def test_who_is_not_in_the_sample_and_whose_request_is_limited_settles_and_is_told_so(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    people = [make_holder(inspector) for _ in range(3)]
    sampling = SearchSettings(every=timedelta(0), people=2, share=100, run_for=timedelta(0))
    with fresh_installation(calltrack, tmp_path / "expunge", search=sampling) as installation:
        batch = erased(installation, *people)
        alone = make_holder(inspector)
        limited = installation.plan(alone.csv, data_types=["messages"])
        installation.erase(limited)
        installation.settle()
        assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
        assert installation.again(limited).state is BatchState.SETTLED, installation.failures(limited)
        bodies = [one.body["blindSearch"] for one in statements_of(installation, batch, "settled")]
        kinds = sorted(str(one["searched"]) for one in bodies if isinstance(one, dict))
        assert kinds == ["not-in-sample", "searched", "searched"]
        # Nothing could be read in no time at all: that is said, and nothing else.
        assert all(one["gaps"] for one in bodies if isinstance(one, dict) and one["searched"] == "searched")
        (whole,) = statements_of(installation, limited, "settled")
        assert whole.body["blindSearch"] == {"searched": "limited-request"}
        with reading(installation.workspace.ledger) as connection:
            shown = connection.scalars(sa.select(tables.document.c.body)).all()
        (document,) = [one for one in map(json.loads, shown) if one["kind"] == "blind-search"]
        assert (document["sample"]["people"], document["sample"]["of"]) == (2, 3)
        assert {one["store"] for one in document["stores"]} == {"main", "cache", "recordings"}
        assert all("not in time" in one["why"] for one in document["stores"][0]["notSearched"])


def test_a_hold_on_the_person_keeps_what_was_found_too(searching: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = erased(searching, ann)
    placed = place(searching, [key("user_id", ann.id)])
    with left_behind(inspector, ann):
        searching.settle()
        assert searching.again(batch).state is BatchState.ON_HOLD
        (said,) = statements_of(searching, batch, "on-hold")
        found = said.body.get("blindSearch")
        assert isinstance(found, dict), "a hold on what a search found, and nothing is listed as kept"
        assert [one["place"] for one in found["left"]] == ["public.tickets_old.what", f"{EXPORTS}/doc/{{n}}", "job:{n}"]
        (words,) = words_of(searching, batch)
        assert words[0] == "authentic, unanchored"
        lift(searching, placed)
        searching.settle()  # the finding of then is not what is judged now: another search is waited for
        assert searching.again(batch).state is BatchState.ERASED
        searching.settle()
        assert searching.again(batch).state is BatchState.FAILED
        assert "public.tickets_old.what (1)" in searching.failures(batch)


def test_checks_wait_until_a_pass_was_made(
    calltrack: CompanyStack, postgres_ledger: SecretStr, inspector: StoreInspector, tmp_path: Path
) -> None:
    with fresh_installation(calltrack, tmp_path / "expunge", search=AT_ONCE, ledger_url=postgres_ledger) as searching:
        assert_checks_wait(searching, make_holder(inspector))


def assert_checks_wait(searching: Installation, ann: SeededPerson) -> None:
    batch = erased(searching, ann)
    with search_lock(searching.workspace.ledger):  # another process searches
        searching.settle()
        assert searching.again(batch).state is BatchState.ERASED
    assert settling_search.search_due(searching.workspace, lambda: True) == 0  # told to stop
    assert settling_time.start_due(searching.workspace) == 0

    def unreachable(*_: object) -> None:
        raise TransientError("store cache: it does not answer.")

    cache = FaultyConnector(searching.workspace.stores["cache"], search_blind=unreachable)
    broken = searching.with_stores({"cache": cache})
    with pytest.raises(TransientError):
        settling_search.search_due(broken)
    assert "settling check not begun: blind search" in searching.failures(batch)
    assert settling_search.search_due(searching.workspace) == 1
    assert settling_search.search_due(searching.workspace) == 0
    searching.settle()
    assert searching.again(batch).state is BatchState.SETTLED
