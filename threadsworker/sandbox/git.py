"""
Git's objects with their true names, and branches that lead to them.

Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects (2026-10-02).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

FILE_MODE, FOLDER_MODE = "100644", "040000"


@dataclass(frozen=True)
class Entry:
    """A line of a tree. `mode` is written as GitHub writes it, with six digits."""

    name: str
    mode: str
    sha: str

    @property
    def type(self) -> str:
        return "tree" if self.mode == FOLDER_MODE else "blob"


@dataclass(frozen=True)
class Signature:
    name: str
    email: str
    #: UTC.
    date: datetime

    def line(self) -> str:
        return f"{self.name} <{self.email}> {int(self.date.timestamp())} +0000"

    def shown(self) -> dict[str, str]:
        date = self.date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"name": self.name, "email": self.email, "date": date}


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    #: Seconds since 1970, on the sandbox's clock: when it was sent.
    sent_at: float


def object_name(kind: str, content: bytes) -> str:
    """The SHA-1 by which git knows an object."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).hexdigest()


@dataclass
class Repository:
    """Objects are kept for ever; what no branch leads to is unreachable, not gone."""

    full_name: str
    default_branch: str = "main"
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    #: Commits by full name: ``refs/heads/main``.
    refs: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.commits

    def add_blob(self, content: bytes) -> str:
        sha = object_name("blob", content)
        self.blobs[sha] = content
        return sha

    def add_tree(self, entries: Sequence[Entry]) -> str:
        """A tree of one folder. Git sorts folders as if their names ended in a slash."""
        ordered = tuple(sorted(entries, key=lambda e: (e.name + "/" * (e.type == "tree")).encode()))
        content = b"".join(
            f"{entry.mode.lstrip('0')} {entry.name}\0".encode() + bytes.fromhex(entry.sha)
            for entry in ordered
        )
        sha = object_name("tree", content)
        self.trees[sha] = ordered
        return sha

    def add_files(self, files: Mapping[str, tuple[str, str]]) -> str:
        """A tree with folders, from modes and blobs by path."""
        entries: list[Entry] = []
        folders: dict[str, dict[str, tuple[str, str]]] = {}
        for path, (mode, sha) in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = (mode, sha)
            else:
                entries.append(Entry(name, mode, sha))
        entries += [
            Entry(name, FOLDER_MODE, self.add_files(inside)) for name, inside in folders.items()
        ]
        return self.add_tree(entries)

    def add_commit(
        self,
        *,
        tree: str,
        parents: Sequence[str],
        author: Signature,
        committer: Signature,
        message: str,
        sent_at: float,
    ) -> Commit:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author.line()}", f"committer {committer.line()}"]
        content = "\n".join(lines) + f"\n\n{message}"
        sha = object_name("commit", content.encode())
        # Sent again, it is the same commit.
        if sha not in self.commits:
            self.commits[sha] = Commit(
                sha, tree, tuple(parents), author, committer, message, sent_at
            )
        return self.commits[sha]

    def files_of(self, tree: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Files of a tree and of its folders, by path."""
        for entry in self.trees[tree]:
            if entry.type == "tree":
                yield from self.files_of(entry.sha, f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}", entry

    def files_at(self, commit: str) -> dict[str, tuple[str, str]]:
        """Mode and blob of every file of a commit, by path."""
        tree = self.commits[commit].tree
        return {path: (entry.mode, entry.sha) for path, entry in self.files_of(tree)}

    def ancestors(self, commit: str) -> set[str]:
        """The commit and everything before it."""
        found: set[str] = set()
        ahead = [commit]
        while ahead:
            sha = ahead.pop()
            if sha not in found:
                found.add(sha)
                ahead += self.commits[sha].parents
        return found

    def is_reachable(self, commit: str) -> bool:
        return any(commit in self.ancestors(head) for head in self.refs.values())

    def staged_files(self) -> list[tuple[str, str]]:
        """Ref and path of every file that a ref leads to now, a README at the top aside."""
        return [
            (ref, path)
            for ref, commit in self.refs.items()
            for path in self.files_at(commit)
            if path != "README.md"
        ]
