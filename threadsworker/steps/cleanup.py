"""Take the staged files away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from threadsworker.errors import ApiError, NoAnswer, RateLimited, Unavailable
from threadsworker.job import TERMINAL, Done, Finished, Outcome, Wait, WaitReason
from threadsworker.steps.desk import Desk, OnHold
from threadsworker.steps.troubles import outcome_of
from threadsworker.store import jobs, segments, staged, standing
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim

#: Passing troubles after which a thread that is live is called published although its files
#: are still staged: `sweep_staged` takes them away later. Other troubles are not waited for.
CLEANUP_TRIES = 3


def cleanup(desk: Desk, claim: Claim) -> Outcome:
    """The last step: every segment is live, so nobody needs the staged files any more."""
    with desk.reading() as session:
        if segments.next_index(session, claim.job_id) is not None:
            return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    try:
        unstage(desk, claim.job_id, account_id=claim.account_id)
    except OnHold:
        return Finished()
    except (ApiError, NoAnswer) as error:
        passing = isinstance(error, Unavailable | NoAnswer)
        if passing and claim.tries < CLEANUP_TRIES:
            return outcome_of(error, tries=claim.tries, dice=desk.dice)
    return Finished()


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
