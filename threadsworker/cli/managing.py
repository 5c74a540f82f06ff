"""`threadsworker delete`, `repost`, `hide`, `unhide`, `approve`, `ignore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threadsworker.cli.asking import AccountName, PostId, ReplyId, acting
from threadsworker.cli.console import Json, errors_as_exit_codes, note, say, say_json
from threadsworker.errors import NotFound

if TYPE_CHECKING:
    from threadsworker.client import Client
    from threadsworker.report import Job


def delete(
    what: Annotated[
        str, typer.Argument(metavar="JOB_OR_POST", help="A job's id, or the media id of a post.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; nor does --json.")] = False,
    account: AccountName = "main",
    as_json: Json = False,
) -> None:
    """
    Delete the whole thread of a job, or a single post.

    A thread goes last post first. Meta allows 100 deletions in 24 hours: what has no room is not
    begun. Broken off, it goes on where it stopped when it is called again.
    """
    from threadsworker.client import Client

    with errors_as_exit_codes(as_json=as_json):
        client = Client()
        job = _job(client, what)
        if job is None and not (what.isascii() and what.isdigit()):
            raise NotFound(f"there is no job {what!r}, and no post has such an id")
        name = job.account if job is not None else account
        subject = f"the thread of job {what}" if job is not None else f"post {what}"
        if not yes and not as_json:
            typer.confirm(f"Delete {subject} of account {name} for good?", abort=True, err=True)
        gone = _thread(client, what) if job is not None else [client.acting_as(name).delete(what)]
        if as_json:
            say_json({"job": job.id if job is not None else None, "deleted": gone})
            return
        for media_id in gone:
            say(media_id)
        note(f"deleted {subject}")


def _job(client: Client, job_id: str) -> Job | None:
    try:
        return client.get(job_id)
    except NotFound:
        return None


def _thread(client: Client, job_id: str) -> list[str]:
    """Delete the thread; the media ids of all of it that is gone, those of before too."""
    deleted = [one for one in client.delete(job_id).segments if one.deleted_at is not None]
    return [one.media_id for one in deleted if one.media_id is not None]


def repost(post: PostId, account: AccountName = "main", as_json: Json = False) -> None:
    """Repost a post."""
    with acting(account, as_json=as_json) as acted:
        made = acted.repost(post)
        say_json({"id": made, "reposted_post": post}) if as_json else say(made)


def hide(reply: ReplyId, account: AccountName = "main", as_json: Json = False) -> None:
    """Hide a reply to the account's post, and all below it. Direct replies alone can be hidden."""
    with acting(account, as_json=as_json) as acted:
        acted.hide(reply)
        _done(reply, "hidden", as_json=as_json)


def unhide(reply: ReplyId, account: AccountName = "main", as_json: Json = False) -> None:
    """Show a hidden reply again."""
    with acting(account, as_json=as_json) as acted:
        acted.unhide(reply)
        _done(reply, "shown", as_json=as_json)


def approve(reply: ReplyId, account: AccountName = "main", as_json: Json = False) -> None:
    """Let a reply be seen that waits for approval. An ignored one, too."""
    with acting(account, as_json=as_json) as acted:
        acted.approve(reply)
        _done(reply, "approved", as_json=as_json)


def ignore(reply: ReplyId, account: AccountName = "main", as_json: Json = False) -> None:
    """Let a reply that waits for approval not be seen."""
    with acting(account, as_json=as_json) as acted:
        acted.ignore(reply)
        _done(reply, "ignored", as_json=as_json)


def _done(reply: str, what: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"id": reply, "done": what})
        return
    say(reply)
    note(what)
