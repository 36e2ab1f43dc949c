"""`expunge serve` as a process, and calls to it: by a client, and byte by byte."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.support.api import APP, AUDIENCE, STAFF, TokenSigner, bearer
from tests.support.fork_server import APPEND, IN, ForkedCommand, ForkServer
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_demo.dev_servers.ports import LOOPBACK, free_ports
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.principals import GIVEN
from expunge_orchestrator.clock import now

PATIENT = 120.0
"""Seconds that a test waits for an answer before it says that there is none."""


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        """The last word of a problem's type."""
        return str(json.loads(self.body)["type"]).rsplit("/", 1)[1]


@dataclass(slots=True)
class ApiProcess:
    """A server, and who calls it.

    Attributes:
        log: What it says on standard error.
        options: Of the command, beside the port.
    """

    home: Path
    environment: Mapping[str, str] = field(repr=False)
    port: int
    log: Path
    app: TokenSigner
    idp: TokenSigner
    fork_server: ForkServer
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    process: ForkedCommand | None = None
    options: tuple[str, ...] = ()

    def launch(self, *options: str, code: str = "") -> ForkedCommand:
        """Start it with these options besides; `code` runs in its process before, to break something on purpose."""
        self.process = self.fork_server.start(
            ["serve", "--port", str(self.port), *self.options, *options],
            directory=self.home.parent,
            environment=self.environment,
            streams=[("/dev/null", IN), (self.log, APPEND), (self.log, APPEND)],
            code=code,
        )
        return self.process

    def start(self, *options: str, code: str = "") -> None:
        """The same, and wait until it answers."""
        self.process = self.launch(*options, code=code)
        deadline = time.monotonic() + PATIENT
        while True:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, "it does not answer"
            try:
                with socket.create_connection((LOOPBACK, self.port), 1):
                    return
            except OSError:
                time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Stop it; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENT)

    def connected(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.port), PATIENT)

    def raw(self, data: bytes) -> Answer:
        """Send these bytes, and read one answer; 0: the connection was ended with more of it on its way."""
        with self.connected() as connection:
            with suppress(ConnectionError):  # it had said what it has to say, and listens no more
                connection.sendall(data)
            try:
                return read(connection, data.partition(b" ")[0].decode())
            except ConnectionResetError:
                return Answer(0, {}, b"")

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **members: Any,
    ) -> Answer:
        """One call; `members` are its JSON body."""
        told = {"Host": "expunge", "Connection": "close", **(headers or {})}
        if members:
            body = json.dumps(members).encode()
            told = {"Content-Type": "application/json", **told}
        if body is not None and "Transfer-Encoding" not in told:
            told["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        return self.raw("\r\n".join(lines).encode() + (body or b""))

    def key(self, role: str) -> dict[str, str]:
        """An API key of this role for every controller."""
        return bearer(self.keys[role])

    def person(self, contact: str | None = None, **identifiers: object) -> dict[str, str]:
        """A fresh token."""
        moment = int(time.time())
        claims = {
            "iss": self.app.issuer,
            "aud": AUDIENCE,
            "sub": "session",
            "iat": moment,
            "exp": moment + 120,
            "auth_time": moment - 30,
            "jti": secrets.token_urlsafe(16),
            "identifiers": identifiers,
            **({} if contact is None else {"contact": contact}),
        }
        return bearer(self.app.sign(claims))

    def staff(self, *roles: str) -> dict[str, str]:
        """Headers of a call by staff."""
        moment = int(time.time())
        told = {"iss": self.idp.issuer, "aud": AUDIENCE, "sub": "somebody", "iat": moment, "exp": moment + 3600}
        return bearer(self.idp.sign({**told, "roles": list(roles), "controllers": "*"}))


def read(connection: socket.socket, method: str = "GET") -> Answer:
    """One answer."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        response.close()


def api_environment(home: Path, app: TokenSigner, idp: TokenSigner) -> dict[str, str]:
    """Who signs tokens."""
    names: dict[str, str] = {}
    for name, kind, signer, issuer in (("APP", "person", app, APP), ("IDP", "staff", idp, STAFF)):
        before = f"EXPUNGE_API__ISSUERS__{name}__"
        names[f"{before}KIND"], names[f"{before}ISSUER"], names[f"{before}AUDIENCE"] = kind, issuer, AUDIENCE
        names[f"{before}JWKS_FILE"] = str(signer.publish(home / f"{name.lower()}.jwks"))
    names["EXPUNGE_API__ISSUERS__IDP__ROLES"] = json.dumps({one.value: one.value for one in GIVEN})
    return names


def process_of(
    installation: Installation, fork_server: ForkServer, directory: Path, *options: str, **settings: str
) -> ApiProcess:
    """The server of an installation, not started; `settings` are names of `EXPUNGE_…` and values."""
    directory.mkdir(parents=True, exist_ok=True)
    app, idp = TokenSigner(APP), TokenSigner(STAFF)
    keys = {}
    for role in GIVEN:
        with installation.workspace.ledger.begin() as connection:
            by = f"issuer of the {role.value}"
            keys[role.value], key = api_keys.issue(
                connection, roles=[role], controllers=None, holder=None, expires_at=None, by=by, at=now()
            )
            api_keys.confirm(connection, key.uid, "witness", now())
    environment = {
        **installation.calltrack.environment(installation.home),
        **api_environment(directory, app, idp),
        **{f"EXPUNGE_{name}": value for name, value in settings.items()},
        "EXPUNGE_SETTLING": "PT0S",
    }
    (port,) = free_ports(1)
    log = directory / "serve.log"
    return ApiProcess(installation.home, environment, port, log, app, idp, fork_server, keys, options=options)


@contextmanager
def served(
    calltrack: CompanyStack, fork_server: ForkServer, directory: Path, *options: str, **settings: str
) -> Iterator[ApiProcess]:
    """A fresh installation and its server; `settings` are names of `EXPUNGE_API__…` and values."""
    named = {f"API__{name}": value for name, value in settings.items()}
    with fresh_installation(calltrack, directory / "expunge") as installation:
        made = process_of(installation, fork_server, directory, *options, **named)
    made.start()
    try:
        yield made
    finally:
        assert made.process is not None
        if made.process.poll() is None:
            made.end()
