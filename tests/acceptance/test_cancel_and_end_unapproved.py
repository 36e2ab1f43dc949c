"""A plan that waits for a second pair of eyes, cancelled or ended (ADR 8): typed, called, and killed on the way."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import once
from tests.support.api_process import ApiProcess
from tests.support.approval_limits import limited_map
from tests.support.cancellation import keys_left
from tests.support.cli import CliRunner
from tests.support.end_states import STATES, assert_by_the_rule, left
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, Installation
from tests.support.mortal_server import KILLED, armed, beside, call, dies, rests, state_of
from tests.support.people import make_caller, make_holder
from tests.support.servers import wait_until
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import audit
from expunge_orchestrator.ledger.states import BatchState


@dataclass(frozen=True, slots=True)
class FourEyes:
    """An installation whose map lets nobody be erased without an approval, and its server, which is not started."""

    installation: Installation
    server: ApiProcess

    def typed(self, verb: str, batch: Batch) -> int:
        """What a command ends with; approvals are bob's."""
        environment = {**self.server.environment, "EXPUNGE_ACTOR": "bob" if verb == "approve" else "ann"}
        confirmed = {
            "approve": ["--digest", batch.plan_digest],
            "end": ["--confirm", batch.plan_digest],
            "erase": ["--confirm", batch.plan_digest],
        }
        cli = CliRunner(self.server.home, environment, self.server.fork_server)
        return cli.run(verb, batch.uid, *confirmed.get(verb, [])).code

    def called(self, verb: str, batch: Batch) -> int:
        """What a call is answered; the server does the work."""
        if self.server.process is None:
            self.server.start()
        status = call(self.server, "start" if verb == "erase" else verb, batch)
        rests(self.server, batch)
        return status

    def approvals(self) -> int:
        with reading(self.installation.workspace.ledger) as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(tables.approval)) or 0

    def noted(self, action: str) -> int:
        """How often the audit trail has it."""
        found = sa.select(sa.func.count()).select_from(audit).where(audit.c.action == action, audit.c.result == "done")
        with reading(self.installation.workspace.ledger) as connection:
            return connection.scalar(found) or 0


@pytest.fixture
def house(
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    fork_server: ForkServer,
) -> Iterator[FourEyes]:
    chosen = {"data_map": limited_map(inspector, tmp_path, {"people": 0}), "actor": "ann"}
    with beside(calltrack, tmp_path, fork_server, **chosen) as (installation, server):
        yield FourEyes(installation, server)


DONE, NOBODY = {0, 200}, {11, 409}
REFUSED = {2, 11, 409}


@pytest.mark.parametrize("approvals", [0, 1])
@pytest.mark.parametrize("way", [FourEyes.typed, FourEyes.called])
def test_cancelled_nobody_can_begin_it_any_more(
    house: FourEyes, inspector: StoreInspector, way: Callable[[FourEyes, str, Batch], int], approvals: int
) -> None:
    """It is withdrawn whole, and an approval revives nothing; the person planned again waits for one again."""
    ann = make_holder(inspector)
    batch = house.installation.plan(ann.csv)
    assert batch.state is BatchState.AWAITING_APPROVAL
    had, was = left(ann, inspector), inspector.contents()
    if approvals:
        assert way(house, "approve", batch) in DONE
    waits = house.installation.again(batch).state
    assert way(house, "end", batch) in NOBODY
    assert (house.installation.again(batch).state, house.installation.events(batch)) == (waits, [])
    assert keys_left(house.installation, batch) == 1
    assert way(house, "cancel", batch) in DONE
    for verb in ("approve", "erase", "retry", "resume", "pause", "end"):
        assert way(house, verb, batch) in REFUSED, verb
    assert way(house, "cancel", batch) in DONE, "again"
    assert_by_the_rule(house.installation, STATES["planned"], batch, had, 0)
    assert (house.approvals(), changed(was, inspector.contents())) == (approvals, {})
    again = house.installation.plan(ann.csv)
    assert again.state is BatchState.AWAITING_APPROVAL
    assert way(house, "erase", again) in NOBODY
    assert way(house, "approve", again) in DONE
    assert way(house, "erase", again) in {0, 202}
    assert left(ann, inspector) == {}


