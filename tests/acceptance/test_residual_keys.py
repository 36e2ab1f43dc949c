"""What an ended request left behind can still be found and erased by a later one (ADR 8)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.cancellation import (
    cancel,
    end,
    ended_half_way,
    failed_half_way,
    filled_in,
    keys_left,
    lock,
    locked,
    refused,
    release,
    residual,
)
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.faulty_connector import FaultyConnector, before_call, skip_collection
from tests.support.fork_server import ForkServer
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.small_company import succeeded
from tests.support.statements import assert_chain_intact, destroyed, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_reports.statement import Statement

BUCKET = "calltrack-recordings"
KEPT_BY_LAW = [("main", "invoice_lines"), ("main", "invoices"), ("main", "marketing_optouts")]


# Taken over ----------------------------------------------------------------------------------------------------------


def test_a_later_request_takes_over_the_keys_and_erases_what_was_left(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    first = ended_half_way(installation, ann)
    (said,) = statements_of(installation, first, "partially-erased")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 2, 2)
    assert destroyed(said) is False
    assert "later request" in str(said.body["identifiers"])
    assert keys_left(installation, first) == 0
    left = [("cache", "caller_cache"), ("cache", "recent_callers"), ("recordings", "recordings")]
    assert residual(installation) == [left]
    second = installation.plan(ann.csv, ann.controller)
    planned = second.plan["stores"]["recordings"]["collections"]["recordings"]
    assert (planned["due"], second.plan["not_found"]) == (2, 0)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())
    (said,) = statements_of(installation, second, "erased")
    assert lines_of(said.body)["recordings.recordings"] == ("erased", 2, 0)
    assert residual(installation) == []
    third = installation.plan(ann.csv, ann.controller)
    installation.erase(third)
    assert installation.events(third) == [["accepted", "not-found"]]
    assert installation.events(first) == [["accepted", "partially-erased"]]
    assert_chain_intact(installation, first)


def test_where_nothing_had_gone_a_later_request_ends_it_too(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Refused at the first call: every way to the person's records is as it was."""
    ann = make_holder(inspector)
    first = ended_half_way(installation, ann, "main")
    (said,) = statements_of(installation, first, "partially-erased")
    assert {outcome for outcome, *_ in lines_of(said.body).values()} <= {"left", "retained", "not-found"}
    assert len(residual(installation)) == 1
    second = installation.plan(ann.csv)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_a_later_request_that_is_ended_too_keeps_what_it_took_over(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    ended_half_way(installation, ann)
    inspector.sql("INSERT INTO callers (id, client_id, phone) OVERRIDING SYSTEM VALUE VALUES (%s, 42, '+491')", ann.id)
    ended_half_way(installation, ann)
    assert len(residual(installation)) == 2
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_ended_half_way_twice(installation: Installation, inspector: StoreInspector) -> None:
    """The second request found nothing but what the first had left: it must not take the way there with it."""
    ann = make_caller(inspector)
    ended_half_way(installation, ann)
    ended_half_way(installation, ann)
    assert len(residual(installation)) == 2
    third = installation.plan(ann.csv, ann.controller)
    assert installation.erase(third).state is BatchState.ERASED, installation.failures(third)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_a_later_request_that_is_cancelled_ends_nothing(installation: Installation, inspector: StoreInspector) -> None:
    ann, bob = make_caller(inspector), make_caller(inspector)
    ended_half_way(installation, ann)
    batch = installation.plan(bob.csv, bob.controller)
    assert installation.erase(batch).state is BatchState.ERASED
    assert ann.left(inspector)["recordings.recordings"] == 2
    assert len(residual(installation)) == 1
    assert cancel(installation, installation.plan(ann.csv, ann.controller)).state is BatchState.CANCELLED
    assert len(residual(installation)) == 1


@pytest.mark.parametrize("says", ["refuses", "does nothing"])
def test_what_the_settling_check_could_not_erase(
    installation: Installation, inspector: StoreInspector, says: str
) -> None:
    """An object that came back and is refused: an end names it, and a later request has the way there."""
    ann = make_caller(inspector)
    batch = installation.plan(ann.csv, ann.controller)
    installation.erase(batch)
    inspector.s3.put_object(Bucket=BUCKET, Key=ann.objects["recordings"][1], Body=b"late")
    erase = refused if says == "refuses" else lambda *_: 0
    stuck = installation.with_stores(
        {"recordings": FaultyConnector(installation.workspace.stores["recordings"], erase=erase)}
    )  # type: ignore[dict-item]
    installation.settle(stuck)
    assert installation.again(batch).state is BatchState.FAILED
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "partially-erased"]]
    assert residual(installation) == [[("recordings", "recordings")]]
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_a_request_that_came_before_the_end_takes_over_when_it_is_retried(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    first = failed_half_way(installation, ann)
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.FAILED
    assert first.uid in installation.failures(second)
    end(installation, first)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


# Who it is -----------------------------------------------------------------------------------------------------------


def test_whoever_cannot_be_shown_to_be_the_same_person_is_told_so_and_erases_nothing(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The number may have passed on: it does not prove that what was left is its present owner's."""
    ann = make_caller(inspector)
    first = ended_half_way(installation, ann)
    was = inspector.contents()
    second = installation.plan(f"phone\n{ann.phone}\n", ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "partially-erased"]]
    (said,) = statements_of(installation, second, "partially-erased")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 0, 0)
    assert left_before(said)["recordings.recordings"] == 2  # as the first one last saw it
    assert lines_of(said.body)["main.callers"][0] == "not-found"
    assert "an earlier request" in str(said.body["reason"])
    [reason] = installation.reasons(second)
    assert first.uid in reason
    assert changed(was, inspector.contents()) == {}
    assert len(residual(installation)) == 1
    assert installation.erase(installation.plan(ann.csv, ann.controller)).state is BatchState.ERASED
    assert not any(ann.left(inspector).values())


