"""The sandbox's own endpoints under ``/_sandbox``: look at the truth, and change the world."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from threadsworker.sandbox.answers import Answer
from threadsworker.sandbox.containers import Container
from threadsworker.sandbox.posts import SandboxPost
from threadsworker.sandbox.request import Request

if TYPE_CHECKING:
    from threadsworker.sandbox.server import Sandbox

#: Options that hold tokens.
_SECRET_OPTIONS = {"accounts", "github_tokens"}


class _TokenChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str
    state: Literal["valid", "expired", "revoked"]
    service: Literal["threads", "github"] = "threads"


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """The answer to a request under ``/_sandbox``; `request.path` comes without that."""
    try:
        return _answer(sandbox, request)
    except (ValidationError, ValueError) as error:
        return _json({"error": _words(error)}, status=400)


def _answer(sandbox: Sandbox, request: Request) -> Answer:
    match request.method, request.path:
        case "GET", "/health":
            return _json({"status": "ok"})
        case "GET", "/ledger":
            return _json(sandbox.ledger)
        case "GET", "/posts":
            return _json([_post(post) for post in sandbox.posts()])
        case "GET", "/state":
            return _json(_state(sandbox))
        case "GET", "/faults":
            return _json(sandbox.faults())
        case "POST", "/faults":
            return _json({"id": sandbox.plan_fault(request.json)}, status=201)
        case "DELETE", "/faults":
            sandbox.clear_faults()
            return _json({"success": True})
        case "POST", "/options":
            return _change(sandbox, request.json)
        case "POST", "/tokens":
            return _change_token(sandbox, _TokenChange.model_validate(request.json))
        case "POST", "/reset":
            sandbox.reset()
            return _json({"success": True})
    return _json({"error": f"no {request.method} {request.path} here"}, status=404)


def _change(sandbox: Sandbox, changes: dict[str, Any]) -> Answer:
    """Any options by name, and ``advance_clock`` in seconds."""
    ahead = changes.pop("advance_clock", 0)
    if isinstance(ahead, bool) or not isinstance(ahead, int | float):
        raise ValueError("advance_clock: a number of seconds")
    sandbox.set_options(**changes)
    sandbox.advance_clock(ahead)
    return _json(_options(sandbox))


def _change_token(sandbox: Sandbox, change: _TokenChange) -> Answer:
    sandbox.set_token(change.token, change.state, service=change.service)
    return _json({"success": True})


def _options(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.options.model_dump(mode="json", exclude=_SECRET_OPTIONS)


def _state(sandbox: Sandbox) -> dict[str, Any]:
    containers, now = sandbox.containers(), sandbox.now()
    shown = [_container(container, now) for container in containers]
    counts: dict[str, int] = {}
    for one in shown:
        counts[one["status"]] = counts.get(one["status"], 0) + 1
    staged = sandbox.staged_paths()
    return {
        "now": now,
        "containers": shown,
        "counts": {
            "containers": counts,
            "posts": len(sandbox.posts()),
            "staged_files": len(staged),
            "ledger": len(sandbox.ledger),
        },
        "staged_files": staged,
        "options": _options(sandbox),
    }


def _container(container: Container, now: float) -> dict[str, Any]:
    read, fetched = container.parameters, container.fetched
    return {
        "id": container.id,
        "user_id": container.user_id,
        "kind": read.kind,
        "status": container.status(now),
        "error_message": container.error_message,
        "reason": fetched.reason if fetched else None,
        "created_at": container.created_at,
        "finished_at": container.finished_at,
        "media_id": container.media_id,
        "reply_to_id": read.reply_to_id,
        "is_carousel_item": read.is_carousel_item,
        "children": list(read.children),
        "text": read.text,
    }


def _post(post: SandboxPost) -> dict[str, Any]:
    return {**asdict(post), "permalink": post.permalink, "shortcode": post.shortcode}


def _words(error: Exception) -> Any:
    if not isinstance(error, ValidationError):
        return str(error)
    # Without what was given: it may have been a token.
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]


def _json(data: Any, *, status: int = 200) -> Answer:
    return Answer(status, json.dumps(data).encode())
