"""The first schema of the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("log", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("open", sa.Text, nullable=False),
        sa.Column("batch", sa.Text, nullable=False),
    )
    op.create_table(
        "counts",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("verdict", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "divergence",
        sa.Column("namespace", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("document", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since_ns", _BIG, nullable=False),
        sa.Column("changed_ns", _BIG, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("position", _BIG, nullable=False),
    )
    op.create_table(
        "drops",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("what", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("kind", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("log", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ns", _BIG, primary_key=True, autoincrement=False),
        sa.Column("until_ns", _BIG, nullable=True),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("n", _BIG, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_table(
        "flushes",
        sa.Column("second", _BIG, primary_key=True, autoincrement=False),
        sa.Column("seen", _BIG, nullable=False),
        sa.Column("verified", _BIG, nullable=False),
        sa.Column("mismatched", _BIG, nullable=False),
        sa.Column("lag_operations", _BIG, nullable=False),
        sa.Column("lag_s", sa.Float, nullable=False),
        sa.Column("lag_bytes", _BIG, nullable=False),
    )
    op.create_table(
        "group_counts",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("group", _BIG, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "groups",
        sa.Column("group", _BIG, primary_key=True, autoincrement=False),
        sa.Column("shape", _BIG, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("first_ns", _BIG, nullable=False),
        sa.Column("last_ns", _BIG, nullable=False),
    )
    op.create_table(
        "heartbeats",
        sa.Column("part", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("started_ns", _BIG, nullable=False),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("lag_operations", _BIG, nullable=False),
        sa.Column("lag_s", sa.Float, nullable=False),
        sa.Column("lag_bytes", _BIG, nullable=False),
    )
    op.create_table(
        "latencies",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("side", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("sketch", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "reasons",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("verdict", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "rule_hits",
        sa.Column("minute", _BIG, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("n", _BIG, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("group", _BIG, primary_key=True, autoincrement=False),
        sa.Column("ordinal", _BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ns", _BIG, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("sample", sa.Text, nullable=False),
    )
    op.create_table(
        "shapes",
        sa.Column("shape", _BIG, primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("shape_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("first_ns", _BIG, nullable=False),
        sa.Column("last_ns", _BIG, nullable=False),
    )