def test_another_controller_learns_nothing_of_it(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    ended_half_way(installation, ann)
    was = inspector.contents()
    second = installation.plan(ann.csv, "client:43")
    installation.erase(second)
    assert installation.events(second) == [["accepted", "not-found"]], installation.failures(second)
    assert changed(was, inspector.contents()) == {}
    assert len(residual(installation)) == 1


def test_nor_of_one_that_failed(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    failed_half_way(installation, ann)
    second = installation.plan(ann.csv, "client:43")
    installation.erase(second)
    assert installation.events(second) == [["accepted", "not-found"]], installation.failures(second)


def there(inspector: StoreInspector, lead: int) -> bool:
    return inspector.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1


def test_a_number_that_passed_on_is_not_used_again(installation: Installation, inspector: StoreInspector) -> None:
    """Dave has Ann's number by the time that Ann asks again, by her id."""
    ann = make_caller(inspector)
    ended_half_way(installation, ann)
    daves = filled_in(inspector, ann.phone, "dave@dave.example")
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert there(inspector, daves)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_what_only_an_email_led_to_is_not_called_gone(installation: Installation, inspector: StoreInspector) -> None:
    """The kept keys do not lead to it: that they find nothing says nothing."""
    ann = make_caller(inspector)
    lead = inspector.one(
        "INSERT INTO leads (client_id, name, postal_address, email, phone, created_at)"
        " VALUES (42, %s, 'Y', %s, NULL, now() - interval '1 hour') RETURNING id",
        "X",
        ann.email,
    )
    first = installation.plan(f"caller_id,email\n{ann.id},{ann.email}\n", ann.controller)
    main = installation.workspace.stores["main"]

    def all_but_leads(subjects: Any, actions: Any, *rest: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in {"leads", "lead_answers", "callers"}}
        done = main.erase(subjects, kept, *rest)
        inspector.sql("UPDATE leads SET caller_id = NULL WHERE caller_id = %s", ann.id)
        return done

    stuck = installation.with_stores({"main": FaultyConnector(main, erase=all_but_leads)})  # type: ignore[dict-item]
    assert installation.erase(first, stuck).state is BatchState.FAILED, installation.events(first)
    inspector.sql("DELETE FROM callers WHERE id = %s", ann.id)
    assert end(installation, first).state is BatchState.SETTLED
    assert residual(installation) == [[("main", "lead_answers"), ("main", "leads")]]
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.outcomes(second) == {"partially-erased": 1}
    (said,) = statements_of(installation, second, "partially-erased")
    assert lines_of(said.body)["main.leads"] == ("left", 0, 0)
    assert left_before(said)["main.leads"] == 2
    installation.settle()
    assert installation.again(second).state is BatchState.SETTLED, installation.failures(second)
    assert there(inspector, int(str(lead)))
    assert len(residual(installation)) == 1
    # Nothing leads from these to the person any more: that they were theirs, the first request says.
    third = installation.plan(f"caller_id,email,phone\n{ann.id},{ann.email},{ann.phone}\n", ann.controller)
    assert (third.plan["ambiguous"], third.plan["not_found"]) == (0, 0)
    assert installation.erase(third).state is BatchState.ERASED, installation.failures(third)
    assert installation.outcomes(third) == {"erased": 1}
    assert not there(inspector, int(str(lead)))
    assert residual(installation) == []


@pytest.fixture
def mailroom(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose map names a table of voice mails: an e-mail leads to an object, and to no person."""
    inspector.sql(
        "CREATE TABLE voicemails (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client_id bigint NOT NULL,"
        " email text, object_key text UNIQUE, created_at timestamptz NOT NULL DEFAULT now() - interval '1 day')"
    )
    inspector.sql("CREATE INDEX ON voicemails (email)")
    inspector.sql("GRANT SELECT, DELETE ON voicemails TO expunge_app")
    document: dict[str, Any] = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    document["stores"]["main"]["collections"]["voicemails"] = {
        "table": "public.voicemails",
        "data_type": "calls",
        "owner": {"controller": "client", "column": "client_id"},
        "found_by": [{"column": "email", "identity": "email"}],
        "created": "created_at",
        "yields": {"recording_object": "object_key"},
    }
    path = tmp_path / "datamap.yaml"
    write_document(path, document)
    try:
        with fresh_installation(calltrack, tmp_path / "expunge", data_map=path) as installation:
            yield installation
    finally:
        inspector.sql("DROP TABLE voicemails")


class Mail:
    """Somebody of whom nothing but an e-mail address is known."""

    controller = "client:42"

    def __init__(self, inspector: StoreInspector) -> None:
        self.inspector = inspector
        self.email = f"mail-{secrets.token_hex(6)}@people.example"

    @property
    def csv(self) -> str:
        return f"email\n{self.email}\n"

    def speak(self) -> str:
        """Leave a voice mail; its object."""
        name = f"42/mail/{secrets.token_hex(8)}.wav"
        self.inspector.sql(
            "INSERT INTO voicemails (client_id, email, object_key) VALUES (42, %s, %s)", self.email, name
        )
        self.inspector.s3.put_object(Bucket=BUCKET, Key=name, Body=b"words")
        return name

    def there(self, name: str) -> bool:
        return bool(self.inspector.versions(BUCKET, name))


def test_what_a_request_by_email_alone_left(mailroom: Installation, inspector: StoreInspector) -> None:
    """A later request that found something of its own there does not end beside it."""
    ann = Mail(inspector)
    left = ann.speak()
    first = ended_half_way(mailroom, ann)
    (said,) = statements_of(mailroom, first, "partially-erased")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 1, 1)
    later = ann.speak()
    second = mailroom.plan(ann.csv, ann.controller)
    assert mailroom.erase(second).state is BatchState.ERASED, mailroom.failures(second)
    assert (ann.there(left), ann.there(later)) == (True, False)
    (said,) = statements_of(mailroom, second, "partially-erased")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 1, 0)
    assert left_before(said) == {"recordings.recordings": 1}
    assert "is still due" not in str(said.body), "nobody looked for it"
    mailroom.settle()
    assert ann.there(left)
    (said,) = statements_of(mailroom, second, "settled")
    assert (said.body["due"], said.body["left"], said.open.items) == (0, ["recordings.recordings"], 1)
    assert said.open.expected_by is None
    assert not destroyed(said)
    assert_chain_intact(mailroom, second)


def kept_by_law(inspector: StoreInspector) -> SeededPerson:
    """An account holder whose invoices and objection to marketing a law keeps for some years yet."""
    ann = make_holder(inspector)
    invoiced(inspector, ann, years_ago=1)
    inspector.sql("UPDATE marketing_optouts SET created_at = now() - interval '1 year' WHERE email = %s", ann.email)
    return ann


def invoiced(inspector: StoreInspector, ann: SeededPerson, *, years_ago: int) -> None:
    """Date the person's invoices."""
    then = "now() - make_interval(years => %s)"
    inspector.sql(f"UPDATE invoices SET issued_at = {then} WHERE user_id = %s", years_ago, ann.id)
    inspector.sql(
        f"UPDATE invoice_lines SET issued_at = {then} WHERE invoice_id IN (SELECT id FROM invoices WHERE user_id = %s)",
        years_ago,
        ann.id,
    )


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "not settled yet"])
def test_what_a_law_keeps_is_not_not_found_when_the_way_there_is_gone(
    installation: Installation, inspector: StoreInspector, *, settled: bool
) -> None:
    """The address led to the account alone, and the account's row has none any more."""
    ann = kept_by_law(inspector)
    first = installation.plan(ann.csv)
    installation.erase(first)
    if settled:
        installation.settle()
        (said,) = statements_of(installation, first, "settled")
        assert said.open.items == len(KEPT_BY_LAW)
        assert not destroyed(said)
        assert residual(installation) == [KEPT_BY_LAW]
    second = installation.plan(f"email\n{ann.email}\n")
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    (said,) = statements_of(installation, second, "partially-erased")
    assert left_before(said) == {"main.invoices": 1, "main.invoice_lines": 1}
    told = lines_of(said.body)
    assert [told[place][0] for place in ("main.invoices", "main.invoice_lines")] == ["left", "left"]
    assert told["main.marketing_optouts"][0] == "retained"
    installation.settle()
    (said,) = statements_of(installation, second, "settled")
    assert said.body["left"] == ["main.invoices", "main.invoice_lines"]
    assert said.open.items == len(KEPT_BY_LAW)
    assert_chain_intact(installation, second)


def test_who_says_the_own_id_takes_over_what_a_law_keeps(installation: Installation, inspector: StoreInspector) -> None:
    ann = kept_by_law(inspector)
    installation.erase(installation.plan(ann.csv))
    installation.settle()
    invoiced(inspector, ann, years_ago=20)
    second = installation.plan(f"user_id,email\n{ann.id},{ann.email}\n")
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert inspector.one("SELECT count(*) FROM invoices WHERE user_id = %s", ann.id) == 0
    installation.settle()
    assert residual(installation) == [[("main", "marketing_optouts")]]


def left_before(said: Statement) -> dict[str, int]:
    """`store.collection` -> how many records an earlier request left, where a statement says so."""
    stores: Any = said.body["stores"]
    return {
        f"{store['store']}.{one['collection']}": one["leftBefore"]
        for store in stores
        for one in store["collections"]
        if "leftBefore" in one
    }


def found_late(mailroom: Installation, ann: Mail) -> Batch:
    """The second request of somebody of whom an earlier one left an object; a voice mail comes after its answer."""
    ann.speak()
    ended_half_way(mailroom, ann)
    ann.speak()
    second = mailroom.plan(ann.csv, ann.controller)
    mailroom.erase(second)
    ann.speak()
    return second


def test_what_is_erased_again_unsays_nothing_of_it(mailroom: Installation, inspector: StoreInspector) -> None:
    second = found_late(mailroom, Mail(inspector))
    mailroom.settle()
    (said,) = statements_of(mailroom, second, "re-erased")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 2, 0)
    assert left_before(said) == {"recordings.recordings": 1}
    (said,) = statements_of(mailroom, second, "settled")
    assert (said.body["due"], said.body["left"], said.open.items) == (0, ["recordings.recordings"], 1)
    assert_chain_intact(mailroom, second)


