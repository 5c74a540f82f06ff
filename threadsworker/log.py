"""
Log lines for people, on stderr, with no secret in them.

Secrets are taken out by `threadsworker.redaction`, which works on the finished line, exception
and stack included, so nothing that a call site does can go around it.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import TextIO

from threadsworker.redaction import MARK as MARK
from threadsworker.redaction import redact as redact
from threadsworker.redaction import redacted as redacted

#: Libraries that write whole URLs into their lines below WARNING.
TALKATIVE = ("urllib3", "requests", "httpx", "httpcore")


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


class LineFormatter(logging.Formatter):
    """``2026-11-24T02:10:44Z INFO    Job 01J8… segment 0: published``, in UTC, redacted."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes redacted lines to a stream; `configure` replaces it rather than adding another."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(LineFormatter())


def configure(level: str | int = "INFO", *, stream: TextIO | None = None) -> None:
    """
    Log lines of `level` and above go to stderr, or to `stream`.

    May be called again: the last call decides. Handlers that others have set stay, and are
    given the redaction.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LineHandler):
            root.removeHandler(handler)
        elif not any(isinstance(one, Redaction) for one in handler.filters):
            handler.addFilter(Redaction())
    root.addHandler(LineHandler(stream if stream is not None else sys.stderr))
    root.setLevel(level)
    for name in TALKATIVE:
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
