"""Law 5 over HTTP: identifiers and credentials that come with calls stand nowhere, in any encoding, when asked for."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.api_process import Answer, ApiProcess, served
from tests.support.canary_values import Flock, files_below
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack
from tests.support.notifications import Receiver
from tests.support.opendsr import DOMAIN, certificate_in
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.store_inspector import StoreInspector

WORKED = 120.0


@dataclass(slots=True)
class Eaves:
    """Everything that is said while it runs, and what must not be in it.

    Attributes:
        said: Name of a call -> its answer, headers included, where it is not the one that hands something out.
        birds: What must not be seen.
        processes: Command line and environment of every process that the server ever started.
    """

    server: ApiProcess
    birds: dict[str, str | bytes] = field(default_factory=dict, repr=False)
    said: dict[str, bytes] = field(default_factory=dict, repr=False)
    processes: set[bytes] = field(default_factory=set, repr=False)

    def call(self, name: str, *what: object, status: int, hands_out: bool = False, **members: object) -> Answer:
        """Make a call, and keep what is answered."""
        answer = self.server.call(*what, **members)  # type: ignore[arg-type]
        assert answer.status == status, (name, answer.status)
        if not hands_out:
            self.said[f"{len(self.said)} {name}"] = f"{dict(answer.headers)}".encode() + answer.body
        return answer

    def bearer(self, name: str, headers: dict[str, str]) -> dict[str, str]:
        """A credential, from now on one of the birds: as it came, and the parts of it that hold something."""
        token = headers["Authorization"].removeprefix("Bearer ")
        self.birds[name] = token
        self.birds[f"what is secret in {name}"] = secret_part(token)
        return headers

    def watch_processes(self, ended: threading.Event) -> None:
        """Until it ends."""
        assert self.server.process is not None
        while not ended.is_set():
            for child in _children(self.server.process.pid):
                for what in ("cmdline", "environ"):
                    try:
                        self.processes.add((Path("/proc") / str(child) / what).read_bytes())
                    except OSError:
                        continue  # it has ended
            time.sleep(0.02)


def secret_part(token: str) -> str:
    """Of a key what follows its id (itself it may have underlines), of a token its signature."""
    return token.split("_", 2)[2] if token.startswith(("xk_", "fu_")) else token.rpartition(".")[2]


def _children(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            found = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, found):
            yield child
            yield from _children(child)


@pytest.fixture
def eaves(calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path, receiver: Receiver) -> Iterator[Eaves]:
    """A server with everything that it can have: webhooks, letters, OpenDSR."""
    secret = secrets.token_bytes(24)
    opendsr = certificate_in(tmp_path)
    letters = tmp_path / "letters"
    letters.mkdir()
    with served(
        calltrack,
        fork_server,
        tmp_path / "home",
        TICK="PT0.1S",
        LETTERS=str(letters),
        FREEZE="app",
        WEBHOOKS__APP__URL=receiver.url,
        WEBHOOKS__APP__SECRET="whsec_" + base64.b64encode(secret).decode(),
        OPENDSR__DOMAIN=opendsr.domain,
        OPENDSR__CERTIFICATE=str(opendsr.certificate),
        OPENDSR__KEY=str(opendsr.key),
        OPENDSR__IDENTITIES=json.dumps(opendsr.identities),
    ) as server:
        made = Eaves(server, {"webhook secret": secret})
        for role in server.keys:
            made.bearer(f"{role} key", server.key(role))
        yield made


def test_nothing_of_anybody_stands_anywhere(
    eaves: Eaves, inspector: StoreInspector, receiver: Receiver, tmp_path: Path
) -> None:
    holder, caller = make_holder(inspector), make_caller(inspector)
    contact = f"c{secrets.token_hex(9)}+tag@canary.example"
    stranger = str(secrets.randbelow(9 * 10**17) + 10**17)
    for name, made in (("holder", holder), ("caller", caller)):
        eaves.birds |= {f"{name} email": made.email, f"{name} phone": made.phone, f"{name} digits": made.phone[1:]}
    eaves.birds |= {"contact": contact, "nobody's id": stranger}
    ended = threading.Event()
    watcher = threading.Thread(target=eaves.watch_processes, args=(ended,))
    watcher.start()
    try:
        follow = own(eaves, holder, contact, stranger)
        clients(eaves, caller, stranger)
        rubbish(eaves, holder, stranger)
        settled(eaves, follow)
    finally:
        ended.set()
        watcher.join()

    assert any("erased" in told for told in receiver.told)
    assert list((tmp_path / "letters").iterdir()), "the address was really there"
    server, flock = eaves.server, Flock(eaves.birds)
    for role, path in (
        ("auditor", "/v1/audit_log?limit=1000"),
        ("auditor", "/v1/erasure_requests"),
        ("auditor", "/v1/legal_holds?include_ended=true"),
        ("auditor", "/v1/batches"),
        ("admin", "/v1/api_keys"),
    ):
        eaves.call(path, "GET", path, server.key(role), status=200)
    eaves.call("metrics", "GET", "/metrics", status=200)
    assert "expunge_requests" in eaves.said[max(eaves.said, key=lambda name: int(name.split()[0]))].decode()
    running = flock.found_below([server.home, server.log])  # with the ledger's write-ahead log, as it is written to
    assert {one.name for one in files_below([server.home])} >= {"ledger.sqlite3", "ledger.sqlite3-wal"}
    assert server.end() == 0
    assert server.log.read_bytes().count(b"expunge.access") > 20
    assert running == {}
    assert flock.found_below([server.home, server.log]) == {}
    assert {name: found for name, one in eaves.said.items() if (found := flock.found_in(one))} == {}
    assert [flock.found_in(one) for one in eaves.processes if flock.found_in(one)] == []
    told = b"\n".join(body + json.dumps(headers).encode() for headers, body in receiver.calls)
    assert flock.found_in(told) == []


def own(eaves: Eaves, holder: SeededPerson, contact: str, stranger: str) -> str:
    """A person's own erasure, and whatever goes wrong with tokens on the way; the secret that follows it."""
    server = eaves.server
    path, known = "/v1/me/erasure_requests", {"user_id": holder.id, "email": holder.email, "phone": holder.phone}
    turn = iter(range(100))

    def token(**identifiers: object) -> dict[str, str]:
        return eaves.bearer(f"token {next(turn)}", server.person(contact, **identifiers))

    first = {**token(**known), "Idempotency-Key": holder.email}
    made = eaves.call("own", "POST", path, first, status=201, hands_out=True, scope="account", waive_grace=True)
    follow = str(json.loads(made.body)["follow_up_token"])
    eaves.birds |= {"follow-up": follow, "what is secret in it": secret_part(follow)}
    again = eaves.call("repeated", "POST", path, first, status=200, hands_out=True, scope="account", waive_grace=True)
    assert json.loads(again.body)["follow_up_token"] == follow
    eaves.call("replayed", "POST", path, first, status=401, scope="information")
    eaves.call("another wish", "POST", path, {**first, **token(**known)}, status=422, scope="information")
    uid = json.loads(made.body)["id"]
    for name, method, where in (
        ("own list", "GET", path), ("own one", "GET", f"{path}/{uid}"), ("of nobody", "GET", f"{path}/{holder.email}"),
    ):  # fmt: skip
        eaves.call(name, method, where, token(**known), status=404 if name == "of nobody" else 200)
    eaves.call("no person", "GET", path, token(email=holder.email), status=401)
    eaves.call("not accepted", "GET", path, token(caller_id=stranger), status=401)
    eaves.call("no number", "GET", path, token(user_id=holder.email), status=401)
    broken = token(**known)["Authorization"]
    eaves.call("not signed", "GET", path, {"Authorization": broken[:-8] + "AAAAAAAA"}, status=401)
    eaves.call("follow", "GET", "/v1/follow_up/erasure_request", {"Authorization": f"Bearer {follow}"}, status=200)
    eaves.call(
        "guessed", "GET", "/v1/follow_up/erasure_request", {"Authorization": f"Bearer {follow[:-4]}AAAA"}, status=401
    )
    return follow