def test_nor_does_an_end_at_settling(mailroom: Installation, inspector: StoreInspector) -> None:
    """What this request leaves has keys of its own, to what the earlier one left that one's lead."""
    second = found_late(mailroom, Mail(inspector))
    stuck = FaultyConnector(mailroom.workspace.stores["main"], erase=refused)
    workspace = mailroom.with_stores({"main": stuck})  # type: ignore[dict-item]
    mailroom.settle(workspace)
    end(mailroom, second, workspace)
    _, said = statements_of(mailroom, second, "partially-erased")
    assert lines_of(said.body)["main.voicemails"] == ("left", 2, 1)
    assert left_before(said) == {"recordings.recordings": 1}
    assert said.open.items == sum(outcome == "left" for outcome, *_ in lines_of(said.body).values())
    assert_chain_intact(mailroom, second)


def test_somebody_else_with_an_id_of_their_own_goes_on_if_nothing_is_in_common(
    mailroom: Installation, inspector: StoreInspector
) -> None:
    ann = Mail(inspector)
    ann.speak()
    ended_half_way(mailroom, ann)
    bob = make_caller(inspector)
    batch = mailroom.plan(bob.csv, bob.controller)
    assert mailroom.erase(batch).state is BatchState.ERASED, mailroom.failures(batch)


