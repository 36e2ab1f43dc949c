"""What requests that were cancelled half-way left behind.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "leftover",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_keys", sa.LargeBinary(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_leftover_item_id_item")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_leftover")),
    )
    op.create_table(
        "leftover_tag",
        sa.Column("tag", sa.LargeBinary(length=32), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["leftover.item_id"], name=op.f("fk_leftover_tag_item_id_leftover")),
        sa.PrimaryKeyConstraint("tag", "item_id", name=op.f("pk_leftover_tag")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("leftover_tag")
    op.drop_table("leftover")
