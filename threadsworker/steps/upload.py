"""Make the job's local media public for Meta: a step of its own, before any container."""

from __future__ import annotations

from functools import partial

from threadsworker.job import (
    LIVE,
    Done,
    Failed,
    Outcome,
    SegmentState,
    StagedState,
    Trouble,
)
from threadsworker.staging import FileToStage
from threadsworker.steps.desk import Desk
from threadsworker.steps.quota import reserve
from threadsworker.store import jobs, segments, staged, standing
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.tables import MediaRow

#: File name endings by content type. Meta looks at both.
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}


def upload(desk: Desk, claim: Claim) -> Outcome:
    """
    Set room in the quota aside, and stage every local medium of what is not live yet.

    Files are named by their content, and the branch by the job, so whoever does this again
    finds what is there already.
    """
    with desk.reading() as session:
        todo = [s for s in segments.of_job(session, claim.job_id) if s.state not in LIVE]
        media = segments.media_of(session, todo)
        local = {item.sha256: item for items in media.values() for item in items if item.sha256}
        present = {
            row.sha256
            for row in staged.of_job(session, claim.job_id)
            if row.state == StagedState.PRESENT
        }
        account = desk.credentials(session, claim.account_id)
    if todo:
        desk.admit(account)
        # What became of a publish is found out first, whatever room there is for more.
        in_doubt = todo[0].state in (SegmentState.PUBLISHING, SegmentState.IN_DOUBT)
        if not in_doubt and (outcome := reserve(desk, claim, account)):
            return outcome
    if local.keys() <= present:
        _ready(desk, claim, {})
        return Done(progress=False, said="nothing to stage")
    staging = desk.staging(account)
    if staging is None or account.github_repo is None:
        return Failed(
            Trouble(
                code="staging.repository.missing",
                message=f"account {account.name!r} has no GitHub repository for local media",
                advice="Run `threadsworker account add` with --github-repo, then retry the job.",
            )
        )
    with desk.transaction() as session:
        jobs.check(session, claim)
        staged.intend(session, claim.job_id, local, repo=account.github_repo)
        segments.move_all(
            session, claim.job_id, source=[SegmentState.WAITING], to=SegmentState.STAGING
        )
    files = [_file(desk, item) for item in local.values()]
    placed = staging.stage(claim.job_id, files)
    with desk.transaction() as session:
        standing.heard_github(session, claim.account_id, now=clock(session))
    names = {file.name: file.url for file in placed}
    _ready(desk, claim, {sha256: names[_name(item)] for sha256, item in local.items()})
    return Done(said=f"{len(local)} staged")


def _ready(desk: Desk, claim: Claim, urls: dict[str, str]) -> None:
    with desk.transaction() as session:
        staged.arrived(session, claim.job_id, urls)
        segments.move_all(
            session,
            claim.job_id,
            source=[SegmentState.WAITING, SegmentState.STAGING],
            to=SegmentState.READY_TO_CREATE,
        )


def _name(item: MediaRow) -> str:
    return f"{item.sha256}{SUFFIXES[item.content_type or '']}"


def _file(desk: Desk, item: MediaRow) -> FileToStage:
    assert item.sha256 is not None
    assert item.content_type is not None
    return FileToStage(
        name=_name(item),
        content_type=item.content_type,
        read=partial(desk.spool.read, item.sha256),
    )
