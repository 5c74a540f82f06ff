"""All gauges, as values. What only grows is in `threadsworker.counting.instruments`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gauge:
    """A figure that the rows tell."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    kind = "gauge"


INFO = Gauge("threadsworker_info", "The version, as a label of a 1.", ("version",))
DATABASE_UP = Gauge(
    "threadsworker_database_up", "Whether the rows could be read. If not, most gauges are missing."
)
BROKER_UP = Gauge("threadsworker_broker_up", "Whether the broker answered.")
QUEUE = Gauge(
    "threadsworker_queue_messages", "Messages that wait for a worker in the broker.", ("queue",)
)
WORKERS = Gauge("threadsworker_workers", "Worker processes that show signs of life.")
DUTY_AGE = Gauge(
    "threadsworker_duty_age_seconds",
    "How long ago a duty of beat's was last done; `dispatch_due` shows that beat is alive.",
    ("duty",),
)
JOBS = Gauge(
    "threadsworker_jobs",
    "Jobs by state; those that wait, by their reason.",
    ("state", "reason"),
)
OLDEST_DUE = Gauge(
    "threadsworker_oldest_due_seconds",
    "For how long the oldest job that should be at work is not.",
)
IN_FLIGHT = Gauge(
    "threadsworker_segments_in_flight",
    "Segments whose publish is under way, or in doubt.",
    ("state",),
)
STAGED = Gauge(
    "threadsworker_staged_files", "Local media that are public for Meta, or may be.", ("state",)
)
DELIVERIES = Gauge(
    "threadsworker_notices",
    "Notices to others that are pending, delivered or given up.",
    ("state",),
)
ACCOUNTS = Gauge("threadsworker_accounts", "Accounts by status.", ("status",))
LEFT_OUT = Gauge(
    "threadsworker_accounts_left_out",
    "Accounts without gauges of their own below, because there are too many.",
)
TOKEN = Gauge(
    "threadsworker_account_token_seconds",
    "Until the account's token ends; negative after that.",
    ("account",),
)
PAUSE = Gauge(
    "threadsworker_account_throttle_seconds",
    "Until a service may be asked again, which has asked for a pause; 0: it may.",
    ("account", "service"),
)
QUOTA_USED = Gauge(
    "threadsworker_account_quota_used",
    "What of a quota is used in its moving window, by Meta's word or our rows.",
    ("account", "kind"),
)
QUOTA_RESERVED = Gauge(
    "threadsworker_account_quota_reserved",
    "What of it is set aside for threads that have begun.",
    ("account", "kind"),
)
QUOTA_LIMIT = Gauge(
    "threadsworker_account_quota_limit", "What Meta allows in that window.", ("account", "kind")
)

#: Every gauge, in the order of the page.
ALL = tuple(one for one in list(globals().values()) if isinstance(one, Gauge))
