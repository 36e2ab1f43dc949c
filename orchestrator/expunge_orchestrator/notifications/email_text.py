"""E-mail texts: plain words, no more than is known, nothing that names the person."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType

from expunge_config.datamap import DataMap
from expunge_orchestrator.clock import parse
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.notifications.events import Event
from expunge_orchestrator.notifications.letter_facts import LetterFacts
from expunge_reports.statement import OpenCopies

SUBJECTS: Mapping[Event, str] = MappingProxyType(
    {
        Event.ACCEPTED: "We have your request to delete your data",
        Event.ERASED: "What became of your request to delete your data",
        Event.CANCELLED: "Your request to delete your data was ended",
        Event.DENIED: "Your request to delete your data was not carried out",
        Event.SETTLED: "Your request to delete your data: our last letter",
    }
)
"""Event -> the subject of its letter."""

_OUTCOMES = {
    "erased": "What was asked for has been deleted from the systems in use. We looked again: nothing of it was left.",
    "partially-erased": "What was asked for has been deleted from the systems in use, except for what has to be kept"
    " and what may be somebody else's. The receipt lists what is left, why, and until when.",
    "not-found": "We found nothing in the systems in use that was to be deleted.",
}
_KEPT_WHOLE = (
    "Nothing was deleted from the systems in use: what we hold has to be kept, or may be somebody else's. The receipt"
    " lists what is left, why, and until when."
)
_ENDED_IN_PART = (
    "A part of what was asked for has been deleted from the systems in use. The rest could not be deleted, and we have"
    " ended the request. The receipt lists what is left, and why."
)
_ENDED_WHOLE = (
    "Nothing was deleted from the systems in use: it could not be done, and we have ended the request. The receipt"
    " lists what is left, and why."
)
_NO_BACKUPS = "Backups: no copies of the systems in use are made, as the receipt says."
_BACKUPS = (
    "Backups: copies may remain in back-up storage for some time although nothing remains in the systems in use. They"
    " are not changed; they end by their own time limits, and the receipt says which and until when."
)
_SOME_WITHOUT_DAY = (
    "Backups: copies may remain in back-up storage although nothing remains in the systems in use. They are not"
    " changed. The receipt says which, and until when; of some no day can be named."
)
_LOGS = "Log files are not affected: they record what systems did, and end by their own time limits."
CLIENTS_DATA = "Data that clients of this company hold about you is theirs: ask the client."
"""Who was in touch with a client knows which; whether a client has anything is not looked for, and not told."""
_DENIALS = {
    "identity-not-proven": "we could not make sure that the request is yours",
    "not-covered": "the law does not give a right to it in this case",
    "manifestly-unfounded": "it is manifestly unfounded",
    "excessive": "it is excessive",
    "legal-obligation": "a law obliges us to keep these data",
    "fraud-suspected": "we have to suspect that somebody else has asked",
}


def body(data_map: DataMap, request: Request, event: Event, outcome: str | None, facts: LetterFacts) -> str:
    """The text of a letter, in lines of at most 76 characters."""
    operator = data_map.operator
    parts = [
        *_paragraphs(data_map, request, event, outcome, facts),
        f"Your request is {request.uid}. To follow it: {_FOLLOW}",
        f"Questions: {operator.name}, {operator.contact}",
    ]
    return "\n\n".join(textwrap.fill(part, 76, break_long_words=False, break_on_hyphens=False) for part in parts) + "\n"


_FOLLOW = (
    "sign in and look at your settings, or, without an account, use the follow-up code that you were shown when you"
    " asked. The receipt can be had there; keep it, it can be checked without us."
)


def _paragraphs(
    data_map: DataMap, request: Request, event: Event, outcome: str | None, facts: LetterFacts
) -> list[str]:
    if event is Event.ACCEPTED:
        return _accepted(data_map, request)
    if event is Event.ERASED:
        follows = _LAST if facts.ended else _CHECK
        return [_answer(str(outcome), facts), CLIENTS_DATA, about_backups(data_map, facts.copies), _LOGS, follows]
    if event is Event.CANCELLED:
        return [_TAKEN_BACK if request.batch_id is None else _WITHDRAWN]
    if event is Event.SETTLED:
        return [_ENDED if facts.ended else _LOOKED_AGAIN, about_backups(data_map, facts.copies)]
    if outcome is not None:
        why = "" if facts.reason is None else f": {facts.reason}"
        return [f"Nothing was deleted, for we must not delete somebody else's data{why}. {_CLEAR_UP}"]
    why = _DENIALS.get(str(request.reason), "for a reason that we tell you when you ask")
    return [f"Your request was refused: {why}. Nothing was deleted.", _COMPLAIN]


def _answer(outcome: str, facts: LetterFacts) -> str:
    if facts.ended:
        return _ENDED_IN_PART if facts.went else _ENDED_WHOLE
    if outcome == "partially-erased" and not facts.went:
        return _KEPT_WHOLE
    return _OUTCOMES.get(outcome, _OUTCOMES["partially-erased"])


_TAKEN_BACK = "Your request was taken back before anything was deleted. Your data stays as it was."
_WITHDRAWN = "Your request was ended before anything was deleted. Your data stays as it was."
_CLEAR_UP = "Please write to us, so that it can be cleared up."
_LOOKED_AGAIN = (
    "We looked once more some time after the deletion, and write to you a last time. The address to which this letter"
    " goes is removed from the request."
)
_ENDED = (
    "Your request has ended. The receipt lists what is left. The address to which this letter goes is removed from the"
    " request."
)
_LAST = "We write to you a last time, and then remove your address from the request."
_CHECK = (
    "Some time from now we look once more, write to you a last time, and then remove your address from the request."
)
_COMPLAIN = "You may complain to a supervisory authority for data protection, or go to court."


def _accepted(data_map: DataMap, request: Request) -> list[str]:
    chosen = None if data_map.self_service is None else data_map.self_service.scopes.get(request.scope_name or "")
    asked = "the deletion of your data" if chosen is None else f'the deletion of: "{chosen.label}"'
    parts = [f"On {_when(request.received_at)} you asked for {asked}."]
    if request.grace_waived or request.due_at <= request.received_at:
        parts.append("It begins at once, as you wished, and cannot be taken back any more.")
    else:
        parts.append(
            f"Until {_when(request.due_at)} you can take it back, and nothing is deleted before. It begins then, and"
            " cannot be taken back any more. If it was not you who asked, take it back, and write to us at once."
        )
    if request.deadlines is not None:
        parts.append(f"You have our answer before {_when(request.deadlines['answerBy'])}.")
    parts += [CLIENTS_DATA, about_backups(data_map), _LOGS]
    return parts


def _when(text: str) -> str:
    return parse(text).astimezone(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def about_backups(data_map: DataMap, copies: OpenCopies | None = None) -> str:
    """What a letter says of backup copies; `copies`: as the last statement counts them, if one did."""
    if copies is not None and copies.without_day:
        return _SOME_WITHOUT_DAY
    return _BACKUPS if data_map.backup_places or (copies is not None and copies.count) else _NO_BACKUPS
