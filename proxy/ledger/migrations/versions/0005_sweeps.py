"""When each chunk of a collection was last swept, and what was found in it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("namespace", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("chunk", _BIG, primary_key=True, autoincrement=False),
        sa.Column("swept_ns", _BIG, nullable=False),
        sa.Column("documents", _BIG, nullable=False),
        sa.Column("differing", _BIG, nullable=False),
        sa.Column("uncompared", _BIG, nullable=False),
    )
