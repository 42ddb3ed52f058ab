"""The plan of the gateway's database for the slow operations of a shape: the last one that was explained."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("gateway_s", sa.Float, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
    )
