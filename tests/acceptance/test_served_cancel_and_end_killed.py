"""`cancel` and `end` over the API of a served process that is killed on the way; ledgers of both kinds (ADR 8).

Each state of a person is taken through every moment, one death after the other: around the commit of the call, after
its answer, around the steps of the worker that follow, and around the log.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.api_process import ApiProcess
from tests.support.cancellation import keys_left, residual
from tests.support.cli import CliRunner
from tests.support.end_states import STATES, assert_by_the_rule, entries, left, refused_half_way
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack
from tests.support.mortal_server import KILLED, LOG, SECONDS, armed, beside, call, dies, rests, state_of
from tests.support.people import make_holder
from tests.support.servers import wait_until
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger.states import BatchState

CALL = {"cancel": "batch.cancel", "end": "batch.end"}
"""What a call writes into the audit trail."""
WORK = {
    "cancel": ["withdraw"],
    "end": ["verify:main", "verify:cache", "conclude"],
}
SETTLING = ["review:main", "settle"]
"""The steps of the worker that a call leads to; the second of an end at the settling check."""


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state.verb is not None])
def test_killed_at_every_moment(
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    fork_server: ForkServer,
    name: str,
) -> None:
    state = STATES[name]
    person, verb = state.made(inspector), str(state.verb)
    with (
        beside(calltrack, tmp_path, fork_server) as (installation, server),
        state.prepare(installation, inspector, person) as batch,
    ):
        was, had, known = inspector.contents(), left(person, inspector), entries(installation, batch)
        before = installation.events(batch)
        server.start("--no-worker", code=armed("before", CALL[verb]))
        assert (call(server, verb, batch), dies(server)) == (0, True)
        server.start("--no-worker", code=armed("after", CALL[verb]))
        assert (call(server, verb, batch), dies(server)) == (0, True)
        server.start("--no-worker")
        assert call(server, verb, batch) == 200, "the answer was lost: sent again, it is answered"
        assert server.end(signal.SIGKILL) == KILLED
        assert installation.events(batch) == before
        assert (keys_left(installation, batch), residual(installation)) == (1, [])
        for word in SETTLING if "erased" in state.events else WORK[verb]:
            for side in ("before", "after"):
                server.launch(code=armed(side, word))
                assert dies(server), (side, word)
        for side in ("before", "after"):
            server.launch(code=armed(side, LOG))
            assert dies(server), (side, LOG)
        server.start()
        assert rests(server, batch) == {"cancel": "cancelled", "end": "settled"}[verb]
        assert call(server, verb, batch) == {"cancel": 200, "end": 409}[verb]
        assert server.end() == 0
        assert changed(was, inspector.contents()) == {}, "neither erases anything"
        assert_by_the_rule(installation, state, batch, had, known)


def serve_itself(server: ApiProcess) -> Callable[[], None]:
    server.start()
    return lambda: None


def run_due(server: ApiProcess) -> Callable[[], None]:
    """The server has no worker: a cron job is."""
    server.start("--no-worker")
    cli = CliRunner(server.home, server.environment, server.fork_server)

    def turn() -> None:
        assert cli.run("run-due").code == FindingsError.exit_code

    return turn


@pytest.mark.usefixtures("fresh_inspections")
@pytest.mark.parametrize("worker", [serve_itself, run_due])
def test_what_a_store_refuses_keeps_nobody_from_being_cancelled_or_ended(
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    fork_server: ForkServer,
    worker: Callable[[ApiProcess], Callable[[], None]],
) -> None:
    """`check` shows an error: nothing begins and no settling check is made, but what ends asks for neither."""
    ann, bob, carol = (make_holder(inspector) for _ in range(3))
    with beside(calltrack, tmp_path, fork_server) as (installation, server):
        settles, planned = installation.plan(bob.csv), installation.plan(carol.csv)
        assert installation.erase(settles).state is BatchState.ERASED
        with refused_half_way(installation, inspector, ann) as refused:
            turn = worker(server)
            assert "may not run UNLINK" in server.log.read_text()
            start = server.call(
                "POST", f"/v1/batches/{planned.uid}/start", server.key("operator"), digest=planned.plan_digest
            )
            assert (start.status, start.slug) == (409, "findings-block")
            assert call(server, "cancel", planned) == 200
            turn()
            assert rests(server, planned) == "cancelled"
            assert call(server, "end", refused) == 200
            turn()
            assert rests(server, refused) == "settled"
            assert state_of(server, settles) == "erased"
            assert residual(installation)
        if worker is serve_itself:
            wait_until(lambda: state_of(server, settles) == "settled", SECONDS)
        assert server.end() == 0