def clients(eaves: Eaves, caller: SeededPerson, stranger: str) -> None:
    """What clients and staff send."""
    server, operator = eaves.server, eaves.server.key("operator")
    key = {**operator, "Idempotency-Key": caller.email}
    people = {"email": caller.email, "phone": caller.phone}
    wish = {"controller": caller.controller, "identifiers": people}
    eaves.call("asked", "POST", "/v1/erasure_requests", key, status=201, **wish)
    eaves.call("asked again", "POST", "/v1/erasure_requests", key, status=200, **wish)
    other = {**wish, "identifiers": {"caller_id": stranger}}
    eaves.call("another under its key", "POST", "/v1/erasure_requests", key, status=422, **other)
    csv = f"email,phone,caller_id\n{caller.email},{caller.phone},\n,,{stranger}\n".encode()
    listed = {**operator, "Content-Type": "text/csv"}
    where = f"/v1/batches?controller={caller.controller}"
    eaves.call("list", "POST", where, {**listed, "Idempotency-Key": "1"}, csv, status=201)
    bad = csv.replace(b"email,", b"email;").replace(b"\n,", b'\n"')
    eaves.call("bad list", "POST", where, {**listed, "Idempotency-Key": "2"}, bad, status=422)
    eaves.call(
        "held",
        "POST",
        "/v1/legal_holds",
        operator,
        status=201,
        controller=caller.controller,
        people=[{"caller_id": stranger}],
        ground="x",
    )
    eaves.call("located", "POST", "/v1/locate", operator, status=200, **wish)
    told = eaves.call(
        "issued", "POST", "/v1/api_keys", server.key("admin"), status=201, hands_out=True, roles=["auditor"]
    )
    issued = {"Authorization": f"Bearer {json.loads(told.body)['secret']}"}
    eaves.call("with it", "GET", "/v1/audit_log", eaves.bearer("issued key", issued), status=200)
    staff = eaves.bearer("staff", server.staff("requester"))
    eaves.call("not allowed", "POST", "/v1/locate", staff, status=403, **wish)
    dsr = {
        "subject_request_id": "6f2a4f0e-4a3c-4f5e-9f3b-0d1a2b3c4d5e", "subject_request_type": "erasure",
        "submitted_time": "2026-01-01T00:00:00Z", "extensions": {DOMAIN: {"controller": caller.controller}},
        "subject_identities": [{"identity_type": "email", "identity_value": caller.email, "identity_format": "raw"}],
    }  # fmt: skip
    eaves.call("OpenDSR", "POST", "/opendsr/v2/requests", operator, status=201, hands_out=True, **dsr)
    wrong = {**dsr, "subject_request_type": caller.email}
    eaves.call("OpenDSR, wrong", "POST", "/opendsr/v2/requests", operator, status=400, **wrong)