@pytest.mark.heavy
@pytest.mark.parametrize("approvals", [0, 1])
def test_killed_between_the_cancel_and_the_withdrawal(
    house: FourEyes, inspector: StoreInspector, approvals: int
) -> None:
    """Nobody approves, begins, ends or resumes it in between, by whatever door; paused, it is withdrawn as well."""
    ann, server = make_holder(inspector), house.server
    batch = house.installation.plan(ann.csv)
    had, was = left(ann, inspector), inspector.contents()
    for side, noted in (("before", 0), ("after", 1)) if approvals else ():
        server.start(code=armed(side, "batch.approve"))
        assert (call(server, "approve", batch), dies(server)) == (0, True)
        assert (house.approvals(), house.noted("batch.approve")) == (noted, noted)
    server.start("--no-worker", code=armed("after", "batch.cancel"))
    if approvals:
        assert call(server, "approve", batch) == 200, "the answer was lost: sent again, it is answered"
    assert (call(server, "cancel", batch), dies(server)) == (0, True)
    server.start("--no-worker")
    assert state_of(server, batch) == "cancelling"
    for verb in ("approve", "start", "end", "retry", "resume"):
        assert call(server, verb, batch) == 409, verb
    begin = server.call("POST", f"/v1/batches/{batch.uid}/start", server.key("operator"), digest=batch.plan_digest)
    assert begin.slug == "not-possible-now", "nobody's approval would help"
    assert [house.typed(verb, batch) for verb in ("approve", "erase")] == [2, 2]
    assert (keys_left(house.installation, batch), house.installation.events(batch)) == (1, [])
    assert call(server, "pause", batch) == 200
    assert [call(server, verb, batch) for verb in ("approve", "start", "end")] == [409, 409, 409]
    assert call(server, "cancel", batch) == 200, "sent again"
    assert server.end(signal.SIGKILL) == KILLED
    server.launch(code=armed("before", "withdraw"))
    assert dies(server)
    server.start()
    wait_until(lambda: state_of(server, batch) == "cancelled")
    assert server.end() == 0
    assert_by_the_rule(house.installation, STATES["planned"], batch, had, 0)
    assert (house.approvals(), house.noted("batch.approve")) == (approvals, approvals)
    assert changed(was, inspector.contents()) == {}


@pytest.mark.heavy
def test_a_request_whose_plan_waits_is_cancelled_with_it(house: FourEyes, inspector: StoreInspector) -> None:
    """The server dies on the way; the request ends as cancelled, and the person can ask anew."""
    ann, server = make_caller(inspector), house.server
    had = left(ann, inspector)
    wish = {"controller": ann.controller, "identifiers": {"caller_id": str(ann.id)}}

    def ask() -> str:
        answer = server.call("POST", "/v1/erasure_requests", once(server.key("requester")), **wish)
        assert answer.status in {200, 201}, answer.body
        return str(json.loads(answer.body)["id"])

    def told(uid: str) -> dict[str, str]:
        answer = server.call("GET", f"/v1/erasure_requests/{uid}", server.key("operator"))
        return dict(json.loads(answer.body))

    def waiting(uid: str) -> str:
        wait_until(lambda: told(uid)["state"] == "awaiting-approval")
        return told(uid)["batch_id"]

    server.start()
    first = ask()
    at = f"/v1/batches/{waiting(first)}/cancel"
    assert server.end() == 0
    server.start("--no-worker", code=armed("after", "batch.cancel"))
    assert (server.call("POST", at, server.key("operator")).status, dies(server)) == (0, True)
    server.launch(code=armed("after", "withdraw"))
    assert dies(server)
    server.start()
    assert server.call("POST", at, server.key("operator")).status == 200
    wait_until(lambda: told(first)["state"] == "cancelled")

    def asked_anew() -> bool:
        return ask() != first

    wait_until(asked_anew)
    assert left(ann, inspector) == had
