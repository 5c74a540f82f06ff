"""Make the job's local media public for Meta: a step of its own, before any container."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlmodel import Session

from threadsworker.job import Done, Failed, Outcome, SegmentState, Trouble
from threadsworker.staging import FileToStage
from threadsworker.steps import quota
from threadsworker.steps.desk import Desk
from threadsworker.steps.step import Step, Written
from threadsworker.store import intakes, jobs, prompt, segments, staged, standing
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock
from threadsworker.store.intakes import Intake
from threadsworker.store.jobs import Claim
from threadsworker.store.tables import MediaRow

#: File name endings by content type. Meta looks at both.
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}


@dataclass(frozen=True)
class _Staging:
    """What there is to stage, or to make room for."""

    intake: Intake
    account: Credentials
    #: When there may be room in the quota; None: it is set aside.
    room_at: datetime | None = None


def _see(desk: Desk, job_id: str, run: int, _index: int | None) -> Intake | None:
    with desk.reading() as session:
        return intakes.find(session, job_id, run)


def _look(desk: Desk, intake: Intake) -> Intake:
    if intake.has_to_send:
        account = desk.credentials_of(intake.account, now=intake.now)
        desk.admit(account)
        if intake.asks_for_room:
            quota.look(desk, account, age=intake.figures_age)
    return intake


def _begin(
    desk: Desk, session: Session, claim: Claim, intake: Intake
) -> Outcome | Written | _Staging:
    account = desk.credentials_of(intake.account, now=intake.now)
    if intake.asks_for_room:
        room = quota.set_aside(session, claim, now=clock(session))
        if isinstance(room, datetime):
            return _Staging(intake, account, room_at=room)
        if room is not None:
            return room
    return _Staging(intake, account) if intake.local else _nothing(desk, session, claim)


def _nothing(desk: Desk, session: Session, claim: Claim) -> Written:
    prompt.readied(session, claim, silence=desk.settings.lease)
    return Written(Done(progress=False, said="nothing to stage"))


def _act(desk: Desk, claim: Claim, begun: _Staging) -> Outcome | Written:
    """
    Stage every local medium of what is not live yet, where room in the quota is set aside.

    Files are named by their content, and the branch by the job, so whoever does this again
    finds what is there already.
    """
    intake, account = begun.intake, begun.account
    if begun.room_at is not None and (
        outcome := quota.reserve(desk, claim, account, begun.room_at, waits=intake.waits_for_room)
    ):
        return outcome
    if not intake.local:
        with desk.transaction() as session:
            return _nothing(desk, session, claim)
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
        staged.intend(session, claim.job_id, intake.local, repo=account.github_repo)
        segments.move_all(
            session, claim.job_id, source=[SegmentState.WAITING], to=SegmentState.STAGING
        )
    files = [_file(desk, item) for item in intake.local.values()]
    placed = staging.stage(claim.job_id, files)
    names = {file.name: file.url for file in placed}
    with desk.transaction() as session:
        standing.heard_github(session, claim.account_id, now=clock(session))
        _make_ready(session, claim, {sha: names[_name(one)] for sha, one in intake.local.items()})
    return Done(said=f"{len(intake.local)} staged")


UPLOAD = Step("upload", see=_see, look=_look, begin=_begin, act=_act)


def _make_ready(session: Session, claim: Claim, urls: dict[str, str]) -> None:
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
        size=item.size or 0,
    )
