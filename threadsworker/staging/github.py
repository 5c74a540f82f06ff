"""
Staging in a GitHub repository: a throw-away branch with one orphan commit per job.

Jobs do not get in each other's way, nothing is added to a history, and one call takes a job's
files away. Meta is given URLs by commit id: those are immutable, while URLs by branch are
cached for minutes.

After the branch is gone, who knows a commit id may reach its files until GitHub collects
unreachable objects.

Source: https://docs.github.com/en/rest/git and …/rest/repos/contents (2026-10-02).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import SecretStr

from threadsworker.errors import AnswerLost, NotReady, RequestRefused
from threadsworker.http import Http
from threadsworker.staging import FileToStage, StagedFile
from threadsworker.staging.blobs import AUTHOR, Blobs
from threadsworker.staging.repository import Repository, inside, json_of
from threadsworker.subject import carried

API_VERSION = "2022-11-28"
#: Branches of ours; the job's id follows.
BRANCHES = "heads/threadsworker/"
#: Requests to the API at the same time. GitHub allows 100 and asks for restraint: what is on its
#: way when it asks for a pause is refused, and counts.
#: Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
#: (2026-10-02).
PARALLEL = 8
#: Looks at staged files at the same time. Their host is not the API's, and has no such limits.
LOOKS = 24
#: Seconds of silence until an upload counts as lost: 35 MB on a slow line.
UPLOAD_TIMEOUT = 300.0


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
        parallel: int = PARALLEL,
    ) -> None:
        self._repository = Repository(
            repo=repo,
            token=token,
            api_url=api_url,
            http=http,
            api_version=api_version,
            timeout=upload_timeout,
        )
        self._blobs = Blobs(self._repository)
        self._limits = f"{api_url.rstrip('/')}/rate_limit"
        self._raw = f"{raw_url.rstrip('/')}/{repo}"
        self._http = http
        self._parallel = parallel

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
        with ThreadPoolExecutor(self._parallel) as pool:
            commit = self._committed(job_id, wanted, pool)
        urls = {name: f"{self._raw}/{commit}/{quote(name)}" for name in wanted}
        with ThreadPoolExecutor(LOOKS) as pool:
            list(pool.map(carried(self._check_served), urls.values()))
        return tuple(StagedFile(name=file.name, url=urls[file.name]) for file in files)

    def _committed(
        self, job_id: str, wanted: Mapping[str, FileToStage], pool: ThreadPoolExecutor
    ) -> str:
        """The job's commit with all the files, that its branch points to."""
        finding = pool.submit(carried(self._commit_of), job_id)
        # Begun before it is known what is there: nothing, unless a worker has died.
        sending = {
            name: pool.submit(carried(self._blobs.send), file) for name, file in wanted.items()
        }
        try:
            commit = finding.result()
            present = self._names_of(commit) if commit is not None else {}
            if commit is not None and wanted.keys() <= present.keys():
                return commit
            blobs = {name: sending[name].result() for name in wanted if name not in present}
        finally:
            for one in sending.values():
                one.cancel()
        return self._commit(job_id, {**present, **blobs}, replace=commit is not None)

    def unstage(self, job_id: str) -> None:
        """Take the job's branch away. Nothing happens if there is none."""
        try:
            self._repository.call("DELETE", f"/git/refs/{BRANCHES}{job_id}")
        except RequestRefused as error:
            if error.http_status not in (404, 422):
                raise
            # The branch is gone, or the whole repository is out of sight: that must not
            # pass for tidied up.
            if error.http_status == 404:
                self.facts()

    def staged_jobs(self) -> Iterator[str]:
        """Ids of the jobs that have a branch."""
        url: str | None = f"{self._repository.url}/git/matching-refs/{BRANCHES}"
        while url is not None:
            response = self._repository.request("GET", url)
            refs = json_of(response)
            if not isinstance(refs, list):
                raise AnswerLost("GitHub answered with something else than a list of refs")
            for ref in refs:
                yield str(inside(ref, "ref")).removeprefix(f"refs/{BRANCHES}")
            url = response.links.get("next", {}).get("url")
            if url is not None and not self._repository.is_ours(url):
                raise AnswerLost("GitHub's next page is on another server, which gets no token")

    def staged_at(self, job_id: str) -> datetime:
        """When the job's files were made public; RequestRefused if there are none."""
        ref = self._repository.call("GET", f"/git/ref/{BRANCHES}{job_id}")
        commit = self._repository.call("GET", f"/git/commits/{inside(ref, 'object', 'sha')}")
        return datetime.fromisoformat(str(inside(commit, "committer", "date")))

    def facts(self) -> RepositoryFacts:
        """What kind of repository it is; ApiError if the token cannot see it."""
        found = self._repository.call("GET", "")
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
        core = inside(json_of(self._repository.request("GET", self._limits)), "resources", "core")
        return RateLimit(
            remaining=int(inside(core, "remaining")),
            limit=int(inside(core, "limit")),
            reset=datetime.fromtimestamp(float(inside(core, "reset")), UTC),
        )

    # Git's objects

    def _commit_of(self, job_id: str) -> str | None:
        """The commit that the job's branch points to; None if there is no branch."""
        try:
            found = self._repository.call("GET", f"/git/ref/{BRANCHES}{job_id}")
        except RequestRefused as error:
            # 409: the repository is empty.
            if error.http_status in (404, 409):
                return None
            raise
        return str(inside(found, "object", "sha"))

    def _names_of(self, commit: str) -> dict[str, str]:
        """Blobs of the commit, by file name."""
        tree = inside(self._repository.call("GET", f"/git/commits/{commit}"), "tree", "sha")
        entries = inside(self._repository.call("GET", f"/git/trees/{tree}"), "tree")
        return {str(inside(entry, "path")): str(inside(entry, "sha")) for entry in entries}

    def _commit(self, job_id: str, blobs: dict[str, str], *, replace: bool) -> str:
        """A commit of these files without parents, and the job's branch on it."""
        entries = [
            {"path": name, "mode": "100644", "type": "blob", "sha": sha}
            for name, sha in sorted(blobs.items())
        ]
        tree = inside(self._repository.call("POST", "/git/trees", {"tree": entries}), "sha")
        commit = {
            "message": f"Stage {job_id}",
            "tree": tree,
            "parents": [],
            "author": AUTHOR,
            "committer": AUTHOR,
        }
        sha = str(inside(self._repository.call("POST", "/git/commits", commit), "sha"))
        if replace:
            self._repository.call(
                "PATCH", f"/git/refs/{BRANCHES}{job_id}", {"sha": sha, "force": True}
            )
            return sha
        return self._begin_branch(job_id, sha)

    def _begin_branch(self, job_id: str, sha: str) -> str:
        try:
            self._repository.call(
                "POST", "/git/refs", {"ref": f"refs/{BRANCHES}{job_id}", "sha": sha}
            )
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
