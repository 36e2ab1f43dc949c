"""The routes: a router for each resource.

erasure_requests   of controllers, for one person each; and all of them, for staff
self_service       a person's own, sent by the application that signed them in
follow_up          one request, by its follow-up token
batches            lists of people: planned, and what came of them
batch_control      approve, start, pause, resume, retry, cancel, end
legal_holds        what must not be erased for now
locate             what is held of a person
api_keys           create, confirm, list, revoke
audit_log          who did what
transparency_log   the published log and the trust file
health             liveness, readiness, metrics
"""

from fastapi import APIRouter

from expunge_orchestrator.api.routes import (
    api_keys,
    audit_log,
    batch_control,
    batches,
    erasure_requests,
    follow_up,
    health,
    legal_holds,
    locate,
    self_service,
    transparency_log,
)

ROUTERS: tuple[APIRouter, ...] = (
    self_service.router,
    follow_up.router,
    erasure_requests.router,
    batches.router,
    batch_control.router,
    legal_holds.router,
    locate.router,
    audit_log.router,
    api_keys.router,
    transparency_log.router,
    health.router,
)
"""All of them, in the order of the documentation."""
