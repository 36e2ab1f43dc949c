"""What is to be told, and what is not delivered yet, is found without reading every request and every notice.

Revision: 0007, after 0006.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_request_told", "request", ["told"])
    op.create_index("ix_notice_delivered_at", "notice", ["delivered_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_notice_delivered_at", "notice")
    op.drop_index("ix_request_told", "request")
