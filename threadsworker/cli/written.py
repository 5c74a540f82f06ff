"""Texts in files and on stdin: UTF-8 of a size that can be held, or a sentence on why not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from threadsworker.errors import InvalidPost, Problem

#: Bytes of a text: a hundred thousand posts, and a device without an end is refused.
LONGEST = 64 * 1024 * 1024


def read_file(file: Path, *, rule: str, where: str = "file") -> str:
    """
    The text of a file that the command line names, ends of lines as they are.

    Raises
    ------
    InvalidPost:
        It cannot be read, is too long, or is not UTF-8: all by the rule of that name.
    """
    try:
        with file.open("rb") as stream:
            return _decoded(stream, str(file), rule=rule, where=where)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refused(rule, f"{file} cannot be read: {reason}", where) from None


def read_named(file: str, *, rule: str, where: str) -> str:
    """
    The text of a file that an option or another file names: under the media roots, if any are set.

    Raises
    ------
    InvalidPost:
        As in `read_file`, or it lies elsewhere.
    """
    from threadsworker.media.local import NotReadable, Reading
    from threadsworker.settings import load_settings

    try:
        with Reading(load_settings().media_roots).open(Path(file)) as stream:
            return _decoded(stream, file, rule=rule, where=where)
    except NotReadable as error:
        raise _refused(rule, error.message, where) from None


def read_stdin(*, rule: str, where: str) -> str:
    """
    All of stdin.

    Raises
    ------
    InvalidPost:
        As in `read_file`.
    """
    return _decoded(sys.stdin.buffer, "stdin", rule=rule, where=where)


def with_plain_ends(text: str) -> str:
    """The text with each line ending as on this system."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(stream: IO[bytes], name: str, *, rule: str, where: str) -> str:
    written = stream.read(LONGEST + 1)
    if len(written) > LONGEST:
        size = f"more than 64 MB ({LONGEST} bytes)"
        raise _refused(rule, f"{name} is too long: {size}", where, LONGEST)
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8: see byte {error.start}"
        raise _refused(rule, message, where) from None


def _refused(rule: str, message: str, where: str, limit: int | None = None) -> InvalidPost:
    return InvalidPost([Problem(rule, message, where, limit)])
