"""Signing in: the command as a process, a browser that is the test, and what is kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.acceptance.installation import Installation, installation
from tests.services import eventually, free_port
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions

APP_SECRET = "app-secret-77d1"
USER_ID = "17841400000000003"
#: What the environment of an installation says of an account, and this one does not.
NOBODY = dict.fromkeys(
    [
        f"THREADSWORKER_{name}"
        for name in ("USER_ID", "ACCESS_TOKEN", "GITHUB_REPO", "GITHUB_TOKEN")
    ],
    "",
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Meta, with an owner who signs in as soon as the window opens."""
    owner = SandboxAccount(user_id=USER_ID, username="astro")
    with Sandbox(options=SandboxOptions(app_secret=APP_SECRET, default_account=owner)) as sandbox:
        yield sandbox


@pytest.fixture
def installed(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    settings = {
        **NOBODY,
        "THREADSWORKER_THREADS_AUTH_URL": sandbox.threads_api_url,
        "THREADSWORKER_APP_ID": "998877",
        "THREADSWORKER_APP_SECRET": APP_SECRET,
        "THREADSWORKER_REDIRECT_URI": f"http://127.0.0.1:{free_port()}/back?from=meta",
    }
    with installation(tmp_path / "home", sandbox, settings, processes=()) as installed:
        yield installed


class Login:
    """`threadsworker auth login` at work."""

    def __init__(self, installed: Installation, *arguments: str) -> None:
        self._shown = installed.home / "shown.log"
        self._log = self._shown.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "threadsworker", "auth", "login", "--no-browser", *arguments],
            env=installed.environment,
            cwd=installed.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    @property
    def shown(self) -> str:
        return self._shown.read_text()

    def window(self) -> str:
        """The address that it prints."""
        found = eventually(lambda: re.search(r"http://\S*/oauth/authorize\S*", self.shown))
        assert found is not None
        return found[0]

    def end(self, typed: str = "", *, expect: int = 0) -> str:
        answer, _ = self.process.communicate(typed, timeout=30)
        self._log.close()
        assert self.process.returncode == expect, self.shown
        return answer


def led_to(window: str) -> str:
    """Where the window leads the browser."""
    return requests.get(window, allow_redirects=False, timeout=5).headers["location"]


def browse(window: str) -> requests.Response:
    """A browser: it keeps what stands behind `#` to itself."""
    return requests.get(led_to(window).partition("#")[0], timeout=5)


def test_the_browser_comes_back_and_the_account_is_there(
    installed: Installation, sandbox: Sandbox
) -> None:
    login = Login(installed, "--scope", "publish", "--scope", "delete", "--json")
    window = login.window()
    back = urlsplit(installed.settings["THREADSWORKER_REDIRECT_URI"])
    here = f"http://{back.netloc}"
    # What else comes to that port ends nothing: icons, and answers to other questions.
    assert requests.get(f"{here}/favicon.ico", timeout=5).status_code == 404
    for query in ("code=stolen&state=guessed", "code=stolen", "", "error=access_denied&state=x"):
        assert requests.get(f"{here}{back.path}?{query}", timeout=5).status_code == 400
    page = browse(window)
    assert page.status_code == 200
    assert "close this window" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    kept = json.loads(login.end())
    assert (kept["name"], kept["user_id"], kept["status"]) == ("astro", USER_ID, "active")
    assert kept["scopes"] == ["threads_basic", "threads_content_publish", "threads_delete"]
    assert kept["token_expires_at"] > kept["token_issued_at"]
    assert [one["name"] for one in installed.json("account", "list")] == ["astro"]
    # Neither the code nor the secret is shown, and nothing of them is in the home.
    codes = parse_qs(urlsplit(led_to(window)).query)["code"]
    for path in installed.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert APP_SECRET.encode() not in content, path
            assert codes[0].encode() not in content, path
            assert b"sandbox-long-" not in content, path


def test_an_owner_who_says_no_ends_it(installed: Installation, sandbox: Sandbox) -> None:
    sandbox.set_options(authorization="deny")
    login = Login(installed)
    page = browse(login.window())
    assert page.status_code == 400
    assert "The user denied your request" in page.text
    login.end(expect=1)
    assert "The user denied your request" in login.shown
    assert installed.json("account", "list") == []


@pytest.mark.parametrize(
    "redirect", [{}, {"THREADSWORKER_REDIRECT_URI": "https://localhost:9/back"}]
)
def test_the_address_can_be_pasted(
    installed: Installation, sandbox: Sandbox, redirect: Mapping[str, str]
) -> None:
    """By wish, or because nobody can answer at an https address of this machine."""
    settings = {**installed.settings, **redirect}
    where = Installation(installed.home, sandbox, settings)
    login = Login(where, "news", *([] if redirect else ["--paste"]))
    address = led_to(login.window())
    assert address.endswith("#_")
    assert login.end(address + "\n") == "news: active\n"
    assert ("takes a certificate" in login.shown) == bool(redirect)
    shown = installed.json("account", "show", "news")
    assert shown["user_id"] == USER_ID


def test_another_profile_does_not_get_the_posts_of_this_one(
    installed: Installation, sandbox: Sandbox
) -> None:
    installed.client().add_account("news", user_id="1", access_token="sandbox-of-another")
    login = Login(installed, "news")
    browse(login.window())
    login.end(expect=5)
    assert "astro" in login.shown
    assert "account.other_profile" in login.shown
    assert installed.json("account", "show", "news")["user_id"] == "1"


def test_nobody_comes_and_nothing_is_missing_unsaid(
    installed: Installation, sandbox: Sandbox
) -> None:
    login = Login(installed, "--timeout", "1")
    login.end(expect=1)
    assert "nobody came back from the window in 1 seconds" in login.shown
    bare = Installation(
        installed.home, sandbox, {**installed.settings, "THREADSWORKER_APP_SECRET": ""}
    )
    assert "THREADSWORKER_APP_SECRET is missing" in bare.run("auth", "login", expect=1).stderr
    assert "there is no scope" in installed.run("auth", "login", "--scope", "x", expect=1).stderr


@pytest.mark.parametrize(
    "redirect",
    ["example.com/back", "ftp://example.com/", "http://127.0.0.1:99999/back", "http://["],
)
def test_an_address_that_no_window_leads_to_is_refused_before_the_window(
    installed: Installation, redirect: str
) -> None:
    refused = installed.run("auth", "login", "--redirect-uri", redirect, "--no-browser", expect=1)
    assert f"and this is {redirect!r}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "Sign in here" not in refused.stderr
