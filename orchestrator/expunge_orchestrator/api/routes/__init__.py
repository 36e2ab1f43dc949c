"""The routes, a module for each resource."""

from fastapi import APIRouter

from expunge_orchestrator.api.routes import (
    api_keys,
    audit_log,
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
    legal_holds.router,
    locate.router,
    audit_log.router,
    api_keys.router,
    transparency_log.router,
    health.router,
)
"""All of them, in the order of the documentation."""
