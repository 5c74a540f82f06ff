"""Profiles of a sandbox, and what they post, by Meta's own calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from threadsworker.http import Http
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions
from threadsworker.threads_api import ContainerSpec, MediaType, ThreadsApi

ASTRO_TOKEN, COOK_TOKEN = "sandbox-astro-5e2b91c07d", "sandbox-cook-77aa01f3c4"
ASTRO = SandboxAccount(user_id="17841400000000011", username="astro", name="Astro")
COOK = SandboxAccount(user_id="17841400000000012", username="cook", name="Cook", followers=40)


@dataclass(frozen=True)
class Profiles:
    """Two profiles of one sandbox; each `ThreadsApi` acts for one of them."""

    sandbox: Sandbox
    astro: ThreadsApi
    cook: ThreadsApi

    def last(self) -> dict[str, Any]:
        """The sandbox's note of the last request."""
        return self.sandbox.ledger[-1]

    def asked(self) -> list[tuple[str, str]]:
        """Method and path of every request since the ledger was emptied."""
        return [(entry["method"], entry["path"]) for entry in self.sandbox.ledger]


@contextmanager
def profiles(**options: Any) -> Iterator[Profiles]:
    """A sandbox in which posts are ready at once, and may be many."""
    given = {
        "accounts": {ASTRO_TOKEN: ASTRO, COOK_TOKEN: COOK},
        "text_seconds": 0.0,
        "post_quota": 10_000,
        **options,
    }
    with Sandbox(options=SandboxOptions.model_validate(given)) as sandbox:
        yield Profiles(sandbox, acting(sandbox, ASTRO_TOKEN), acting(sandbox, COOK_TOKEN))


def acting(sandbox: Sandbox, token: str) -> ThreadsApi:
    return ThreadsApi(base_url=sandbox.threads_api_url, token=SecretStr(token), http=Http())


def publish(api: ThreadsApi, text: str, **options: Any) -> str:
    """A text post that is live; its media id."""
    spec = ContainerSpec(media_type=MediaType.TEXT, text=text, **options)
    return api.publish_container(api.create_container(spec).id).id
