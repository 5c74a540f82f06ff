"""
GitHub's contents API: one file, one commit.

Source: https://docs.github.com/en/rest/repos/contents (2026-10-02).
"""

from __future__ import annotations

import base64
from typing import Any

from threadsworker.sandbox.answers import Answer, GitHubRefused, github, not_found
from threadsworker.sandbox.git import FILE_MODE, Commit, Repository
from threadsworker.sandbox.github_data import (
    body_of,
    decoded,
    shown_commit,
    signature_of,
    text_of,
)
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

#: Bytes of a file above which its description comes without its content.
_SHOWN_BYTES = 1024 * 1024


class Contents:
    """One request to ``/repos/{owner}/{repo}/contents/{path}``."""

    def __init__(self, repository: Repository, world: World, request: Request) -> None:
        self._repository = repository
        self._world = world
        self._request = request
        self._api = f"{request.origin}/github/repos/{repository.full_name}"

    def answer(self, path: str) -> Answer:
        match self._request.method:
            case "GET":
                return self._get(path)
            case "PUT" if path:
                return self._put(path)
            case "DELETE" if path:
                return self._delete(path)
        raise not_found()

    def _get(self, path: str) -> Answer:
        ref = self._request.query.get("ref") or self._repository.default_branch
        if self._repository.is_empty:
            raise GitHubRefused(404, "This repository is empty.")
        sha = self._repository.refs.get(f"refs/heads/{ref.removeprefix('refs/heads/')}", ref)
        if sha not in self._repository.commits:
            raise GitHubRefused(404, f"No commit found for the ref {ref}")
        files = self._repository.files_at(sha)
        if path in files:
            return github(self._shown(path, files[path][1], ref, with_content=True))
        inside = [name for name in files if name.startswith(f"{path}/" if path else "")]
        if not inside:
            raise not_found()
        return github([self._shown(name, files[name][1], ref) for name in inside])

    def _put(self, path: str) -> Answer:
        body = body_of(self._request)
        message, content = text_of(body, "message"), decoded(text_of(body, "content"))
        branch, files = self._branch(body)
        existing = files.get(path)
        if "sha" in body:
            self._check_sha(path, existing, text_of(body, "sha"))
        elif existing is not None:
            raise GitHubRefused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        sha = self._repository.add_blob(content)
        commit = self._commit(branch, {**files, path: (FILE_MODE, sha)}, message, body)
        name = branch.removeprefix("refs/heads/")
        return github(
            {
                "content": self._shown(path, sha, name),
                "commit": shown_commit(commit, self._api),
            },
            status=200 if existing else 201,
            acted="file_updated" if existing else "file_created",
            facts={"file": path, "sha": sha, "commit": commit.sha},
        )

    def _delete(self, path: str) -> Answer:
        body = body_of(self._request)
        message, sha = text_of(body, "message"), text_of(body, "sha")
        branch, files = self._branch(body)
        if path not in files:
            raise not_found()
        self._check_sha(path, files[path], sha)
        del files[path]
        commit = self._commit(branch, files, message, body)
        return github(
            {"content": None, "commit": shown_commit(commit, self._api)},
            acted="file_deleted",
            facts={"file": path, "sha": sha, "commit": commit.sha},
        )

    def _branch(self, body: dict[str, Any]) -> tuple[str, dict[str, tuple[str, str]]]:
        """Full name and files of the branch that is written to."""
        name = str(body.get("branch") or self._repository.default_branch)
        ref = f"refs/heads/{name.removeprefix('refs/heads/')}"
        head = self._repository.refs.get(ref)
        if head is not None:
            return ref, self._repository.files_at(head)
        # The first commit of an empty repository makes its branch.
        if not self._repository.is_empty:
            raise GitHubRefused(404, f"Branch {name} not found")
        return ref, {}

    def _check_sha(self, path: str, existing: tuple[str, str] | None, sha: str) -> None:
        if existing is None or existing[1] != sha:
            raise GitHubRefused(409, f"{path} does not match {sha}")

    def _commit(
        self, ref: str, files: dict[str, tuple[str, str]], message: str, body: dict[str, Any]
    ) -> Commit:
        now, head = self._world.now(), self._repository.refs.get(ref)
        committer = signature_of(body.get("committer"), now)
        commit = self._repository.add_commit(
            tree=self._repository.add_files(files),
            parents=(head,) if head else (),
            author=signature_of(body["author"], now) if body.get("author") else committer,
            committer=committer,
            message=message,
            sent_at=now,
        )
        self._repository.refs[ref] = commit.sha
        return commit

    def _shown(
        self, path: str, sha: str, ref: str, *, with_content: bool = False
    ) -> dict[str, Any]:
        content = self._repository.blobs[sha]
        raw = f"{self._request.origin}/raw/{self._repository.full_name}/{ref}/{path}"
        found: dict[str, Any] = {
            "type": "file",
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": sha,
            "size": len(content),
            "url": f"{self._api}/contents/{path}?ref={ref}",
            "git_url": f"{self._api}/git/blobs/{sha}",
            "download_url": raw,
        }
        if with_content:
            small = len(content) <= _SHOWN_BYTES
            found["encoding"] = "base64" if small else "none"
            found["content"] = base64.encodebytes(content).decode() if small else ""
        return found
