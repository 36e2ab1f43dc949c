"""The API of an installation, with everybody who calls it: an application that signs people in, staff, clients."""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_config.api_settings import ApiSettings, Issuer
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.background_worker import Worker
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.requests import scheduler

APP, STAFF = "https://app.calltrack.example", "https://login.calltrack.example"
AUDIENCE = "expunge"


@dataclass(slots=True)
class TokenSigner:
    """Somebody who signs tokens."""

    issuer: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)}, private=True))

    def publish(self, path: Path) -> Path:
        path.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}), encoding="utf-8")
        return path

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        return jwt.encode({"alg": "ES256", "kid": self.key.kid, **(header or {})}, dict(claims), self.key)


@dataclass(slots=True)
class ApiHarness:
    """The API, its clock, and the credentials of everybody.

    Attributes:
        at: What its clock says; tests set it.
        runs_since: When the clock was started (monotonic seconds), or None for one that stands still.
    """

    installation: Installation
    app: TokenSigner
    idp: TokenSigner
    at: datetime
    runs_since: float | None = None
    client: TestClient = field(init=False)

    def clock(self) -> datetime:
        """What the API and its worker go by."""
        if self.runs_since is None:
            return self.at
        return self.at + timedelta(seconds=time.monotonic() - self.runs_since)

    def person(self, at: datetime | None = None, **identifiers: object) -> dict[str, str]:
        """Headers of a call for a person who is signed in."""
        return bearer(self.app.sign(self.claims(at, **identifiers)))

    def claims(self, at: datetime | None = None, **identifiers: object) -> dict[str, Any]:
        """What the application asserts of a person."""
        moment = int((at or self.at).timestamp())
        return {
            "iss": self.app.issuer,
            "aud": AUDIENCE,
            "sub": "session",
            "iat": moment,
            "exp": moment + 120,
            "auth_time": moment - 30,
            "jti": secrets.token_urlsafe(16),
            "identifiers": identifiers,
        }

    def staff(self, *roles: str, controllers: str = "*", subject: str = "somebody") -> dict[str, str]:
        """Headers of a call by staff."""
        moment = int(self.at.timestamp())
        told = {"iss": self.idp.issuer, "aud": AUDIENCE, "sub": subject, "iat": moment, "exp": moment + 3600}
        return bearer(self.idp.sign({**told, "roles": list(roles), "controllers": controllers}))

    def key(
        self, *roles: Role, controllers: tuple[str, ...] | None = None, holder: str | None = None
    ) -> dict[str, str]:
        """Headers of a call with an API key: its issuer issued no other one, and somebody else confirmed it."""
        workspace = self.installation.workspace
        reaches = (
            None if controllers is None else [api_keys.controller_scope(one, workspace.data_map) for one in controllers]
        )
        with workspace.ledger.begin() as connection:
            by = f"issuer {secrets.token_hex(4)}"
            secret, key = api_keys.issue(
                connection, roles=roles, controllers=reaches, holder=holder, expires_at=None, by=by, at=self.at
            )
            api_keys.confirm(connection, key.uid, "witness", self.at)
        return bearer(secret)

    def work(self) -> None:
        """What the worker does in one turn, as of the API's clock."""
        workspace = self.installation.workspace
        scheduler.start_due(workspace, self.at)
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            run(workspace, writer, RunObserver())
        scheduler.close_ended(workspace)

    def settle(self) -> None:
        """The settling checks that are due."""
        self.installation.settle()
        scheduler.close_ended(self.installation.workspace)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def once(headers: Mapping[str, str]) -> dict[str, str]:
    """With a fresh Idempotency-Key."""
    return {**headers, "Idempotency-Key": secrets.token_hex(8)}


@contextmanager
def open_api(
    calltrack: CompanyStack, home: Path, *, worker: bool = False, clock_runs: bool = False, **overrides: Any
) -> Iterator[ApiHarness]:
    """A fresh installation beside a company, with its API."""
    home.mkdir(parents=True, exist_ok=True)
    app, idp = TokenSigner(APP), TokenSigner(STAFF)
    issuers = {
        "app": Issuer(kind="person", issuer=APP, audience=AUDIENCE, jwks_file=app.publish(home / "app.jwks")),
        "idp": Issuer(
            kind="staff",
            issuer=STAFF,
            audience=AUDIENCE,
            jwks_file=idp.publish(home / "idp.jwks"),
            roles={role: role for role in ("requester", "operator", "approver", "auditor", "admin")},
        ),
    }
    settings = {"issuers": issuers, **overrides.pop("api", {})}
    with fresh_installation(calltrack, home / "expunge", api=ApiSettings(**settings), **overrides) as installation:
        started = time.monotonic() if clock_runs else None
        api = ApiHarness(installation, app, idp, datetime.now(UTC).replace(microsecond=0), started)
        hands = Worker(installation.workspace, api.clock)
        built = build(build_state(installation.workspace, api.clock, hands.wake))
        if worker:
            hands.start()
        try:
            with TestClient(built, raise_server_exceptions=False) as client:
                api.client = client
                yield api
        finally:
            if worker:
                hands.stop()


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    """A fresh installation with its API, beside the session's company."""
    with open_api(calltrack, tmp_path) as made:
        yield made


GRACE = timedelta(days=14)


def listed(api: ApiHarness, first: int, number: int) -> tuple[str, str]:
    client = api.installation.calltrack.company.clients[2].id
    callers = api.installation.calltrack.company.callers_of(client)[first : first + number]
    return f"client:{client}", "caller_id\n" + "".join(f"{one}\n" for one in callers)


URL = "/v1/me/erasure_requests"


ACCOUNT = {"scope": "account"}


def raw(header: object, claims: object, signature: bytes = b"") -> str:
    """A compact token, made by hand."""
    parts = [json.dumps(one).encode() if not isinstance(one, bytes) else one for one in (header, claims)]
    return ".".join(urlsafe_b64encode(one).decode().rstrip("=") for one in (*parts, signature))


def signed_by_hand(header: dict[str, Any], claims: object, key: ECKey) -> str:
    """Signed rightly over whatever the header says; the library would refuse to."""
    told = raw(header, claims).rsplit(".", 1)[0]
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = utils.decode_dss_signature(private.sign(told.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{told}.{urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).decode().rstrip('=')}"
