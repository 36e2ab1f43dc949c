"""Tags of holds say of which identity they are: renamed in the map, it would leave the hold without effect.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("hold_tag", sa.Column("namespace", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("hold_tag", "namespace")
