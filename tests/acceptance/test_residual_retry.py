"""`expunge retry` of a batch that is over takes up what it left: that alone, on somebody's word, truly told (ADR 8)."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from tests.support.cancellation import ACTOR, cancel, half_way, leftovers, release, secrets_left, taken_up
from tests.support.cli import Desk
from tests.support.faulty_connector import Instead, before
from tests.support.holds import key, lift, place
from tests.support.installation import Office, Town, founded
from tests.support.people import Made, make_caller, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import Probe, changed

from expunge_config.errors import UsageError
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.errors import BatchBlockedError, PlanChangedError
from expunge_orchestrator.execution import batch_control, remainders
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.receipts import statement_issuer

BUCKET = "calltrack-recordings"


# People of whom no request knows an id -------------------------------------------------------------------------------


@pytest.fixture
def mailroom(town: Town, probe: Probe, tmp_path: Path) -> Iterator[Office]:
    """An installation whose map names a table of voice mails: an e-mail leads to an object, and to no person."""
    probe.sql(
        "CREATE TABLE voicemails (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client_id bigint NOT NULL,"
        " email text, object_key text UNIQUE, created_at timestamptz NOT NULL DEFAULT now() - interval '1 day')"
    )
    probe.sql("CREATE INDEX ON voicemails (email)")
    probe.sql("GRANT SELECT, DELETE ON voicemails TO expunge_app")
    document: dict[str, Any] = yaml.safe_load(town.settings(tmp_path / "expunge").data_map.read_text(encoding="utf-8"))
    document["stores"]["main"]["collections"]["voicemails"] = {
        "table": "public.voicemails",
        "data_type": "calls",
        "owner": {"controller": "client", "column": "client_id"},
        "ties": [{"column": "email", "identity": "email"}],
        "created": "created_at",
        "yields": {"recording_object": "object_key"},
    }
    path = tmp_path / "datamap.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    try:
        with founded(town, tmp_path / "expunge", data_map=path) as office:
            yield office
    finally:
        probe.sql("DROP TABLE voicemails")


class Mail:
    """Somebody of whom nothing but an e-mail address is known."""

    controller = "client:42"

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.email = f"mail-{secrets.token_hex(6)}@people.example"

    @property
    def csv(self) -> str:
        return f"email\n{self.email}\n"

    def speak(self) -> str:
        """Leave a voice mail; its object."""
        name = f"42/mail/{secrets.token_hex(8)}.wav"
        self.probe.sql("INSERT INTO voicemails (client_id, email, object_key) VALUES (42, %s, %s)", self.email, name)
        self.probe.s3.put_object(Bucket=BUCKET, Key=name, Body=b"words")
        return name

    def there(self, name: str) -> bool:
        return bool(self.probe.versions(BUCKET, name))


def test_what_a_request_by_email_alone_left_is_taken_up(mailroom: Office, probe: Probe) -> None:
    """A later request that found something of its own there does not end beside it, and is told what ends it."""
    ann = Mail(probe)
    left = ann.speak()
    first = half_way(mailroom, ann)
    (said,) = statements_of(mailroom, first, "cancelled")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 1, 1)
    assert not said.final
    assert said.open.items == 1
    later = ann.speak()
    second = mailroom.plan(ann.csv, ann.controller)
    assert mailroom.erase(second).state is BatchState.FAILED
    assert f"expunge retry {first.uid}" in mailroom.failures(second)
    assert mailroom.events(second) == [["accepted"]]
    assert (ann.there(left), ann.there(later)) == (True, False)
    assert taken_up(mailroom, first).state is BatchState.ERASED, mailroom.failures(first)
    assert not ann.there(left)
    (said,) = statements_of(mailroom, first, "erased")
    assert lines_of(said.body) == {"recordings.recordings": ("erased", 1, 0)}
    assert said.body["outcome"] == "erased"
    assert "Taken up again" in str(said.body["reason"])
    assert leftovers(mailroom) == (0, 0)
    assert mailroom.erase(second).state is BatchState.ERASED, mailroom.failures(second)
    mailroom.settle()
    assert mailroom.again(first).state is BatchState.SETTLED, mailroom.failures(first)
    assert mailroom.events(first) == [["accepted", "cancelled", "erased", "settled"]]
    assert mailroom.outcomes(first) == {"erased": 1}
    with reading(mailroom.workspace.ledger) as connection:
        opened = sa.select(tables.item.c.id).where(tables.item.c.wrapped_key.is_not(None))
        assert connection.execute(opened).all() == []
    assert_chain_intact(mailroom, first)


def test_somebody_else_with_an_id_of_their_own_goes_on_if_nothing_is_in_common(mailroom: Office, probe: Probe) -> None:
    half_way(mailroom, _spoken(Mail(probe)))
    bob = make_caller(probe)
    batch = mailroom.plan(bob.csv, bob.controller)
    assert mailroom.erase(batch).state is BatchState.ERASED, mailroom.failures(batch)


def _spoken(mail: Mail) -> Mail:
    mail.speak()
    return mail


# What is touched, and what is not ------------------------------------------------------------------------------------


def test_only_where_something_was_left(office: Office, probe: Probe) -> None:
    """The account went on after the cancel: what came since in other collections is no part of it."""
    ann = make_holder(probe)
    first = half_way(office, ann)
    probe.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'came later')", ann.id)
    was = probe.contents()
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    now = changed(was, probe.contents())
    assert set(now) == {"keys", "bucket calltrack-exports"}, now
    assert ann.left(probe)["main.messages"] == 1
    assert not any(number for name, number in ann.left(probe).items() if name != "main.messages")
    (said,) = statements_of(office, first, "erased")
    assert set(lines_of(said.body)) == {
        "recordings.exports",
        "cache.session_index",
        "cache.sessions",
        "cache.user_cache",
        "cache.online_users",
    }
    office.settle()
    assert office.events(first) == [["accepted", "cancelled", "erased", "settled"]]
    assert ann.left(probe)["main.messages"] == 1


def test_more_than_was_left_is_not_taken_along(office: Office, probe: Probe) -> None:
    """Of several people the others go on; whoever's account is used again is for a new request."""
    ann, bob = make_holder(probe), make_holder(probe)

    class Both:
        csv = f"user_id\n{ann.id}\n{bob.id}\n"
        controller = "calltrack"

    first = half_way(office, Both())
    probe.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/new.csv", Body=b"new")
    assert taken_up(office, first).state is BatchState.FAILED
    assert "more is there than was left" in office.failures(first)
    assert ann.left(probe)["recordings.exports"] == 2
    assert bob.left(probe)["recordings.exports"] == 0
    assert office.erase(first).state is BatchState.FAILED  # a retry does not wear it down
    assert ann.left(probe)["recordings.exports"] == 2
    assert leftovers(office)[0] == 1
    assert cancel(office, first).state is BatchState.CANCELLED
    assert office.events(first) == [
        ["accepted", "cancelled", "cancelled"],
        ["accepted", "cancelled", "erased"],
    ]
    assert leftovers(office)[0] == 1
    second = office.plan(f"user_id\n{ann.id}\n")
    office.erase(second)
    assert ann.left(probe)["recordings.exports"] == 0
    assert leftovers(office) == (0, 0)


