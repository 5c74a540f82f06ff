"""
GitHub's raw host, as Meta's crawler sees it: no redirects, ranges, and types by extension.

Source: https://docs.github.com/en/repositories and measurements by others (2026-10-02).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from threadsworker.sandbox.answers import Answer
from threadsworker.sandbox.git import Repository
from threadsworker.sandbox.github import GitHubService
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

_SHA = re.compile(r"[0-9a-f]{40}")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
#: MP4 and MOV are served without their type, as three projects have reported.
_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "md": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_MISSING = Answer(404, b"404: Not Found", content_type="text/plain; charset=utf-8")


class RawService:
    """``/{owner}/{repo}/{branch or commit}/{path}``. Used under the world's lock."""

    def __init__(self, world: World, repositories: GitHubService) -> None:
        self._world = world
        self._repositories = repositories
        #: Answers of URLs by branch, and when they were given.
        self._cache: dict[str, tuple[float, Answer]] = {}

    def answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405, content_type="text/plain; charset=utf-8")
        return ranged(self._whole(request), request)

    def _whole(self, request: Request) -> Answer:
        owner, name, *rest = (*request.segments, "", "")
        repository = self._repositories.repository(f"{owner}/{name}")
        if repository is None or self._world.options.private_repositories:
            return _MISSING
        path = [part for part in rest if part]
        if path and _SHA.fullmatch(path[0]):
            return self._by_commit(repository, path[0], "/".join(path[1:]))
        return self._cached(request.path, repository, path)

    def _by_commit(self, repository: Repository, sha: str, path: str) -> Answer:
        commit, options = repository.commits.get(sha), self._world.options
        if commit is None or self._world.now() < commit.sent_at + options.raw_lag:
            return _MISSING
        if not options.raw_serves_unreachable and not repository.is_reachable(sha):
            return _MISSING
        return self._file(repository, sha, path)

    def _cached(self, url: str, repository: Repository, path: list[str]) -> Answer:
        now = self._world.now()
        given_at, answer = self._cache.get(url, (0.0, _MISSING))
        if now < given_at + self._world.options.raw_branch_cache:
            return answer
        answer = self._by_branch(repository, path)
        self._cache[url] = (now, answer)
        return answer

    def _by_branch(self, repository: Repository, path: list[str]) -> Answer:
        """A branch's name may hold slashes, and may be written in full."""
        if path[:2] == ["refs", "heads"]:
            path = path[2:]
        for length in range(1, len(path)):
            ref = "refs/heads/" + "/".join(path[:length])
            if ref in repository.refs:
                return self._file(repository, repository.refs[ref], "/".join(path[length:]))
        return _MISSING

    def _file(self, repository: Repository, commit: str, path: str) -> Answer:
        found = repository.files_at(commit).get(path)
        if found is None:
            return _MISSING
        extension = path.rpartition(".")[2].lower()
        return file_answer(
            repository.blobs[found[1]], _TYPES.get(extension, "application/octet-stream")
        )


def file_answer(content: bytes, content_type: str) -> Answer:
    """A file, whole."""
    return Answer(
        200,
        content,
        content_type=content_type,
        headers={
            "Cache-Control": "max-age=300",
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
        },
    )


def ranged(answer: Answer, request: Request) -> Answer:
    """The part of a file that was asked for, or all of it."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if answer.status != 200 or found is None or not any(found.groups()):
        return answer
    size = len(answer.body)
    first, last = found.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= end:
        headers = {**answer.headers, "Content-Range": f"bytes */{size}"}
        return replace(answer, status=416, body=b"", headers=headers)
    headers = {**answer.headers, "Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    return replace(answer, status=206, body=answer.body[begin:end], headers=headers)
