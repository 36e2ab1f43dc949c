"""Webhooks against a real receiver: signed, in order, at least once, tried again, given up visibly; nobody is named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import standardwebhooks
from pydantic import HttpUrl, SecretStr, ValidationError
from tests.support.api import GRACE, ApiHarness, once, open_api
from tests.support.cancellation import cancel, refused
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack
from tests.support.notifications import KEY, SECRET, Receiver, deliver, hook, letters_of, rows, waited
from tests.support.plan_replacement import plan_only, plans_of
from tests.support.statements import assert_chain_intact, statements_of

from expunge_config.api_settings import ApiSettings, Webhook
from expunge_connectors.registry import installed
from expunge_orchestrator.api.background_worker import Worker
from expunge_orchestrator.api.schemas.notifications import Notification
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger import requests, requests_due
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.notifications import delivery, outbox, webhook_sender
from expunge_orchestrator.workspace import opened

URL = "/v1/me/erasure_requests"


@contextmanager
def told_to(
    calltrack: CompanyStack, home: Path, receiver: Receiver, *, freeze: bool = False, **members: Any
) -> Iterator[ApiHarness]:
    settings = {"webhooks": {"app": hook(receiver.url, **members)}, "freeze": "app" if freeze else None}
    with open_api(calltrack, home, api=settings) as api:
        yield api


def ask(api: ApiHarness, **members: object) -> tuple[int, str]:
    (holder,) = api.installation.calltrack.take_holders()
    made = api.client.post(URL, json={"scope": "account", **members}, headers=once(api.person(user_id=holder)))
    assert made.status_code == 201, made.text
    return holder, str(made.json()["id"])


def address_of(api: ApiHarness, holder: int) -> str:
    return next(one.user.email for one in api.installation.calltrack.company.holders() if one.user.id == holder)


def test_from_acceptance_to_closing_signed_and_in_order(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver
) -> None:
    with told_to(calltrack, tmp_path, receiver) as api:
        (holder,) = calltrack.take_holders()
        person = api.person(user_id=holder, email=address_of(api, holder))
        made = api.client.post(URL, json={"scope": "account", "waive_grace": True}, headers=once(person))
        request = made.json()["id"]
        deliver(api)
        api.work()
        deliver(api)
        api.settle()
        deliver(api)
        deliver(api)
    assert receiver.told == ["erasure_request.accepted", "erasure_request.erased", "erasure_request.settled"]
    assert receiver.data(0) == {
        "erasure_request_id": request,
        "controller": "calltrack",
        "state": "scheduled",
        "receipt_id": None,
    }
    assert (receiver.data(1)["outcome"], receiver.data(1)["state"]) == ("partially-erased", "partially-erased")
    assert (receiver.data(2)["outcome"], receiver.data(2)["state"]) == ("partially-erased", "settled")
    assert receiver.data(2)["receipt_id"].startswith("er_")
    for headers, body in receiver.calls:
        Notification.model_validate_json(body)
        # As https://www.standardwebhooks.com writes it, without a line of ours.
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
        assert address_of(api, holder).encode() not in body
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 3


def test_a_receiver_verifies_a_webhook_with_the_standards_library(receiver: Receiver) -> None:
    webhook_sender.post(hook(receiver.url), "msg_1", {"type": "erasure_request.erased", "data": {"name": "Zoë"}}, now())
    ((headers, body),) = receiver.calls
    verifier = standardwebhooks.Webhook(SECRET)
    assert verifier.verify(body, headers) == {"type": "erasure_request.erased", "data": {"name": "Zoë"}}
    for changed_headers, changed_body in (
        (headers, body.replace(b"erased", b"closed")),
        ({**headers, "webhook-id": "msg_2"}, body),
        ({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verifier.verify(changed_body, changed_headers)


def test_a_member_that_no_store_spells_so_is_refused(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver
) -> None:
    """It can never be planned: the request ends, with the reason and without its identifiers; the clock stops."""
    client = calltrack.company.clients[1].id
    wish = {
        "controller": f"client:0{client}",
        "identifiers": {"caller_id": str(calltrack.company.callers_of(client)[0])},
    }
    with told_to(calltrack, tmp_path, receiver) as api:
        operator, post = api.key(Role.OPERATOR), api.client.post
        for refused in (
            post("/v1/locate", json=wish, headers=operator),
            post(
                "/v1/batches", params={"controller": wish["controller"]}, content="caller_id\n1", headers=once(operator)
            ),
        ):
            assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "people-unusable")
        at = f"/v1/erasure_requests/{post('/v1/erasure_requests', json=wish, headers=once(operator)).json()['id']}"
        deliver(api)
        api.work()
        deliver(api)
        told = api.client.get(at, headers=operator).json()
        assert (told["state"], told["reason"], told["batch_id"]) == ("denied", "member-unusable", None)
        assert "client_id" in told["failure"]
        assert str(client) not in told["failure"]
        with reading(api.installation.workspace.ledger) as connection:
            there = requests.by_uid(connection, told["id"])
            assert (there.wrapped_key, there.sealed_identifiers, requests_due.deferred(connection)) == (None, None, [])
            assert requests_due.how_many_unanswered_by(connection, api.at + timedelta(days=400)) == 0
        for verb, slug in (("cancel", "already-over"), ("retry", "not-possible-now")):
            assert post(f"{at}/{verb}", headers=operator).json()["type"].endswith(f"/{slug}")
        trail = api.client.get("/v1/audit_log", headers=api.key(Role.AUDITOR)).json()["items"]
        assert ("worker", "erasure_request.deny", told["id"], "member-unusable") in [
            (one["actor"], one["action"], one["target"], one["result"]) for one in trail
        ]
    assert receiver.told == ["erasure_request.accepted", "erasure_request.denied"]


def test_a_process_that_was_away_tells_all_of_it_in_order(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver
) -> None:
    """Committed and not delivered, by a process that was killed then: another one, with this ledger, delivers."""
    with told_to(calltrack, tmp_path, receiver) as api:
        ask(api, waive_grace=True)
        api.work()
        api.settle()
        outbox.enqueue_changes(api.installation.workspace, api.at)
        delivery._claim(api.installation.workspace, api.at)  # and died before it sent anything
        with opened(api.installation.settings, installed()) as fresh:
            delivery.deliver_due(fresh, lambda: api.at)
            assert receiver.told == []
            later = api.at + delivery.CLAIM
            delivery.deliver_due(fresh, lambda: later)
            assert receiver.told == ["erasure_request.accepted", "erasure_request.erased", "erasure_request.settled"]
            assert outbox.enqueue_changes(fresh, later) == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (302, "answered 302: redirects are not followed"),
        ("cut", "not reached (RemoteProtocolError)"),
        ("silent", "no answer in time"),
    ],
)
def test_tried_again_with_the_same_id_and_what_follows_waits(  # noqa: PLR0917 - fixtures
    calltrack: CompanyStack,
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | str,
    why: str,
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT", 1.0)
    receiver.answers = [answer, answer]
    with told_to(calltrack, tmp_path, receiver) as api:
        holder, request = ask(api)
        deliver(api)
        undone = api.client.post(f"{URL}/{request}/cancel", headers=api.person(user_id=holder))
        assert undone.status_code == 200
        deliver(api)
        assert receiver.told == ["erasure_request.accepted"]  # its pause is not over; nothing overtakes it
        assert [one["failure"] for one in rows(api)] == [why, None]
        api.at += delivery.FIRST_PAUSE
        deliver(api)
        assert receiver.told == ["erasure_request.accepted"] * 2
        assert "expunge_notices_waiting 2.0" in api.client.get("/metrics").text
        api.at += delivery.FIRST_PAUSE * 2
        deliver(api)
    assert receiver.told == [*["erasure_request.accepted"] * 3, "erasure_request.cancelled"]
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 2
    assert len({headers["webhook-signature"] for headers, _ in receiver.calls}) == 4


@contextmanager
def trickling() -> Iterator[Receiver]:
    """A receiver that answers a byte of a header at a time, and is never done. `calls`: one for each connection."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    made = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hook")

    def answering(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 204 No Content\r\nX-Pad: ")
            while not ended.wait(0.1):
                connection.sendall(b"y")

    def accepting() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                made.calls.append(({}, b""))
                threading.Thread(target=answering, args=(connection,), daemon=True).start()

    threading.Thread(target=accepting, daemon=True).start()
    try:
        yield made
    finally:
        ended.set()
        listener.close()


LATE = 15.0
"""Seconds that no delivery takes whose time is one."""


def test_an_answer_that_trickles_is_not_waited_for(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT", 1.0)
    with trickling() as slow:
        began = time.monotonic()
        with pytest.raises(webhook_sender.NotDeliveredError, match="no answer in time"):
            _within(LATE, lambda: webhook_sender.post(hook(slow.url), "msg_1", {}, now()))
        assert time.monotonic() - began < LATE
        with told_to(calltrack, tmp_path, slow) as api:
            ask(api)
            _within(LATE, lambda: deliver(api))
            assert [one["failure"] for one in rows(api)] == ["no answer in time"]


def test_who_is_slow_holds_nobody_up(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve notices for who trickles, due before those of the other: four are tried, then it is others' turn."""
    monkeypatch.setattr(webhook_sender, "TIMEOUT", 1.0)
    with (
        trickling() as slow,
        open_api(calltrack, tmp_path, api={"webhooks": {"a": hook(slow.url), "b": hook(receiver.url)}}) as api,
    ):
        for _ in range(12):
            ask(api)
        _within(LATE, lambda: deliver(api))
        assert len(receiver.calls) == 12
        assert len(slow.calls) <= delivery.IN_PARALLEL
        left = [one for one in rows(api) if one["channel"] == "webhook:a"]
        assert sorted(one["attempts"] for one in left) == [0] * (12 - len(slow.calls)) + [1] * len(slow.calls)
        tried = len(slow.calls)
        _within(LATE, lambda: deliver(api))
        assert tried < len(slow.calls) <= 2 * delivery.IN_PARALLEL, "at the next look it is the next ones' turn"


def test_the_worker_stops_while_an_answer_trickles(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT", 1.0)
    with trickling() as slow, open_api(calltrack, tmp_path, api={"webhooks": {"app": hook(slow.url)}}) as api:
        for _ in range(12):
            ask(api)
        worker = Worker(api.installation.workspace, api.clock)
        worker.start()
        waited(lambda: bool(slow.calls))
        _within(LATE, worker.stop)
        assert {one["delivered_at"] for one in rows(api)} == {None}


def _within(seconds: float, job: Callable[[], object]) -> None:
    """Do it; that it takes for ever must not keep the test."""
    failed: list[Exception] = []

    def done() -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=done, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it does not end"
    if failed:
        raise failed[0]


def test_given_up_after_three_days_and_seen(calltrack: CompanyStack, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        nobody = Receiver(f"http://127.0.0.1:{taken.getsockname()[1]}/hook")
        with told_to(calltrack, tmp_path, nobody) as api:
            ask(api)
            started, attempts = api.at, []
            while api.at < started + timedelta(days=4):
                deliver(api)
                (row,) = rows(api)
                attempts.append(row["attempts"])
                api.at += timedelta(hours=3)
            assert row["failure"] == "not reached (ConnectError)"
            assert row["attempts"] < 20
            assert attempts[-1] == attempts[-5]
            numbers = api.client.get("/metrics").text
            assert "expunge_notices_given_up 1.0" in numbers
            assert "expunge_notices_waiting 0.0" in numbers


def test_frozen_at_acceptance_and_unfrozen_by_undo(calltrack: CompanyStack, tmp_path: Path, receiver: Receiver) -> None:
    with told_to(calltrack, tmp_path, receiver, freeze=True, origins=("controller",)) as api:
        holder, request = ask(api)
        deliver(api)
        assert (receiver.told, receiver.data(0)["erasure_request_id"]) == (["account.freeze"], request)
        api.client.post(f"{URL}/{request}/cancel", headers=api.person(user_id=holder))
        deliver(api)
        assert receiver.told == ["account.freeze", "account.unfreeze"]
        _, denied = ask(api)
        deliver(api)
        reason = {"reason": "fraud-suspected"}
        api.client.post(f"/v1/erasure_requests/{denied}/deny", json=reason, headers=api.staff("operator"))
        deliver(api)
    assert receiver.told[2:] == ["account.freeze", "account.unfreeze"]


def asked_by(api: ApiHarness, holder: int) -> str:
    made = api.client.post(URL, json={"scope": "account"}, headers=once(api.person(user_id=holder)))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def taken_back(api: ApiHarness, holder: int, request: str) -> None:
    assert api.client.post(f"{URL}/{request}/cancel", headers=api.person(user_id=holder)).status_code == 200


def test_frozen_is_the_account_of_who_undoes_and_asks_anew(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver
) -> None:
    """The receiver was down for a moment: the second request does not overtake the first; others do not wait."""
    with told_to(calltrack, tmp_path, receiver, freeze=True, origins=("controller",)) as api:
        holder, first = ask(api)
        deliver(api)
        taken_back(api, holder, first)
        receiver.answers = [503]
        deliver(api)
        second = asked_by(api, holder)
        _, other = ask(api)
        deliver(api)
        assert receiver.told == ["account.freeze", "account.unfreeze", "account.freeze"]
        assert receiver.data(2)["erasure_request_id"] == other
        api.at += delivery.FIRST_PAUSE
        deliver(api)
    assert receiver.told[3:] == ["account.unfreeze", "account.freeze"]
    assert [receiver.data(place)["erasure_request_id"] for place in (3, 4)] == [first, second]


def test_frozen_is_the_account_also_where_the_undoing_was_given_up(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver
) -> None:
    """What was given up keeps nobody waiting."""
    with told_to(calltrack, tmp_path, receiver, freeze=True, origins=("controller",)) as api:
        holder, first = ask(api)
        deliver(api)
        taken_back(api, holder, first)
        receiver.answers = [503, 503]
        deliver(api)
        api.at += delivery.GIVE_UP_AFTER
        asked_by(api, holder)
        deliver(api)
    assert receiver.told == ["account.freeze", *["account.unfreeze"] * 2, "account.freeze"]


def test_undone_and_asked_anew_while_others_are_noted(
    calltrack: CompanyStack, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages of those with news: the end of the first request is told before the beginning of the second."""
    monkeypatch.setattr(outbox, "_AT_ONCE", 1)
    note = outbox._note
    with told_to(calltrack, tmp_path, receiver, freeze=True, origins=("controller",)) as api:
        holder, first = ask(api)
        deliver(api)
        ask(api)

        def meanwhile(*given: Any) -> bool:
            monkeypatch.setattr(outbox, "_note", note)
            taken_back(api, holder, first)
            asked_by(api, holder)
            return note(*given)

        monkeypatch.setattr(outbox, "_note", meanwhile)
        deliver(api)
        deliver(api)
    assert receiver.told == ["account.freeze"] * 2 + ["account.unfreeze", "account.freeze"]


def test_only_whose_requests_it_is_told_of(calltrack: CompanyStack, tmp_path: Path, receiver: Receiver) -> None:
    mine, other = (one.id for one in calltrack.company.clients[:2])
    with told_to(calltrack, tmp_path, receiver, controller=f"client:{mine}") as api:
        ask(api)
        key = api.key(Role.REQUESTER)
        for client in (mine, other):
            wish = {"controller": f"client:{client}", "identifiers": {"caller_id": "1"}}
            assert api.client.post("/v1/erasure_requests", json=wish, headers=once(key)).status_code == 201
        deliver(api)
    assert [receiver.data(place)["controller"] for place in range(len(receiver.calls))] == [f"client:{mine}"]


def test_a_hold_that_may_not_be_told_is_not_told(calltrack: CompanyStack, tmp_path: Path, receiver: Receiver) -> None:
    told: dict[bool, list[str]] = {}
    for undisclosed in (True, False):
        with told_to(calltrack, tmp_path / str(undisclosed), receiver) as api:
            (holder,) = calltrack.take_holders()
            people = [{"user_id": str(holder)}]
            hold = {"people": people, "ground": "A dispute", "undisclosed": undisclosed}
            placed = api.client.post("/v1/legal_holds", json=hold, headers=api.staff("operator"))
            assert placed.status_code == 201, placed.text
            wish = {"scope": "account", "waive_grace": True}
            api.client.post(URL, json=wish, headers=once(api.person(user_id=holder)))
            api.work()
            deliver(api)
            told[undisclosed] = receiver.told
            receiver.calls.clear()
    assert told == {True: ["erasure_request.accepted"], False: ["erasure_request.accepted", "erasure_request.on-hold"]}


def test_the_worker_delivers(calltrack: CompanyStack, tmp_path: Path, receiver: Receiver) -> None:
    settings = {"webhooks": {"app": hook(receiver.url)}, "tick": timedelta(milliseconds=50)}
    with open_api(calltrack, tmp_path, worker=True, api=settings) as api:
        ask(api)
        waited(lambda: receiver.told == ["erasure_request.accepted"])


def test_secrets_that_sign_nothing_are_refused() -> None:
    for secret in ("short", "a text of more than 24 characters", "whsec_AAAA", "whsec_" + "!" * 40, SECRET[6:]):
        with pytest.raises(ValidationError):
            Webhook(url=HttpUrl("http://receiver.example/"), secret=SecretStr(secret))
    assert ApiSettings().webhooks == {}


def test_letters_in_plain_words_and_then_the_address_is_gone(
    calltrack: CompanyStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "expunge")
    box, address = tmp_path / "letters", "kathrin.canary@mail.example"
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        (holder,) = calltrack.take_holders()
        own = address_of(api, holder)
        claims = {**api.claims(user_id=holder, email=own), "contact": address}
        headers = once({"Authorization": f"Bearer {api.app.sign(claims)}"})
        made = api.client.post(URL, json={"scope": "account"}, headers=headers)
        assert made.status_code == 201, made.text
        deliver(api)
        api.at += GRACE
        api.work()
        deliver(api)
        assert contacts(api) == [True]
        api.settle()
        deliver(api)
        assert contacts(api) == [False]
        series = api.client.get(f"{URL}/{made.json()['id']}", headers=api.person(user_id=holder)).json()["receipt_id"]
        assert series
    accepted, erased, last = letters_of(box)
    assert {one.stat().st_mode & 0o777 for one in box.iterdir()} == {0o600}
    for letter in (accepted, erased, last):
        assert f"To: {address}" in letter
        assert "From: Calltrack Ltd <privacy@calltrack.example>" in letter
        assert made.json()["id"] in letter
    assert '"My account and everything in it"' in " ".join(accepted.split())
    until = (api.at).strftime("%d %B %Y").lstrip("0")
    assert f"Until {until}" in " ".join(accepted.split())
    assert "Log files are not affected" in " ".join(accepted.split())
    assert "except for what has to be kept" in " ".join(erased.split())
    assert "We looked once more some time after the deletion" in last
    # The address: nowhere but in the letters.
    everything = [one.read_bytes() for one in (tmp_path / "expunge").rglob("*") if one.is_file()]
    assert any(made.json()["id"].encode() in one for one in everything)
    assert not any(canary.encode() in one for one in everything for canary in (address, "kathrin", own))
    assert "delivered msg_" in caplog.text
    assert not any(canary in caplog.text for canary in (address, "kathrin", own))


def contacts(api: ApiHarness) -> list[bool]:
    with reading(api.installation.workspace.ledger) as connection:
        found = connection.execute(sa.text("SELECT contact_key, sealed_contact FROM request"))
        return [row.contact_key is not None or row.sealed_contact is not None for row in found]


def test_while_a_letter_is_owed_no_receipt_says_that_the_identifiers_are_destroyed(
    calltrack: CompanyStack, tmp_path: Path
) -> None:
    """The last letter tells of the last statement, and goes to an address that is one of the request's identifiers."""
    with open_api(calltrack, tmp_path, api={"letters": tmp_path / "letters"}) as api:
        (holder,) = calltrack.take_holders()
        own = address_of(api, holder)
        token = api.app.sign({**api.claims(user_id=holder, email=own), "contact": own})
        at_once = {"scope": "account", "waive_grace": True}
        assert api.client.post(URL, json=at_once, headers=once({"Authorization": f"Bearer {token}"})).status_code == 201
        api.work()
        api.settle()
        assert contacts(api) == [True]
        assert identifiers_of(api, "settled")["contactKept"].startswith("The address to which letters")
        deliver(api)
        assert contacts(api) == [False]


def test_withdrawn_people_may_still_be_written_to(
    calltrack: CompanyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_api(calltrack, tmp_path, api={"letters": tmp_path / "letters"}) as api:
        (holder,) = calltrack.take_holders()
        claims = {**api.claims(user_id=holder), "contact": "ann@mail.example"}
        token = api.app.sign(claims)
        at_once = {"scope": "account", "waive_grace": True}
        api.client.post(URL, json=at_once, headers=once({"Authorization": f"Bearer {token}"}))
        plan_only(api, monkeypatch)
        batch = batch_of(api)
        stuck = FaultyConnector(api.installation.workspace.stores["main"], count=refused)
        api.installation.erase(batch, api.installation.with_stores({"main": stuck}))  # type: ignore[dict-item]
        cancel(api.installation, batch)
        assert contacts(api) == [True]
        assert identifiers_of(api, "cancelled")["destroyedInLedger"] is False


def batch_of(api: ApiHarness) -> Batch:
    [(uid, _)] = plans_of(api)
    with reading(api.installation.workspace.ledger) as connection:
        return batch_by_uid(connection, uid)


def identifiers_of(api: ApiHarness, event: str) -> dict[str, Any]:
    """What the only receipt says of the request's own identifiers; its receipt verifies and has the published form."""
    assert_chain_intact(api.installation, batch_of(api))
    (said,) = statements_of(api.installation, batch_of(api), event)
    identifiers = said.body["identifiers"]
    assert isinstance(identifiers, dict)
    return identifiers


def test_undone_the_address_goes_with_the_last_letter(calltrack: CompanyStack, tmp_path: Path) -> None:
    box = tmp_path / "letters"
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        (holder,) = calltrack.take_holders()
        token = api.app.sign({**api.claims(user_id=holder), "contact": "ann@mail.example"})
        made = api.client.post(URL, json={"scope": "account"}, headers=once({"Authorization": f"Bearer {token}"}))
        api.client.post(f"{URL}/{made.json()['id']}/cancel", headers=api.person(user_id=holder))
        deliver(api)
        assert contacts(api) == [False]
    accepted, cancelled = letters_of(box)
    assert "taken back before anything was deleted" in " ".join(cancelled.split())
    assert "Until" in accepted


def test_no_letters_no_address_kept(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    token = api.app.sign({**api.claims(user_id=holder), "contact": "ann@mail.example"})
    api.client.post(URL, json={"scope": "account"}, headers=once({"Authorization": f"Bearer {token}"}))
    assert contacts(api) == [False]


@pytest.mark.parametrize(
    "contact",
    ["", "ann", "ann@", "@mail.example", "a@b.example, c@d.example", "Ann <ann@mail.example>", "a@b@c", "a;b@c.d"],
)
def test_what_is_no_address_is_refused_and_not_repeated(calltrack: CompanyStack, tmp_path: Path, contact: str) -> None:
    with open_api(calltrack, tmp_path, api={"letters": tmp_path / "letters"}) as api:
        (holder,) = calltrack.take_holders()
        token = api.app.sign({**api.claims(user_id=holder), "contact": contact})
        refused = api.client.post(URL, json={"scope": "account"}, headers=once({"Authorization": f"Bearer {token}"}))
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[1]) == (422, "contact-unusable")
        assert "mail.example" not in refused.text


def test_a_directory_that_cannot_be_written_is_tried_again(calltrack: CompanyStack, tmp_path: Path) -> None:
    box = tmp_path / "letters"
    box.write_text("a file is in the way")
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        (holder,) = calltrack.take_holders()
        token = api.app.sign({**api.claims(user_id=holder), "contact": "ann@mail.example"})
        api.client.post(URL, json={"scope": "account"}, headers=once({"Authorization": f"Bearer {token}"}))
        deliver(api)
        assert [one["failure"] for one in rows(api)] == [
            "the directory for letters cannot be written (FileExistsError)"
        ]
        box.unlink()
        api.at += delivery.FIRST_PAUSE
        deliver(api)
        assert len(letters_of(box)) == 1
