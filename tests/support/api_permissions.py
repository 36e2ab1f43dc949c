"""Who may make which call, written out by hand, and an installation that has everything calls can be about."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from httpx2 import Response
from tests.support.api import ApiHarness, bearer, once

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import api_key

R, OP, P, A, ADMIN = "requester", "operator", "approver", "auditor", "admin"
EVERYBODY = "everybody"


WORKING = f"{R} {OP} {P} {A}"


# Who may, in the words of ADR 12. Whoever adds a call adds its line here, by hand.
MAY = {
    "POST /v1/me/erasure_requests": "person",
    "GET /v1/me/erasure_requests": "person",
    "GET /v1/me/erasure_requests/{erasure_request_id}": "person",
    "POST /v1/me/erasure_requests/{erasure_request_id}/cancel": "person",
    "GET /v1/me/erasure_requests/{erasure_request_id}/receipt": "person",
    "POST /v1/me/erasure_requests/{erasure_request_id}/openings": "person",
    "GET /v1/follow_up/erasure_request": "follower",
    "POST /v1/follow_up/erasure_request/cancel": "follower",
    "GET /v1/follow_up/erasure_request/receipt": "follower",
    "POST /v1/follow_up/erasure_request/openings": "follower",
    "POST /v1/erasure_requests": f"{R} {OP}",
    "GET /v1/erasure_requests": WORKING,
    "GET /v1/erasure_requests/{erasure_request_id}": WORKING,
    "GET /v1/erasure_requests/{erasure_request_id}/plan": WORKING,
    "GET /v1/erasure_requests/{erasure_request_id}/receipt": WORKING,
    "POST /v1/erasure_requests/{erasure_request_id}/cancel": f"{R} {OP}",
    "POST /v1/erasure_requests/{erasure_request_id}/openings": f"{R} {OP}",
    "POST /v1/erasure_requests/{erasure_request_id}/deny": OP,
    "POST /v1/erasure_requests/{erasure_request_id}/retry": OP,
    "POST /v1/erasure_requests/{erasure_request_id}/extend": f"{R} {OP}",
    "POST /v1/batches": f"{R} {OP}",
    "GET /v1/batches": WORKING,
    "GET /v1/batches/{batch_id}": WORKING,
    "GET /v1/batches/{batch_id}/plan": WORKING,
    "GET /v1/batches/{batch_id}/results": WORKING,
    "GET /v1/batches/{batch_id}/events": WORKING,
    "POST /v1/batches/{batch_id}/approve": P,
    "POST /v1/batches/{batch_id}/start": OP,
    "POST /v1/batches/{batch_id}/pause": OP,
    "POST /v1/batches/{batch_id}/resume": OP,
    "POST /v1/batches/{batch_id}/retry": OP,
    "POST /v1/batches/{batch_id}/cancel": OP,
    "POST /v1/batches/{batch_id}/end": OP,
    "POST /v1/legal_holds": OP,
    "GET /v1/legal_holds": f"{OP} {A}",
    "POST /v1/legal_holds/{legal_hold_id}/lift": OP,
    "POST /v1/locate": OP,
    "GET /v1/audit_log": A,
    "POST /v1/api_keys": ADMIN,
    "GET /v1/api_keys": ADMIN,
    "POST /v1/api_keys/{api_key_id}/confirm": ADMIN,
    "POST /v1/api_keys/{api_key_id}/revoke": ADMIN,
    "POST /opendsr/v2/requests": f"{R} {OP}",
    "GET /opendsr/v2/requests/{subject_request_id}": WORKING,
    "DELETE /opendsr/v2/requests/{subject_request_id}": f"{R} {OP}",
    "GET /opendsr/v2/discovery": EVERYBODY,
    "GET /opendsr/v2/certificate.pem": EVERYBODY,
    "GET /v1/trust": EVERYBODY,
    "GET /v1/log/checkpoint": EVERYBODY,
    "GET /v1/log/{tile}": EVERYBODY,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /openapi.json": EVERYBODY,
}


STAFF = (R, OP, P, A, ADMIN)


SOMEBODY = "somebody of one client"


ROLES = ("nobody", "person", "follower", *STAFF)


# What belongs to nobody in particular is for those who speak for every controller.
WHOLE = {"GET /v1/audit_log"}


@dataclass(slots=True)
class Things:
    """What calls are about: of one client or person, of another one, or of nobody."""

    controller: str
    identifiers: dict[str, str]
    request: str
    fresh_request: str
    batch: str
    digest: str
    hold: str
    key: str
    own_request: str
    person: int
    subject_request: str = field(default_factory=lambda: str(uuid4()))
    """OpenDSR's id: of a request that `Cells.holder` made, and one that staff did; of nobody, where neither did."""


