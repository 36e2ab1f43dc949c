"""The routes, a module for each kind of thing."""

from fastapi import APIRouter

from expunge_orchestrator.api.routes import (
    api_keys,
    audit,
    batches,
    follow_up,
    health,
    holds,
    locate,
    requests,
    self_service,
    transparency_log,
)

ROUTERS: tuple[APIRouter, ...] = (
    self_service.router,
    follow_up.router,
    requests.router,
    batches.router,
    holds.router,
    locate.router,
    audit.router,
    api_keys.router,
    transparency_log.router,
    health.router,
)
"""All of them, in the order of the documentation."""
