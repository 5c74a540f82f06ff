"""
All that worker processes count, as values.

Names follow https://prometheus.io/docs/practices/naming/ (2026-11-25): seconds, and ``_total``
for what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds, from a quick answer to one that Meta took four minutes for.
_CALL = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 240.0)
#: Seconds, from a post on the second to one that waited a day.
_WAIT = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)


@dataclass(frozen=True)
class Instrument:
    """A counter, or with `buckets` a histogram of seconds."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    #: Values of the only label that are there from the start: a rise from nothing is not seen.
    known: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "histogram" if self.buckets else "counter"


STEPS = Instrument(
    "threadsworker_steps_total", "Steps that were taken, by what came of them.", ("step", "outcome")
)
STEP_SECONDS = Instrument(
    "threadsworker_step_seconds", "How long steps took.", ("step",), buckets=_CALL
)
JOBS_ENDED = Instrument(
    "threadsworker_jobs_ended_total",
    "Jobs that were published, failed, missed, or put aside for a person.",
    ("state",),
    known=("published", "failed", "needs_review", "missed"),
)
LATENESS = Instrument(
    "threadsworker_lateness_seconds",
    "From when a post was due until the first of its thread was live.",
    buckets=_WAIT,
)
THREAD_SECONDS = Instrument(
    "threadsworker_thread_seconds",
    "From when a post was due until its whole thread was live and tidied up.",
    buckets=_WAIT,
)
PUBLISH_SECONDS = Instrument(
    "threadsworker_publish_seconds",
    "From when a publish was sent until it was answered, or given up.",
    buckets=_CALL,
)
PROCESSING_SECONDS = Instrument(
    "threadsworker_container_processing_seconds",
    "From when a container was made until it was seen to be finished.",
    ("kind",),
    buckets=_WAIT,
)
CALLS = Instrument(
    "threadsworker_api_calls_total",
    "Requests to Meta and GitHub, by HTTP status, or `not_sent` or `no_answer`.",
    ("service", "method", "endpoint", "status"),
)
CALL_SECONDS = Instrument(
    "threadsworker_api_call_seconds",
    "How long Meta and GitHub took to answer.",
    ("service", "method", "endpoint"),
    buckets=_CALL,
)
ERRORS = Instrument(
    "threadsworker_api_errors_total",
    "Requests that were refused, by the service's own code. `github.404` of `git/ref` is no error: "
    "a job's branch is not there yet.",
    ("service", "endpoint", "code"),
)
THROTTLES = Instrument(
    "threadsworker_throttles_total",
    "Steps that were asked to pause, or came close to a limit.",
    ("service",),
    known=("threads", "github"),
)
THROTTLE_SECONDS = Instrument(
    "threadsworker_throttle_seconds_total",
    "Seconds of the pauses that steps were asked for; those asked at once each count.",
    ("service",),
    known=("threads", "github"),
)
ATTEMPTS = Instrument(
    "threadsworker_publish_attempts_total",
    "Publishes that were sent, by what is known of them at once.",
    ("outcome",),
    known=("accepted", "refused", "not_sent", "unknown"),
)
SETTLED = Instrument(
    "threadsworker_publish_attempts_settled_total",
    "Publishes in doubt that were settled: `live`, or `repeatable` in the same container.",
    ("outcome",),
    known=("live", "repeatable"),
)
DISPATCHES = Instrument("threadsworker_dispatches_total", "Jobs that were due and were begun.")
RESCUES = Instrument(
    "threadsworker_rescues_total", "Jobs that fell silent and were begun again from their rows."
)
WORKERS_LOST = Instrument(
    "threadsworker_workers_lost_total", "Worker processes that fell silent without a farewell."
)
SWEEPS = Instrument("threadsworker_sweeps_total", "Searches for staged files that nobody needs.")
SWEPT = Instrument(
    "threadsworker_swept_jobs_total", "Jobs whose staged files such a search took away."
)
NOTICES = Instrument(
    "threadsworker_notices_tried_total",
    "Tries to deliver a notice, by what came of it.",
    ("outcome",),
    known=("delivered", "failed"),
)

#: Every instrument, in the order of the page.
ALL = tuple(one for one in list(globals().values()) if isinstance(one, Instrument))