def rubbish(eaves: Eaves, holder: SeededPerson, stranger: str) -> None:
    """Identifiers where none belong: in addresses, names of members, headers, half a body, a credential."""
    operator = eaves.server.key("operator")
    mail, json_kind = holder.email, {**operator, "Content-Type": "application/json"}
    wish = {"controller": mail, "identifiers": {"email": f"{mail} and more", "phone": f"x{holder.phone}"}}
    for name, body in {
        "nobody's controller": wish,
        "unusable": {**wish, "controller": "calltrack"},
        "no identity": {"controller": "calltrack", "identifiers": {mail: stranger}},
        "a member": {"controller": "calltrack", "identifiers": {"email": mail}, mail: holder.phone},
        "a type": {"controller": "calltrack", "identifiers": [mail, holder.phone]},
    }.items():
        for path in ("/v1/erasure_requests", "/v1/locate"):
            answer = eaves.server.call("POST", path, {**json_kind, "Idempotency-Key": mail}, json.dumps(body).encode())
            assert 400 <= answer.status < 500, (name, path)
            eaves.said[f"{len(eaves.said)} {name}"] = answer.body
    half = f'{{"controller": "calltrack", "identifiers": {{"email": "{mail}'.encode()
    eaves.call("half", "POST", "/v1/erasure_requests", json_kind, half, status=422)
    for path in (
        f"/v1/erasure_requests/{mail}",
        f"/v1/erasure_requests?cursor={mail}",
        f"/v1/batches?limit={mail}",
        f"/{mail}/{holder.phone}",
        f"/v1/erasure_requests?state={mail}",
        f"/opendsr/v2/requests/{mail}",
        f"/v1/log/tile/{mail}",
    ):
        answer = eaves.server.call("GET", path, {**operator, "User-Agent": mail, "Referer": mail, "Cookie": mail})
        assert 400 <= answer.status < 500, path
        eaves.said[f"{len(eaves.said)} address"] = answer.body
    eaves.call("not HTTP", mail, "/", status=400)
    eaves.call("no credential", "GET", "/v1/erasure_requests", {"Authorization": f"Bearer {mail}"}, status=401)
    eaves.call("nor that", "GET", "/v1/erasure_requests", {"Authorization": f"Basic {mail}"}, status=401)


def settled(eaves: Eaves, follow: str) -> None:
    """Until everything is over, and the receipt is there."""
    server = eaves.server
    headers = {"Authorization": f"Bearer {follow}"}
    until(lambda: json.loads(server.call("GET", "/v1/follow_up/erasure_request", headers).body)["state"] == "settled")
    operator = server.key("operator")
    running = {"scheduled", "planning", "planned", "executing", "erased", "partially-erased", "not-found", "settling"}
    until(
        lambda: (
            not running
            & {one["state"] for one in json.loads(server.call("GET", "/v1/erasure_requests", operator).body)["items"]}
        )
    )
    eaves.call("receipt", "GET", "/v1/follow_up/erasure_request/receipt", headers, status=200)
    eaves.call("page", "GET", "/v1/follow_up/erasure_request/receipt", {**headers, "Accept": "text/html"}, status=200)


def until(come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WORKED
    while not come():
        assert time.monotonic() < deadline, "it does not come to an end"
        time.sleep(0.1)
