"""Run the migrations on the connection that `migrate` was given; Alembic loads this file by its path."""

from alembic import context

from proxy.ledger.migrations import VERSION_TABLE
from proxy.ledger.tables import ledger

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=ledger,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
