"""
Log lines, for people or as JSON, on stderr, with no secret in them.

Secrets are taken out by `threadsworker.redaction`, which works on the finished line, exception
and stack included, so nothing that a call site does can go around it.

A line that is logged while a job is worked on says which, whoever logs it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

from threadsworker import subject
from threadsworker.redaction import MARK as MARK
from threadsworker.redaction import redact as redact
from threadsworker.redaction import redacted as redacted

#: Libraries that write whole URLs into their lines below WARNING.
TALKATIVE = ("urllib3", "requests", "httpx", "httpcore")
#: Those that say little with many lines.
CHATTERING = ("alembic",)

#: A job's id, as `threadsworker.store.submission` makes them, where a line tells of one.
_ID = re.compile(r"\b[0-9a-f]{20}\b")
_JOB = re.compile(rf"\b[Jj]ob ({_ID.pattern})")


class Redaction(logging.Filter):
    """
    Lets every record pass, without its secrets: for handlers that are not ours.

    The record is finished here (arguments merged, exception written out), since a formatter
    behind it could otherwise do so from the originals.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redacted(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        if record.stack_info:
            record.stack_info = redacted(record.stack_info)
        return True


def _job_of(record: logging.LogRecord, message: str) -> str | None:
    """Which job a line is about: the one that is worked on, or the one that it names."""
    if (present := subject.current()) is not None:
        return present.job
    if found := _JOB.search(message):
        return found[1]
    # What Celery logs of a message, before and after a step, has the arguments beside it.
    data = getattr(record, "data", None)
    found = _ID.search(str(data.get("args"))) if isinstance(data, Mapping) else None
    return found[0] if found else None


class LineFormatter(logging.Formatter):
    """``2026-11-24T02:10:44Z INFO    Job 5f0c…: published``, in UTC, redacted."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        job = _job_of(record, record.message)
        return line if job is None or job in record.message else f"{line} [job {job}]"

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class JsonFormatter(logging.Formatter):
    """
    One object a line: time, level, logger and message; job, account, run, segment and step of
    what is worked on; exception and stack where there are any.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        present = subject.current()
        fields: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}"
            f".{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": message,
            "job": _job_of(record, message),
            "account": present and present.account,
            "run": present and present.run,
            "segment": present and present.segment,
            "step": present and present.step,
            "exception": self._exception(record),
            "stack": record.stack_info,
        }
        told = {name: value for name, value in fields.items() if value is not None}
        # Each by itself. What is taken out of a finished line may be one of JSON's own escapes.
        clean = {n: redacted(one) if isinstance(one, str) else one for n, one in told.items()}
        return json.dumps(clean, ensure_ascii=False)

    def _exception(self, record: logging.LogRecord) -> str | None:
        return self.formatException(record.exc_info) if record.exc_info else record.exc_text


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes redacted lines to a stream; `configure` replaces it rather than adding another."""

    def __init__(self, stream: TextIO, *, form: str = "text") -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter() if form == "json" else LineFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A line that cannot be written is told of on stderr, as ever, without its secrets."""
        told = f"{record.name}, {record.pathname}:{record.lineno}: {record.msg!r} {record.args!r}"
        written = f"--- Logging error ---\n{traceback.format_exc()}{told}\n"
        if logging.raiseExceptions and sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(redacted(written))


def configure(
    level: str | int = "INFO", *, stream: TextIO | None = None, form: str = "text"
) -> None:
    """
    Log lines of `level` and above go to stderr, or to `stream`, as ``text`` or ``json``.

    May be called again: the last call decides. Handlers that others have set stay, and are
    given the redaction.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LineHandler):
            root.removeHandler(handler)
        elif not any(isinstance(one, Redaction) for one in handler.filters):
            handler.addFilter(Redaction())
    root.addHandler(LineHandler(stream if stream is not None else sys.stderr, form=form))
    root.setLevel(level)
    for name in (*TALKATIVE, *CHATTERING):
        logging.getLogger(name).setLevel(logging.WARNING)


def redact_tracebacks() -> None:
    """What nobody caught is written to stderr as ever, without its secrets: in any thread."""

    def write(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        written = "".join(traceback.format_exception(kind, error, trace))
        if sys.stderr is not None:
            sys.stderr.write(redacted(written))

    def of_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_type is not SystemExit and told.exc_value is not None:
            write(told.exc_type, told.exc_value, told.exc_traceback)

    def unraisable(told: sys.UnraisableHookArgs) -> None:
        if told.exc_value is not None:
            write(told.exc_type, told.exc_value, told.exc_traceback)

    sys.excepthook, threading.excepthook, sys.unraisablehook = write, of_thread, unraisable
