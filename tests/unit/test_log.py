from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from threadsworker import redaction
from threadsworker.log import MARK, LineHandler, Redaction, configure, redact, redacted

THREADS_TOKEN = "THAAKx0ZBk3hYBUVNcWFzbGJ2cTdTLWxvbmc_tail-1"
GITHUB_TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
FINE_GRAINED = "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, through a root logger that is put back afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    filters = {handler: handler.filters[:] for handler in handlers}
    stream = io.StringIO()
    configure("INFO", stream=stream)
    yield stream
    root.handlers[:] = handlers
    for handler, before in filters.items():
        handler.filters[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"GET /refresh_access_token?access_token={THREADS_TOKEN}&x=1", THREADS_TOKEN),
        ("POST client_secret=0123abc", "0123abc"),
        ('{"access_token": "short-one", "expires_in": 3600}', "short-one"),
        ("{'client_secret': 'short-one'}", "short-one"),
        ("https://raw.example/a.png?token=ABCDEF", "ABCDEF"),
        ("ACCESS_TOKEN=abcdefgh", "abcdefgh"),
        (f"token {THREADS_TOKEN} is expired", THREADS_TOKEN),
        ("THQVJYabcdefghijklmnopqrst.", "THQVJYabcdefghijklmnopqrst"),
        (f"Authorization: Bearer {THREADS_TOKEN}", THREADS_TOKEN),
        ("authorization: bearer abcdef123456", "abcdef123456"),
        (f"cloning with {GITHUB_TOKEN}", GITHUB_TOKEN),
        (f"cloning with {FINE_GRAINED}", FINE_GRAINED),
        ("redis://user:hunter2@host:6379/0", "hunter2"),
        ("rediss://:p%40ss@host", "p%40ss"),
        ("postgresql+psycopg://app:s3cret@db/threads", "s3cret"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    clean = redacted(text)
    assert secret not in clean
    assert MARK in clean


@pytest.mark.parametrize(
    "text",
    [
        "Job 01J8ZK segment 3: published 17890001112223334",
        "The token is expired; sign in again",
        "https://example.com:8080/a.jpg?size=2@x",
        "THANKS to everyone",
        "{'code': 190, 'message': 'Invalid OAuth access token'}",
        "bearer of bad news",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_registered_value_is_taken_out_in_both_spellings() -> None:
    redact(SecretStr("correct horse/battery"))
    assert redacted("pw correct horse/battery.") == f"pw {MARK}."
    assert redacted("pw correct%20horse%2Fbattery.") == f"pw {MARK}."


def test_none_is_forgotten_that_several_threads_register_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So many would be looked for in each line of the tests that follow.
    monkeypatch.setattr(redaction, "_forms", {})
    begin = threading.Barrier(8)

    def register(thread: int) -> list[str]:
        begin.wait()
        own = [f"one-of-many-{thread}-{n}." for n in range(200)]
        for one in own:
            redact(SecretStr(one))
        return own

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            secrets = [one for own in threads.map(register, range(8)) for one in own]
    finally:
        sys.setswitchinterval(usual)
    assert "one-of-many" not in redacted(" ".join(secrets))


def test_a_secret_that_begins_like_another_leaves_no_rest() -> None:
    redact(SecretStr("staple-staple"))
    redact(SecretStr("staple-staple-staple"))
    assert redacted("staple-staple-staple") == MARK


def test_a_value_as_short_as_a_word_is_not_registered() -> None:
    redact(SecretStr("post"))
    assert redacted("a post") == "a post"


def test_arguments_exceptions_causes_and_stacks_are_redacted(lines: io.StringIO) -> None:
    redact(SecretStr("a-registered-value"))
    logger = logging.getLogger("threadsworker.test")
    try:
        try:
            raise ValueError("cause with a-registered-value")
        except ValueError as cause:
            raise RuntimeError(f"GET /me?access_token={THREADS_TOKEN}") from cause
    except RuntimeError:
        logger.exception("asked with %s and %r", "a-registered-value", {"t": GITHUB_TOKEN})
    logger.warning("here", stack_info=True)

    written = lines.getvalue()
    assert "RuntimeError: GET /me?access_token=[redacted]" in written
    assert "cause with [redacted]" in written
    assert not any(
        secret in written for secret in ("a-registered-value", THREADS_TOKEN, GITHUB_TOKEN)
    )


def test_a_line_has_the_time_in_utc_the_level_and_the_sentence(lines: io.StringIO) -> None:
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, "Job %s: parked", ("01J8",), None)
    record.created = 1_790_000_000.5
    logging.getLogger().handle(record)
    assert lines.getvalue() == "2026-09-21T14:13:20Z WARNING Job 01J8: parked\n"


def test_configuring_again_replaces_the_handler_and_the_level(lines: io.StringIO) -> None:
    again = io.StringIO()
    configure("WARNING", stream=again)
    logging.getLogger("threadsworker.test").info("quiet")
    logging.getLogger("threadsworker.test").warning("once")
    assert lines.getvalue() == ""
    assert again.getvalue().count("once") == 1
    assert "quiet" not in again.getvalue()
    assert sum(isinstance(one, LineHandler) for one in logging.getLogger().handlers) == 1


def test_http_libraries_do_not_write_their_urls(lines: io.StringIO) -> None:
    configure("DEBUG", stream=lines)
    logging.getLogger("urllib3.connectionpool").debug("GET /me")
    logging.getLogger("httpx").info("HTTP Request: GET /me")
    assert lines.getvalue() == ""


class JsonFormatter(logging.Formatter):
    """Writes exceptions by itself, from the original, as some formatters do."""

    def format(self, record: logging.LogRecord) -> str:
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return json.dumps({"message": record.getMessage(), "trace": trace})


def test_the_filter_cleans_records_for_a_formatter_that_is_not_ours() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Redaction())
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    try:
        raise RuntimeError(THREADS_TOKEN)
    except RuntimeError:
        logger.error("with %s", GITHUB_TOKEN, exc_info=sys.exc_info())
    answer = json.loads(stream.getvalue())
    assert answer["message"] == f"with ghp_{MARK}"
    assert f"RuntimeError: THAA{MARK}" in answer["trace"]
    assert THREADS_TOKEN not in answer["trace"]


def test_handlers_of_others_are_given_the_filter_once(lines: io.StringIO) -> None:
    theirs = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(theirs)
    configure("INFO", stream=lines)
    configure("INFO", stream=lines)
    assert sum(isinstance(one, Redaction) for one in theirs.filters) == 1
