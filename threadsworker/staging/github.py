"""
Staging in a GitHub repository: a throw-away branch with one orphan commit per job.

Jobs do not get in each other's way, nothing is added to a history, and one call takes a job's
files away. Meta is given URLs by commit id: those are immutable, while URLs by branch are
cached for minutes. Blobs are named by their content, so sending one again does no harm.

After the branch is gone, who knows a commit id may reach its files until GitHub collects
unreachable objects.

Source: https://docs.github.com/en/rest/git and …/rest/repos/contents (2026-10-02).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from requests import Response
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from threadsworker.counting.calls import refused
from threadsworker.errors import (
    AnswerLost,
    NoAnswer,
    NotReady,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from threadsworker.http import Http
from threadsworker.redaction import redact
from threadsworker.staging import FileToStage, StagedFile
from threadsworker.staging.answers import error_of
from threadsworker.subject import carried

API_VERSION = "2022-11-28"
#: Branches of ours; the job's id follows.
BRANCHES = "heads/threadsworker/"
#: Blobs sent at the same time. GitHub allows 100 requests at once and asks for restraint.
PARALLEL = 8
#: Seconds of silence until an upload counts as lost: 35 MB on a slow line.
UPLOAD_TIMEOUT = 300.0
#: Without a date: GitHub's own clock says when files were staged.
_AUTHOR = {"name": "threadsworker", "email": "threadsworker@users.noreply.github.com"}
_README = """\
# Staging

