"""Databases with people in them."""

from __future__ import annotations

from tests.support.postgres.company import company, company_template

__all__ = ["company", "company_template"]
