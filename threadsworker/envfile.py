"""
One variable of a ``.env`` file: read it, or put another value in its place.

The file is written aside and moved into place, so that nobody ever sees half of it, and a crash
leaves the old one. Everything but the value stays as it was: other lines, comments, quotes,
line ends, the file's mode, and the link if the path is one.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import suppress
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import SecretStr

from threadsworker.errors import InvalidSettings

#: A file that is made here holds a token: its owner's alone.
PRIVATE = 0o600
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Values that mean themselves without quotes.
_PLAIN = re.compile(r"[\w.~+/=|:@%^,-]*", re.ASCII)


def read_variable(path: str | Path, name: str) -> SecretStr:
    """
    The value of the variable in the file.

    Raises
    ------
    InvalidSettings:
        There is no such file, it cannot be read, or the variable is not in it, or empty.
    """
    path = Path(path)
    _check(name)
    try:
        with path.open(encoding="utf-8-sig") as file:
            found = dotenv_values(stream=file, interpolate=False).get(name)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path} cannot be read: {_reason(error)}") from None
    if not found:
        what = "has no variable" if found is None else "has no value for the variable"
        raise InvalidSettings(f"{path} {what} {name}")
    return SecretStr(found)


def check_writable(path: str | Path, name: str) -> None:
    """
    Raise InvalidSettings if `write_variable` would fail for a reason that shows beforehand:
    the name is none, or the directory is missing or not writable, or the file is not readable or
    none: a pipe, as some keepers of passwords make it, would be replaced by a file.
    """
    path = Path(os.path.realpath(path))
    _check(name)
    if path.exists() and not os.access(path, os.R_OK):
        raise InvalidSettings(f"{path} cannot be read: permission denied")
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "a pipe or a device"
        raise InvalidSettings(f"{path} is {what}, not a file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        missing = "is not writable" if path.parent.is_dir() else "does not exist"
        raise InvalidSettings(f"{path} cannot be written: {path.parent} {missing}")


def write_variable(path: str | Path, name: str, value: SecretStr) -> None:
    """
    Put `value` in the place of the variable's, or add the variable; the file is made if need be.

    Raises
    ------
    InvalidSettings:
        The file cannot be read or written, the name is none, or the value has a line break in
        it. The file is as it was.
    """
    # A link stays one: what it leads to is replaced.
    target = Path(os.path.realpath(path))
    check_writable(target, name)
    plain = value.get_secret_value()
    if not plain.isprintable():
        raise InvalidSettings(f"{name}: a value with line breaks or the like is not written")
    try:
        _replace(target, name, plain)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path} cannot be written: {_reason(error)}") from None


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidSettings(
            f"{name!r} is no name of a variable: letters, digits and _, no digit first"
        )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    # Not the error itself: that of the decoding shows the bytes, which may be a token.
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return "it is not UTF-8"


def _replace(target: Path, name: str, value: str) -> None:
    try:
        before: os.stat_result | None = target.stat()
        # As bytes, so that line ends stay what they are.
        text = target.read_bytes().decode("utf-8")
    except FileNotFoundError:
        before, text = None, ""
    descriptor, draft = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(changed(text, name, value).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        _like(draft, before)
        os.replace(draft, target)
    except BaseException:
        os.unlink(draft)
        raise
    _sync(target.parent)


def _like(draft: str, before: os.stat_result | None) -> None:
    """The mode and the owner of the file that was there."""
    if before is not None:
        with suppress(PermissionError):
            os.chown(draft, before.st_uid, before.st_gid)
    os.chmod(draft, PRIVATE if before is None else stat.S_IMODE(before.st_mode))


def _sync(directory: Path) -> None:
    """A power cut does not undo the move."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def changed(text: str, name: str, value: str) -> str:
    """
    A file's text with another value of the variable: pure. Added at the end if it is new.

    Raises
    ------
    InvalidSettings:
        A quote that stands open elsewhere would swallow it.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    # By the same reader that will read it: a line may be in the middle of another's value.
    lines = parse_stream(StringIO(text.removeprefix(mark), newline=""))
    found, count = [mark], 0
    for line in lines:
        written = line.original.string
        if line.key == name and (match := _LINE.fullmatch(written)):
            written, count = _rewritten(match, value), count + 1
        found.append(written)
    if not count:
        end = "\r\n" if "\r\n" in text else "\n"
        gap = "" if not found[-1].strip(mark) or text.endswith(("\n", "\r")) else end
        found.append(f"{gap}{name}={_quoted(value, '')}{end}")
    after = "".join(found)
    if _values(after) != {**_values(text), name: value}:
        raise InvalidSettings(
            f"the line of {name} would not be read as it is meant: a quote stands open in another"
        )
    return after


def _values(text: str) -> dict[str, str | None]:
    """The variables of a file's text."""
    lines = parse_stream(StringIO(text.removeprefix("\ufeff"), newline=""))
    return {line.key: line.value for line in lines if line.key is not None}


#: A line that sets a variable, as python-dotenv reads it.
_LINE = re.compile(
    r"""(?xs)
    (?P<head> \s* (?:export[^\S\r\n]+)? (?:'[^']+'|[^=\#\s]+) [^\S\r\n]* = [^\S\r\n]* )
    (?P<value> '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | (?:(?<==)|(?!\#))[^\r\n]*? )
    (?P<tail> (?:[^\S\r\n]+\#[^\r\n]*)? [^\S\r\n]* (?:\r\n|\n|\r)? )"""
)


def _rewritten(line: re.Match[str], value: str) -> str:
    old = line["value"]
    quote = old[0] if old[:1] in ("'", '"') and len(old) > 1 else ""
    return f"{line['head']}{_quoted(value, quote)}{line['tail']}"


def _quoted(value: str, quote: str) -> str:
    """In the quotes that were there, if they do; in single ones where some are needed."""
    if _PLAIN.fullmatch(value):
        return f"{quote}{value}{quote}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
