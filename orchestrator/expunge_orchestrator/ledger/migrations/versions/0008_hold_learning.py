"""A hold learns by what else the people are known whom it holds, and its tags say of which identity they are.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("hold", sa.Column("learnt", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("hold_tag", sa.Column("weak", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("hold_tag", sa.Column("namespace", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("hold_tag", "namespace")
    op.drop_column("hold_tag", "weak")
    op.drop_column("hold", "learnt")
