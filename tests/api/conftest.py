"""Fixtures of the API's tests."""

from __future__ import annotations

from tests.support.api import api
from tests.support.faster_runs import shared_s3_clients
from tests.support.installation import calltrack, fresh_inspections
from tests.support.ledgers import ledger_template, postgres_ledger
from tests.support.notifications import receiver
from tests.support.store_inspector import inspector

__all__ = [
    "api",
    "calltrack",
    "fresh_inspections",
    "inspector",
    "ledger_template",
    "postgres_ledger",
    "receiver",
    "shared_s3_clients",
]
