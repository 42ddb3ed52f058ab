"""How the gateway found the documents, by shape."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("answered", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
