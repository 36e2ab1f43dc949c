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
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.holds import key, lift, place
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

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
def voicemail_installation(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> Iterator[Installation]:
    """An installation whose map names a table of voice mails: an e-mail leads to an object, and to no person."""
    inspector.sql(
        "CREATE TABLE voicemails (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client_id bigint NOT NULL,"
        " email text, object_key text UNIQUE, created_at timestamptz NOT NULL DEFAULT now() - interval '1 day')"
    )
    inspector.sql("CREATE INDEX ON voicemails (email)")
    inspector.sql("GRANT SELECT, DELETE ON voicemails TO expunge_app")
    document: dict[str, Any] = yaml.safe_load(
        calltrack.settings(tmp_path / "expunge").data_map.read_text(encoding="utf-8")
    )
    document["stores"]["main"]["collections"]["voicemails"] = {
        "table": "public.voicemails",
        "data_type": "calls",
        "owner": {"controller": "client", "column": "client_id"},
        "found_by": [{"column": "email", "identity": "email"}],
        "created": "created_at",
        "yields": {"recording_object": "object_key"},
    }
    path = tmp_path / "datamap.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
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


def test_what_a_request_by_email_alone_left_is_taken_up(
    voicemail_installation: Installation, inspector: StoreInspector
) -> None:
    """A later request that found something of its own there does not end beside it, and is told what ends it."""
    ann = Mail(inspector)
    left = ann.speak()
    first = half_way(voicemail_installation, ann)
    (said,) = statements_of(voicemail_installation, first, "cancelled")
    assert lines_of(said.body)["recordings.recordings"] == ("left", 1, 1)
    assert not said.final
    assert said.open.items == 1
    later = ann.speak()
    second = voicemail_installation.plan(ann.csv, ann.controller)
    assert voicemail_installation.erase(second).state is BatchState.FAILED
    assert f"expunge retry {first.uid}" in voicemail_installation.failures(second)
    assert voicemail_installation.events(second) == [["accepted"]]
    assert (ann.there(left), ann.there(later)) == (True, False)
    assert taken_up(voicemail_installation, first).state is BatchState.ERASED, voicemail_installation.failures(first)
    assert not ann.there(left)
    (said,) = statements_of(voicemail_installation, first, "erased")
    assert lines_of(said.body) == {"recordings.recordings": ("erased", 1, 0)}
    assert said.body["outcome"] == "erased"
    assert "Taken up again" in str(said.body["reason"])
    assert leftovers(voicemail_installation) == (0, 0)
    assert voicemail_installation.erase(second).state is BatchState.ERASED, voicemail_installation.failures(second)
    voicemail_installation.settle()
    assert voicemail_installation.again(first).state is BatchState.SETTLED, voicemail_installation.failures(first)
    assert voicemail_installation.events(first) == [["accepted", "cancelled", "erased", "settled"]]
    assert voicemail_installation.outcomes(first) == {"erased": 1}
    with reading(voicemail_installation.workspace.ledger) as connection:
        opened = sa.select(tables.item.c.id).where(tables.item.c.wrapped_key.is_not(None))
        assert connection.execute(opened).all() == []
    assert_chain_intact(voicemail_installation, first)


def test_somebody_else_with_an_id_of_their_own_goes_on_if_nothing_is_in_common(
    voicemail_installation: Installation, inspector: StoreInspector
) -> None:
    half_way(voicemail_installation, _spoken(Mail(inspector)))
    bob = make_caller(inspector)
    batch = voicemail_installation.plan(bob.csv, bob.controller)
    assert voicemail_installation.erase(batch).state is BatchState.ERASED, voicemail_installation.failures(batch)


def _spoken(mail: Mail) -> Mail:
    mail.speak()
    return mail


# What is touched, and what is not ------------------------------------------------------------------------------------


def test_only_where_something_was_left(installation: Installation, inspector: StoreInspector) -> None:
    """The account went on after the cancel: what came since in other collections is no part of it."""
    ann = make_holder(inspector)
    first = half_way(installation, ann)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'came later')", ann.id)
    was = inspector.contents()
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    now = changed(was, inspector.contents())
    assert set(now) == {"keys", "bucket calltrack-exports"}, now
    assert ann.left(inspector)["main.messages"] == 1
    assert not any(number for name, number in ann.left(inspector).items() if name != "main.messages")
    (said,) = statements_of(installation, first, "erased")
    assert set(lines_of(said.body)) == {
        "recordings.exports",
        "cache.session_index",
        "cache.sessions",
        "cache.user_cache",
        "cache.online_users",
    }
    installation.settle()
    assert installation.events(first) == [["accepted", "cancelled", "erased", "settled"]]
    assert ann.left(inspector)["main.messages"] == 1


