"""What `ThreadsPipe` gives back: dicts that are JSON, and hold no token."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from typing import Any, ParamSpec

from threadsworker.errors import (
    ApiError,
    AuthorizationFailed,
    InvalidRequest,
    NotPossible,
    Problem,
    ThreadsWorkerError,
)
from threadsworker.job import RESTING, JobState
from threadsworker.log import redacted
from threadsworker.report import Job
from threadsworker.walk import HELD

Answer = dict[str, Any]
P = ParamSpec("P")

#: What a rule's own words would send to the command line for.
_OWN_WORDS = {
    "staging.repository.missing": "Local files are handed to Meta through a GitHub repository: "
    "give gh_bearer_token, gh_username and gh_repo_name, or public URLs",
}
_FIELD = re.compile(r"^\w+")
#: What `pipe` calls the fields of a post.
_ARGUMENTS = {
    "text": "post",
    "media": "files",
    "reply_control": "who_can_reply",
    "reply_to": "reply_to_id",
    "quote": "quote_post_id",
    "links": "link_attachments",
    "countries": "allowed_country_codes",
}
#: What the rows have no words of a service for.
_WORDS = {
    "needs_reconnect": "The account needs a new token: update_param(access_token=…), then finish",
    "paused": "The account is paused: `threadsworker account resume`",
}


def refused(problems: Sequence[Problem]) -> Answer:
    """The post breaks rules: nothing was stored, and nothing sent."""
    told = [
        {
            **asdict(one),
            "message": _OWN_WORDS.get(one.rule, one.message),
            "where": _FIELD.sub(lambda m: _ARGUMENTS.get(m[0], m[0]), one.where, count=1),
        }
        for one in problems
    ]
    lines = [f"{one['where']}: {one['message']} [{one['rule']}]" for one in told]
    error = {"code": "post.invalid", "problems": told}
    return {"info": "error", "message": "\n".join(lines), "error": error}


def failed(message: str, error: Answer) -> Answer:
    """Something else that keeps a call from being done."""
    return {"info": "error", "message": message, "error": error}


def outcome(job: Job) -> Answer:
    """What became of a job, or has until now."""
    live, total = len(job.media_ids), _posts(len(job.segments))
    told: Answer = {"data": {"media_ids": list(job.media_ids)}, "job_id": job.id}
    if job.state is JobState.PUBLISHED:
        return {"info": "success", "message": f"Published: {total}", **told}
    where = ", ".join(filter(None, [job.state.value, job.reason, f"{live} of {total} live"]))
    if job.state not in RESTING and job.reason not in HELD:
        return {"info": "queued", "message": f"It has not come to its end ({where})", **told}
    error = job.error.model_dump() if job.error else {"code": job.reason or job.state.value}
    words = error.get("message") or _WORDS.get(error["code"], "It was stopped")
    return {"info": "error", "message": f"{words} ({where})", "error": error, **told}


def error_of(error: ThreadsWorkerError) -> Answer:
    """Any of our errors, in Meta's shape where it is Meta's."""
    message = redacted(str(error))
    if isinstance(error, ApiError):
        told = {
            "message": message,
            "code": error.code,
            "error_subcode": error.subcode,
            "is_transient": error.transient,
            "error_user_title": error.user_title,
            "error_user_msg": error.user_message,
            "fbtrace_id": error.trace_id,
            "http_status": error.http_status,
        }
        return failed(message, {name: one for name, one in told.items() if one is not None})
    if isinstance(error, InvalidRequest):
        return failed(message, {**asdict(error.problem), "code": error.problem.rule})
    named = error if isinstance(error, NotPossible | AuthorizationFailed) else None
    code = named.code if named else type(error).__name__
    return failed(message, {"message": message, "code": code})


def answered(method: Callable[P, Answer]) -> Callable[P, Answer]:
    """A method whose errors are dicts, as the older library's were."""

    @wraps(method)
    def answering(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return method(*args, **kwargs)
        except ThreadsWorkerError as error:
            return error_of(error)

    return answering


def _posts(count: int) -> str:
    return "1 post" if count == 1 else f"{count} posts"
