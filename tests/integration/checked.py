"""An installation that `threadsworker check` looks at, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlmodel import Session
from typer.testing import CliRunner, Result

from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox
from threadsworker.settings import load_settings
from threadsworker.store.database import make_engine, transaction

TOKEN, GITHUB_TOKEN = "sandbox-check-token-90be12", "ghp_checkGithubToken0123456789abcdef"
Found = dict[str, Any]


class Installation:
    """A home with an account, and `threadsworker check` in this process."""

    def __init__(self, home: Path, sandbox: Sandbox, **settings: str) -> None:
        self.home, self.sandbox = home, sandbox
        self.given = {
            "home": str(home),
            "threads_api_url": sandbox.threads_api_url,
            "github_api_url": sandbox.github_api_url,
            "github_raw_url": sandbox.github_raw_url,
            **settings,
        }

    def client(self) -> Client:
        return Client(load_settings(**self.given))

    def add_account(self) -> None:
        with self.client() as client:
            client.add_account(
                "main",
                user_id="17841400000000001",
                access_token=TOKEN,
                github_repo="octo/stage",
                github_token=GITHUB_TOKEN,
            )

    def run(self, *arguments: str, expect: int = 0, **more: str) -> Result:
        env = {f"THREADSWORKER_{name.upper()}": value for name, value in self.given.items()}
        done = CliRunner().invoke(app, ["check", *arguments], env={**env, **more})
        assert done.exit_code == expect, done.output
        assert TOKEN not in done.output
        assert GITHUB_TOKEN not in done.output
        return done

    def look(self, *only: str, expect: int = 0, **more: Any) -> list[Found]:
        """What the checks of these names have found."""
        named = [part for name in only for part in ("--only", name)]
        found: list[Found] = json.loads(self.run(*named, "--json", expect=expect, **more).stdout)
        return found

    def one(self, name: str, level: str, **more: str) -> Found:
        """The only thing that one check has found, which has advice unless it is well."""
        (found,) = self.look(name, expect=int(level == "FAILED"), **more)
        assert (found["level"], found["ok"]) == (level, level != "FAILED")
        assert bool(found["advice"]) == (level != "OK"), found
        return found

    @contextmanager
    def rows(self) -> Iterator[Session]:
        engine = make_engine(load_settings(**self.given).sqlalchemy_url)
        with transaction(engine) as session:
            yield session
        engine.dispose()
