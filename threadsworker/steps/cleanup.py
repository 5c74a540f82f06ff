"""Take the staged files away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sqlmodel import Session

from threadsworker.errors import ApiError, NoAnswer, RateLimited, Unavailable
from threadsworker.job import TERMINAL, Done, Finished, Outcome, Wait, WaitReason
from threadsworker.steps.desk import Desk, OnHold
from threadsworker.steps.read_back import read_back
from threadsworker.steps.step import Step
from threadsworker.steps.troubles import outcome_of
from threadsworker.store import endings, jobs, staged, standing
from threadsworker.store.database import clock
from threadsworker.store.endings import Ending
from threadsworker.store.jobs import Claim

#: Passing troubles after which a thread that is live is called published although its files
#: are still staged: `sweep_staged` takes them away later. Other troubles are not waited for.
CLEANUP_TRIES = 3


def _see(desk: Desk, job_id: str, run: int, _index: int | None) -> Ending | None:
    with desk.reading() as session:
        return endings.find(session, job_id, run)


def _look(desk: Desk, ending: Ending) -> Ending | Outcome:
    """The last segment is read back, for which no claim is needed: what is seen is a fact."""
    if ending.missing:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    if ending.tries:
        # After a trouble Meta is given the time it takes, with the claim in hand.
        return ending
    return _seen(desk, ending, is_claimed=False) or replace(ending, unseen=[])


def _begin(
    _desk: Desk, _session: Session, _claim: Claim, looked: Ending | Outcome
) -> Outcome | Ending:
    if isinstance(looked, Ending) and not looked.unseen and not looked.is_staged:
        return Finished()
    return looked


def _act(desk: Desk, claim: Claim, ending: Ending) -> Outcome:
    """Once every segment was seen, nobody needs the staged files any more."""
    if outcome := _seen(desk, ending, is_claimed=True):
        return outcome
    try:
        unstage(desk, claim.job_id, account_id=claim.account_id)
    except OnHold:
        return Finished()
    except (ApiError, NoAnswer) as error:
        passing = isinstance(error, Unavailable | NoAnswer)
        if passing and claim.tries < CLEANUP_TRIES:
            return outcome_of(error, tries=claim.tries, dice=desk.dice)
    return Finished()


def _seen(desk: Desk, ending: Ending, *, is_claimed: bool) -> Outcome | None:
    """None when what was not seen yet is where it belongs."""
    for row in ending.unseen:
        account = desk.credentials_of(ending.account, now=ending.now)
        api = desk.threads(account, is_claimed=is_claimed)
        if not isinstance(outcome := read_back(desk, api, row), Done):
            return outcome
    return None


CLEANUP = Step("cleanup", see=_see, look=_look, begin=_begin, act=_act)


def tidy(desk: Desk, job_id: str) -> Outcome:
    """
    Take away the staged files of a job that has ended without being published.

    No claim is needed: a job that has ended makes no container, so nobody fetches them. While
    GitHub wants no requests they stay, and `sweep_staged` comes back for them.
    """
    with desk.reading() as session:
        job = jobs.find(session, job_id)
    if job.state in TERMINAL:
        with suppress(OnHold):
            unstage(desk, job_id, account_id=job.account_id)
    return Done()


@contextmanager
def github_heard(desk: Desk, account_id: str) -> Iterator[None]:
    """If GitHub asks for a pause in here, all who use the account's token get to know."""
    try:
        yield
    except RateLimited as error:
        with desk.transaction() as session:
            standing.cool_down_github(
                session,
                account_id,
                asked_for=error.retry_after,
                now=clock(session),
                dice=desk.dice,
            )
        raise


def unstage(desk: Desk, job_id: str, *, account_id: str) -> None:
    """Remove the job's staging branches, wherever they are; nothing if there are none."""
    with desk.reading() as session:
        repos = {row.repo for row in staged.of_job(session, job_id) if row.state != "gone"}
        account = desk.credentials(session, account_id) if repos else None
    for repo in repos:
        assert account is not None
        staging = desk.staging(account, repo=repo)
        if staging is not None:
            with github_heard(desk, account_id):
                staging.unstage(job_id)
    if repos:
        with desk.transaction() as session:
            staged.gone(session, job_id)
