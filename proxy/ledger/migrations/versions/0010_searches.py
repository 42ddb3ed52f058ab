"""What comparisons of searches came to, and those that differ."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "searches",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("verdict", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("aspect", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("writer", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "search_differences",
        sa.Column("writer", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("aspect", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("sample", sa.Text, nullable=False),
    )
    op.create_index("search_differences_by_time", "search_differences", ["at_ns"])
