"""notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "threadsworker_subscription",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("events", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["threadsworker_account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("target", "account_id"),
    )
    op.create_index(
        "ix_threadsworker_subscription_account_id", "threadsworker_subscription", ["account_id"]
    )
    _create_partial_index(
        "threadsworker_subscription_of_all",
        "threadsworker_subscription",
        "target",
        "account_id IS NULL",
        unique=True,
    )
    _create_delivery()
    _create_notification()
    op.create_table(
        "threadsworker_deletion",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )


def _create_delivery() -> None:
    op.create_table(
        "threadsworker_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("last_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'pending' OR due_at IS NOT NULL", name="delivery_due"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_threadsworker_delivery_subscription_id", "threadsworker_delivery", ["subscription_id"]
    )
    op.create_index(
        "ix_threadsworker_delivery_account_id", "threadsworker_delivery", ["account_id"]
    )
    op.create_index("threadsworker_delivery_newest", "threadsworker_delivery", ["created_at"])
    _create_partial_index(
        "threadsworker_delivery_due_at", "threadsworker_delivery", "due_at", "due_at IS NOT NULL"
    )
    _create_partial_index(
        "threadsworker_delivery_in_hand", "threadsworker_delivery", "claim", "claim IS NOT NULL"
    )


def _create_notification() -> None:
    op.create_table(
        "threadsworker_notification",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("user_ids", sa.JSON(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(
        "ix_threadsworker_notification_account_id", "threadsworker_notification", ["account_id"]
    )
    _create_partial_index(
        "threadsworker_notification_open",
        "threadsworker_notification",
        "received_at",
        "handled_at IS NULL",
    )


def _create_partial_index(
    name: str, table: str, column: str, rows: str, *, unique: bool = False
) -> None:
    where = sa.text(rows)
    op.create_index(
        name, table, [column], unique=unique, postgresql_where=where, sqlite_where=where
    )


def downgrade() -> None:
    for table in ("deletion", "notification", "delivery", "subscription"):
        op.drop_table(f"threadsworker_{table}")