def test_a_hold_by_an_identifier_that_was_not_kept_stops_the_later_request(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    ended_half_way(installation, ann)
    held = place(installation, [key("phone", ann.phone)])
    was = inspector.contents()
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ON_HOLD, installation.failures(second)
    assert changed(was, inspector.contents()) == {}
    assert lift(installation, held) == 1
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())


# Shared rows ---------------------------------------------------------------------------------------------------------


def link_left(
    installation: Installation, inspector: StoreInspector, person: SeededPerson, address: tuple[str, int, int]
) -> Batch:
    """A request that is ended because the database refuses to delete where the person lives; what is said of there."""
    batch = installation.plan(person.csv)
    stuck = installation.with_stores({"main": skip_collection(installation.workspace.stores["main"], "user_addresses")})  # type: ignore[dict-item]
    assert installation.erase(batch, stuck).state is BatchState.FAILED, installation.events(batch)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    told = lines_of(said.body)
    assert (told["main.user_addresses"], told["main.addresses"]) == (("left", 1, 1), address), told
    left = ["addresses", "user_addresses"] if address[0] == "left" else ["user_addresses"]
    assert [sorted(places) for places in residual(installation)] == [[("main", name) for name in left]]
    assert person.left(inspector)["main.user_addresses"] == 1
    return batch


