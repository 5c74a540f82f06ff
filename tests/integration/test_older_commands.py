"""The older library's two commands, with all their options and short forms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.integration.test_tokens import code
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions

APP_ID, APP_SECRET = "998877", "app-secret-5a8f"
REDIRECT = "https://example.com/handler.php?a=1"
USER_ID = "17841400000000003"
LONG = "sandbox-long-lived-0b1c"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    options = SandboxOptions(
        app_secret=APP_SECRET, default_account=SandboxAccount(user_id=USER_ID, username="me")
    )
    with Sandbox(options=options) as sandbox:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("THREADSWORKER_THREADS_API_URL", sandbox.threads_api_url)
        monkeypatch.setenv("THREADSWORKER_HOME", str(tmp_path / "home"))
        yield sandbox


def run(*arguments: str, expect: int = 0, stdin: str = "") -> Any:
    done = CliRunner().invoke(app, arguments, input=stdin)
    assert done.exit_code == expect, f"{arguments}: {done.output}"
    return done


def answer(done: Any) -> Any:
    return json.loads(done.stdout)


def given(sandbox: Sandbox, **changes: str) -> list[str]:
    """The four options that the older command requires."""
    options = {
        "--app_id": APP_ID,
        "--app_secret": APP_SECRET,
        "--auth_code": code(sandbox) + "#_",
        "--redirect_uri": REDIRECT,
        **changes,
    }
    return [f"{name}={value}" for name, value in options.items()]


def env(text: str) -> Path:
    path = Path(".env.mine")
    path.write_text(text)
    return path


def sent(sandbox: Sandbox) -> list[str]:
    return [one["path"] for one in sandbox.ledger if one["path"] != "/oauth/authorize"]


# access_token


def test_a_code_brings_both_tokens_and_the_file_gets_the_long_one(sandbox: Sandbox) -> None:
    path = env("# mine\nlong = 'old' # here\nB=2\n")
    done = run("access_token", *given(sandbox), "--env_path=.env.mine", "--env_variable=long")
    told = answer(done)
    assert told["user_id"] == USER_ID
    short, long = told["tokens"]["short_lived"], told["tokens"]["long_lived"]
    assert set(short) == {"access_token", "user_id"}
    assert (long["token_type"], long["expires_in"]) == ("bearer", 60 * 86400)
    assert path.read_text() == f"# mine\nlong = '{long['access_token']}' # here\nB=2\n"
    assert sent(sandbox) == ["/oauth/access_token", "/access_token", "/v1.0/me"]
    # What stands on the command line is warned of, and what it is is not repeated.
    assert "set THREADSWORKER_APP_SECRET, or give '-' in its place" in done.stderr
    for secret in (APP_SECRET, short["access_token"], long["access_token"]):
        assert secret not in done.stderr


def test_the_short_forms_are_the_same(sandbox: Sandbox) -> None:
    short = {"--app_id": "-id", "--app_secret": "-secret", "--auth_code": "-code"}
    short |= {"--redirect_uri": "-r"}
    arguments = [
        part
        for option in given(sandbox)
        for part in (short[option.split("=", 1)[0]], option.split("=", 1)[1])
    ]
    done = run("access_token", *arguments, "-p", ".env.mine", "-v", "long", "-s")
    long = answer(done)["tokens"]["long_lived"]["access_token"]
    assert Path(".env.mine").read_text() == f"long={long}\n"
    assert Path(".env.mine").stat().st_mode & 0o777 == 0o600
    assert done.stderr == ""


@pytest.mark.parametrize("command", [(), ("access_token",), ("refresh_token",)])
def test_help_has_its_short_form(command: tuple[str, ...]) -> None:
    assert run(*command, "-h").stdout == run(*command, "--help").stdout


def test_an_equals_sign_behind_a_short_form_is_no_part_of_its_value(sandbox: Sandbox) -> None:
    short = {"--app_id": "-id", "--app_secret": "-secret", "--auth_code": "-code"}
    short |= {"--redirect_uri": "-r"}
    arguments = [
        f"{short[name]}={value}"
        for name, _, value in (one.partition("=") for one in given(sandbox))
    ]
    done = run("access_token", *arguments, "-p=.env.mine", "-v=long", "-s=true")
    long = answer(done)["tokens"]["long_lived"]["access_token"]
    assert Path(".env.mine").read_text() == f"long={long}\n"
    done = run("refresh_token", "-auto=true", "-p=.env.mine", "-v=long", "-s")
    assert Path(".env.mine").read_text() == f"long={answer(done)['access_token']}\n"


@pytest.mark.parametrize(
    ("switch", "silent"),
    [
        (["-s"], True),
        (["--silent"], True),
        (["-s", "true"], True),
        (["--silent=true"], True),
        (["-s=1"], True),
        (["--silent", "false"], False),
        ([], False),
    ],
)
def test_silent_stands_alone_or_has_a_value(
    sandbox: Sandbox, switch: list[str], silent: bool
) -> None:
    done = run("refresh_token", *switch, f"--access_token={LONG}")
    assert (done.stderr == "") == silent
    # In front of another option and behind it.
    done = run("refresh_token", "-token", LONG, *switch)
    assert (done.stderr == "") == silent


def test_secrets_come_from_the_environment_or_from_standard_input(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = {"--app_secret": "-", "--auth_code": "-"}
    done = run("access_token", *given(sandbox, **piped), stdin=f"{APP_SECRET}\n{code(sandbox)}#_\n")
    assert answer(done)["user_id"] == USER_ID
    assert done.stderr == ""
    monkeypatch.setenv("THREADSWORKER_APP_SECRET", APP_SECRET)
    monkeypatch.setenv("THREADSWORKER_APP_ID", APP_ID)
    monkeypatch.setenv("THREADSWORKER_REDIRECT_URI", REDIRECT)
    done = run("access_token", f"--auth_code={REDIRECT}&code={code(sandbox)}&state=x#_")
    assert answer(done)["user_id"] == USER_ID
    assert done.stderr == ""


def test_a_code_that_was_used_fails_as_json_and_with_an_exit_code(sandbox: Sandbox) -> None:
    arguments = given(sandbox)
    run("access_token", *arguments)
    done = run("access_token", *arguments, expect=1)
    told = answer(done)
    assert told["message"] == "Could not generate short lived token"
    assert told["error"]["message"] == "Matching code was not found or was already used"
    assert told["error"]["code"] == 400
    assert "already used" in done.stderr


@pytest.mark.parametrize(
    ("path", "left"), [("/access_token", "short_lived"), ("/v1.0/me", "long_lived")]
)
def test_what_a_code_brought_is_printed_although_a_later_call_fails(
    sandbox: Sandbox, path: str, left: str
) -> None:
    match = {"service": "threads", "path_regex": f"^{path}$"}
    refusal = {"status": 400, "body": {"error": {"message": "no way", "code": 100}}}
    sandbox.plan_fault({"match": match, "act": False, "answer": refusal, "times": 1})
    done = run("access_token", *given(sandbox), "-p", ".env.mine", "-v", "long", expect=1)
    token = answer(done)["tokens"][left]["access_token"]
    assert token.startswith("sandbox-")
    assert "no way" in done.stderr
    if left == "long_lived":
        assert token in Path(".env.mine").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", ".env"], "--env_variable is missing"),
        (["-v", "long"], "--env_path is missing"),
        (["-s", "maybe"], "neither true nor false"),
        (["--app_id="], "--app_id is missing, and THREADSWORKER_APP_ID is not set"),
        (["--redirect_uri="], "--redirect_uri is missing"),
        (["--app_secret="], "--app_secret is missing"),
        (["--auth_code="], "--auth_code is missing"),
        (["--no_such=1"], "No such option"),
    ],
)
def test_a_wrong_command_line_sends_nothing(
    sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    done = run("access_token", *given(sandbox), *arguments, expect=2)
    assert words in done.stderr
    assert sent(sandbox) == []


@pytest.mark.parametrize("path", [".", "missing/.env"])
def test_a_file_that_cannot_be_written_is_noticed_before_the_code_is_sent(
    sandbox: Sandbox, path: str
) -> None:
    done = run("access_token", *given(sandbox), "-p", path, "-v", "long", expect=1)
    assert "cannot be written" in done.stderr or "is a directory" in done.stderr
    assert sent(sandbox) == []


# refresh_token


def test_a_token_is_refreshed_and_the_file_updated(sandbox: Sandbox) -> None:
    path = env("acc_tkn=old\n")
    done = run(
        "refresh_token", f"--access_token={LONG}", "--env_path=.env.mine", "--env_variable=acc_tkn"
    )
    told = answer(done)
    assert set(told) == {"access_token", "token_type", "expires_in"}
    assert path.read_text() == f"acc_tkn={told['access_token']}\n"
    assert "THREADSWORKER_ACCESS_TOKEN" in done.stderr
    assert told["access_token"] not in done.stderr
    assert LONG not in done.stderr


@pytest.mark.parametrize(
    "auto", [["--auto_mode=true"], ["-auto", "true"], ["-auto"], ["--auto_mode", "yes"]]
)
def test_auto_mode_takes_the_token_from_the_file(sandbox: Sandbox, auto: list[str]) -> None:
    path = env(f"export acc_tkn = '{LONG}'\n")
    # The other one is left unread, as it is documented.
    done = run("refresh_token", *auto, "-token", "nonsense", "-p", ".env.mine", "-v", "acc_tkn")
    assert path.read_text() == f"export acc_tkn = '{answer(done)['access_token']}'\n"


def test_auto_mode_may_be_said_to_be_off(sandbox: Sandbox) -> None:
    env("acc_tkn=nonsense\n")
    given = ["--auto_mode=false", "-token", LONG, "-p", ".env.mine", "-v", "acc_tkn"]
    assert answer(run("refresh_token", *given))["access_token"].startswith("sandbox-long-")


def test_an_option_that_looks_like_auto_mode_is_none(sandbox: Sandbox) -> None:
    elsewhere = {"--redirect_uri": "https://my-auto.example/cb"}
    done = run("access_token", *given(sandbox, **elsewhere), expect=1)
    # It went out, and Meta says that the code belongs to another one.
    assert answer(done)["error"]["code"] == 400


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-auto"], 2, "--env_path with --auto_mode is missing"),
        (["-auto", "-p", ".env.mine", "-v", "other"], 1, "has no variable other"),
        (["-auto", "-p", ".env.no", "-v", "acc_tkn"], 1, "cannot be read: no such file"),
        ([], 2, "--access_token is missing, and THREADSWORKER_ACCESS_TOKEN is not set"),
        (["--auto_mode=maybe"], 2, "neither true nor false"),
        (["-token", LONG, "-v", "A B", "-p", ".env.mine"], 1, "no name of a variable"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(
    sandbox: Sandbox, arguments: list[str], code: int, words: str
) -> None:
    path = env("acc_tkn=x\n")
    assert words in run("refresh_token", *arguments, expect=code).stderr
    assert sent(sandbox) == []
    assert path.read_text() == "acc_tkn=x\n"


def test_a_token_that_meta_repeats_in_its_words_is_not_shown(sandbox: Sandbox) -> None:
    env("acc_tkn=no-known-shape-0123\n")
    error = {"message": "Malformed access token no-known-shape-0123", "code": 190}
    match = {"service": "threads", "path_regex": "refresh_access_token"}
    sandbox.plan_fault({"match": match, "answer": {"status": 400, "body": {"error": error}}})
    done = run("refresh_token", "-auto", "-p", ".env.mine", "-v", "acc_tkn", expect=1)
    assert answer(done)["error"]["message"].startswith("Malformed access token [redacted]")
    assert "no-known-shape" not in done.output


def test_a_dead_token_fails_and_leaves_the_file(sandbox: Sandbox) -> None:
    path = env("acc_tkn=THAAdead-token-000000000\n")
    done = run("refresh_token", "-auto", "-p", ".env.mine", "-v", "acc_tkn", expect=1)
    assert answer(done)["error"]["code"] == 190
    assert path.read_text() == "acc_tkn=THAAdead-token-000000000\n"
    assert "THAAdead" not in done.output


def test_a_refreshed_token_is_printed_if_the_file_cannot_be_written_any_more(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    (folder / ".env").write_text(f"acc_tkn={LONG}\n")

    def take_away(_: Any) -> None:
        (folder / ".env").unlink()
        folder.rmdir()

    match = {"service": "threads", "path_regex": "refresh"}
    sandbox.plan_fault({"match": match, "times": 1}, on_hit=take_away)
    arguments = ["-auto", "-p", str(folder / ".env"), "-v", "acc_tkn"]
    done = run("refresh_token", *arguments, expect=1)
    assert answer(done)["access_token"].startswith("sandbox-long-")
    assert "on standard output, and nowhere else" in done.stderr


def test_as_a_process_it_takes_its_secret_from_a_pipe(sandbox: Sandbox, tmp_path: Path) -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "threadsworker", "refresh_token", "--access_token=-"],
        input=LONG + "\n",
        capture_output=True,
        text=True,
        env={**inherited, "THREADSWORKER_THREADS_API_URL": sandbox.threads_api_url},
        cwd=tmp_path,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["access_token"].startswith("sandbox-long-")
    assert done.stderr == ""
