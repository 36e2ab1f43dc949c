"""What was left by a cancelled request can be taken up again: by a chunk of its own, under tags that say what they are.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("chunk", sa.Column("remainder", sa.JSON(), nullable=True))
    op.add_column("leftover_tag", sa.Column("namespace", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("leftover_tag", "namespace")
    op.drop_column("chunk", "remainder")
