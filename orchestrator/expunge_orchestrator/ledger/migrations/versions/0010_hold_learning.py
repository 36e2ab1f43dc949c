"""A hold says whether it has learnt from what the ledger had before it, and a tag whether it has led to somebody.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("hold", sa.Column("learnt", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("hold_tag", sa.Column("led", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Undo."""
    op.drop_column("hold_tag", "led")
    op.drop_column("hold", "learnt")
