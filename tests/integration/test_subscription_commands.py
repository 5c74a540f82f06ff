"""`threadsworker subscription …`: answers and exit codes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.settings import load_settings

URL = "http://127.0.0.1:9/hook"


class Shell:
    """Commands in a home of their own, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._runner = CliRunner()

    def run(self, *arguments: str, expect: int = 0) -> Result:
        env = {"THREADSWORKER_HOME": str(self.home), "THREADSWORKER_THREADS_API_URL": URL}
        done = self._runner.invoke(app, arguments, env=env)
        assert done.exit_code == expect, done.output
        return done

    def subscription(self, *arguments: str, expect: int = 0) -> Result:
        return self.run("subscription", *arguments, expect=expect)

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.subscription(*arguments, "--json", expect=expect).stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    with Client(load_settings(home=tmp_path)) as client:
        client.add_account("main", user_id="1", access_token="token")
    return Shell(tmp_path)


def test_a_subscription_from_its_first_day_to_its_last(shell: Shell) -> None:
    assert "no subscriptions yet" in shell.subscription("list").stderr
    added = shell.subscription("add", URL)
    assert "all events" in added.stdout
    assert "secret: whsec_" in added.stdout
    (shown,) = shell.json("list")
    assert (shown["secret"], shown["kind"], shown["state"]) == (None, "url", "active")
    assert shown["id"] in shell.subscription("list").stdout
    assert "secret" not in shell.subscription("add", URL).stdout
    assert shell.json("pause", shown["id"])["state"] == "paused"
    shell.subscription("pause", shown["id"], expect=5)
    assert "active" in shell.subscription("resume", shown["id"]).stdout
    shell.subscription("resume", shown["id"], expect=5)
    assert shell.json("remove", shown["id"]) == {"id": shown["id"], "removed": True}
    shell.subscription("remove", shown["id"], expect=4)


def test_what_is_refused(shell: Shell) -> None:
    for arguments, rule in (
        (["https://10.0.0.1/"], "subscription.url.private"),
        (["no target"], "subscription.target.invalid"),
        (["shop.tasks.told", "--event", "job.done"], "subscription.event.unknown"),
    ):
        refused = shell.json("add", *arguments, expect=3)
        assert [problem["rule"] for problem in refused["problems"]] == [rule]
    shell.subscription("add", "shop.tasks.told", "--account", "nobody", expect=4)
    shell.subscription("replay", "nothing", expect=4)
    assert "APP_SECRET" in shell.run("webhooks", expect=1).stderr


def test_a_port_that_is_taken_is_no_invalid_post(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADSWORKER_APP_SECRET", "the-app-secret")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = shell.run("webhooks", "--port", str(port), expect=1)
    assert f"nothing can listen on 127.0.0.1:{port}" in refused.stderr
    shell.run("webhooks", "--port", "70000", expect=2)


def test_the_log_of_deliveries(shell: Shell) -> None:
    assert "no deliveries" in shell.subscription("deliveries").stderr
    added = shell.json("add", "shop.tasks.told", "--event", "job.cancelled", "--account", "main")
    with Client(load_settings(home=shell.home)) as client:
        client.cancel(client.enqueue("later", at="2036-01-01T00:00", timezone="UTC").id)
    (told,) = shell.json("deliveries", "--subscription", added["id"])
    assert (told["event"], told["state"], told["body"]["account"]) == (
        "job.cancelled",
        "pending",
        "main",
    )
    assert "pending" in shell.subscription("deliveries").stdout
    assert shell.json("deliveries", "--failed") == []
    assert shell.json("replay", told["id"])["id"] == told["id"]
    assert told["id"] in shell.subscription("replay", told["id"]).stdout