def test_more_than_was_left_is_not_taken_along(installation: Installation, inspector: StoreInspector) -> None:
    """Of several people the others go on; whoever's account is used again is for a new request."""
    ann, bob = make_holder(inspector), make_holder(inspector)

    class Both:
        csv = f"user_id\n{ann.id}\n{bob.id}\n"
        controller = "calltrack"

    first = half_way(installation, Both())
    inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{ann.id}/new.csv", Body=b"new")
    assert taken_up(installation, first).state is BatchState.FAILED
    assert "more is there than was left" in installation.failures(first)
    assert ann.left(inspector)["recordings.exports"] == 2
    assert bob.left(inspector)["recordings.exports"] == 0
    assert installation.erase(first).state is BatchState.FAILED  # a retry does not wear it down
    assert ann.left(inspector)["recordings.exports"] == 2
    assert leftovers(installation)[0] == 1
    assert cancel(installation, first).state is BatchState.CANCELLED
    assert installation.events(first) == [
        ["accepted", "cancelled", "cancelled"],
        ["accepted", "cancelled", "erased"],
    ]
    assert leftovers(installation)[0] == 1
    second = installation.plan(f"user_id\n{ann.id}\n")
    installation.erase(second)
    assert ann.left(inspector)["recordings.exports"] == 0
    assert leftovers(installation) == (0, 0)


def test_what_only_an_email_led_to_is_not_called_gone(installation: Installation, inspector: StoreInspector) -> None:
    """The kept keys do not lead to it: that they find nothing says nothing."""
    ann = make_caller(inspector)
    lead = inspector.one(
        "INSERT INTO leads (client_id, name, postal_address, email, phone, created_at)"
        " VALUES (42, 'X', 'Y', %s, NULL, now() - interval '1 hour') RETURNING id",
        ann.email,
    )

    class Ann:
        csv = f"caller_id,email\n{ann.id},{ann.email}\n"
        controller = "client:42"

    batch = installation.plan(Ann.csv, Ann.controller)
    main = installation.workspace.stores["main"]

    def all_but_leads(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in {"leads", "lead_answers", "callers"}}
        done = main.erase(subjects, kept, scope, cutoff, beat)
        inspector.sql("UPDATE leads SET caller_id = NULL WHERE caller_id = %s", ann.id)
        batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
        return done

    installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=all_but_leads)}))  # type: ignore[dict-item]
    assert installation.again(batch).state is BatchState.CANCELLED, installation.failures(batch)
    inspector.sql("DELETE FROM callers WHERE id = %s", ann.id)
    assert taken_up(installation, batch).state is BatchState.FAILED
    assert "every identifier" in installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM leads WHERE id = %s", lead) == 1
    assert leftovers(installation)[0] == 1


# Shared rows ---------------------------------------------------------------------------------------------------------


LINKED = {"user_addresses", "addresses"}


