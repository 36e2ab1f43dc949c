"""What generated calls are about: things in the state that a call needs, made by calls of the API itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

from httpx2 import Response
from schemathesis.core import NOT_SET
from tests.support.api import once
from tests.support.api_permissions import Cells
from tests.support.cancellation import refused
from tests.support.faulty_connector import FaultyConnector
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.holds import hold_placement
from expunge_orchestrator.ledger.batches import Batch

CSV, JSON = "text/csv", "application/json"
WORKED = 50
CANARY = "canary.fuzz@mail.example"
NOBODYS = 10**8
MANY = 1_000
"""People for whom one may ask in a day without an approval: more than anybody does here but for once."""
"""From here on, ids are nobody's: of most requests nobody has to be erased."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A call that ends well, with the credential that it takes.

    Attributes:
        whole: Whether the credential speaks for every controller.
    """

    headers: Mapping[str, str] = field(repr=False)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=NOT_SET, repr=False)
    whole: bool = False

    @property
    def media_type(self) -> str | None:
        if self.body is NOT_SET:
            return None
        return CSV if isinstance(self.body, str) else JSON


class Stock:
    """The things of one client and of people with an account; `how`: by which kind of credential staff come."""

    def __init__(self, cells: Cells, how: str, inspector: StoreInspector) -> None:
        self.cells = cells
        self._probe = inspector
        self._how = how
        self._held: dict[str, dict[str, str]] = {}
        self._whole: dict[str, dict[str, str]] = {}
        self._nobody = count(NOBODYS)
        self.turns = count()
        self.ended, self.on_hold = self._ended(), self._kept()

    # Who -------------------------------------------------------------------------------------------------------------

    def credential(self, role: str) -> dict[str, str]:
        """Of staff, clients and followers the same one every time; of a person a fresh one: it is good for one call."""
        if role == "person":
            return self.person(self.cells.mine.person)
        if role not in self._held:
            self._held[role] = self.cells.credential(role, f"{self._how} of its own")
        return dict(self._held[role])

    def whole(self, role: str) -> dict[str, str]:
        """The same role for every controller."""
        if role not in self._whole:
            self._whole[role] = self.cells.credential(role, "whole")
        return dict(self._whole[role])

    def person(self, holder: int) -> dict[str, str]:
        return self.cells.api.person(user_id=holder, email=CANARY)

    @property
    def secrets(self) -> Iterator[str]:
        """Credentials that were shown once, and stand nowhere."""
        for headers in (*self._held.values(), *self._whole.values(), self.cells.anything):
            if headers:
                yield headers["Authorization"].partition(" ")[2]
        yield from self.cells.follow.values()

    # Things ----------------------------------------------------------------------------------------------------------

    def nobody(self) -> int:
        return next(self._nobody)

    def wish(self) -> dict[str, Any]:
        """Now this, now that is said with it."""
        turn, at = next(self.turns), self.cells.api.at.isoformat()
        more: list[dict[str, Any]] = [
            {},
            {"controller_received_at": at},
            {"evidence": {"kind": "callback", "checked_at": at, "reference": f"T-{turn}"}},
        ]
        return {**self.controller, "identifiers": {"caller_id": str(self.nobody())}, **more[turn % 3]}

    @property
    def controller(self) -> dict[str, str]:
        return {"controller": self.cells.mine.controller}

    def request(self) -> str:
        """One that waits to begin."""
        return str(
            self.told("POST /v1/erasure_requests", Recipe(once(self.credential("operator")), body=self.wish()))["id"]
        )

    def batch(self, *people: str, begun: bool = False) -> dict[str, Any]:
        """A plan of nobody or of these people, begun or not; each by somebody else, for a limit counts their day."""
        text = "\n".join(["caller_id", *(people or [str(self.nobody())]), ""])
        planner = self.cells.credential("operator", "key of its own")
        asked = Recipe(once(planner), query=self.controller, body=text)
        made = self.told("POST /v1/batches", asked)
        if begun:
            start = Recipe(self.credential("operator"), {"batch_id": made["id"]}, body={"digest": made["digest"]})
            self.told("POST /v1/batches/{batch_id}/start", start)
        return made

    def waiting(self) -> tuple[str, str]:
        """A request whose hold is over, and its batch: nobody has taken it up yet. Of nobody nothing is held."""
        caller = make_caller(self._probe, client_id=int(self.cells.mine.controller.partition(":")[2]))
        wish = {**self.controller, "identifiers": {"caller_id": str(caller.id)}}
        hold = {**self.controller, "people": [wish["identifiers"]], "ground": "For a while"}
        placed = self.told("POST /v1/legal_holds", Recipe(self.credential("operator"), body=hold))["id"]
        asked = self.told("POST /v1/erasure_requests", Recipe(once(self.credential("operator")), body=wish))["id"]
        turns = 0
        while (told := self._request(asked))["state"] != "on-hold":
            assert (turns := turns + 1) < WORKED, told["state"]
            self.cells.api.work()
        with self.cells.api.installation.workspace.ledger.begin() as connection:
            hold_placement.lift(connection, placed, "somebody")  # by another process, whose runner has not looked yet
        return asked, told["batch_id"]

    def refused(self) -> Batch:
        """A batch that failed because a store refused to erase."""
        caller = make_caller(self._probe, client_id=int(self.cells.mine.controller.partition(":")[2]))
        installation = self.cells.api.installation
        batch = installation.plan(caller.csv, caller.controller)
        stuck: Any = FaultyConnector(installation.workspace.stores["recordings"], erase=refused)
        installation.erase(batch, installation.with_stores({"recordings": stuck}))
        return batch

    def _request(self, request: str) -> dict[str, Any]:
        return self.told(
            "GET /v1/erasure_requests/{erasure_request_id}",
            Recipe(self.credential("operator"), {"erasure_request_id": request}),
        )

    def own(self) -> tuple[int, str, str]:
        """The request of somebody with an account, which waits: who, its id, the secret that follows it."""
        holder = self.nobody()
        told = self.told("POST /v1/me/erasure_requests", Recipe(once(self.person(holder)), body={"scope": "account"}))
        return holder, told["id"], told["follow_up_token"]

    def subject(self, role: str) -> str:
        """The id of a request that this role made in OpenDSR's form, and that waits."""
        asked = self.dsr()
        self.told("POST /opendsr/v2/requests", Recipe(self.credential(role), body=asked))
        return str(asked["subject_request_id"])

    def dsr(self) -> dict[str, Any]:
        known = self.cells.body("POST /opendsr/v2/requests", self.cells.mine)
        assert known is not None
        identity = {**known["subject_identities"][0], "identity_value": str(self.nobody())}
        return {**known, "subject_request_id": str(uuid4()), "subject_identities": [identity]}

    def told(self, label: str, recipe: Recipe) -> dict[str, Any]:
        """Make the call; it has to end well."""
        answer = self.send(label, recipe)
        assert answer.status_code < 300, (label, answer.status_code, answer.text)
        return dict(answer.json())

    def send(self, label: str, recipe: Recipe) -> Response:
        method, path = label.split(" ")
        for name, value in recipe.path.items():
            path = path.replace(f"{{{name}}}", value)
        content: dict[str, Any] = {CSV: {"content": recipe.body}, JSON: {"json": recipe.body}}.get(
            recipe.media_type or "", {}
        )
        kind = {} if recipe.media_type is None else {"Content-Type": recipe.media_type}
        headers = {**recipe.headers, **kind}
        return self.cells.api.client.request(method, path, params=dict(recipe.query), headers=headers, **content)

    def _ended(self) -> str:
        batch = self.batch(begun=True)
        self.cells.api.work()
        self.cells.api.settle()
        return str(batch["id"])

    def _kept(self) -> str:
        """A batch of somebody real whom a hold keeps."""
        caller = self.cells.caller(int(self.cells.mine.controller.partition(":")[2]))
        wish = {**self.controller, "people": [caller], "ground": "It stays"}
        self.told("POST /v1/legal_holds", Recipe(self.credential("operator"), body=wish))
        batch = self.batch(caller["caller_id"], begun=True)
        self.cells.api.work()
        return str(batch["id"])
