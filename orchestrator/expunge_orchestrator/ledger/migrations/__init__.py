"""Alembic migrations of the ledger.

env         runs on the connection that `open_ledger` hands over
versions/   the revisions, in order
"""
