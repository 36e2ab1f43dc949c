"""Requests before their batch, access, audit trail, notices (ADR 11, 12).

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The audit trail is appended to and nothing else: the database says no, whoever asks.
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
    """Apply."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("controllers", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=True),
        sa.Column("revoked_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_api_key_uid")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=80), nullable=True),
        sa.Column("result", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "repeat",
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("target", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_repeat")),
    )
    op.create_table(
        "token_use",
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.Column("operation", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_token_use")),
    )
    op.create_index(op.f("ix_token_use_expires_at"), "token_use", ["expires_at"], unique=False)
    op.create_table(
        "request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("controller", sa.String(length=64), nullable=False),
        sa.Column("member", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_at", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=True),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("controller_received_at", sa.String(length=32), nullable=True),
        sa.Column("due_at", sa.String(length=32), nullable=False),
        sa.Column("grace_waived", sa.Boolean(), nullable=False),
        sa.Column("scope_name", sa.String(length=64), nullable=True),
        sa.Column("data_types", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_identifiers", sa.LargeBinary(), nullable=True),
        sa.Column("contact_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_contact", sa.LargeBinary(), nullable=True),
        sa.Column("follow_up", sa.LargeBinary(length=32), nullable=True),
        sa.Column("deadlines", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("failure", sa.String(length=500), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.String(length=32), nullable=True),
        sa.Column("told", sa.String(length=20), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_request_batch_id_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        sa.UniqueConstraint("uid", name=op.f("uq_request_uid")),
    )
    op.create_index(op.f("ix_request_batch_id"), "request", ["batch_id"], unique=False)
    op.create_index(op.f("ix_request_due_at"), "request", ["due_at"], unique=False)
    op.create_index(op.f("ix_request_state"), "request", ["state"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("not_before", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered_at", sa.String(length=32), nullable=True),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_notice_request_id_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("uid", name=op.f("uq_notice_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notice_request_id"), "notice", ["request_id"], unique=False)
    op.create_table(
        "request_open",
        sa.Column("tag", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_request_open_request_id_request")),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_request_open")),
    )
    op.create_index(op.f("ix_request_open_request_id"), "request_open", ["request_id"], unique=False)
    op.create_table(
        "request_tag",
        sa.Column("tag", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_request_tag_request_id_request")),
        sa.PrimaryKeyConstraint("tag", "request_id", name=op.f("pk_request_tag")),
    )
    op.create_index(op.f("ix_request_tag_request_id"), "request_tag", ["request_id"], unique=False)

    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_SQLITE.format(verb=verb))
    else:
        for statement in _POSTGRES:
            op.execute(statement)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_request_tag_request_id"), table_name="request_tag")
    op.drop_table("request_tag")
    op.drop_index(op.f("ix_request_open_request_id"), table_name="request_open")
    op.drop_table("request_open")
    op.drop_index(op.f("ix_notice_request_id"), table_name="notice")
    op.drop_table("notice")
    op.drop_index(op.f("ix_request_state"), table_name="request")
    op.drop_index(op.f("ix_request_due_at"), table_name="request")
    op.drop_index(op.f("ix_request_batch_id"), table_name="request")
    op.drop_table("request")
    op.drop_index(op.f("ix_token_use_expires_at"), table_name="token_use")
    op.drop_table("token_use")
    op.drop_table("repeat")
    op.drop_table("audit")
    op.drop_table("api_key")

    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_append_only()")
