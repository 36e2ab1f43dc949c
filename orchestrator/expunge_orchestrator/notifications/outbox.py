"""Outbox: changes of requests become rows of the table `notice`, one per channel. Idempotent."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from expunge_config.api_settings import ApiSettings, Webhook
from expunge_config.datamap import DataMap
from expunge_config.errors import InputError
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger import Transaction, notices, request_transitions, requests
from expunge_orchestrator.ledger.batch_status import outcomes_of
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.requests import Origin, Request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.notifications import events
from expunge_orchestrator.notifications.events import FINAL, IN_LETTERS, Event, NotifiedState
from expunge_orchestrator.requests import public_status
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.workspace import Workspace

LETTER = "letter"
WEBHOOK = "webhook:"
"""Channels: the letter, and `webhook:` with the name of a webhook of the settings."""

_AT_ONCE = 200
_FINAL = frozenset(one.stored for one in FINAL)
_TOLD_OF = {
    BatchState.ERASED: Event.ERASED.stored,
    BatchState.SETTLING: Event.ERASED.stored,
    BatchState.FAILED: Event.FAILED.stored,
    BatchState.ON_HOLD: Event.ON_HOLD.stored,
}


def enqueue_changes(workspace: Workspace, at: datetime) -> int:
    """Write down what is to be told. Killed at any point and called again, nothing is written twice or left out.

    Returns how many requests have news.
    """
    noted, after = 0, 0
    while True:
        with reading(workspace.ledger) as connection:
            found = notices.requests_with_news(connection, after, _AT_ONCE, final=_FINAL, told_of=_TOLD_OF)
        noted += sum(_note(workspace, one, at) for one in found)
        if len(found) < _AT_ONCE:
            return noted
        after = found[-1].id


def _waits(connection: Transaction, wanted: Request) -> bool:
    """Whether the end of an earlier request of this person is to be told first: it came while others were noted."""
    if wanted.told is not None or wanted.origin is not Origin.PERSON:
        return False
    return notices.has_earlier_untold(connection, wanted, _FINAL)


def _note(workspace: Workspace, candidate: Request, at: datetime) -> bool:
    with workspace.ledger.begin() as connection:
        wanted = requests.by_uid(connection, candidate.uid)
        batch = None if wanted.batch_uid is None else batch_by_uid(connection, wanted.batch_uid)
        results = {} if batch is None else dict(outcomes_of(connection, batch))
        news = events.due(wanted, batch, results)
        if not news or _waits(connection, wanted):
            return False
        if not request_transitions.tell(connection, wanted.id, wanted.told, news[-1].event.stored):
            return False  # another process noted it at this moment
        common = {
            "erasure_request_id": wanted.uid,
            "controller": str(wanted.scope),
            "state": public_status.public_status(wanted, batch, results),
            "receipt_id": requests.series_of(connection, wanted),
        }
        rows: list[dict[str, Any]] = [
            {
                "uid": f"msg_{secrets.token_hex(12)}",
                "request_id": wanted.id,
                "channel": channel,
                "event": event.value,
                "payload": _payload(event, notified, common, at),
                "created_at": stamp(at),
                "not_before": stamp(at),
                "attempts": 0,
            }
            for notified in news
            for channel, event in _channels(workspace, wanted, notified.event)
        ]
        notices.insert(connection, rows)
        if news[-1].event in FINAL and not _letters(workspace.settings.api, wanted):
            request_transitions.forget_contact(connection, wanted.id)
        return True


def _payload(event: Event, notified: NotifiedState, common: dict[str, Any], at: datetime) -> dict[str, Any]:
    """In the form of Standard Webhooks: type, timestamp, data. No identifier, and nothing that leads to one."""
    outcome = {} if notified.outcome is None else {"outcome": notified.outcome}
    return {"type": event.value, "timestamp": stamp(at), "data": {**common, **outcome}}


def _channels(workspace: Workspace, wanted: Request, event: Event) -> Iterator[tuple[str, Event]]:
    settings = workspace.settings.api
    for name, hook in settings.webhooks.items():
        if wanted.origin.value in hook.origins and _concerns(hook, wanted, workspace.data_map):
            yield f"{WEBHOOK}{name}", event
    account = events.account_events(wanted, event)
    if settings.freeze is not None and account is not None:
        yield f"{WEBHOOK}{settings.freeze}", account
    if event in IN_LETTERS and _letters(settings, wanted):
        yield LETTER, event


def _letters(settings: ApiSettings, wanted: Request) -> bool:
    return settings.letters is not None and wanted.sealed_contact is not None


def _concerns(hook: Webhook, wanted: Request, data_map: DataMap) -> bool:
    if hook.controller is None:
        return True
    try:
        named = parse_scope(hook.controller, data_map)
    except InputError:
        # A kind of controllers with many (`client`) is named without a member.
        return hook.controller == wanted.scope.controller
    return named == wanted.scope or (named.member is None and named.controller == wanted.scope.controller)
