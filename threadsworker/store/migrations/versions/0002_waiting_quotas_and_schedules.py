"""waiting, quotas and schedules."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _of_account() -> list[sa.Column[Any]]:
    return [
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("throttles", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("github_paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("github_throttles", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("github_token_id", sa.String(), nullable=True),
        sa.Column("check_quota", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("wait_on_quota", sa.Boolean(), nullable=False, server_default=sa.true()),
    ]


def _of_job() -> list[sa.Column[Any]]:
    return [
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("schedule_id", sa.String(), nullable=True),
        sa.Column("occurrence", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_quota", sa.Boolean(), nullable=True),
        sa.Column("wait_on_quota", sa.Boolean(), nullable=True),
        sa.Column("pace", sa.Float(), nullable=False, server_default="0"),
        sa.Column("pace_jitter", sa.Float(), nullable=False, server_default="0"),
    ]


#: Indices of `job` on the account, and which rows they hold.
_OF_ACCOUNT = {
    "threadsworker_job_under_way": "overdue_at IS NOT NULL OR lease_until IS NOT NULL",
    "threadsworker_job_reserved": "reserved_at IS NOT NULL",
}


def upgrade() -> None:
    op.create_table(
        "threadsworker_duty",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "threadsworker_publishing_limit",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["threadsworker_account.id"]),
        sa.PrimaryKeyConstraint("account_id", "kind"),
    )
    _create_schedule()
    for column in _of_account():
        op.add_column("threadsworker_account", column)
    op.create_index(
        "ix_threadsworker_account_github_token_id", "threadsworker_account", ["github_token_id"]
    )
    for column in _of_job():
        op.add_column("threadsworker_job", column)
    op.add_column("threadsworker_segment", sa.Column("likeness", sa.String(), nullable=True))
    op.drop_index("ix_threadsworker_job_account_id", table_name="threadsworker_job")
    op.create_index("threadsworker_job_of_account", "threadsworker_job", ["account_id", "wake_at"])
    op.create_index(
        "threadsworker_job_of_occurrence",
        "threadsworker_job",
        ["schedule_id", "occurrence"],
        unique=True,
    )
    for name, rows in _OF_ACCOUNT.items():
        op.create_index(
            name,
            "threadsworker_job",
            ["account_id"],
            postgresql_where=sa.text(rows),
            sqlite_where=sa.text(rows),
        )


def _create_schedule() -> None:
    op.create_table(
        "threadsworker_schedule",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=True),
        sa.Column("every", sa.Float(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("anchor", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("jitter", sa.Float(), nullable=False),
        sa.Column("late", sa.String(), nullable=False),
        sa.Column("order", sa.String(), nullable=False),
        sa.Column("posts", sa.JSON(), nullable=False),
        sa.Column("deck", sa.JSON(), nullable=False),
        sa.Column("last_post", sa.Integer(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(cron IS NULL) <> (every IS NULL)", name="cron_or_every"),
        sa.ForeignKeyConstraint(["account_id"], ["threadsworker_account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(
        "ix_threadsworker_schedule_account_id", "threadsworker_schedule", ["account_id"]
    )
    op.create_index(
        "threadsworker_schedule_next",
        "threadsworker_schedule",
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL"),
        sqlite_where=sa.text("next_at IS NOT NULL"),
    )


def downgrade() -> None:
    for name in (*_OF_ACCOUNT, "threadsworker_job_of_occurrence", "threadsworker_job_of_account"):
        op.drop_index(name, table_name="threadsworker_job")
    op.create_index("ix_threadsworker_job_account_id", "threadsworker_job", ["account_id"])
    op.drop_index("ix_threadsworker_account_github_token_id", table_name="threadsworker_account")
    op.drop_column("threadsworker_segment", "likeness")
    for column in _of_job():
        op.drop_column("threadsworker_job", column.name)
    for column in _of_account():
        op.drop_column("threadsworker_account", column.name)
    for table in ("schedule", "publishing_limit", "duty"):
        op.drop_table(f"threadsworker_{table}")
