"""Every change of a flag: who, when, why, and the evidence at that moment."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "flag_changes",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("forced", _BIG, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
    )
