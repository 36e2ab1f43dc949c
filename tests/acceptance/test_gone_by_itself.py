"""What went by itself where no store removed anything: no receipt says that it was erased."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.cancellation import cancel
from tests.support.faulty_connector import before_call
from tests.support.holds import key, lift, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.batches import Batch

NOTHING = ("not-found", 0, 0)


def expire(person: SeededPerson, inspector: StoreInspector) -> Callable[[], None]:
    """The person's keys in the cache reach the end of their time."""

    def expired() -> None:
        with inspector.redis() as client:
            for name, member in person.keys.values():
                if member is None:
                    client.delete(name)

    return expired


def carried_out(installation: Installation, inspector: StoreInspector, person: SeededPerson) -> Batch:
    """The plan is carried out, and the keys expire between the count and the verification."""
    batch = installation.plan(person.csv, person.controller)
    cache = before_call(installation.workspace.stores["cache"], "verify", expire(person, inspector))
    installation.erase(batch, installation.with_stores({"cache": cache}))
    return batch


def test_a_key_expires_under_a_hold_and_the_request_is_cancelled(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    place(installation, [key("user_id", ann.id)])
    batch = carried_out(installation, inspector, ann)
    (said,) = statements_of(installation, batch, "on-hold")
    told = lines_of(said.body)
    assert (told["cache.sessions"], told["main.users"]) == (NOTHING, ("retained", 1, 0))
    stores = said.body["stores"]
    assert isinstance(stores, list)
    assert not [store for store in stores if "level" in store]
    cancel(installation, batch)
    assert installation.events(batch) == [["accepted", "on-hold", "cancelled"]]
    assert_chain_intact(installation, batch)


def test_two_holds_by_type_keep_all_but_what_expires(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    calls, leads = place(installation, data_type="calls"), place(installation, data_type="leads")
    batch = carried_out(installation, inspector, ann)
    cancel(installation, batch)
    (said,) = statements_of(installation, batch, "on-hold")
    assert lines_of(said.body)["cache.caller_cache"] == NOTHING
    assert_chain_intact(installation, batch)
    lift(installation, calls)
    lift(installation, leads)


def test_a_key_expires_under_a_hold_while_other_records_are_erased(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    calls = place(installation, data_type="calls")
    batch = carried_out(installation, inspector, ann)
    (said,) = statements_of(installation, batch, "on-hold")
    told = lines_of(said.body)
    assert (told["cache.caller_cache"], told["main.leads"]) == (NOTHING, ("erased", 1, 0))
    assert_chain_intact(installation, batch)
    lift(installation, calls)
    installation.erase(batch)
    installation.settle()
    (answer,) = statements_of(installation, batch, "erased")
    told = lines_of(answer.body)
    assert (told["cache.caller_cache"], told["main.leads"]) == (NOTHING, ("erased", 1, 0))
    assert_chain_intact(installation, batch)


def test_all_is_gone_when_the_hold_ends(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    held = place(installation, [key("caller_id", ann.id)])
    batch = carried_out(installation, inspector, ann)
    delete_all(ann, inspector)
    lift(installation, held)
    installation.erase(batch)
    assert installation.events(batch) == [["accepted", "on-hold", "not-found"]]
    assert_chain_intact(installation, batch)


def delete_all(caller: SeededPerson, inspector: StoreInspector) -> None:
    """The application deletes a caller by itself."""
    calls = "SELECT id FROM calls WHERE caller_id = %s"
    for rows in (
        "lead_answers WHERE lead_id IN (SELECT id FROM leads WHERE caller_id = %s)",
        "leads WHERE caller_id = %s",
        f"transcripts WHERE recording_id IN (SELECT id FROM recordings WHERE call_id IN ({calls}))",
        f"recordings WHERE call_id IN ({calls})",
        f"call_notes WHERE call_id IN ({calls})",
        "calls WHERE caller_id = %s",
        "callers WHERE id = %s",
    ):
        inspector.sql(f"DELETE FROM {rows}", caller.id)
    with inspector.redis() as client:
        for name, member in caller.keys.values():
            if member is None:
                client.delete(name)
            else:
                client.srem(name, member)
    bucket, prefix = caller.objects["recordings"]
    for name, version, *_ in inspector.versions(bucket, prefix):
        inspector.s3.delete_object(Bucket=bucket, Key=name, VersionId=version)


def test_the_application_deletes_a_message_under_a_hold_that_ends(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    held = place(installation, [key("user_id", ann.id)])
    batch = installation.plan(ann.csv)
    main = before_call(
        installation.workspace.stores["main"],
        "verify",
        lambda: inspector.sql("DELETE FROM messages WHERE user_id = %s", ann.id),
    )
    installation.erase(batch, installation.with_stores({"main": main}))
    (said,) = statements_of(installation, batch, "on-hold")
    assert lines_of(said.body)["main.messages"] == NOTHING
    lift(installation, held)
    installation.erase(batch)
    installation.settle()
    (answer,) = statements_of(installation, batch, "partially-erased") or statements_of(installation, batch, "erased")
    assert (lines_of(answer.body)["main.messages"], lines_of(answer.body)["main.users"][0]) == (NOTHING, "tombstoned")
    assert_chain_intact(installation, batch)
