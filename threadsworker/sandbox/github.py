"""
GitHub's REST API as far as files need it: access, limits, and which request means what.

Source: https://docs.github.com/en/rest (2026-10-02).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from threadsworker.sandbox.answers import Answer, GitHubRefused, github, not_found
from threadsworker.sandbox.git import Repository, Signature
from threadsworker.sandbox.github_contents import Contents
from threadsworker.sandbox.github_data import GitData
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOO_LARGE = (
    "Sorry, your input was too large to process. Consider creating the blob in a local clone "
    "of the repository and then pushing it to GitHub."
)
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
_MINUTE, _HOUR = 60.0, 3600.0


@dataclass
class _Use:
    """What one token has used of its limits, in moments."""

    requests: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)


class GitHubService:
    """The API of all repositories. Used under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._repositories: dict[str, Repository] = {}
        self._use: dict[str, _Use] = {}
        self._rejected: set[str] = set()

    def answer(self, request: Request) -> Answer:
        """What GitHub answers, refusals included."""
        token = request.token or ""
        try:
            self._check_access(request, token)
            self._count(request, token)
            answer = self._answer(request)
        except GitHubRefused as refused:
            answer = refused.answer()
        return replace(answer, headers={**self._limit_headers(token), **answer.headers})

    def reject(self, token: str) -> None:
        """From now on this token is dead."""
        self._rejected.add(token)

    def accept(self, token: str) -> None:
        """The token works again."""
        self._rejected.discard(token)

    def repositories(self) -> list[Repository]:
        """All that were asked for so far."""
        return list(self._repositories.values())

    def repository(self, full_name: str) -> Repository | None:
        """The repository: made when it is first asked for; None if it is said to be missing."""
        if full_name in self._world.options.missing_repositories:
            return None
        if full_name not in self._repositories:
            self._repositories[full_name] = self._begin(full_name)
        return self._repositories[full_name]

    def _begin(self, full_name: str) -> Repository:
        repository = Repository(full_name)
        if not self._world.options.empty_repositories:
            now = self._world.now()
            begun = Signature("Octo", "octo@example.com", datetime.fromtimestamp(int(now), UTC))
            readme = repository.add_blob(f"# {full_name}\n".encode())
            commit = repository.add_commit(
                tree=repository.add_files({"README.md": ("100644", readme)}),
                parents=(),
                author=begun,
                committer=begun,
                message="Initial commit",
                sent_at=now,
            )
            repository.refs["refs/heads/main"] = commit.sha
        return repository

    def _check_access(self, request: Request, token: str) -> None:
        if not request.headers.get("user-agent"):
            raise GitHubRefused(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a "
                "User-Agent header (https://docs.github.com/en/rest/overview/"
                "resources-in-the-rest-api#user-agent-required).",
            )
        if not token:
            raise GitHubRefused(401, "Requires authentication")
        allowed = self._world.options.github_tokens
        if token in self._rejected or (allowed is not None and token not in allowed):
            raise GitHubRefused(401, "Bad credentials")

    def _count(self, request: Request, token: str) -> None:
        now, use = self._world.now(), self._use.setdefault(token, _Use())
        use.requests = [moment for moment in use.requests if moment > now - _HOUR]
        if request.segments == ("rate_limit",):
            return
        if len(use.requests) >= self._world.options.github_requests_per_hour:
            raise GitHubRefused(403, "API rate limit exceeded for user ID 1.")
        use.requests.append(now)
        if request.method not in ("GET", "HEAD"):
            self._count_write(use, now)

    def _count_write(self, use: _Use, now: float) -> None:
        """GitHub does not say which requests create content: here, all that write."""
        options = self._world.options
        use.writes = [moment for moment in use.writes if moment > now - _HOUR]
        for allowed, window in (
            (options.github_writes_per_minute, _MINUTE),
            (options.github_writes_per_hour, _HOUR),
        ):
            within = [moment for moment in use.writes if moment > now - window]
            if allowed is not None and len(within) >= allowed:
                wait = within[len(within) - allowed] + window - now if allowed else window
                headers = {"retry-after": str(max(1, round(wait + 0.5)))}
                raise GitHubRefused(403, _SECONDARY, headers=headers)
        use.writes.append(now)

    def _limit_headers(self, token: str) -> dict[str, str]:
        total, now = self._world.options.github_requests_per_hour, self._world.now()
        requests = self._use.get(token, _Use()).requests
        reset = (requests[0] if requests else now) + _HOUR
        return {
            "x-ratelimit-limit": str(total),
            "x-ratelimit-remaining": str(max(0, total - len(requests))),
            "x-ratelimit-used": str(len(requests)),
            "x-ratelimit-reset": str(int(reset) + 1),
            "x-ratelimit-resource": "core",
            "x-github-request-id": self._world.trace_id(),
        }

    def _answer(self, request: Request) -> Answer:
        segments = request.segments
        if segments == ("rate_limit",) and request.method == "GET":
            return self._rate_limit(request.token or "")
        if len(segments) < 3 or segments[0] != "repos":
            raise not_found()
        repository = self._visible(f"{segments[1]}/{segments[2]}")
        if len(segments) == 3:
            return self._facts(request, repository)
        self._check_write(request)
        if segments[3] == "git":
            return GitData(repository, self._world, request).answer(segments[4:])
        if segments[3] == "contents":
            return Contents(repository, self._world, request).answer("/".join(segments[4:]))
        raise not_found()

    def _visible(self, full_name: str) -> Repository:
        owner, _, name = full_name.partition("/")
        repository = None
        if _NAME.fullmatch(owner) and _NAME.fullmatch(name):
            repository = self.repository(full_name)
        if repository is None:
            raise not_found()
        return repository

    def _check_write(self, request: Request) -> None:
        if request.method in ("GET", "HEAD"):
            return
        if not self._world.options.github_may_write:
            headers = {"x-accepted-github-permissions": "contents=write"}
            message = "Resource not accessible by personal access token"
            raise GitHubRefused(403, message, headers=headers)
        if request.body_size > self._world.options.github_body_limit:
            raise GitHubRefused(422, _TOO_LARGE)

    def _rate_limit(self, token: str) -> Answer:
        headers = self._limit_headers(token)
        core = {
            name: int(headers[f"x-ratelimit-{name}"])
            for name in ("limit", "remaining", "used", "reset")
        }
        return github({"resources": {"core": core}, "rate": core})

    def _facts(self, request: Request, repository: Repository) -> Answer:
        if request.method != "GET":
            raise not_found()
        options = self._world.options
        owner, _, name = repository.full_name.partition("/")
        return github(
            {
                "id": 1,
                "name": name,
                "full_name": repository.full_name,
                "owner": {"login": owner},
                "private": options.private_repositories,
                "visibility": "private" if options.private_repositories else "public",
                "default_branch": repository.default_branch,
                "size": sum(map(len, repository.blobs.values())) // 1024,
                "permissions": {
                    "admin": False,
                    "push": options.github_may_write,
                    "pull": True,
                },
            }
        )