def test_what_only_an_email_led_to_is_not_called_gone(office: Office, probe: Probe) -> None:
    """The kept keys do not lead to it: that they find nothing says nothing."""
    ann = make_caller(probe)
    lead = probe.one(
        "INSERT INTO leads (client_id, name, postal_address, email, phone, created_at)"
        " VALUES (42, 'X', 'Y', %s, NULL, now() - interval '1 hour') RETURNING id",
        ann.email,
    )

    class Ann:
        csv = f"caller_id,email\n{ann.id},{ann.email}\n"
        controller = "client:42"

    batch = office.plan(Ann.csv, Ann.controller)
    main = office.workspace.stores["main"]

    def all_but_leads(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in {"leads", "lead_answers", "callers"}}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        probe.sql("UPDATE leads SET caller_id = NULL WHERE caller_id = %s", ann.id)
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
        return done

    office.erase(batch, office.with_stores({"main": Instead(main, erase=all_but_leads)}))  # type: ignore[dict-item]
    assert office.again(batch).state is BatchState.CANCELLED, office.failures(batch)
    probe.sql("DELETE FROM callers WHERE id = %s", ann.id)
    assert taken_up(office, batch).state is BatchState.FAILED
    assert "every identifier" in office.failures(batch)
    assert probe.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1
    assert leftovers(office)[0] == 1


