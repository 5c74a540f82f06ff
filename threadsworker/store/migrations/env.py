"""Alembic's entry: runs the migrations on the connection that `schema` hands over."""

from __future__ import annotations

from alembic import context

from threadsworker.store.row import VERSION_TABLE
from threadsworker.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    # SQLite cannot alter most of a table: Alembic copies it instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
