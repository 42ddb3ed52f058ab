"""What wrote a divergent document, and how MongoDB runs what is slow on the gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in (("divergence", "written_by"), ("plans", "legacy_plan")):
        op.add_column(table, sa.Column(column, sa.Text, nullable=False, server_default=""))
