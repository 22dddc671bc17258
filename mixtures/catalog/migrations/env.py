"""Run by Alembic inside `database.migrate`, which hands over its connection."""

from __future__ import annotations

from alembic import context

from mixtures.catalog.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