def link_left(installation: Installation, person: SeededPerson) -> Batch:
    """A request that is cancelled while the database erases, before it comes to the person's address."""
    batch = installation.plan(person.csv)
    main = installation.workspace.stores["main"]

    def all_but_linked(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name not in LINKED}
        batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
        return main.erase(subjects, kept, scope, cutoff, beat)

    ended = installation.erase(batch, installation.with_stores({"main": FaultyConnector(main, erase=all_but_linked)}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, installation.failures(batch)
    (said,) = statements_of(installation, batch, "cancelled")
    told = lines_of(said.body)
    assert {told[f"main.{name}"] for name in LINKED} == {("left", 1, 1)}, told
    assert said.open.items >= len(LINKED)
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
    """While the person's own row was left, verification kept the address for it."""
    ann = make_holder(inspector)
    first = link_left(installation, ann)
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    (said,) = statements_of(installation, first, "erased")
    assert lines_of(said.body)["main.addresses"] == ("erased", 1, 0)
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


def test_a_shared_row_stays_for_those_who_have_it_as_well(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob, home = household(inspector)
    first = link_left(installation, ann)
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    (said,) = statements_of(installation, first, "partially-erased")
    told = lines_of(said.body)
    assert (told["main.user_addresses"], told["main.addresses"]) == (("erased", 1, 0), ("retained", 1, 0))
    assert inspector.sql("SELECT user_id FROM user_addresses WHERE address_id = %s", home) == [(bob.id,)]
    assert addresses(inspector, home) == 1
    assert leftovers(installation) == (0, 0)  # it is no debt of hers any more
    installation.erase(installation.plan(bob.csv))
    assert addresses(inspector, home) == 0


def test_a_shared_row_goes_if_those_who_had_it_as_well_went_meanwhile(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann, bob, home = household(inspector)
    first = link_left(installation, ann)
    second = installation.plan(bob.csv)
    installation.erase(second)
    assert installation.outcomes(second) == {"partially-erased": 1}  # her row leads there
    assert addresses(inspector, home) == 1
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    assert addresses(inspector, home) == 0
    assert not any(ann.left(inspector).values())


def test_a_shared_row_that_came_back_and_was_left_at_the_settling_check(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    first = installation.plan(ann.csv)
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    home = inspector.one("INSERT INTO addresses (street, postcode, city) VALUES ('s', '1', 'X') RETURNING id")
    inspector.sql("INSERT INTO user_addresses VALUES (%s, %s)", ann.id, home)
    placed = place(installation, [key("user_id", ann.id)], data_type="account")
    installation.settle()
    assert cancel(installation, first).state is BatchState.CANCELLED, installation.failures(first)
    lift(installation, placed)
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    assert addresses(inspector, home) == 0
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)


# Stopped in the middle -----------------------------------------------------------------------------------------------


def test_cancelled_again_in_the_middle(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    with reading(installation.workspace.ledger) as connection:
        tags = set(connection.scalars(sa.select(tables.leftover_tag.c.tag)))
    halt = before_call(
        installation.workspace.stores["cache"],
        "erase",
        lambda: batch_control.cancel(installation.workspace.ledger, first, ACTOR),
    )
    idle = FaultyConnector(installation.workspace.stores["recordings"], erase=lambda *_: 0)
    ended = taken_up(installation, first, installation.with_stores({"cache": halt, "recordings": idle}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, installation.failures(first)
    assert installation.events(first) == [["accepted", "cancelled", "cancelled"]]
    assert secrets_left(installation, first) == 0
    assert leftovers(installation)[0] == 1
    with reading(installation.workspace.ledger) as connection:
        assert set(connection.scalars(sa.select(tables.leftover_tag.c.tag))) == tags
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    assert not any(ann.left(inspector).values())
    assert leftovers(installation) == (0, 0)
    assert_chain_intact(installation, first)


def test_a_hold_by_an_identifier_that_was_not_kept_stops_it(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    held = place(installation, [key("phone", ann.phone)])
    was = inspector.contents()
    assert taken_up(installation, first).state is BatchState.ON_HOLD, installation.failures(first)
    assert changed(was, inspector.contents()) == {}
    assert installation.events(first) == [["accepted", "cancelled", "on-hold"]]
    assert lift(installation, held) == 1
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert not any(ann.left(inspector).values())


def test_another_request_meanwhile_waits_or_is_told(installation: Installation, inspector: StoreInspector) -> None:
    """What fails while it is taken up is as any failure: others are told, and the same command goes on."""
    ann = make_caller(inspector)
    first = half_way(installation, ann)

    def refused(*_: object) -> int:
        raise TerminalError("store recordings: refused.")

    stuck = installation.with_stores(
        {"recordings": FaultyConnector(installation.workspace.stores["recordings"], erase=refused)}
    )  # type: ignore[dict-item]
    assert taken_up(installation, first, stuck).state is BatchState.FAILED
    second = installation.plan(f"phone\n{ann.phone}\n", ann.controller)
    assert installation.erase(second).state is BatchState.FAILED
    assert first.uid in installation.failures(second)
    with pytest.raises(BatchBlockedError):
        remainders.take_up(installation.workspace, installation.again(first), ACTOR)
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)


def test_a_store_that_is_another_one_by_now_is_not_touched(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    other = FaultyConnector(
        installation.workspace.stores["recordings"], identity=installation.workspace.stores["cache"].identity
    )
    assert taken_up(installation, first, installation.with_stores({"recordings": other})).state is BatchState.FAILED  # type: ignore[dict-item]
    assert ann.left(inspector)["recordings.recordings"] == 2


def test_a_lock_that_is_over_by_now(installation: Installation, inspector: StoreInspector) -> None:
    """What the storage kept of a settled request goes the same way."""
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    first = locked(installation, inspector, ann.csv, bucket, prefix)
    installation.settle()
    assert leftovers(installation)[0] == 1
    release(inspector, bucket, prefix)
    assert taken_up(installation, first).state is BatchState.ERASED, installation.failures(first)
    assert not any(ann.left(inspector).values())
    installation.settle()
    assert installation.events(first) == [["accepted", "partially-erased", "settled", "erased", "settled"]]
    assert leftovers(installation) == (0, 0)
    assert_chain_intact(installation, first)


def locked(installation: Installation, inspector: StoreInspector, csv: str, bucket: str, prefix: str) -> Batch:
    """A request of which the storage keeps the objects below this prefix under legal hold."""
    inspector.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for name, version, *_ in inspector.versions(bucket, prefix):
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "ON"})
    batch = installation.plan(csv, "client:42")
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert installation.outcomes(batch) == {"partially-erased": 1}
    return batch


@pytest.mark.parametrize("asked_by", ["csv", "phone"])
def test_what_the_storage_keeps_is_not_called_not_found_before_it_settles(
    installation: Installation, inspector: StoreInspector, asked_by: str
) -> None:
    """The rows that named the object are gone, the object is not, and the keys that lead there are the first one's."""
    ann = make_caller(inspector)
    bucket, prefix = ann.objects["recordings"]
    first = locked(installation, inspector, ann.csv, bucket, prefix)
    second = installation.plan(ann.csv if asked_by == "csv" else f"phone\n{ann.phone}\n", ann.controller)
    assert installation.erase(second).state is BatchState.FAILED
    assert first.uid in installation.failures(second)
    assert "settled" in installation.failures(second)
    assert installation.events(second) == [["accepted"]]
    installation.settle()
    assert installation.again(first).state is BatchState.SETTLED
    if asked_by == "csv":
        assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
        assert installation.events(second) == [["accepted", "partially-erased"]]
    release(inspector, bucket, prefix)


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_asks_first(
    installation: Installation, inspector: StoreInspector, fork_server: subprocess.Popen[str]
) -> None:
    ann = make_caller(inspector)
    first = half_way(installation, ann)
    installation.close()
    cli = CliRunner(
        installation.home,
        {**installation.calltrack.environment(installation.home), "EXPUNGE_ACTOR": "ann"},
        fork_server,
    )
    assert f"expunge retry {first.uid}" in cli.run("status", first.uid).output
    was = inspector.contents()
    refused = cli.run("retry", first.uid)
    assert refused.code == 7, refused
    assert "recordings.recordings" in refused.output
    assert f"--confirm {first.plan_digest}" in refused.output
    assert cli.run("retry", first.uid, "--confirm", "0" * 64).code == 7
    assert changed(was, inspector.contents()) == {}
    done = cli.run("retry", first.uid, "--confirm", first.plan_digest, "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert (told["state"], told["leftInPart"]) == ("erased", 0)
    assert told["collections"]["recordings.recordings"]["due"] == 0
    assert not any(ann.left(inspector).values())
    assert cli.run("retry", first.uid).code == 2
    with reading(installation.workspace.ledger) as connection:
        assert connection.scalar(sa.select(tables.batch.c.changed_by)) == "ann"


def test_what_ended_for_good_is_not_taken_up(installation: Installation, inspector: StoreInspector) -> None:
    """A plan that was cancelled before anything was touched: its receipt ended, and there is nothing to take up."""
    batch = installation.plan(make_holder(inspector).csv)
    cancel(installation, batch)
    with pytest.raises(UsageError, match="Nothing of this batch"):
        remainders.take_up(installation.workspace, installation.again(batch), ACTOR)
    with reading(installation.workspace.ledger) as connection:
        series = list(connection.scalars(sa.select(tables.item.c.series)))
        assert statement_issuer.ended(connection, series) == set(series)
    ann = make_caller(inspector)
    half_way(installation, ann)
    with reading(installation.workspace.ledger) as connection:
        assert statement_issuer.ended(connection, list(connection.scalars(sa.select(tables.item.c.series)))) == set(
            series
        )


def test_a_map_with_other_collections_is_refused(
    installation: Installation, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = half_way(installation, make_caller(inspector))
    monkeypatch.setattr("expunge_orchestrator.execution.batch_states.actions_for", lambda *_: {})
    with pytest.raises(PlanChangedError):
        remainders.take_up(installation.workspace, installation.again(first), ACTOR)
    assert installation.again(first).state is BatchState.CANCELLED