Files in branches `threadsworker/*` wait here for Meta to fetch them. Each branch belongs to
one post and goes away with it.
"""


@dataclass(frozen=True)
class RepositoryFacts:
    """What a repository must be for Meta to read from it and for us to write to it."""

    private: bool
    may_write: bool
    #: Kilobytes.
    size: int


@dataclass(frozen=True)
class RateLimit:
    """How many requests the token has left, of all that it has in an hour."""

    remaining: int
    limit: int
    #: When it has all of them again.
    reset: datetime


def blob_sha(content: bytes) -> str:
    """The name that git gives to the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class GitHubStaging:
    """
    Stages files in the repository `repo` (``owner/name``), which has to be public.

    The token needs the permission "Contents: write" on it and nothing else.
    """

    def __init__(
        self,
        *,
        repo: str,
        token: SecretStr,
        api_url: str,
        raw_url: str,
        http: Http,
        api_version: str = API_VERSION,
        upload_timeout: float = UPLOAD_TIMEOUT,
    ) -> None:
        redact(token)
        self._repo = repo
        self._token = token
        self._api = f"{api_url.rstrip('/')}/repos/{repo}"
        self._limits = f"{api_url.rstrip('/')}/rate_limit"
        self._origin = "://".join(urlsplit(api_url)[:2])
        self._raw = f"{raw_url.rstrip('/')}/{repo}"
        self._http = http
        self._api_version = api_version
        self._upload_timeout = upload_timeout
        #: GitHub's request for a pause: of several uploads at once none is begun after it.
        self._limited: RateLimited | None = None

    def stage(self, job_id: str, files: Sequence[FileToStage]) -> tuple[StagedFile, ...]:
        """
        Make the job's files public; the same files in the same order, with their URLs.

        If the job's branch is there already, the commit that it points to is used.

        Raises
        ------
        NotReady:
            GitHub does not serve a file yet: come again.
        ApiError, NoAnswer:
            GitHub refused; there was no usable answer.
        """
        wanted = {file.name: file for file in files}
        commit = self._commit_of(job_id)
        present = self._names_of(commit) if commit else {}
        if commit is None or not wanted.keys() <= present.keys():
            shas = self._send([f for name, f in wanted.items() if name not in present])
            commit = self._commit(job_id, {**present, **shas}, replace=commit is not None)
        urls = {name: f"{self._raw}/{commit}/{quote(name)}" for name in wanted}
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(carried(self._check_served), urls.values()))
        return tuple(StagedFile(name=file.name, url=urls[file.name]) for file in files)

    def unstage(self, job_id: str) -> None:
        """Take the job's branch away. Nothing happens if there is none."""
        try:
            self._call("DELETE", f"/git/refs/{BRANCHES}{job_id}")
        except RequestRefused as error:
            if error.http_status not in (404, 422):
                raise
            # The branch is gone, or the whole repository is out of sight: that must not
            # pass for tidied up.
            if error.http_status == 404:
                self.facts()

    def staged_jobs(self) -> Iterator[str]:
        """Ids of the jobs that have a branch."""
        url: str | None = f"{self._api}/git/matching-refs/{BRANCHES}"
        while url is not None:
            response = self._send_request("GET", url)
            refs = _json(response)
            if not isinstance(refs, list):
                raise AnswerLost("GitHub answered with something else than a list of refs")
            for ref in refs:
                yield str(_in(ref, "ref")).removeprefix(f"refs/{BRANCHES}")
            url = response.links.get("next", {}).get("url")
            if url is not None and not url.startswith(f"{self._origin}/"):
                raise AnswerLost("GitHub's next page is on another server, which gets no token")

    def staged_at(self, job_id: str) -> datetime:
        """When the job's files were made public; RequestRefused if there are none."""
        ref = self._call("GET", f"/git/ref/{BRANCHES}{job_id}")
        commit = self._call("GET", f"/git/commits/{_in(ref, 'object', 'sha')}")
        return datetime.fromisoformat(str(_in(commit, "committer", "date")))

    def facts(self) -> RepositoryFacts:
        """What kind of repository it is; ApiError if the token cannot see it."""
        found = self._call("GET", "")
        return RepositoryFacts(
            private=bool(found.get("private")),
            may_write=bool(found.get("permissions", {}).get("push")),
            size=int(found.get("size", 0)),
        )

    def rate_limit(self) -> RateLimit:
        """
        What is left of the token's requests. Asking costs none.

        Source: https://docs.github.com/en/rest/rate-limit (2026-10-02).
        """
        core = _in(_json(self._send_request("GET", self._limits)), "resources", "core")
        return RateLimit(
            remaining=int(_in(core, "remaining")),
            limit=int(_in(core, "limit")),
            reset=datetime.fromtimestamp(float(_in(core, "reset")), UTC),
        )

    # Git's objects

    def _commit_of(self, job_id: str) -> str | None:
        """The commit that the job's branch points to; None if there is no branch."""
        try:
            found = self._call("GET", f"/git/ref/{BRANCHES}{job_id}")
        except RequestRefused as error:
            # 409: the repository is empty.
            if error.http_status in (404, 409):
                return None
            raise
        return str(_in(found, "object", "sha"))

    def _names_of(self, commit: str) -> dict[str, str]:
        """Blobs of the commit, by file name."""
        tree = _in(self._call("GET", f"/git/commits/{commit}"), "tree", "sha")
        entries = _in(self._call("GET", f"/git/trees/{tree}"), "tree")
        return {str(_in(entry, "path")): str(_in(entry, "sha")) for entry in entries}

    def _send(self, files: Sequence[FileToStage]) -> dict[str, str]:
        """Send blobs, several at a time; their git names by file name."""
        if not files:
            return {}
        first, *others = files
        # The first goes alone: it finds out whether the repository is empty.
        shas = {first.name: self._send_first(first)}
        with ThreadPoolExecutor(PARALLEL) as pool:
            shas |= dict(
                zip(
                    [f.name for f in others],
                    pool.map(carried(self._send_blob), others),
                    strict=True,
                )
            )
        return shas

    def _send_first(self, file: FileToStage) -> str:
        try:
            return self._send_blob(file)
        except RequestRefused as error:
            if error.http_status != 409:
                raise
        self._begin_repository()
        return self._send_blob(file)

    def _begin_repository(self) -> None:
        """An empty repository refuses blobs: only the contents API makes its first commit."""
        body = {
            "message": "Begin",
            "content": base64.b64encode(_README.encode()).decode(),
            "committer": _AUTHOR,
        }
        try:
            self._call("PUT", "/contents/README.md", body)
        except RequestRefused as error:
            # 422: somebody else was faster, and the file is there.
            if error.http_status not in (409, 422):
                raise

    def _send_blob(self, file: FileToStage) -> str:
        content = file.read()
        expected = blob_sha(content)
        body = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
        sha = _in(self._call("POST", "/git/blobs", body), "sha")
        if sha != expected:
            raise AnswerLost(f"GitHub stored {file.name} as {sha}, not as {expected}")
        return expected

    def _commit(self, job_id: str, blobs: dict[str, str], *, replace: bool) -> str:
        """A commit of these files without parents, and the job's branch on it."""
        entries = [
            {"path": name, "mode": "100644", "type": "blob", "sha": sha}
            for name, sha in sorted(blobs.items())
        ]
        tree = _in(self._call("POST", "/git/trees", {"tree": entries}), "sha")
        commit = {
            "message": f"Stage {job_id}",
            "tree": tree,
            "parents": [],
            "author": _AUTHOR,
            "committer": _AUTHOR,
        }
        sha = str(_in(self._call("POST", "/git/commits", commit), "sha"))
        if replace:
            self._call("PATCH", f"/git/refs/{BRANCHES}{job_id}", {"sha": sha, "force": True})
            return sha
        return self._begin_branch(job_id, sha)

    def _begin_branch(self, job_id: str, sha: str) -> str:
        try:
            self._call("POST", "/git/refs", {"ref": f"refs/{BRANCHES}{job_id}", "sha": sha})
        except RequestRefused as error:
            # It exists: made by a worker whose answer was lost, or by another one just now.
            existing = self._commit_of(job_id) if error.http_status == 422 else None
            if existing is None:
                raise
            return existing
        return sha

    def _check_served(self, url: str) -> None:
        """Whether Meta will get the file: there, and without a redirect."""
        response = self._http.request("GET", url, headers={"Range": "bytes=0-0"}, service="github")
        if response.status_code in (200, 206):
            return
        raise NotReady(
            f"GitHub answers {response.status_code} for a file that was just staged",
            service="github",
            http_status=response.status_code,
        )

    # Requests

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._send_request(method, f"{self._api}{path}", body)
        if response.status_code == 204:
            return {}
        answer = _json(response)
        if not isinstance(answer, dict):
            raise AnswerLost(f"{method} {path}: GitHub answered without a JSON object")
        return answer

    def _send_request(self, method: str, url: str, body: dict[str, Any] | None = None) -> Response:
        """Everything here may be repeated: reads, and writes that name what they write."""
        attempt = partial(self._send_once, method, url, body)
        answered: Response = _patiently(attempt)
        return answered

    def _send_once(self, method: str, url: str, body: dict[str, Any] | None) -> Response:
        if self._limited is not None:
            raise self._limited
        response = self._http.request(
            method,
            url,
            token=self._token,
            json=body,
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": self._api_version,
            },
            read_timeout=self._upload_timeout,
            service="github",
        )
        if response.status_code >= 400:
            error = error_of(response)
            refused("github", url, error.stable_code)
            if isinstance(error, RateLimited):
                self._limited = error
            raise error
        return response


@retry(
    retry=retry_if_exception_type((Unavailable, NoAnswer)),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.2, max=1.0),
    reraise=True,
)
def _patiently(attempt: Any) -> Any:
    return attempt()


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise AnswerLost(f"GitHub answered {response.status_code} without JSON") from None


def _in(answer: Any, *names: str) -> Any:
    """What stands in an answer under these names; AnswerLost if it is not there."""
    for name in names:
        if not isinstance(answer, dict) or name not in answer:
            raise AnswerLost(f"GitHub's answer lacks {'.'.join(names)}")
        answer = answer[name]
    return answer
