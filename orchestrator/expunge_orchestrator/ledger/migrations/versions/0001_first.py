"""First schema revision: all tables, and triggers that keep the audit log append-only.

Nothing is released, so there is one revision, and it makes what `tables`, `request_tables` and `sweep_tables` say. The
release of 0.1.0 freezes it: from then on a change of a table is a revision of its own.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

from expunge_orchestrator.ledger import sweep_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
_POSTGRES = (
    """
    CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
    """,
)


def upgrade() -> None:
    """Make the tables and the triggers, where there are none: of a ledger in part nobody knows what it held."""
    sweep_tables.metadata.create_all(op.get_bind(), checkfirst=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_SQLITE.format(verb=verb))
    else:
        for statement in _POSTGRES:
            op.execute(statement)


def downgrade() -> None:
    """Drop them: every request and every statement that is not in the log."""
    sweep_tables.metadata.drop_all(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_append_only()")
