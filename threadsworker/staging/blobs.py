"""
Files on their way to GitHub as git's blobs, several at a time, and not too many bytes at once.

Blobs are named by their content, so sending one again does no harm.

Source: https://docs.github.com/en/rest/git/blobs and …/rest/repos/contents (2026-10-02).
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadsworker.errors import AnswerLost, RequestRefused
from threadsworker.staging import FileToStage
from threadsworker.staging.repository import Repository, inside

#: Bytes of files that are held at the same time, unless one alone has more. In base64 each
#: takes four times its size for a moment.
MOST_HELD = 64 * 1024 * 1024
#: Without a date: GitHub's own clock says when files were staged.
AUTHOR = {"name": "threadsworker", "email": "threadsworker@users.noreply.github.com"}
_README = """\
# Staging

Files in branches `threadsworker/*` wait here for Meta to fetch them. Each branch belongs to
one post and goes away with it.
"""


def blob_sha(content: bytes) -> str:
    """The name that git gives to the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Blobs:
    """Sends files to a repository. Safe to share between threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._room = _Room(MOST_HELD)
        self._beginning = threading.Lock()
        self._was_empty = False

    def send(self, file: FileToStage) -> str:
        """
        Git's name of the file, which is there from now on.

        Waits while others hold too many bytes. A repository that is empty gets its first commit.
        """
        with self._room.taken(file.size):
            expected, body = _body_of(file)
            try:
                sha = self._post(body)
            except RequestRefused as error:
                if error.http_status != 409 or not self._began_repository():
                    raise
                sha = self._post(body)
        if sha != expected:
            raise AnswerLost(f"GitHub stored {file.name} as {sha}, not as {expected}")
        return expected

    def _post(self, body: bytes) -> str:
        return str(inside(self._repository.call("POST", "/git/blobs", content=body), "sha"))

    def _began_repository(self) -> bool:
        """Whether the repository was empty, and is no longer; the first who asks sees to it."""
        with self._beginning:
            if not self._was_empty and self._is_empty():
                self._begin_repository()
                self._was_empty = True
            return self._was_empty

    def _is_empty(self) -> bool:
        try:
            self._repository.call("GET", "/git/ref/heads/threadsworker/none")
        except RequestRefused as error:
            return error.http_status == 409
        return False

    def _begin_repository(self) -> None:
        """An empty repository refuses blobs: only the contents API makes its first commit."""
        body = {
            "message": "Begin",
            "content": base64.b64encode(_README.encode()).decode(),
            "committer": AUTHOR,
        }
        try:
            self._repository.call("PUT", "/contents/README.md", body)
        except RequestRefused as error:
            # 422: somebody else was faster, and the file is there.
            if error.http_status not in (409, 422):
                raise


def _body_of(file: FileToStage) -> tuple[str, bytes]:
    """The blob's name, and the request for it, in which base64 needs no escapes of JSON's."""
    content = file.read()
    return blob_sha(content), b'{"encoding":"base64","content":"%b"}' % base64.b64encode(content)


class _Room:
    """Bytes in memory, given to those who wait for them."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Room for so many bytes; all of it for what has more."""
        size = min(size, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()
