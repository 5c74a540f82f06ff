"""
GitHub's Git Data API: blobs, trees, commits and refs.

Source: https://docs.github.com/en/rest/git (2026-10-02).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from threadsworker.sandbox.answers import Answer, GitHubRefused, github, not_found
from threadsworker.sandbox.git import FILE_MODE, Commit, Repository, Signature
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

_SHA = re.compile(r"[0-9a-f]{40}")
_DEFAULT_AUTHOR = ("octo", "octo@users.noreply.github.com")


def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON; GitHub's refusal if it is none."""
    try:
        return request.json
    except ValueError:
        raise GitHubRefused(400, "Problems parsing JSON") from None


def text_of(body: dict[str, Any], name: str) -> str:
    """A field that has to be there; GitHub's refusal if it is not."""
    value = body.get(name)
    if not isinstance(value, str):
        missing = f'"{name}" wasn\'t supplied.'
        wrong = f"For 'properties/{name}', nil is not a string."
        raise GitHubRefused(422, f"Invalid request.\n\n{wrong if name in body else missing}")
    return value


def signature_of(given: Any, now: float) -> Signature:
    """Who and when; the token's owner and now, where nothing is said."""
    if given is None:
        name, email = _DEFAULT_AUTHOR
        return Signature(name, email, datetime.fromtimestamp(int(now), UTC))
    name, email = text_of(given, "name"), text_of(given, "email")
    date = given.get("date")
    try:
        moment = datetime.fromisoformat(date) if date else datetime.fromtimestamp(int(now), UTC)
    except ValueError:
        raise GitHubRefused(422, "Invalid request.\n\ndate is not a date-time.") from None
    return Signature(name, email, moment)


def decoded(content: str) -> bytes:
    """Base64, with or without line breaks."""
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (ValueError, binascii.Error):
        raise GitHubRefused(422, "content is not valid Base64") from None


def shown_commit(commit: Commit, api: str) -> dict[str, Any]:
    """A commit as GitHub describes it."""
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "url": f"{api}/git/commits/{commit.sha}",
        "author": commit.author.shown(),
        "committer": commit.committer.shown(),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "parents": [{"sha": sha, "url": f"{api}/git/commits/{sha}"} for sha in commit.parents],
        "verification": {"verified": False, "reason": "unsigned"},
    }