def household(inspector: StoreInspector) -> tuple[SeededPerson, SeededPerson, int]:
    """Two who live at one address."""
    ann, bob = make_holder(inspector), make_holder(inspector)
    home = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", ann.id)
    theirs = inspector.one("SELECT address_id FROM user_addresses WHERE user_id = %s", bob.id)
    inspector.sql("UPDATE user_addresses SET address_id = %s WHERE user_id = %s", home, bob.id)
    inspector.sql("DELETE FROM addresses WHERE id = %s", theirs)
    return ann, bob, home


def addresses(inspector: StoreInspector, number: int) -> int:
    return inspector.one("SELECT count(*) FROM addresses WHERE id = %s", number)


def test_a_shared_row_goes_with_its_last_owner_who_was_left(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Nobody else has the address: it is left with the person's own row."""
    ann = make_holder(inspector)
    link_left(installation, inspector, ann, ("left", 1, 1))
    second = installation.plan(ann.csv)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    (said,) = statements_of(installation, second, "erased")
    assert lines_of(said.body)["main.addresses"] == ("erased", 1, 0)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


def test_a_shared_row_stays_for_those_who_have_it_as_well(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob, home = household(inspector)
    link_left(installation, inspector, ann, ("retained", 1, 0))
    second = installation.plan(ann.csv)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    (said,) = statements_of(installation, second, "partially-erased")
    told = lines_of(said.body)
    assert (told["main.user_addresses"], told["main.addresses"]) == (("erased", 1, 0), ("retained", 1, 0))
    assert inspector.sql("SELECT user_id FROM user_addresses WHERE address_id = %s", home) == [(bob.id,)]
    assert residual(installation) == []
    installation.erase(installation.plan(bob.csv))
    assert addresses(inspector, home) == 0


# What the storage keeps ----------------------------------------------------------------------------------------------


def test_what_a_legal_hold_kept_is_found_when_it_is_over(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer
) -> None:
    """The rows that named the object are gone by then. Nothing follows by itself: a later request finds it."""
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    first = locked(installation, inspector, ann.csv, bucket, prefix)
    installation.settle()
    (said,) = statements_of(installation, first, "settled")
    assert destroyed(said) is False
    assert residual(installation) == [[("recordings", "recordings")]]
    assert "nothing looks at the rest again by itself" in said.body["identifiers"]["kept"]
    release(inspector, bucket, prefix)
    cli = CliRunner(installation.home.parent, installation.calltrack.environment(installation.home), fork_server)
    succeeded(cli.run("run-due"))
    assert installation.events(first) == [["accepted", "partially-erased", "settled"]]
    assert any(ann.left(inspector).values())
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert installation.events(second) == [["accepted", "erased"]]
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []
    installation.settle()
    (said,) = statements_of(installation, second, "settled")
    assert destroyed(said) is True


@pytest.mark.parametrize("asked_by", ["csv", "phone"])
def test_what_the_storage_keeps_is_not_called_not_found_before_it_settles(
    installation: Installation, inspector: StoreInspector, asked_by: str
) -> None:
    """The rows that named the object are gone, the object is not, and the keys that lead there are the first one's.

    There is nothing to wait for: it stays beyond the first one's settling check.
    """
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    first = locked(installation, inspector, ann.csv, bucket, prefix)
    second = installation.plan(ann.csv if asked_by == "csv" else f"phone\n{ann.phone}\n", ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    (said,) = statements_of(installation, second, "partially-erased")
    assert lines_of(said.body)["recordings.recordings"][0] == "left"
    assert left_before(said) == {"recordings.recordings": 2}
    installation.settle()
    assert installation.again(first).state is BatchState.SETTLED
    (said,) = statements_of(installation, second, "settled")
    assert (said.body["left"], said.open.items) == (["recordings.recordings"], 1)
    release(inspector, bucket, prefix)


def test_an_end_names_what_the_storage_keeps_as_well(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    lock(inspector, bucket, prefix)
    batch = ended_half_way(installation, ann, "cache")
    (said,) = statements_of(installation, batch, "partially-erased")
    told = lines_of(said.body)
    assert told["recordings.recordings"][0] == "retained"
    assert told["cache.caller_cache"] == ("left", 1, 1)
    assert ("recordings", "recordings") in residual(installation)[0]
    release(inspector, bucket, prefix)
    second = installation.plan(ann.csv, ann.controller)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert not any(ann.left(inspector).values())
    assert residual(installation) == []


# Beside other requests -----------------------------------------------------------------------------------------------


def without_objects(inspector: StoreInspector) -> SeededPerson:
    """An account of which there are rows alone, and neither objects nor sessions."""
    ann = make_holder(inspector)
    for name, version, *_ in inspector.versions("calltrack-exports", f"users/{ann.id}/"):
        inspector.s3.delete_object(Bucket="calltrack-exports", Key=name, VersionId=version)
    with inspector.redis() as client:
        client.delete(*(key for key, member in ann.keys.values() if member is None))
        client.zrem("online", str(ann.id))
    return ann


def test_what_only_a_verification_saw_is_not_called_not_found_by_another_request(
    installation: Installation, inspector: StoreInspector
) -> None:
    """The count saw no object, the verification did, and then the request failed: its rows were the way there."""
    ann = without_objects(inspector)
    stores = installation.workspace.stores

    def appear() -> None:
        inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/late.csv", Body=b"late")

    def refused(*_: object) -> Any:
        raise TerminalError("store cache: refused.")

    late = installation.with_stores(
        {
            "recordings": before_call(stores["recordings"], "verify", appear),
            "cache": FaultyConnector(stores["cache"], verify=refused),
        }  # type: ignore[dict-item]
    )
    first = installation.plan(ann.csv)
    assert installation.erase(first, late).state is BatchState.FAILED
    second = installation.plan(f"email\n{ann.email}\n")
    assert installation.erase(second).state is BatchState.FAILED, installation.events(second)
    assert first.uid in installation.failures(second)
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert not any(ann.left(inspector).values())
