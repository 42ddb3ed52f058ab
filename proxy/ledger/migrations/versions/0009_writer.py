"""Where, when and from which application a divergent document was written last."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("divergence", sa.Column("writer", sa.Text, nullable=False, server_default=""))
