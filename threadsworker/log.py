"""
Log lines for people, on stderr, with no secret in them.

Secrets are taken out twice: by value (those that were registered) and by pattern (those
that look like one). Both work on the finished line, exception and stack included, so
nothing that a call site does can go around them.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

if TYPE_CHECKING:
    from pydantic import SecretStr

#: What stands where a secret was.
MARK = "[redacted]"
#: Characters below which a value is not taken out: it would hit ordinary words.
SHORTEST_SECRET = 8
#: Libraries that write whole URLs into their lines below WARNING.
TALKATIVE = ("urllib3", "requests", "httpx", "httpcore")

_KEY = r"[\w-]*(?:token|secret|password|appsecret_proof)"
#: Each keeps its first group, which tells a reader what was taken out.
_PATTERNS = (
    # access_token=…, "client_secret": "…"
    re.compile(rf"""(?i)(\b{_KEY}["']?(?:=|:\s*["'])["']?)[^\s&"',;<>\[\]{{}}()]+"""),
    re.compile(r"(?i)(\bbearer\s+)[\w.~+/=|-]{8,}"),
    # redis://user:password@host
    re.compile(r"""(://[^\s:/?#@"']*:)[^\s/?#@"']+(?=@)"""),
    # The tokens of Threads and of GitHub, wherever they stand.
    re.compile(r"(\bTH(?:AA|Q))[\w-]{16,}"),
    re.compile(r"(\bgh[pousr]_)\w{16,}"),
    re.compile(r"(\bgithub_pat_)\w{16,}"),
)

#: Added to from any thread, by single steps that need no lock: one that is held when a process
#: forks is held for ever in the child.
_secrets: set[str] = set()


def redact(secret: SecretStr) -> None:
    """Take this value out of every line that this process logs from now on."""
    value = secret.get_secret_value()
    if len(value) >= SHORTEST_SECRET:
        _secrets.add(value)
        _secrets.add(quote(value, safe=""))


def redacted(text: str) -> str:
    """The text with every known secret, and all that looks like one, replaced by a mark."""
    # The longest first: a secret may be the beginning of another.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MARK)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{MARK}", text)
    return text


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
