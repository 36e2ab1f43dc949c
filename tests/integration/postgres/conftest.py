"""Databases with people in them."""

from __future__ import annotations

from tests.support.postgres.company import company, company_template, other_company

__all__ = ["company", "company_template", "other_company"]
