"""Request scheduler: plans each due request as a batch of one and starts it. Idempotent and crash-safe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import UnknownMemberError
from expunge_orchestrator.errors import BatchBlockedError, StoreMismatchError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import Transaction, request_transitions, requests_due
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.request_states import RequestState
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests import plan_replacement
from expunge_orchestrator.requests.plan_replacement import ConflictError, ReplanReason
from expunge_orchestrator.requests.withdrawal import deny_unplannable
from expunge_orchestrator.workspace import Workspace

_LOG = logging.getLogger("expunge.worker")

LONGEST_PAUSE = timedelta(minutes=15)
"""Between two attempts at a request that cannot be planned: a store is down, or `check` finds an error."""

_SOMEBODY_LOOKS = "Find out which store answers at its address. If it is the right one, retry: it is then planned anew."

UNUSABLE = "member-unusable"
"""Why a request is denied that is for a member whose records cannot be told by the name that was given."""


def start_due(workspace: Workspace, at: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Plan and begin every request whose time has come. Returns how many were begun.

    A plan that is void is replaced first. What cannot be planned now keeps its state, says why, and is tried again
    after a pause that doubles; what never can be is denied. Told to stop, it ends with the request that it is at; the
    others stay due.
    """
    lock_due(workspace, at)
    for one in takewhile(lambda _: not stopped(), plan_replacement.drifted(workspace, at)):
        _attempt(workspace, one, at, _plan_after_drift)
    to_start = takewhile(lambda _: not stopped(), _to_start(workspace, at))
    return sum(_attempt(workspace, one, at, _start) for one in to_start)


def lock_due(workspace: Workspace, at: datetime) -> int:
    """From here on, what has come due cannot be taken back. Returns how many."""
    with reading(workspace.ledger) as connection:
        ids = requests_due.scheduled(connection, at)
    if not ids:
        return 0
    with workspace.ledger.begin() as connection:
        return request_transitions.fence(connection, ids, at)


def _to_start(workspace: Workspace, at: datetime) -> list[Request]:
    with reading(workspace.ledger) as connection:
        return requests_due.to_start(connection, at, workspace.map_digest, plan_replacement.oldest(workspace))


Attempt = Callable[[Workspace, Request, datetime], bool]


def _attempt(workspace: Workspace, wanted: Request, at: datetime, attempt: Attempt) -> bool:
    """Do it, or write down why it cannot be done now, and when it is tried again."""
    try:
        return attempt(workspace, wanted, at)
    except ConflictError:
        return False  # another process planned it at this moment; its plan counts
    except BatchBlockedError:
        return False  # somebody has to approve it first, or paused it
    except StoreMismatchError as error:
        _put_off(workspace, wanted, at, f"{error.message} {_SOMEBODY_LOOKS}")
    except UnknownMemberError as error:
        _deny(workspace, wanted, at, error.message)
    except ExpungeError as error:
        _put_off(workspace, wanted, at, error.message)
    except Exception as error:  # noqa: BLE001 - a defect that one request runs into must not keep the others waiting
        _LOG.error("defect: %s", type(error).__name__)  # no text and no traceback: they may hold values
        _put_off(workspace, wanted, at, f"A defect of Expunge ({type(error).__name__}).")
    return False


def _start(workspace: Workspace, wanted: Request, at: datetime) -> bool:
    uid = wanted.batch_uid or _plan(workspace, wanted, at)
    with reading(workspace.ledger) as connection:
        batch = batch_by_uid(connection, uid)
    because = plan_replacement.void(workspace, batch)
    if because is not None:
        batch = plan_replacement.replan(workspace, wanted, because, at)
    if batch.state is not BatchState.PLANNED:
        return False
    return batch_lifecycle.start(workspace, batch)


def _plan_after_drift(workspace: Workspace, wanted: Request, at: datetime) -> bool:
    plan_replacement.replan(workspace, wanted, ReplanReason.DRIFT, at, pause=_pause(workspace, wanted))
    return True


def _plan(workspace: Workspace, wanted: Request, at: datetime) -> str:
    assert wanted.wrapped_key is not None
    assert wanted.sealed_identifiers is not None
    seal = ItemCipher(workspace.keys.wrapping)
    keys = seal.open(wanted.wrapped_key, Sealed.IDENTIFIERS, wanted.uid, wanted.sealed_identifiers)

    def belongs(connection: Transaction, batch_id: int) -> None:
        """In the transaction that freezes the plan: the request has this batch, and the batch alone has the keys."""
        if not request_transitions.plan(connection, wanted.id, batch_id, at):
            raise ConflictError

    batch = planner.create_plan(
        workspace,
        [keys],
        wanted.scope,
        lambda _done: None,
        None if wanted.data_types is None else frozenset(wanted.data_types),
        asked_at=wanted.asked_at,
        requested_by=wanted.asked_by,
        frozen=belongs,
    )
    return batch.uid


def _deny(workspace: Workspace, wanted: Request, at: datetime, failure: str) -> None:
    """Under this name it is not planned tomorrow either. One that was planned before waits: the store has changed."""
    if wanted.state is not RequestState.STARTING:
        _put_off(workspace, wanted, at, failure)
        return
    with workspace.ledger.begin() as connection:
        deny_unplannable(connection, wanted, at, UNUSABLE, failure)


def _put_off(workspace: Workspace, wanted: Request, at: datetime, failure: str) -> None:
    pause = _pause(workspace, wanted)
    with workspace.ledger.begin() as connection:
        request_transitions.put_off(connection, wanted.id, at + pause, failure)


def _pause(workspace: Workspace, wanted: Request) -> timedelta:
    """Before the next attempt."""
    doubled: timedelta = workspace.settings.retry_pause * 2 ** min(wanted.attempts, 16)
    return min(doubled, LONGEST_PAUSE)


def close_ended(workspace: Workspace) -> int:
    """Let people ask anew whose request is over. Returns how many requests that concerns."""
    with workspace.ledger.begin() as connection:
        ids = requests_due.over_and_open(connection)
        for number in ids:
            request_transitions.close(connection, number)
    return len(ids)
