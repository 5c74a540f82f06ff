"""
Making local files public for a while: Meta fetches media from public URLs only.

`Staging` is the protocol; `github` is the one that comes with threadsworker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class FileToStage:
    #: Named by its content, so that whoever stages it again finds it: ``<sha256>.jpg``.
    name: str
    content_type: str
    #: The bytes, read when they are needed.
    read: Callable[[], bytes]
    #: How many bytes that will be, as far as it is known: not too many are read at a time.
    size: int = 0


@dataclass(frozen=True)
class StagedFile:
    name: str
    #: Public, without a redirect, and never stale.
    url: str


class Staging(Protocol):
    """
    A place where files are public until they are taken away again.

    All methods may be repeated at any time, by anybody: that is how a worker goes on where
    another one died. They raise ApiError and NoAnswer.
    """

    def stage(self, job_id: str, files: Sequence[FileToStage]) -> tuple[StagedFile, ...]:
        """Make the job's files public; the same files in the same order, with their URLs."""

    def unstage(self, job_id: str) -> None:
        """Take all of the job's files away. Nothing happens if there are none."""

    def staged_jobs(self) -> Iterator[str]:
        """Ids of the jobs that have files here."""

    def staged_at(self, job_id: str) -> datetime:
        """When the job's files were made public; RequestRefused if there are none."""
