"""Making files public in a repository of the sandbox's: what is sent, how often, and at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from threadsworker.errors import RequestRefused, TokenRejected
from threadsworker.http import Http
from threadsworker.sandbox import Sandbox
from threadsworker.sandbox.request import Request
from threadsworker.staging import FileToStage
from threadsworker.staging.blobs import MOST_HELD
from threadsworker.staging.github import PARALLEL, GitHubStaging

JOB = "0197a0000000"
#: Files that go in two lots.
MANY = 2 * PARALLEL
BLOBS = {"service": "github", "path_regex": "/git/blobs$"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def http() -> Http:
    return Http()


def staging(sandbox: Sandbox, http: Http, token: str = "ghp_sandbox") -> GitHubStaging:
    return GitHubStaging(
        repo="octo/stage",
        token=SecretStr(token),
        api_url=sandbox.github_api_url,
        raw_url=sandbox.github_raw_url,
        http=http,
    )


def file(n: int, *, size: int = 0, read: Callable[[bytes], bytes] = bytes) -> FileToStage:
    content = b"\xff\xd8 picture %d" % n
    name = f"{hashlib.sha256(content).hexdigest()}.jpg"
    return FileToStage(name=name, content_type="image/jpeg", read=lambda: read(content), size=size)


def files(count: int) -> list[FileToStage]:
    return [file(n) for n in range(count)]


def acted(sandbox: Sandbox, what: str) -> list[dict[str, Any]]:
    return [one for one in sandbox.ledger if one["acted"] == what]


def test_several_files_are_on_their_way_together(sandbox: Sandbox, http: Http) -> None:
    together = threading.Barrier(PARALLEL)
    held = {"match": BLOBS, "times": MANY}
    # Nobody is answered before all of a lot have asked.
    sandbox.plan_fault(held, on_hit=lambda request: passed(together))
    placed = staging(sandbox, http).stage(JOB, files(MANY))
    assert not together.broken
    assert [one.name for one in placed] == [one.name for one in files(MANY)]
    for one in placed:
        assert http.request("GET", one.url).status_code == 200


def passed(barrier: threading.Barrier) -> None:
    barrier.wait(20)


def test_whether_the_branch_is_there_is_asked_while_files_are_sent(
    sandbox: Sandbox, http: Http
) -> None:
    together = threading.Barrier(2)
    for match in (BLOBS, {"service": "github", "path_regex": "/git/ref/"}):
        sandbox.plan_fault({"match": match}, on_hit=lambda request: passed(together))
    staging(sandbox, http).stage(JOB, files(3))
    assert not together.broken


def test_staging_again_gives_the_same_urls_and_makes_no_commit(
    sandbox: Sandbox, http: Http
) -> None:
    first = staging(sandbox, http).stage(JOB, files(3))
    assert staging(sandbox, http).stage(JOB, files(3)) == first
    assert len(acted(sandbox, "commit_created")) == 1


def test_a_branch_that_lacks_files_gets_them_and_keeps_the_others(
    sandbox: Sandbox, http: Http
) -> None:
    staging(sandbox, http).stage(JOB, files(2))
    placed = staging(sandbox, http).stage(JOB, files(4)[1:])
    assert len(placed) == 3
    assert sandbox.staged_files() == 4
    for one in placed:
        assert http.request("GET", one.url).status_code == 200


def test_an_empty_repository_gets_one_first_commit(sandbox: Sandbox, http: Http) -> None:
    sandbox.set_options(empty_repositories=True)
    together = threading.Barrier(PARALLEL)
    # All of the first lot find out by themselves that it is empty.
    sandbox.plan_fault({"match": BLOBS, "times": PARALLEL}, on_hit=lambda request: passed(together))
    staging(sandbox, http).stage(JOB, files(MANY))
    assert sandbox.staged_files() == MANY
    begun = [one for one in sandbox.ledger if one["path"].endswith("/contents/README.md")]
    assert len(begun) == 1


def test_a_conflict_in_a_repository_that_is_not_empty_is_told(sandbox: Sandbox, http: Http) -> None:
    refusal = {"status": 409, "body": {"message": "is at x but expected y"}}
    sandbox.plan_fault({"match": BLOBS, "act": False, "answer": refusal})
    with pytest.raises(RequestRefused, match="is at x"):
        staging(sandbox, http).stage(JOB, files(3))
    assert not acted(sandbox, "commit_created")


def test_a_dead_token_is_not_tried_for_every_file(sandbox: Sandbox, http: Http) -> None:
    sandbox.set_token("ghp_dead", "revoked", service="github")
    with pytest.raises(TokenRejected):
        staging(sandbox, http, "ghp_dead").stage(JOB, files(3 * PARALLEL))
    assert len(sandbox.ledger) <= PARALLEL


def test_not_too_many_bytes_are_held_at_once(sandbox: Sandbox, http: Http) -> None:
    """Files of more than half of what may be held are read one after another."""
    sent_when_read: list[int] = []

    def read(content: bytes) -> bytes:
        sent_when_read.append(len(acted(sandbox, "blob_created")))
        return content

    large = [file(n, size=MOST_HELD // 2 + 1, read=read) for n in range(6)]
    staging(sandbox, http).stage(JOB, large)
    assert sent_when_read == list(range(6))


def test_a_file_larger_than_what_may_be_held_is_sent_alone(sandbox: Sandbox, http: Http) -> None:
    reading, most = [0], [0]

    def read(content: bytes) -> bytes:
        reading[0] += 1
        most[0] = max(most[0], reading[0])
        return content

    def done(request: Request) -> None:
        reading[0] -= 1

    sandbox.plan_fault({"match": BLOBS, "times": 3}, on_hit=done)
    placed = staging(sandbox, http).stage(
        JOB, [file(n, size=2 * MOST_HELD, read=read) for n in range(3)]
    )
    assert (len(placed), most[0]) == (3, 1)
