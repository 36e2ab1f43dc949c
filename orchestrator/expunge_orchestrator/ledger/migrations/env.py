"""Alembic environment, on the connection that `open_ledger` hands over."""

from alembic import context

from expunge_orchestrator.ledger import sweep_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=sweep_tables.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
