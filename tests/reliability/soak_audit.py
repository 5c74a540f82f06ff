"""
What the database tells about the soak, by triggers of the soak's own.

Every claim is written down with the port of the connection that made it, which leads to the
process: so it is known what a killed process held, and whether a publish was late.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

#: Told at each commit of a publish's or an upload's intent: ``attempt 40812``.
CHANNEL = "soak"

_INSTALL = f"""
CREATE TABLE soak_claim (
    job_id text, epoch bigint, port int, at timestamptz, ended timestamptz, broken boolean
);
CREATE INDEX ON soak_claim (job_id, epoch);

CREATE FUNCTION soak_claimed() RETURNS trigger AS $$
BEGIN
    IF NEW.epoch > OLD.epoch AND NEW.claimed_by IS NOT NULL THEN
        UPDATE soak_claim SET ended = clock_timestamp(), broken = true
        WHERE job_id = NEW.id AND epoch = OLD.epoch AND ended IS NULL;
        INSERT INTO soak_claim VALUES (NEW.id, NEW.epoch, inet_client_port(), clock_timestamp());
    ELSIF OLD.claimed_by IS NOT NULL AND NEW.claimed_by IS NULL THEN
        UPDATE soak_claim SET ended = clock_timestamp(), broken = NEW.claims > 0
        WHERE job_id = NEW.id AND epoch = OLD.epoch;
    END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER soak_claimed AFTER UPDATE ON threadsworker_job
    FOR EACH ROW EXECUTE FUNCTION soak_claimed();

CREATE FUNCTION soak_told() RETURNS trigger AS $$
BEGIN
    PERFORM pg_notify('{CHANNEL}', replace(TG_TABLE_NAME, 'threadsworker_', '')
        || ' ' || inet_client_port());
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER soak_attempt AFTER INSERT ON threadsworker_attempt
    FOR EACH ROW EXECUTE FUNCTION soak_told();
CREATE TRIGGER soak_staged AFTER INSERT ON threadsworker_staged
    FOR EACH ROW EXECUTE FUNCTION soak_told();
"""


@dataclass(frozen=True)
class ClaimSeen:
    """One claim of a job, and how it ended: in order, broken, or not yet."""

    job_id: str
    epoch: int
    port: int
    at: datetime
    ended: datetime | None
    broken: bool


@dataclass(frozen=True)
class JobSeen:
    id: str
    state: str
    reason: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class SegmentSeen:
    job_id: str
    index: int
    state: str
    media_id: str | None


@dataclass(frozen=True)
class AttemptSeen:
    """One authorised send; `container` is Meta's creation id."""

    job_id: str
    container: str
    epoch: int
    state: str
    sent_at: datetime


class Audit:
    """Reads the soak's database. Each call has a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def install(self) -> None:
        """Set the triggers, after the schema was made."""
        with psycopg.connect(self.url) as connection:
            connection.execute(_INSTALL)

    def let_sweeps_be_due(self) -> None:
        """Let the staging repositories be listed now, and not in a few minutes."""
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE threadsworker_account SET swept_at = NULL")

    def states(self) -> dict[str, str]:
        """The state of every job."""
        return {row.id: row.state for row in self._rows("SELECT id, state FROM threadsworker_job")}

    def under_way(self) -> int:
        """How many jobs are not at rest."""
        (found,) = self._rows(
            "SELECT count(*) AS n FROM threadsworker_job WHERE state NOT IN"
            " ('published', 'failed', 'cancelled', 'missed', 'needs_review')"
        )
        return int(found.n)

    def jobs(self) -> dict[str, JobSeen]:
        found = self._rows(
            "SELECT id, state, reason, error_code AS error, created_at, finished_at"
            " FROM threadsworker_job"
        )
        return {row.id: JobSeen(*row) for row in found}

    def segments(self) -> list[SegmentSeen]:
        """Of all jobs, in order."""
        found = self._rows(
            'SELECT job_id, "index", state, media_id FROM threadsworker_segment'
            ' ORDER BY job_id, "index"'
        )
        return [SegmentSeen(*row) for row in found]

    def owners_of_containers(self) -> dict[str, tuple[str, int]]:
        """Job and index of the segment of every container, by creation id."""
        found = self._rows(
            'SELECT threads_id, job_id, "index" FROM threadsworker_container container'
            " JOIN threadsworker_segment segment ON segment.id = container.segment_id"
        )
        return {row.threads_id: (row.job_id, row.index) for row in found}

    def attempts(self) -> dict[str, list[AttemptSeen]]:
        """By creation id, oldest first."""
        found = self._rows(
            "SELECT job_id, threads_id, attempt.epoch, attempt.state, sent_at"
            " FROM threadsworker_attempt attempt"
            " JOIN threadsworker_container container ON container.id = attempt.container_id"
            " JOIN threadsworker_segment segment ON segment.id = attempt.segment_id"
            " ORDER BY sent_at"
        )
        by_container = defaultdict(list)
        for row in found:
            by_container[row.threads_id].append(AttemptSeen(*row))
        return dict(by_container)

    def claims(self) -> dict[str, list[ClaimSeen]]:
        """By job, in order."""
        found = self._rows(
            "SELECT job_id, epoch, port, at, ended, coalesce(broken, false) FROM soak_claim"
            " ORDER BY job_id, epoch"
        )
        by_job = defaultdict(list)
        for row in found:
            by_job[row.job_id].append(ClaimSeen(*row))
        return dict(by_job)

    def events(self, job_id: str) -> list[str]:
        """The job's events as lines, for a reader who looks for a cause."""
        found = self._rows(
            "SELECT at, run, epoch, what, segment, data FROM threadsworker_event"
            " WHERE job_id = %s ORDER BY id",
            job_id,
        )
        return [
            f"{row.at:%H:%M:%S.%f} run {row.run} epoch {row.epoch} {row.what} {row.segment} "
            f"{row.data}"
            for row in found
        ]

    def event_counts(self) -> dict[str, int]:
        found = self._rows("SELECT what, count(*) AS n FROM threadsworker_event GROUP BY what")
        return {row.what: row.n for row in found}

    def limbo(self) -> list[str]:
        """Jobs that are not at rest and that nobody will look at again."""
        found = self._rows(
            "SELECT id FROM threadsworker_job WHERE wake_at IS NULL AND state NOT IN"
            " ('published', 'failed', 'cancelled', 'missed', 'needs_review')"
        )
        return [row.id for row in found]

    def tables_with(self, secret: str) -> list[str]:
        """Tables of which a row holds the text."""
        tables = self._rows(
            "SELECT table_name AS name FROM information_schema.tables"
            " WHERE table_schema = 'public' ORDER BY 1"
        )
        return [
            table.name
            for table in tables
            if self._rows(
                psycopg.sql.SQL(
                    "SELECT 1 FROM {} AS t WHERE strpos(t::text, %s) > 0 LIMIT 1"
                ).format(psycopg.sql.Identifier(table.name)),
                secret,
            )
        ]

    def _rows(self, query: Any, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.url, row_factory=namedtuple_row) as connection:
            return connection.execute(query, parameters or None).fetchall()
