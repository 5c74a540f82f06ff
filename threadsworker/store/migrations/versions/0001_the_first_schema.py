"""the first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "threadsworker_account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("github_token", sa.Text(), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("github_repo", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "threadsworker_worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "threadsworker_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("reply_to", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_advice", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'waiting' OR reason IS NOT NULL", name="waiting_has_reason"),
        sa.CheckConstraint(
            "state IN ('cancelled', 'failed', 'missed', 'needs_review', 'published') "
            "OR wake_at IS NOT NULL",
            name="looked_at",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["threadsworker_account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "key"),
    )
    with op.batch_alter_table("threadsworker_job", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_threadsworker_job_account_id"), ["account_id"], unique=False
        )
        batch_op.create_index(
            "threadsworker_job_due",
            ["wake_at"],
            unique=False,
            postgresql_where=sa.text("wake_at IS NOT NULL"),
            sqlite_where=sa.text("wake_at IS NOT NULL"),
        )
        batch_op.create_index("threadsworker_job_newest", ["created_at"], unique=False)

    op.create_table(
        "threadsworker_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["threadsworker_job.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("threadsworker_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_threadsworker_event_job_id"), ["job_id"], unique=False)

    op.create_table(
        "threadsworker_segment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("media_id", sa.String(), nullable=True),
        sa.Column("permalink", sa.String(), nullable=True),
        sa.Column("reply_to", sa.String(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('published', 'verified') OR media_id IS NOT NULL", name="live_has_id"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["threadsworker_job.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "index"),
        sa.UniqueConstraint("media_id"),
    )
    with op.batch_alter_table("threadsworker_segment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_threadsworker_segment_job_id"), ["job_id"], unique=False
        )
        batch_op.create_index(
            "threadsworker_segment_in_flight",
            ["state"],
            unique=False,
            postgresql_where=sa.text("state IN ('publishing', 'in_doubt')"),
            sqlite_where=sa.text("state IN ('publishing', 'in_doubt')"),
        )

    op.create_table(
        "threadsworker_staged",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("repo", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["threadsworker_job.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "sha256"),
    )
    with op.batch_alter_table("threadsworker_staged", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_threadsworker_staged_job_id"), ["job_id"], unique=False
        )

    op.create_table(
        "threadsworker_container",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.String(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("threads_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("death", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["threadsworker_segment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("threads_id"),
    )
    with op.batch_alter_table("threadsworker_container", schema=None) as batch_op:
        batch_op.create_index(
            "threadsworker_container_one_live",
            ["segment_id", "item"],
            unique=True,
            postgresql_where=sa.text("live"),
            sqlite_where=sa.text("live"),
        )
        batch_op.create_index(
            batch_op.f("ix_threadsworker_container_segment_id"), ["segment_id"], unique=False
        )

    op.create_table(
        "threadsworker_media",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("segment_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("alt_text", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.CheckConstraint("(sha256 IS NULL) <> (url IS NULL)", name="local_or_public"),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["threadsworker_segment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("segment_id", "position"),
    )
    with op.batch_alter_table("threadsworker_media", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_threadsworker_media_segment_id"), ["segment_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_threadsworker_media_sha256"), ["sha256"], unique=False)

    op.create_table(
        "threadsworker_attempt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("segment_id", sa.String(), nullable=False),
        sa.Column("container_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["threadsworker_container.id"],
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["threadsworker_segment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("threadsworker_attempt", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_threadsworker_attempt_container_id"), ["container_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_threadsworker_attempt_segment_id"), ["segment_id"], unique=False
        )

    op.create_table(
        "threadsworker_quota_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["threadsworker_account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["threadsworker_attempt.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("attempt_id"),
    )
    with op.batch_alter_table("threadsworker_quota_use", schema=None) as batch_op:
        batch_op.create_index(
            "threadsworker_quota_use_window", ["account_id", "kind", "at"], unique=False
        )

    # ### end Alembic commands ###


def downgrade() -> None:
    with op.batch_alter_table("threadsworker_quota_use", schema=None) as batch_op:
        batch_op.drop_index("threadsworker_quota_use_window")

    op.drop_table("threadsworker_quota_use")
    with op.batch_alter_table("threadsworker_attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threadsworker_attempt_segment_id"))
        batch_op.drop_index(batch_op.f("ix_threadsworker_attempt_container_id"))

    op.drop_table("threadsworker_attempt")
    with op.batch_alter_table("threadsworker_media", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threadsworker_media_sha256"))
        batch_op.drop_index(batch_op.f("ix_threadsworker_media_segment_id"))

    op.drop_table("threadsworker_media")
    with op.batch_alter_table("threadsworker_container", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threadsworker_container_segment_id"))
        batch_op.drop_index(
            "threadsworker_container_one_live",
            postgresql_where=sa.text("live"),
            sqlite_where=sa.text("live"),
        )

    op.drop_table("threadsworker_container")
    with op.batch_alter_table("threadsworker_staged", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threadsworker_staged_job_id"))

    op.drop_table("threadsworker_staged")
    with op.batch_alter_table("threadsworker_segment", schema=None) as batch_op:
        batch_op.drop_index("threadsworker_segment_in_flight")
        batch_op.drop_index(batch_op.f("ix_threadsworker_segment_job_id"))

    op.drop_table("threadsworker_segment")
    with op.batch_alter_table("threadsworker_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threadsworker_event_job_id"))

    op.drop_table("threadsworker_event")
    with op.batch_alter_table("threadsworker_job", schema=None) as batch_op:
        batch_op.drop_index("threadsworker_job_newest")
        batch_op.drop_index(
            "threadsworker_job_due",
            postgresql_where=sa.text("wake_at IS NOT NULL"),
            sqlite_where=sa.text("wake_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_threadsworker_job_account_id"))

    op.drop_table("threadsworker_job")
    op.drop_table("threadsworker_worker")
    op.drop_table("threadsworker_account")
