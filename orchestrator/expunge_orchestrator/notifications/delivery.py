"""Notification delivery: at least once, in order per request and channel, with backoff, given up visibly.

What is told of accounts is in order per person: of who takes a deletion back and asks anew, the account stays frozen.

No transaction of the ledger is open while a receiver is waited for. A notice is claimed for a while before it is sent:
a process that dies meanwhile has sent it or not, and the next one sends it (again) when the claim has run out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from expunge_orchestrator.clock import parse, stamp
from expunge_orchestrator.ledger import notices, request_transitions
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.notices import NEVER
from expunge_orchestrator.notifications import email_files, webhook_sender
from expunge_orchestrator.notifications.events import FINAL, OF_ACCOUNTS, Event
from expunge_orchestrator.notifications.outbox import LETTER, WEBHOOK
from expunge_orchestrator.notifications.webhook_sender import NotDeliveredError
from expunge_orchestrator.workspace import Workspace

_LOG = logging.getLogger("expunge.notices")

CLAIM = timedelta(minutes=2)
"""Longer than a delivery takes."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=1)
"""Delivered notices are kept for so long, for who looks into a trouble."""
AT_ONCE, IN_PARALLEL = 32, 4
_OF_ACCOUNTS = frozenset(one.value for one in OF_ACCOUNTS)
SLOW = 1.0
"""Seconds. Who takes longer is told no more until the next look: others' notices do not wait for theirs."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One row, claimed."""

    id: int
    uid: str
    request_id: int
    channel: str
    event: Event
    payload: Mapping[str, Any] = field(repr=False)
    created_at: str
    attempts: int


def deliver_due(
    workspace: Workspace, clock: Callable[[], datetime], stopped: Callable[[], bool] = lambda: False
) -> int:
    """Deliver what is due, to slow receivers a little of it. Returns how many were delivered.

    What was not says why in its row.
    """
    delivered = 0
    slow: set[str] = set()

    def one_of_them(one: Notification) -> bool:
        if stopped() or one.channel in slow:
            _put_back(workspace, one, clock())
            return False
        began = time.monotonic()
        done = _deliver(workspace, one, clock)
        if time.monotonic() - began >= SLOW and one.channel != LETTER:
            slow.add(one.channel)
        return done

    with ThreadPoolExecutor(IN_PARALLEL, thread_name_prefix="expunge-notices") as hands:
        while not stopped():
            claimed = _claim(workspace, clock(), slow)
            if not claimed:
                break
            delivered += sum(hands.map(one_of_them, claimed))
    _forget_delivered(workspace, clock())
    return delivered


def _claim(workspace: Workspace, at: datetime, but: Collection[str] = ()) -> list[Notification]:
    """Claim what is due, but for these channels."""
    with reading(workspace.ledger) as connection:
        found = notices.due(connection, at, AT_ONCE, but=but, of_accounts=_OF_ACCOUNTS)
    if not found:
        return []
    with workspace.ledger.begin() as connection:
        return [
            Notification(
                id=row["id"],
                uid=row["uid"],
                request_id=row["request_id"],
                channel=row["channel"],
                event=Event(row["event"]),
                payload=row["payload"],
                created_at=row["created_at"],
                attempts=row["attempts"] + 1,
            )
            for row in found
            if notices.claim(connection, row, at + CLAIM)
        ]


def _put_back(workspace: Workspace, one: Notification, at: datetime) -> None:
    """Claimed and not tried: as before, and due."""
    _record(workspace, one, {"not_before": stamp(at), "attempts": one.attempts - 1})


def _deliver(workspace: Workspace, one: Notification, clock: Callable[[], datetime]) -> bool:
    failure: str | None = None
    try:
        _send(workspace, one, clock())
    except NotDeliveredError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - one notice must not keep the others; its text may hold an address
        failure = f"defect ({type(error).__name__})"
    at = clock()
    if failure is None:
        _record(workspace, one, {"delivered_at": stamp(at), "failure": None})
        _LOG.info("delivered %s %s by %s", one.uid, one.event, one.channel)
        return True
    lost = at - parse(one.created_at) >= GIVE_UP_AFTER
    pause = min(FIRST_PAUSE * 2 ** min(one.attempts - 1, 16), LONGEST_PAUSE)
    _record(workspace, one, {"not_before": NEVER if lost else stamp(at + pause), "failure": failure[:200]})
    level = logging.ERROR if lost else logging.WARNING
    _LOG.log(level, "%s %s %s: %s", "given up" if lost else "not delivered", one.uid, one.event, failure)
    return False


def _send(workspace: Workspace, one: Notification, at: datetime) -> None:
    settings = workspace.settings.api
    if one.channel == LETTER:
        email_files.write(workspace, one.uid, one.request_id, one.event, one.payload, at)
        return
    hook = settings.webhooks.get(one.channel.removeprefix(WEBHOOK))
    if hook is None:
        raise NotDeliveredError("the settings have no such webhook any more")
    webhook_sender.post(hook, one.uid, one.payload, at)


def _record(workspace: Workspace, one: Notification, values: Mapping[str, Any]) -> None:
    over = values.get("delivered_at") is not None or values.get("not_before") == NEVER
    with workspace.ledger.begin() as connection:
        notices.update(connection, one.id, values)
        if one.channel == LETTER and one.event in FINAL and over:
            request_transitions.forget_contact(connection, one.request_id)


def _forget_delivered(workspace: Workspace, at: datetime) -> None:
    with reading(workspace.ledger) as connection:
        if not notices.any_delivered_before(connection, at - KEPT):
            return
    with workspace.ledger.begin() as connection:
        notices.forget_delivered(connection, at - KEPT)
