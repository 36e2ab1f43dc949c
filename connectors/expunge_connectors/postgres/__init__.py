"""Postgres: tables, their rows and the foreign keys between them."""

from expunge_connectors.postgres.connector import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec

__all__ = ["PostgresConnection", "PostgresSpec", "PostgresStore"]
