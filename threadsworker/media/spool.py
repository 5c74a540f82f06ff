"""
Where the bytes of local media wait for the worker, named by their SHA-256.

Any fsspec URL will do: `file://` for one machine, a bucket for several. A content is
stored once however many posts use it, and what is read is what was put, or an error.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from threadsworker.errors import InvalidPost, NotFound, NotPossible, Problem
from threadsworker.media.intake import Inspected
from threadsworker.media.local import NotReadable
from threadsworker.media.metadata import Unreadable

#: Bytes copied at a time.
_CHUNK = 1024 * 1024
#: A content, or what an interrupted `put` left behind.
_NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{32}\.part)?")


class Spool:
    """A store of media contents at an fsspec URL, such as ``file:///var/lib/x/spool``."""

    def __init__(self, url: str) -> None:
        self._fs, root = url_to_fs(url)
        self._root = str(root).rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, inspected: Inspected) -> None:
        """
        Store the content, whole or not at all; a URL has none, and nothing happens.

        A content that is there already is written anew: that makes it young again for
        `older_than`, and heals it if it was damaged.

        Raises
        ------
        InvalidPost:
            The file is no longer the one that was inspected (`media.changed`).
        """
        sha256 = inspected.item.sha256
        if inspected.content is None or sha256 is None:
            return
        final = self._path(sha256)
        part = f"{final}.{uuid4().hex}.part"
        self._make_directory(final.rpartition("/")[0])
        try:
            if self._write(inspected, part) != sha256:
                raise _changed(inspected.where, "its content is another now")
            self._fs.mv(part, final)
            self._settle(final.rpartition("/")[0])
        except BaseException:
            self._discard(part)
            raise

    def read(self, sha256: str) -> bytes:
        """
        The content of that hash.

        Raises
        ------
        NotFound:
            It is not in the spool.
        NotPossible:
            It is, and it is not what was put there (`spool.corrupt`).
        """
        try:
            content: bytes = self._fs.cat_file(self._path(sha256))
        except FileNotFoundError:
            raise NotFound(
                f"The spool has no media with SHA-256 {sha256}: do this process and the one "
                f"that enqueued the post have the same THREADSWORKER_SPOOL_URL?"
            ) from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NotPossible(
                f"The media with SHA-256 {sha256} is damaged in the spool; enqueue a post "
                f"with the same file to repair it, then retry the job",
                code="spool.corrupt",
            )
        return content

    def remove(self, name: str) -> None:
        """Remove a content by its SHA-256, or a leftover that `older_than` named."""
        self._discard(self._path(name))

    def remove_older(self, name: str, moment: datetime) -> bool:
        """
        Remove what was last put before `moment`; False if it is younger by now.

        Somebody may have put the same content again since it was listed, for a row of today.
        """
        path = self._path(name)
        self._fs.invalidate_cache()
        try:
            if self._fs.modified(path) >= moment:
                return False
        except FileNotFoundError:
            return False
        self._discard(path)
        return True

    def older_than(self, moment: datetime) -> Iterator[str]:
        """
        What was last put before `moment` (aware): the SHA-256 of each content.

        Leftovers of interrupted puts come as ``<sha256>.<random>.part``: names that no row
        has, so whoever removes what no row refers to removes them too.
        """
        self._fs.invalidate_cache()
        if not self._fs.exists(self._root):
            return
        for path in self._fs.find(self._root):
            name = path.rpartition("/")[2]
            if not _NAME.fullmatch(name):
                continue
            try:
                modified: datetime = self._fs.modified(path)
            except FileNotFoundError:
                continue
            if modified < moment:
                yield name

    def _path(self, name: str) -> str:
        # Names come from rows; one that is not a hash could lead out of the spool.
        if not _NAME.fullmatch(name):
            raise NotFound(f"{name!r} is not the SHA-256 of a media content")
        return f"{self._root}/{name[:2]}/{name}"

    def _make_directory(self, directory: str) -> None:
        if self._local:
            # One by one: makedirs applies its mode to the last directory only.
            for path in (Path(self._root), Path(directory)):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            self._fs.makedirs(directory, exist_ok=True)

    def _write(self, inspected: Inspected, path: str) -> str:
        """Copy the content to `path` and give the SHA-256 of what was copied."""
        digest = hashlib.sha256()
        # A file that grows is another one, and is not copied for ever.
        left = inspected.item.size or 0
        with _opened(inspected) as source, self._fs.open(path, "wb") as target:
            while left >= 0 and (chunk := source.read(min(_CHUNK, left + 1))):
                left -= len(chunk)
                digest.update(chunk)
                target.write(chunk)
            if self._local:
                target.flush()
                os.fsync(target.fileno())
                os.fchmod(target.fileno(), 0o600)
        return digest.hexdigest()

    def _settle(self, directory: str) -> None:
        """The rows that will refer to a content survive a power failure; so must its name."""
        if self._local:
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _discard(self, path: str) -> None:
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            return


def _opened(inspected: Inspected) -> IO[bytes]:
    try:
        return inspected.open()
    except (NotReadable, Unreadable, OSError) as error:
        raise _changed(inspected.where, str(error) or "it cannot be read") from None


def _changed(where: str, reason: str) -> InvalidPost:
    return InvalidPost(
        [
            Problem(
                "media.changed",
                f"The file was changed while the post was being enqueued ({reason}); "
                f"nothing was stored, enqueue it again",
                where,
            )
        ]
    )
