"""The suppression entries of one item are found without reading all.

Revision: 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_suppression_item_id"), "suppression", ["item_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_suppression_item_id"), table_name="suppression")
