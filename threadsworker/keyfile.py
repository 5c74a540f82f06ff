"""
The file that holds the keys of an installation, on one line, separated by commas.

It belongs to one user and is readable by nobody else; a file that others may read is refused,
since whoever has read it opens every token. It is always replaced as a whole, and the old one
stays until the new one is on the disk.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from threadsworker.errors import InvalidSettings, NotPossible

#: What tells whether the file is still the one that was read: device, inode, size, and time.
Version = tuple[int, int, int, int]


class KeyFile:
    """The file at `path`. A link is followed; what counts is the file at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        return self._path

    def version(self) -> Version | None:
        """Changes whenever the file is replaced; None while there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def changed_at(self) -> float:
        """When the keys were last changed, as seconds since 1970."""
        return self._path.stat().st_mtime

    def read(self) -> SecretStr:
        """
        The keys, separated by commas.

        Raises
        ------
        InvalidSettings:
            There is no such file, it is empty or cannot be read, or others than its owner can
            read it.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise InvalidSettings(f"{self._path} cannot be read: {error.strerror}") from None
        try:
            # Of the file that was opened, not of what stands at its name a moment later.
            _check_private(self._path, os.fstat(descriptor))
            with os.fdopen(descriptor, encoding="utf-8", closefd=False) as file:
                keys = file.read().strip()
        except UnicodeDecodeError:
            raise InvalidSettings(f"{self._path} holds no key: it is not text") from None
        finally:
            os.close(descriptor)
        if not keys:
            raise InvalidSettings(
                f"{self._path} is empty: put the key back that was in it, from a backup"
            )
        return SecretStr(keys)

    def ensure(self) -> None:
        """
        Make the file with a fresh key if there is none.

        Written aside and linked into place: of two processes that start at the same moment,
        one wins and both read the winner's key.
        """
        if self._path.exists():
            return
        draft = self._draft(Fernet.generate_key().decode())
        try:
            with suppress(FileExistsError):
                os.link(draft, self._path)
        finally:
            os.unlink(draft)

    def write(self, keys: Sequence[str]) -> None:
        """
        Put these keys in the place of those that are there; NotPossible if that is not allowed.
        """
        assert keys, "a key file holds a key"
        target = Path(os.path.realpath(self._path))
        try:
            draft = self._draft(",".join(keys), beside=target)
            os.replace(draft, target)
            _settle(target.parent)
        except OSError as error:
            raise NotPossible(
                f"{target} cannot be replaced ({error.strerror}): change it where it comes from",
                code="keys.read_only",
            ) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Whoever changes the keys does so alone; NotPossible while somebody else is at it."""
        where = Path(os.path.realpath(self._path)).with_suffix(".lock")
        try:
            descriptor = os.open(where, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NotPossible(
                f"{where} cannot be made ({error.strerror}): change the keys where they come from",
                code="keys.read_only",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise NotPossible(
                "somebody else is changing the keys at this moment", code="keys.in_hand"
            ) from None
        try:
            yield
        finally:
            # Closing it lets go of the lock, as does the end of the process.
            os.close(descriptor)

    def _draft(self, keys: str, *, beside: Path | None = None) -> str:
        place = beside or self._path
        # mkstemp's files have mode 0600 from the start.
        descriptor, draft = tempfile.mkstemp(prefix=f"{place.name}.", dir=place.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(keys + "\n")
            file.flush()
            os.fsync(file.fileno())
        return draft


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise InvalidSettings(f"{path} is no regular file")
    open_to = stat.S_IMODE(found.st_mode) & 0o077
    if found.st_uid == 0 != os.geteuid():
        # As a container platform mounts a secret: root's, and readable by the group it gives.
        open_to &= ~stat.S_IRGRP
    if open_to:
        raise InvalidSettings(
            f"{path} has mode {stat.S_IMODE(found.st_mode):04o}: others than its owner can read "
            f"the key that opens every token. Run `chmod 600 {path}`; if it was open for long, "
            "`threadsworker keys rotate` too"
        )


def _settle(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
