"""
Deleting a whole thread that a job published.

The last segment goes first, so that what is left is a thread at every moment. Each one is an
event in the job's history, written after Meta's answer: if the process dies between the two, or
the answer is lost, the next call asks again, and Meta says that the post is gone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlmodel import Session

from threadsworker.client.acting import Acting
from threadsworker.errors import ApiError, NotPossible, NotReady, RateLimited, RequestRefused
from threadsworker.http import Http
from threadsworker.store import quota, removal
from threadsworker.store.database import clock
from threadsworker.threads_api import QUOTA_USED_UP, ThreadsApi

if TYPE_CHECKING:
    from threadsworker.client.jobs import Jobs

#: Code and subcode of "there is no such post", or none that this token may see.
_GONE = frozenset({(100, 33), (24, 4279009)})


def delete_thread(client: Jobs, job_id: str) -> None:
    """See `Client.delete`."""
    live = _live(client, job_id)
    if not live:
        raise NotPossible(f"nothing of job {job_id} is live", code="job.nothing_live")
    http = Http(read_timeout=client.settings.http_timeout.total_seconds())
    acting = Acting(client, client.get(job_id).account, http)
    with acting.heard() as api:
        _check_quota(api, needed=len(live))
        while live:
            index, media_id = live[0]
            gone_before = _delete(api, media_id)
            client._write(
                partial(
                    _note,
                    job_id=job_id,
                    account_id=acting.account_id,
                    index=index,
                    media_id=media_id,
                    gone_before=gone_before,
                )
            )
            # Somebody may have started the job again.
            live = _live(client, job_id)


def _live(client: Jobs, job_id: str) -> list[tuple[int, str]]:
    with client._reading() as session:
        removal.check_rest(session, job_id)
        return removal.still_live(session, job_id)


def _check_quota(api: ThreadsApi, *, needed: int) -> None:
    """Refuse before the first one, rather than leave half a thread."""
    room = api.publishing_limit("deletes").deletes
    if room is not None and room.used + needed > room.total:
        raise NotPossible(
            f"{room.used} of {room.total} deletions of the last {room.duration // 3600} hours are "
            f"used, and {needed} are needed",
            code="delete.quota",
        )


def _delete(api: ThreadsApi, media_id: str) -> bool:
    """Delete the post; whether it was gone before."""
    try:
        api.delete_media(media_id)
    except RateLimited as error:
        if (error.code, error.subcode) != QUOTA_USED_UP:
            raise
        raise NotPossible(
            f"the delete quota was used up before post {media_id}: {error.message}",
            code="delete.quota",
        ) from error
    except (NotReady, RequestRefused) as error:
        if not _is_gone(error) or _is_there(api, media_id):
            raise
        return True
    return False


def _is_there(api: ThreadsApi, media_id: str) -> bool:
    """Meta says "no such post" of one that the token may not delete, too."""
    try:
        api.media(media_id, fields=("id",))
    except (NotReady, RequestRefused) as error:
        if not _is_gone(error):
            raise
        return False
    return True


def _is_gone(error: ApiError) -> bool:
    return (error.code, error.subcode) in _GONE


def _note(
    session: Session, *, job_id: str, account_id: str, index: int, media_id: str, gone_before: bool
) -> None:
    now = clock(session)
    removal.deleted(session, job_id, index, media_id, gone_before=gone_before, now=now)
    if not gone_before:
        quota.use(session, account_id, "delete", now=now)
