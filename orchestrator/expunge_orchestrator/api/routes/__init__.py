"""The routes, a module for each kind of thing."""

from fastapi import APIRouter

from expunge_orchestrator.api.routes import health, own, requests

ROUTERS: tuple[APIRouter, ...] = (own.router, requests.router, health.router)
"""All of them, in the order of the documentation."""
