"""What the tests of waiting share: another account, refusals, another program, and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tests.pictures import sunrise
from tests.reliability.doubt import HOUR
from tests.reliability.virtual_world import ACCESS_TOKEN, GITHUB_TOKEN, REPOSITORY, World
from threadsworker.http import Http
from threadsworker.sandbox import SandboxAccount
from threadsworker.threads_api import ThreadsApi

DAY = 24 * HOUR
USER = "17841400000000001"
OTHER_TOKEN = "sandbox-access-token-other-77"
#: Meta's throttle, the app-wide limit, and the daily cap in Instagram's words.
THROTTLE: dict[str, Any] = {"code": 613, "error_subcode": 4279002}
CAP: dict[str, Any] = {"code": 9, "error_subcode": 2207042}


def refused(
    path: str, code: dict[str, Any], *, times: int = 1, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """A plan: these requests are refused with this code of Meta's."""
    body = {"error": {"message": "too much", **code}}
    answer = {"status": 400, "body": body, "headers": headers or {}}
    match = {"service": "threads", "path_regex": path}
    return {"match": match, "act": False, "answer": answer, "times": times}


def add_other(world: World, name: str = "other", **given: Any) -> None:
    """Another account, of another profile."""
    known = {OTHER_TOKEN: SandboxAccount(user_id="1784140000000777", username="other")}
    world.sandbox.set_options(accounts=known)
    given = {"github_repo": REPOSITORY, "github_token": GITHUB_TOKEN, **given}
    world.client.add_account(name, user_id="1784140000000777", access_token=OTHER_TOKEN, **given)


def calls(world: World, *, since: int = 0, service: str = "threads") -> list[dict[str, Any]]:
    return [one for one in world.sandbox.ledger[since:] if one["service"] == service]


def by_hand(world: World) -> ThreadsApi:
    """The same account, used by another program."""
    return ThreadsApi(
        base_url=world.sandbox.threads_api_url, token=SecretStr(ACCESS_TOKEN), http=Http()
    )


def picture(world: World, n: int = 0) -> Path:
    """A picture that is like no other."""
    path = world.settings.home / f"{n}.jpg"
    path.write_bytes(sunrise(n))
    return path


def most_in_a_window(moments: list[float]) -> int:
    return max(sum(end - DAY < one <= end for one in moments) for end in moments)
