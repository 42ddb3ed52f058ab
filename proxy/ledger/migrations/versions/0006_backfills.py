"""Which collections the gateway does not hold in full yet, and how far they have been filled."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "fillings",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("changed_ns", _BIG, nullable=False),
    )
    op.create_table(
        "backfills",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("at_ns", _BIG, nullable=False),
    )
    op.create_table(
        "chunks",
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=False),
        sa.Column("lower", sa.LargeBinary, nullable=True),
        sa.Column("upper", sa.LargeBinary, nullable=True),
        sa.Column("documents", _BIG, nullable=True),
    )
