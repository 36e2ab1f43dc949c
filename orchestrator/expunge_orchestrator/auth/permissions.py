"""Permissions: the one table of operations by role; `api.call_context.requires` asks it before every route.

The documentation and the matrix test read the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from expunge_orchestrator.auth.principals import Principal, Role

_R, _O, _P, _A, _ADMIN = Role.REQUESTER, Role.OPERATOR, Role.APPROVER, Role.AUDITOR, Role.ADMIN


class Operation(StrEnum):
    """What a call does. One operation may have several routes."""

    OWN_CREATE = "self_service.create"
    OWN_READ = "self_service.read"
    OWN_CANCEL = "self_service.cancel"
    OWN_RECEIPT = "self_service.receipt"
    FOLLOW_READ = "follow_up.read"
    FOLLOW_RECEIPT = "follow_up.receipt"
    FOLLOW_CANCEL = "follow_up.cancel"
    REQUEST_CREATE = "erasure_request.create"
    REQUEST_READ = "erasure_request.read"
    REQUEST_CANCEL = "erasure_request.cancel"
    REQUEST_EXTEND = "erasure_request.extend"
    REQUEST_DENY = "erasure_request.deny"
    REQUEST_RETRY = "erasure_request.retry"
    BATCH_CREATE = "batch.create"
    BATCH_READ = "batch.read"
    BATCH_START = "batch.start"
    BATCH_PAUSE = "batch.pause"
    BATCH_RESUME = "batch.resume"
    BATCH_RETRY = "batch.retry"
    BATCH_CANCEL = "batch.cancel"
    BATCH_END = "batch.end"
    BATCH_APPROVE = "batch.approve"
    HOLD_PLACE = "legal_hold.place"
    HOLD_READ = "legal_hold.read"
    HOLD_LIFT = "legal_hold.lift"
    RECEIPT_READ = "receipt.read"
    OPENING_MAKE = "opening.make"
    LOCATE = "locate"
    AUDIT_READ = "audit.read"
    API_KEY_MANAGE = "api_key.manage"


ALLOWED: Mapping[Operation, frozenset[Role]] = MappingProxyType(
    {
        Operation.OWN_CREATE: frozenset({Role.PERSON}),
        Operation.OWN_READ: frozenset({Role.PERSON}),
        Operation.OWN_CANCEL: frozenset({Role.PERSON}),
        Operation.OWN_RECEIPT: frozenset({Role.PERSON}),
        Operation.FOLLOW_READ: frozenset({Role.FOLLOWER}),
        Operation.FOLLOW_RECEIPT: frozenset({Role.FOLLOWER}),
        Operation.FOLLOW_CANCEL: frozenset({Role.FOLLOWER}),
        Operation.REQUEST_CREATE: frozenset({_R, _O}),
        Operation.REQUEST_READ: frozenset({_R, _O, _P, _A}),
        Operation.REQUEST_CANCEL: frozenset({_R, _O}),
        Operation.REQUEST_EXTEND: frozenset({_R, _O}),
        Operation.REQUEST_DENY: frozenset({_O}),
        Operation.REQUEST_RETRY: frozenset({_O}),
        Operation.BATCH_CREATE: frozenset({_R, _O}),
        Operation.BATCH_READ: frozenset({_R, _O, _P, _A}),
        Operation.BATCH_START: frozenset({_O}),
        Operation.BATCH_PAUSE: frozenset({_O}),
        Operation.BATCH_RESUME: frozenset({_O}),
        Operation.BATCH_RETRY: frozenset({_O}),
        Operation.BATCH_CANCEL: frozenset({_O}),
        Operation.BATCH_END: frozenset({_O}),
        Operation.BATCH_APPROVE: frozenset({_P}),
        Operation.HOLD_PLACE: frozenset({_O}),
        Operation.HOLD_READ: frozenset({_O, _A}),
        Operation.HOLD_LIFT: frozenset({_O}),
        Operation.RECEIPT_READ: frozenset({_R, _O, _P, _A}),
        Operation.OPENING_MAKE: frozenset({_R, _O}),
        Operation.LOCATE: frozenset({_O}),
        Operation.AUDIT_READ: frozenset({_A}),
        Operation.API_KEY_MANAGE: frozenset({_ADMIN}),
    }
)
"""Operation -> the roles of which one is enough."""


def is_allowed(principal: Principal, operation: Operation) -> bool:
    """Whether one of its roles allows it."""
    return not principal.roles.isdisjoint(ALLOWED[operation])
