"""
Which local files may be read, and how: regular ones, under the roots if there are any.

A server that publishes for others must not be made to publish its own files. So what is
checked is what is opened: the path is resolved, and then walked from the root one directory at
a time, without following a link. Who puts a link into the way meanwhile gets an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Nothing waits for a pipe's other end, no terminal is taken over, no child inherits it.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotReadable(Exception):
    """The file may not or cannot be read. `rule` is the last word of the rule's name."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


@dataclass(frozen=True)
class Reading:
    """How local files are read."""

    #: Directories under which they have to lie; None: wherever this process may read.
    roots: Sequence[Path] | None = None
    #: Whether pictures lose what they tell about their making.
    strip_metadata: bool = True

    def refuse_outside(self, path: Path) -> None:
        """
        Raises
        ------
        NotReadable:
            The path, with its links followed, leads out of the roots, whether or not there
            is such a file (`outside`).
        """
        if self.roots is not None:
            self._root_of(_real(path), path)

    def open(self, path: Path) -> IO[bytes]:
        """
        The file, open for reading.

        Raises
        ------
        NotReadable:
            It is not there (`not_found`), is a directory, pipe, device or socket
            (`not_a_file`), or lies elsewhere than it may (`outside`).
        """
        try:
            real = _real(path)
            root = self._root_of(real, path)
            # A device is not even opened: that alone may do something.
            if not stat.S_ISREG(real.stat().st_mode):
                raise _not_a_file(path)
            descriptor = os.open(path, _FLAGS) if root is None else _walked(real, root)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"The file {shown(str(path))} cannot be read: {reason}"
            raise NotReadable("not_found", message) from None
        # It may have been replaced since.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _not_a_file(path)
        return os.fdopen(descriptor, "rb")

    def _root_of(self, real: Path, path: Path) -> Path | None:
        if self.roots is None:
            return None
        for root in self.roots:
            resolved = _real(root)
            if real.is_relative_to(resolved):
                return resolved
        allowed = ", ".join(map(str, self.roots))
        raise NotReadable(
            "outside",
            f"The file {shown(str(path))} does not lie in a directory that media may come from: "
            f"{allowed} (THREADSWORKER_MEDIA_ROOTS)",
        )


#: Any file that this process may read: what a command line needs.
ANYWHERE = Reading()


def shown(text: str) -> str:
    """A text as messages show it: not the ten megabytes that were given by mistake."""
    return repr(text if len(text) <= 120 else text[:80] + "…")


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"The file {shown(str(path))} cannot be read: {reason}"
        raise NotReadable("not_found", message) from None


def _walked(real: Path, root: Path) -> int:
    """The descriptor of `real`, reached from `root` through directories that are no links."""
    names = real.relative_to(root).parts or (".",)
    here = os.open(root, _FLAGS | os.O_DIRECTORY)
    for number, name in enumerate(names, start=1):
        directory = 0 if number == len(names) else os.O_DIRECTORY
        try:
            following = os.open(name, _FLAGS | os.O_NOFOLLOW | directory, dir_fd=here)
        finally:
            os.close(here)
        here = following
    return here


def _not_a_file(path: Path) -> NotReadable:
    return NotReadable("not_a_file", f"{shown(str(path))} is not a file")