class GitData:
    """One request to ``/repos/{owner}/{repo}/git/…``."""

    def __init__(self, repository: Repository, world: World, request: Request) -> None:
        self._repository = repository
        self._world = world
        self._request = request
        self._api = f"{request.origin}/github/repos/{repository.full_name}"

    def answer(self, rest: tuple[str, ...]) -> Answer:
        if self._repository.is_empty:
            raise GitHubRefused(409, "Git Repository is empty.")
        match self._request.method, rest:
            case "POST", ("blobs",):
                return self._create_blob()
            case "GET", ("blobs", sha):
                return self._blob(sha)
            case "POST", ("trees",):
                return self._create_tree()
            case "GET", ("trees", sha):
                return self._tree(sha)
            case "POST", ("commits",):
                return self._create_commit()
            case "GET", ("commits", sha):
                return github(shown_commit(self._commit(sha), self._api))
            case "POST", ("refs",):
                return self._create_ref()
            case "GET", ("ref", *name):
                return self._ref(f"refs/{'/'.join(name)}")
            case "GET", ("matching-refs", *name):
                return self._matching_refs(f"refs/{'/'.join(name)}")
            case "PATCH", ("refs", *name):
                return self._move_ref(f"refs/{'/'.join(name)}")
            case "DELETE", ("refs", *name):
                return self._delete_ref(f"refs/{'/'.join(name)}")
        raise not_found()

    # Blobs

    def _create_blob(self) -> Answer:
        body = body_of(self._request)
        content = text_of(body, "content")
        is_base64 = body.get("encoding", "utf-8") == "base64"
        sha = self._repository.add_blob(decoded(content) if is_base64 else content.encode())
        return github(
            {"sha": sha, "url": f"{self._api}/git/blobs/{sha}"},
            status=201,
            acted="blob_created",
            facts={"sha": sha},
        )

    def _blob(self, sha: str) -> Answer:
        content = self._repository.blobs.get(sha)
        if content is None:
            raise not_found()
        return github(
            {
                "sha": sha,
                "node_id": f"B_{sha}",
                "size": len(content),
                "url": f"{self._api}/git/blobs/{sha}",
                "content": base64.encodebytes(content).decode(),
                "encoding": "base64",
            }
        )

    # Trees

    def _create_tree(self) -> Answer:
        body = body_of(self._request)
        entries = body.get("tree")
        if not isinstance(entries, list):
            raise GitHubRefused(422, 'Invalid request.\n\n"tree" wasn\'t supplied.')
        files = self._base_files(body.get("base_tree"))
        for entry in entries:
            self._apply(files, entry)
        if not files:
            raise GitHubRefused(422, "Invalid tree info")
        sha = self._repository.add_files(files)
        return github(
            self._shown_tree(sha, recursive=False),
            status=201,
            acted="tree_created",
            facts={"sha": sha},
        )

    def _base_files(self, base: Any) -> dict[str, tuple[str, str]]:
        if base is None:
            return {}
        tree = self._tree_sha(str(base))
        return {path: (entry.mode, entry.sha) for path, entry in self._repository.files_of(tree)}

    def _apply(self, files: dict[str, tuple[str, str]], entry: Any) -> None:
        """Put one entry of a request into the files; one without a sha takes it out."""
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            raise GitHubRefused(422, "Must supply a valid tree.path")
        mode, path = str(entry.get("mode", FILE_MODE)), entry["path"]
        if isinstance(entry.get("content"), str):
            files[path] = (mode, self._repository.add_blob(entry["content"].encode()))
            return
        sha = entry.get("sha")
        if sha is None:
            files.pop(path, None)
        elif sha in self._repository.trees:
            for inside, found in self._repository.files_of(sha, f"{path}/"):
                files[inside] = (found.mode, found.sha)
        elif sha in self._repository.blobs:
            files[path] = (mode, sha)
        else:
            raise GitHubRefused(422, f"tree.sha {sha} is not a valid blob")

    def _tree_sha(self, name: str) -> str:
        """Of a tree, a commit, or a branch."""
        commit = self._repository.commits.get(self._repository.refs.get(f"refs/heads/{name}", name))
        sha = commit.tree if commit else name
        if sha not in self._repository.trees:
            raise not_found()
        return sha

    def _tree(self, name: str) -> Answer:
        recursive = bool(self._request.query.get("recursive"))
        return github(self._shown_tree(self._tree_sha(name), recursive=recursive))

    def _shown_tree(self, sha: str, *, recursive: bool) -> dict[str, Any]:
        listed = (
            list(self._repository.files_of(sha))
            if recursive
            else [(entry.name, entry) for entry in self._repository.trees[sha]]
        )
        return {
            "sha": sha,
            "url": f"{self._api}/git/trees/{sha}",
            "tree": [
                {
                    "path": path,
                    "mode": entry.mode,
                    "type": entry.type,
                    "sha": entry.sha,
                    "url": f"{self._api}/git/{entry.type}s/{entry.sha}",
                }
                for path, entry in listed
            ],
            "truncated": False,
        }

    # Commits

    def _create_commit(self) -> Answer:
        body, now = body_of(self._request), self._world.now()
        message, tree = text_of(body, "message"), text_of(body, "tree")
        parents = body.get("parents") or []
        if tree not in self._repository.trees:
            raise GitHubRefused(422, "Tree SHA does not exist")
        if any(parent not in self._repository.commits for parent in parents):
            raise GitHubRefused(422, "Parent SHA does not exist or is not a commit object")
        author = signature_of(body.get("author"), now)
        commit = self._repository.add_commit(
            tree=tree,
            parents=parents,
            author=author,
            committer=signature_of(body["committer"], now) if body.get("committer") else author,
            message=message,
            sent_at=now,
        )
        return github(
            shown_commit(commit, self._api),
            status=201,
            acted="commit_created",
            facts={"sha": commit.sha},
        )

    def _commit(self, sha: str) -> Commit:
        if sha not in self._repository.commits:
            raise not_found()
        return self._repository.commits[sha]

    # Refs

    def _shown_ref(self, name: str) -> dict[str, Any]:
        sha = self._repository.refs[name]
        return {
            "ref": name,
            "node_id": f"REF_{name}",
            "url": f"{self._api}/git/{name}",
            "object": {"sha": sha, "type": "commit", "url": f"{self._api}/git/commits/{sha}"},
        }

    def _ref(self, name: str) -> Answer:
        if name not in self._repository.refs:
            raise not_found()
        return github(self._shown_ref(name))

    def _matching_refs(self, prefix: str) -> Answer:
        """All whose name begins so: the end of the prefix need not be a slash."""
        if self._request.path.endswith("/"):
            prefix += "/"
        names = sorted(name for name in self._repository.refs if name.startswith(prefix))
        return github([self._shown_ref(name) for name in names])

    def _create_ref(self) -> Answer:
        body = body_of(self._request)
        name, sha = text_of(body, "ref"), text_of(body, "sha")
        if not name.startswith("refs/") or name.count("/") < 2:
            raise GitHubRefused(422, "Reference name must start with 'refs/' and have two slashes.")
        self._check_target(sha)
        if name in self._repository.refs:
            raise GitHubRefused(422, "Reference already exists")
        # A name cannot be a file and a folder at once.
        if any(
            f"{one}/".startswith(f"{name}/") or f"{name}/".startswith(f"{one}/")
            for one in self._repository.refs
        ):
            raise GitHubRefused(422, "Reference update failed")
        self._repository.refs[name] = sha
        return github(
            self._shown_ref(name), status=201, acted="ref_created", facts={"ref": name, "sha": sha}
        )

    def _move_ref(self, name: str) -> Answer:
        body = body_of(self._request)
        sha = text_of(body, "sha")
        if name not in self._repository.refs:
            raise GitHubRefused(422, "Reference does not exist")
        self._check_target(sha)
        forward = self._repository.refs[name] in self._repository.ancestors(sha)
        if not forward and body.get("force") is not True:
            raise GitHubRefused(422, "Update is not a fast forward")
        self._repository.refs[name] = sha
        return github(self._shown_ref(name), acted="ref_moved", facts={"ref": name, "sha": sha})

    def _delete_ref(self, name: str) -> Answer:
        if name not in self._repository.refs:
            raise GitHubRefused(422, "Reference does not exist")
        sha = self._repository.refs.pop(name)
        return github(None, status=204, acted="ref_deleted", facts={"ref": name, "sha": sha})

    def _check_target(self, sha: str) -> None:
        if not _SHA.fullmatch(sha) or sha not in self._repository.commits:
            raise GitHubRefused(422, "Object does not exist")
