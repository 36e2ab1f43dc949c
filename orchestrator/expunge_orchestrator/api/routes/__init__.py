"""The routes, a module for each kind of thing."""

from fastapi import APIRouter

from expunge_orchestrator.api.routes import access, audit, batches, follow, health, holds, locating, log, own, requests

ROUTERS: tuple[APIRouter, ...] = (
    own.router,
    follow.router,
    requests.router,
    batches.router,
    holds.router,
    locating.router,
    audit.router,
    access.router,
    log.router,
    health.router,
)
"""All of them, in the order of the documentation."""