# Shared rows ---------------------------------------------------------------------------------------------------------


LINKED = {"user_addresses", "addresses"}


def link_left(office: Office, person: Made) -> Batch:
    """A request that is cancelled while the database erases, before it comes to the person's address."""
    batch = office.plan(person.csv)
    main = office.workspace.stores["main"]

    def all_but_linked(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in LINKED}
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
        return main.erase(subjects, kept, scope, cutoff, beat)

    ended = office.erase(batch, office.with_stores({"main": Instead(main, erase=all_but_linked)}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, office.failures(batch)
    (said,) = statements_of(office, batch, "cancelled")
    told = lines_of(said.body)
    assert {told[f"main.{name}"] for name in LINKED} == {("left", 1, 1)}, told
    assert said.open.items >= len(LINKED)
    return batch


def household(probe: Probe) -> tuple[Made, Made, int]:
    """Two who live at one address."""
    ann, bob = make_holder(probe), make_holder(probe)
    home = probe.one("SELECT address_id FROM user_addresses WHERE user_id = %s", ann.id)
    theirs = probe.one("SELECT address_id FROM user_addresses WHERE user_id = %s", bob.id)
    probe.sql("UPDATE user_addresses SET address_id = %s WHERE user_id = %s", home, bob.id)
    probe.sql("DELETE FROM addresses WHERE id = %s", theirs)
    return ann, bob, home


def addresses(probe: Probe, number: int) -> int:
    return probe.one("SELECT count(*) FROM addresses WHERE id = %s", number)


def test_a_shared_row_goes_with_its_last_owner_who_was_left(office: Office, probe: Probe) -> None:
    """While the person's own row was left, verification kept the address for it."""
    ann = make_holder(probe)
    first = link_left(office, ann)
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    (said,) = statements_of(office, first, "erased")
    assert lines_of(said.body)["main.addresses"] == ("erased", 1, 0)
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


def test_a_shared_row_stays_for_those_who_have_it_as_well(office: Office, probe: Probe) -> None:
    ann, bob, home = household(probe)
    first = link_left(office, ann)
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    (said,) = statements_of(office, first, "partially-erased")
    told = lines_of(said.body)
    assert (told["main.user_addresses"], told["main.addresses"]) == (("erased", 1, 0), ("retained", 1, 0))
    assert probe.sql("SELECT user_id FROM user_addresses WHERE address_id = %s", home) == [(bob.id,)]
    assert addresses(probe, home) == 1
    assert leftovers(office) == (0, 0)  # it is no debt of hers any more
    office.erase(office.plan(bob.csv))
    assert addresses(probe, home) == 0


def test_a_shared_row_goes_if_those_who_had_it_as_well_went_meanwhile(office: Office, probe: Probe) -> None:
    ann, bob, home = household(probe)
    first = link_left(office, ann)
    second = office.plan(bob.csv)
    office.erase(second)
    assert office.outcomes(second) == {"partially-erased": 1}  # her row leads there
    assert addresses(probe, home) == 1
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    assert addresses(probe, home) == 0
    assert not any(ann.left(probe).values())


def test_a_shared_row_that_came_back_and_was_left_at_the_settling_check(office: Office, probe: Probe) -> None:
    ann = make_holder(probe)
    first = office.plan(ann.csv)
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    home = probe.one("INSERT INTO addresses (street, postcode, city) VALUES ('s', '1', 'X') RETURNING id")
    probe.sql("INSERT INTO user_addresses VALUES (%s, %s)", ann.id, home)
    placed = place(office, [key("user_id", ann.id)], data_type="account")
    office.settle()
    assert cancel(office, first).state is BatchState.CANCELLED, office.failures(first)
    lift(office, placed)
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    assert addresses(probe, home) == 0
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)


# Stopped in the middle -----------------------------------------------------------------------------------------------


def test_cancelled_again_in_the_middle(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    first = half_way(office, ann)
    with reading(office.workspace.ledger) as connection:
        tags = set(connection.scalars(sa.select(tables.leftover_tag.c.tag)))
    halt = before(
        office.workspace.stores["cache"], "erase", lambda: batch_control.cancel(office.workspace.ledger, first, ACTOR)
    )
    idle = Instead(office.workspace.stores["recordings"], erase=lambda *_: 0)
    ended = taken_up(office, first, office.with_stores({"cache": halt, "recordings": idle}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, office.failures(first)
    assert office.events(first) == [["accepted", "cancelled", "cancelled"]]
    assert secrets_left(office, first) == 0
    assert leftovers(office)[0] == 1
    with reading(office.workspace.ledger) as connection:
        assert set(connection.scalars(sa.select(tables.leftover_tag.c.tag))) == tags
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    assert not any(ann.left(probe).values())
    assert leftovers(office) == (0, 0)
    assert_chain_intact(office, first)


def test_a_hold_by_an_identifier_that_was_not_kept_stops_it(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    first = half_way(office, ann)
    held = place(office, [key("phone", ann.phone)])
    was = probe.contents()
    assert taken_up(office, first).state is BatchState.ON_HOLD, office.failures(first)
    assert changed(was, probe.contents()) == {}
    assert office.events(first) == [["accepted", "cancelled", "on-hold"]]
    assert lift(office, held) == 1
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert not any(ann.left(probe).values())


def test_another_request_meanwhile_waits_or_is_told(office: Office, probe: Probe) -> None:
    """What fails while it is taken up is as any failure: others are told, and the same command goes on."""
    ann = make_caller(probe)
    first = half_way(office, ann)

    def refused(*_: object) -> int:
        raise TerminalError("store recordings: refused.")

    stuck = office.with_stores({"recordings": Instead(office.workspace.stores["recordings"], erase=refused)})  # type: ignore[dict-item]
    assert taken_up(office, first, stuck).state is BatchState.FAILED
    second = office.plan(f"phone\n{ann.phone}\n", ann.controller)
    assert office.erase(second).state is BatchState.FAILED
    assert first.uid in office.failures(second)
    with pytest.raises(BatchBlockedError):
        remainders.take_up(office.workspace, office.again(first), ACTOR)
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)


def test_a_store_that_is_another_one_by_now_is_not_touched(office: Office, probe: Probe) -> None:
    ann = make_caller(probe)
    first = half_way(office, ann)
    other = Instead(office.workspace.stores["recordings"], identity=office.workspace.stores["cache"].identity)
    assert taken_up(office, first, office.with_stores({"recordings": other})).state is BatchState.FAILED  # type: ignore[dict-item]
    assert ann.left(probe)["recordings.recordings"] == 2


def test_a_lock_that_is_over_by_now(office: Office, probe: Probe) -> None:
    """What the storage kept of a settled request goes the same way."""
    ann = make_caller(probe)
    bucket, prefix = ann.objects["recordings"]
    first = locked(office, probe, ann.csv, bucket, prefix)
    office.settle()
    assert leftovers(office)[0] == 1
    release(probe, bucket, prefix)
    assert taken_up(office, first).state is BatchState.ERASED, office.failures(first)
    assert not any(ann.left(probe).values())
    office.settle()
    assert office.events(first) == [["accepted", "partially-erased", "settled", "erased", "settled"]]
    assert leftovers(office) == (0, 0)
    assert_chain_intact(office, first)


def locked(office: Office, probe: Probe, csv: str, bucket: str, prefix: str) -> Batch:
    """A request of which the storage keeps the objects below this prefix under legal hold."""
    probe.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for name, version, *_ in probe.versions(bucket, prefix):
        probe.s3.put_object_legal_hold(Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "ON"})
    batch = office.plan(csv, "client:42")
    assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
    assert office.outcomes(batch) == {"partially-erased": 1}
    return batch


@pytest.mark.parametrize("asked_by", ["csv", "phone"])
def test_what_the_storage_keeps_is_not_called_not_found_before_it_settles(
    office: Office, probe: Probe, asked_by: str
) -> None:
    """The rows that named the object are gone, the object is not, and the keys that lead there are the first one's."""
    ann = make_caller(probe)
    bucket, prefix = ann.objects["recordings"]
    first = locked(office, probe, ann.csv, bucket, prefix)
    second = office.plan(ann.csv if asked_by == "csv" else f"phone\n{ann.phone}\n", ann.controller)
    assert office.erase(second).state is BatchState.FAILED
    assert first.uid in office.failures(second)
    assert "settled" in office.failures(second)
    assert office.events(second) == [["accepted"]]
    office.settle()
    assert office.again(first).state is BatchState.SETTLED
    if asked_by == "csv":
        assert office.erase(second).state is BatchState.ERASED, office.failures(second)
        assert office.events(second) == [["accepted", "partially-erased"]]
    release(probe, bucket, prefix)


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_asks_first(office: Office, probe: Probe, forker: subprocess.Popen[str]) -> None:
    ann = make_caller(probe)
    first = half_way(office, ann)
    office.close()
    desk = Desk(office.home, {**office.town.environment(office.home), "EXPUNGE_ACTOR": "ann"}, forker)
    assert f"expunge retry {first.uid}" in desk.run("status", first.uid).told
    was = probe.contents()
    refused = desk.run("retry", first.uid)
    assert refused.code == 7, refused
    assert "recordings.recordings" in refused.told
    assert f"--confirm {first.plan_digest}" in refused.told
    assert desk.run("retry", first.uid, "--confirm", "0" * 64).code == 7
    assert changed(was, probe.contents()) == {}
    done = desk.run("retry", first.uid, "--confirm", first.plan_digest, "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert (told["state"], told["leftInPart"]) == ("erased", 0)
    assert told["collections"]["recordings.recordings"]["due"] == 0
    assert not any(ann.left(probe).values())
    assert desk.run("retry", first.uid).code == 2
    with reading(office.workspace.ledger) as connection:
        assert connection.scalar(sa.select(tables.batch.c.changed_by)) == "ann"


def test_what_ended_for_good_is_not_taken_up(office: Office, probe: Probe) -> None:
    """A plan that was cancelled before anything was touched: its receipt ended, and there is nothing to take up."""
    batch = office.plan(make_holder(probe).csv)
    cancel(office, batch)
    with pytest.raises(UsageError, match="Nothing of this batch"):
        remainders.take_up(office.workspace, office.again(batch), ACTOR)
    with reading(office.workspace.ledger) as connection:
        series = list(connection.scalars(sa.select(tables.item.c.series)))
        assert statement_issuer.ended(connection, series) == set(series)
    ann = make_caller(probe)
    half_way(office, ann)
    with reading(office.workspace.ledger) as connection:
        assert statement_issuer.ended(connection, list(connection.scalars(sa.select(tables.item.c.series)))) == set(
            series
        )


def test_a_map_with_other_collections_is_refused(office: Office, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    first = half_way(office, make_caller(probe))
    monkeypatch.setattr("expunge_orchestrator.execution.batch_states.actions_for", lambda *_: {})
    with pytest.raises(PlanChangedError):
        remainders.take_up(office.workspace, office.again(first), ACTOR)
    assert office.again(first).state is BatchState.CANCELLED
