"""Holds, approvals, the search for poison items; every chunk its own clock.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("data_type", sa.String(length=64), nullable=True),
        sa.Column("controller", sa.String(length=64), nullable=True),
        sa.Column("member", sa.String(length=200), nullable=True),
        sa.Column("ground", sa.String(length=500), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("undisclosed", sa.Boolean(), nullable=False),
        sa.Column("placed_by", sa.String(length=200), nullable=False),
        sa.Column("placed_at", sa.String(length=32), nullable=False),
        sa.Column("lifted_by", sa.String(length=200), nullable=True),
        sa.Column("lifted_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("uid", name=op.f("uq_hold_uid")),
    )
    op.create_table(
        "hold_tag",
        sa.Column("tag", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_tag_hold_id_hold")),
        sa.PrimaryKeyConstraint("tag", "hold_id", name=op.f("pk_hold_tag")),
    )
    op.create_table(
        "approval",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("approver", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_approval_batch_id_batch")),
        sa.PrimaryKeyConstraint("batch_id", "approver", name=op.f("pk_approval")),
    )
    op.create_table(
        "bisection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_bisection_batch_id_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bisection")),
    )
    op.create_index(op.f("ix_bisection_batch_id"), "bisection", ["batch_id"], unique=False)
    op.add_column("batch", sa.Column("requested_by", sa.String(length=200), nullable=True))
    op.add_column("batch", sa.Column("paused_at", sa.String(length=32), nullable=True))
    op.add_column("batch", sa.Column("cancelled_at", sa.String(length=32), nullable=True))
    op.add_column("batch", sa.Column("changed_by", sa.String(length=200), nullable=True))
    op.add_column("chunk", sa.Column("settle_at", sa.String(length=32), nullable=True))
    op.add_column("chunk", sa.Column("repeats", sa.Integer(), server_default="0", nullable=False))
    op.add_column("chunk", sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
    op.add_column("chunk", sa.Column("bisection_id", sa.Integer(), nullable=True))
    op.add_column("chunk", sa.Column("stuck_at", sa.Integer(), nullable=True))
    op.add_column("chunk", sa.Column("touched", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("chunk", sa.Column("planned", sa.JSON(), nullable=True))
    op.add_column("item", sa.Column("held", sa.JSON(), nullable=True))
    # A batch that waits for its settling check under the first schema waits by the same clock, chunk by chunk; what has
    # begun may have erased.
    op.execute(
        "UPDATE chunk SET settle_at = (SELECT batch.settle_at FROM batch WHERE batch.id = chunk.batch_id)"
        " WHERE state = 'waiting'"
    )
    # A chunk that waits beside failed ones had no clock there: it is due since the batch's state was set.
    op.execute(
        "UPDATE chunk SET settle_at = (SELECT batch.state_at FROM batch WHERE batch.id = chunk.batch_id)"
        " WHERE state = 'waiting' AND settle_at IS NULL"
    )
    op.execute("UPDATE chunk SET touched = (1 = 1) WHERE step > 2")


def downgrade() -> None:
    """Undo."""
    op.drop_column("item", "held")
    for column in ("planned", "touched", "stuck_at", "bisection_id", "depth", "repeats", "settle_at"):
        op.drop_column("chunk", column)
    for column in ("changed_by", "cancelled_at", "paused_at", "requested_by"):
        op.drop_column("batch", column)
    op.drop_index(op.f("ix_bisection_batch_id"), table_name="bisection")
    op.drop_table("bisection")
    op.drop_table("approval")
    op.drop_table("hold_tag")
    op.drop_table("hold")
