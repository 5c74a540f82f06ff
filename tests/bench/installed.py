"""An installation to be measured: fresh servers, a sandbox, and the app's processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.installation import Installation, installation
from tests.services import postgres_server, redis_server
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions


@contextmanager
def running(
    options: SandboxOptions, processes: list[list[str]], **settings: str
) -> Iterator[Installation]:
    """One on PostgreSQL and Redis, with these commands at work; settings as in the code."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    with (
        redis_server() as redis,
        postgres_server(directory) as postgres,
        Sandbox(options=options) as sandbox,
    ):
        if postgres is None:
            raise SystemExit("there is no PostgreSQL here")
        with postgres.database() as url:
            given = {"database_url": url, "broker_url": redis.url, "log_level": "WARNING"}
            named = {
                f"THREADSWORKER_{name.upper()}": value
                for name, value in {**given, **settings}.items()
            }
            with installation(directory / "home", sandbox, named, processes=processes) as installed:
                yield installed


def people(count: int) -> dict[str, SandboxAccount]:
    """So many profiles for the sandbox, by their tokens."""
    return {
        f"sandbox-token-{n:04}": SandboxAccount(
            user_id=str(17841400000100000 + n), username=f"u{n}"
        )
        for n in range(count)
    }
