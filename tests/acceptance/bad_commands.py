"""What command lines and environments get wrong: moments, settings, names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.acceptance.bad_inputs import FAILED, UNKNOWN, USAGE, Case, post


def commands() -> Iterator[Case]:
    """Command lines that are no posts, and environments in which none can be."""
    yield from (*_moments(), *_settings(), *_commands())


def _moments() -> Iterator[Case]:
    for at in ("whenever", "", "25:00", "2026-13-01", "2026-02-30 09:00", "12", "next", "0" * 5000):
        yield post("schedule.at.invalid", "--at", at)
    for at in ("2020-01-01T00:00Z", "0001-01-01T00:00Z", "yesterday"):
        yield post("schedule.in_past", "--at", at)
    yield post("schedule.at.invalid", "--at", "0001-01-01T00:00+14:00")
    for zone in ("Mars/Base", "../etc/passwd", "/etc/localtime", "x" * 300):
        yield post("schedule.timezone.unknown", "--at", "2030-01-01 09:00", "--timezone", zone)

    def schedule(rule: str, *arguments: str, name: str = "new") -> Case:
        return Case(("schedule", "add", name, "x", *arguments), (f"[schedule.{rule}]",))

    for cron in (
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 32 * *",
        "a b c d e",
        "*/0 * * * *",
    ):
        yield schedule("cron.invalid", "--cron", cron)
    yield schedule("cron.invalid", "--cron", "0 0 30 2 *")
    yield schedule("never", "--cron", "0 0 29 2 *", "--end", "2027-01-01T00:00Z")
    yield schedule("cron_or_every")
    yield schedule("cron_or_every", "--cron", "* * * * *", "--every", "1h")
    for every in ("often", "0", "-1h", "nan", "1e999", "1s1s", ""):
        yield schedule("every.invalid", "--every", every)
    yield schedule("jitter.invalid", "--every", "1d", "--jitter", "2d")
    yield schedule("timezone.unknown", "--every", "1d", "--timezone", "Mars/Base")
    yield schedule("name.empty", "--every", "1d", name=" ")
    yield schedule("count.invalid", "--every", "1d", "--count", "0")
    yield schedule("in_past", "--every", "1d", "--end", "2020-01-01T00:00Z")


#: Environments that are none.
SETTINGS: list[tuple[str, str]] = [
    *(("LEASE", value) for value in ("soon", "0.5", "-1", "nan", "1e400", "PT", "inf")),
    *(("DISPATCH_EVERY", value) for value in ("0", "-5", "PT2H")),
    *(("MAX_COUNTDOWN", value) for value in ("3600", "0")),
    *(("PREPARE_AHEAD", value) for value in ("PT21H", "-1")),
    *(("ACCOUNT_CONCURRENCY", value) for value in ("0", "-1", "many", "1.5")),
    *((f"{name}_TIMEOUT", "0") for name in ("PUBLISH", "HTTP", "GITHUB_UPLOAD")),
    *((name, "-1") for name in ("QUIET_PERIOD", "MISSED_AFTER", "VIDEO_REPLY_SETTLE")),
    ("MISSED_AFTER", "0.5"),
    ("REPUBLISH_SAME_CONTAINER", "sometimes"),
    *((name, "perhaps") for name in ("SOLE_ATTEMPT_RULE", "STRIP_METADATA")),
    *(("MEDIA_ROOTS", value) for value in ("media", "/media:media", ":", "~/media", "./x")),
    *(("THREADS_API_URL", value) for value in ("graph.threads.net", "ftp://e.com", "http://[::1")),
    *(("GITHUB_API_URL", value) for value in ("https://", "https://e.com:99999")),
    *(("DATABASE_URL", value) for value in ("nowhere", "mysql://me:pw@db/x", "postgresql")),
    *(("BROKER_URL", value) for value in ("nowhere", "redis://[::1", "127.0.0.1:6379")),
    ("WEBHOOK_URL", "example.com"),
    ("LOG_LEVEL", "loud"),
]


def _settings() -> Iterator[Case]:
    for name, value in SETTINGS:
        environment = {f"THREADSWORKER_{name}": value}
        yield Case(("jobs",), (name,), FAILED, b"", environment)


def _commands() -> Iterator[Case]:
    for command in ("show", "cancel", "retry", "watch", "delete"):
        for job in ("nothing", "../../etc/passwd", "'; DROP TABLE job; --", "\u0000", "x" * 5000):
            arguments = (command, job, *(("--yes",) if command == "delete" else ()))
            yield Case(arguments, ("",), UNKNOWN)
    yield Case(("reschedule", "nothing", "now"), ("nothing",), UNKNOWN)
    yield Case(("edit", "nothing", "x"), ("nothing",), UNKNOWN)
    yield Case(("resolve", "nothing", "--give-up"), ("nothing",), UNKNOWN)
    yield Case(("resolve", "nothing"), ("",), USAGE)
    yield Case(("resolve", "nothing", "--give-up", "--not-published"), ("",), USAGE)
    yield Case(("resolve", "nothing", "--published", "not-an-id"), ("",), USAGE)
    yield Case(("post", "x", "--account", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("post", "x", "--no-such-option"), ("--no-such-option",), USAGE)
    yield Case(("post", "x", "--timeout", "soon", "--wait"), ("--timeout",), USAGE)
    yield Case(("frobnicate",), ("frobnicate",), USAGE)
    yield Case(("jobs", "--state", "odd"), ("odd",), USAGE)
    yield Case(("jobs", "--limit", "many"), ("--limit",), USAGE)
    for command in ("pause", "resume", "remove"):
        yield Case(("schedule", command, "nothing"), ("nothing",), UNKNOWN)
        yes = ("--yes",) if command == "remove" else ()
        yield Case(("account", command, "nobody", *yes), ("nobody",), UNKNOWN)
    yield Case(("subscription", "remove", "nothing"), ("nothing",), UNKNOWN)
    yield Case(("account", "show", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("quota", "--account", "nobody"), ("nobody",), UNKNOWN)