class Cells:
    """An installation in which two clients and two people have everything that calls can be about."""

    def __init__(self, api: ApiHarness) -> None:
        self.api = api
        self.anything = api.key(Role.OPERATOR)
        self.holder = holder_of_the_newest_key(api)
        clients = [one.id for one in api.installation.calltrack.company.clients[:2]]
        self.people = api.installation.calltrack.take_holders(2)
        self.follow: dict[int, str] = {}
        self._keys: dict[tuple[str, str], dict[str, str]] = {}
        self.used = dict.fromkeys(clients, 20)
        self.mine, self.other = (
            self._things(client, person) for client, person in zip(clients, self.people, strict=True)
        )
        self.api.work()
        log = api.installation.workspace.settings.log
        self.tile = next(str(one.relative_to(log)) for one in sorted((log / "tile").rglob("*")) if one.is_file())
        self.nobody = Things(
            self.mine.controller,
            self.mine.identifiers,
            f"rq_{secrets.token_hex(12)}",
            f"rq_{secrets.token_hex(12)}",
            f"bt_{secrets.token_hex(6)}",
            "0" * 64,
            f"hd_{secrets.token_hex(6)}",
            secrets.token_hex(8),
            f"rq_{secrets.token_hex(12)}",
            self.people[0],
        )

    def caller(self, client: int) -> dict[str, str]:
        """Somebody of whom nothing was asked yet."""
        self.used[client] += 1
        return {"caller_id": str(self.api.installation.calltrack.company.callers_of(client)[self.used[client]])}

    def _things(self, client: int, person: int) -> Things:
        api, controller = self.api, f"client:{client}"
        identifiers = self.caller(client)
        made = self.made("/v1/erasure_requests", {"controller": controller, "identifiers": identifiers})
        csv = f"caller_id\n{self.caller(client)['caller_id']}\n"
        headers = {**once(self.anything), "Content-Type": "text/csv"}
        batch = api.client.post("/v1/batches", params={"controller": controller}, content=csv, headers=headers).json()
        account = {"scope": "information", "waive_grace": True}
        own = api.client.post("/v1/me/erasure_requests", json=account, headers=once(api.person(user_id=person))).json()
        self.follow[person] = own["follow_up_token"]
        things = Things(
            controller,
            identifiers,
            made["id"],
            self.request(controller),
            batch["id"],
            "0" * 64,
            self.hold(controller),
            self.key(controller),
            own["id"],
            person,
        )
        # Found by whoever made them: all keys here have one holder, and all staff are one person.
        for headers in (self.anything, self.staff(R, "*")):
            wish = self.body("POST /opendsr/v2/requests", things) or {}
            identity = wish["subject_identities"][0] | {"identity_value": self.caller(client)["caller_id"]}
            named = {"subject_request_id": things.subject_request, "subject_identities": [identity]}
            self.made("/opendsr/v2/requests", wish | named, headers)
        return things

    def staff(self, role: str, controllers: str) -> dict[str, str]:
        """Headers of the one member of staff, with one role."""
        return self.api.staff(role, controllers=controllers, subject=SOMEBODY)

    def made(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = self.api.client.post(path, json=dict(body), headers=once(headers or self.anything))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def request(self, controller: str) -> str:
        identifiers = self.caller(int(controller.partition(":")[2]))
        return str(self.made("/v1/erasure_requests", {"controller": controller, "identifiers": identifiers})["id"])

    def hold(self, controller: str) -> str:
        wish = {"controller": controller, "data_type": "calls", "people": [{"caller_id": "1"}], "ground": "4 C 17/26"}
        return str(self.made("/v1/legal_holds", wish)["id"])

    def key(self, controller: str) -> str:
        admin = self.api.key(Role.ADMIN)
        return str(self.made("/v1/api_keys", {"roles": ["auditor"], "controllers": [controller]}, admin)["id"])

    def credential(self, role: str, how: str) -> dict[str, str]:
        """Headers of somebody of that role who speaks for `mine`."""
        if role == "nobody":
            return {}
        if role == "person":
            return self.api.person(user_id=self.mine.person)
        if role == "follower":
            return bearer(self.follow[self.mine.person])
        own = how.endswith(" of its own")
        if how.startswith("token"):
            controllers = "*" if how == "token for all" else self.mine.controller
            subject = f"{role} of one client" if own else SOMEBODY
            return self.api.staff(role, controllers=controllers, subject=subject)
        reaches = (self.mine.controller,) if how in {"key", "key of its own"} else None
        if own:
            return self.api.key(Role(role), controllers=reaches)
        if (role, how) not in self._keys:  # one for all calls: a controller has 500 at most
            self._keys[role, how] = self.api.key(Role(role), controllers=reaches, holder=self.holder)
        return self._keys[role, how]

    def call(self, name: str, things: Things, headers: Mapping[str, str]) -> Response:
        """Make a call about these things."""
        method, path = name.split(" ")
        request = things.own_request if "/me/" in path else things.request
        for part, value in {
            "{erasure_request_id}": request,
            "{batch_id}": things.batch,
            "{legal_hold_id}": things.hold,
            "{api_key_id}": things.key,
            "{subject_request_id}": things.subject_request,
            "{tile}": self.tile,
        }.items():
            path = path.replace(part, value)
        params = {"controller": things.controller} if name == "POST /v1/batches" else {}
        content: dict[str, Any] = {}
        if name == "POST /v1/batches":
            client = int(things.controller.partition(":")[2])
            content = {"content": f"caller_id\n{self.caller(client)['caller_id']}\n"}
        elif method == "POST" and (body := self.body(name, things)) is not None:
            content = {"json": body}
        answer = self.api.client.request(method, path, params=params, headers=once(headers), **content)
        if method == "POST" and path.startswith("/v1/batches/"):
            self.api.work()  # whoever watches a running batch waits until it rests
            self.api.settle()
        return answer

    def body(self, name: str, things: Things) -> dict[str, Any] | None:
        """Well-formed, about these things."""
        known: dict[str, dict[str, Any]] = {
            "POST /v1/me/erasure_requests": {"scope": "account"},
            "POST /v1/follow_up/erasure_request/openings": {"identifiers": {"user_id": str(things.person)}},
            "POST /v1/erasure_requests": {"controller": things.controller, "identifiers": things.identifiers},
            "POST /v1/erasure_requests/{erasure_request_id}/openings": {"identifiers": things.identifiers},
            "POST /v1/erasure_requests/{erasure_request_id}/deny": {"reason": "excessive"},
            "POST /v1/erasure_requests/{erasure_request_id}/extend": {"reason": "complexity"},
            "POST /v1/batches/{batch_id}/approve": {"digest": things.digest},
            "POST /v1/batches/{batch_id}/start": {"digest": things.digest},
            "POST /v1/batches/{batch_id}/end": {"digest": things.digest},
            "POST /v1/legal_holds": {
                "controller": things.controller, "people": [{"caller_id": "1"}], "data_type": "calls", "ground": "x",
            },
            "POST /v1/locate": {"controller": things.controller, "identifiers": things.identifiers},
            "POST /v1/api_keys": {"roles": ["auditor"], "controllers": [things.controller]},
            "POST /opendsr/v2/requests": {
                "regulation": "gdpr",
                "subject_request_id": str(uuid4()),
                "subject_request_type": "erasure",
                "submitted_time": self.api.at.isoformat(),
                "api_version": "2.0",
                "subject_identities": [
                    {
                        "identity_type": "controller_customer_id",
                        "identity_value": things.identifiers["caller_id"],
                        "identity_format": "raw",
                    }
                ],
                "extensions": {"erasure.calltrack.example": {"controller": things.controller}},
            },
        }  # fmt: skip
        return known.get(name)


def holder_of_the_newest_key(api: ApiHarness) -> str:
    with reading(api.installation.workspace.ledger) as connection:
        newest = sa.select(api_key.c.actor).order_by(api_key.c.id.desc()).limit(1)
        return str(connection.execute(newest).scalar_one())
