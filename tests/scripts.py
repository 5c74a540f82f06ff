"""Scripts that use `ThreadsPipe` without a worker, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from threadsworker import ThreadsPipe
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import Settings

USER_ID = "17841400000000001"
TOKEN = "sandbox-access-token-c41d"
GITHUB_TOKEN = "ghp_sandboxGithubTokenc41d0123456789"
#: A thread of three posts.
THREE = "one\n---\ntwo\n---\nthree"

_SCRIPT = f"""
import json
import signal
from threadsworker import ThreadsPipe

# A shell lets what it starts in the background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
api = ThreadsPipe(user_id={USER_ID}, access_token={TOKEN!r})
print(json.dumps(api.pipe(post={THREE!r}, key="k")))
"""


def quick_sandbox() -> Sandbox:
    """One that takes no time to process anything, and has no limits of GitHub's."""
    options = SandboxOptions(
        text_seconds=0,
        image_seconds=0,
        carousel_seconds=0,
        video_seconds=0,
        github_writes_per_minute=None,
        github_writes_per_hour=None,
    )
    return Sandbox(options=options)


def settings_for(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """Settings by their names, for this process and others."""
    return {
        "home": str(home),
        "threads_api_url": sandbox.threads_api_url,
        "github_api_url": sandbox.github_api_url,
        "github_raw_url": sandbox.github_raw_url,
        "lease": "2",
        "quiet_period": "1",
    }


def new_api(settings: Settings, **changes: Any) -> ThreadsPipe:
    """A `ThreadsPipe` of the account that the script has too."""
    given = {
        "user_id": int(USER_ID),
        "access_token": TOKEN,
        "gh_bearer_token": GITHUB_TOKEN,
        "gh_repo_name": "stage",
        "gh_username": "octo",
        "settings": settings,
        **changes,
    }
    return ThreadsPipe(**given)


def start_script(given: dict[str, str]) -> subprocess.Popen[str]:
    """Publish `THREE` under the key ``k``, in a process of its own that prints the answer."""
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        env={
            "PATH": os.environ["PATH"],
            **{f"THREADSWORKER_{name.upper()}": value for name, value in given.items()},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
