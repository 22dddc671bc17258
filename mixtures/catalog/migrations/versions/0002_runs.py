"""Runs and their journals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "runs",
        *_key("id", "head"),
        _number("sealed"),
        _number("entries"),
        *_key("created"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "run_entries",
        *_key("run"),
        _number("number"),
        *_key("plan"),
        _number("start"),
        *_key("document", "created"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_run_entries"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_run_entries_run_runs"),
        sa.UniqueConstraint("run", "plan", name="uq_run_entries_run_plan"),
    )


def downgrade() -> None:
    op.drop_table("run_entries")
    op.drop_table("runs")
