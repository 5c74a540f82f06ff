"""Flower beside a worker and a beat: a thread is finished, two wait, one has failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, sync_playwright

from tests.acceptance.installation import ACCESS_TOKEN, Installation, installation
from tests.services import eventually, free_port, missing
from threadsworker.sandbox import Fault, FaultAnswer, FaultMatch, Sandbox

BROWSER = Path("/usr/bin/chromium")
USER, PASSWORD = "ada", "a-password-for-flower"
PREFIX = "watch"
#: What the three threads say; none of it may be seen in Flower.
TEXTS = ("plovers by the sea", "a sentence that waits", "words that Meta refuses", "a slow one")
SETTINGS = {
    "THREADSWORKER_FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
    "THREADSWORKER_FLOWER_URL_PREFIX": PREFIX,
}
#: Meta's words, and a token among them, as services have been known to repeat it.
REFUSAL = "Param text must be shorter than it is"


@dataclass
class Scene:
    """The installation, where its Flower is, and the ids of its jobs."""

    installed: Installation
    port: int
    jobs: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{PREFIX}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", auth=(USER, PASSWORD), timeout=30)

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """The tasks of a job as Flower's API has them, the oldest first."""
        found = self.get("/api/tasks").json().values()
        mine = [one for one in found if self.jobs[job] in (one["args"] or "")]
        return sorted(mine, key=lambda one: one["timestamp"])

    def stands(self, job: str, state: str, step: str) -> dict[str, Any] | None:
        """The task of this step that is in this state, if there is one."""
        for one in self.tasks(job):
            if one["state"] == state and one["name"] == f"threadsworker.{step}":
                return one
        return None

    def waits(self, job: str) -> dict[str, Any] | None:
        """The task of the job that comes back, and says why."""
        for one in self.tasks(job):
            if "waits" in (one["exception"] or ""):
                return one
        return None

    def answers(self) -> bool:
        try:
            return self.get("/healthcheck").ok
        except requests.RequestException:
            return False


def refused(status: int, code: int, message: str) -> Fault:
    """Meta's next answer to a new container."""
    body = {"error": {"message": message, "type": "OAuthException", "code": code}}
    return Fault(
        match=FaultMatch(service="threads", method="POST", path_regex="/threads$"),
        act=False,
        answer=FaultAnswer(status=status, body=body),
    )


@contextmanager
def scene(home: Path, sandbox: Sandbox) -> Iterator[Scene]:
    """Flower has seen threads: `finished`, `processing`, `review`, `failed` and `waiting`."""
    port = free_port()
    settings = {**SETTINGS, "THREADSWORKER_FLOWER_PORT": str(port)}
    with installation(home, sandbox, settings, processes=[("up", "--flower")]) as installed:
        seen = Scene(installed, port, {})
        eventually(seen.answers, timeout=90)
        seen.jobs["finished"] = installed.json("post", f"{TEXTS[0]}\n---\nand\n---\nmore")["id"]
        eventually(partial(seen.stands, "finished", "SUCCESS", "cleanup"), timeout=120)
        usual = sandbox.options
        sandbox.set_options(text_seconds=3600.0)
        seen.jobs["processing"] = installed.json("post", TEXTS[3])["id"]
        eventually(partial(seen.waits, "processing"), timeout=90)
        sandbox.set_options(text_seconds=usual.text_seconds, detach_replies=True)
        seen.jobs["review"] = installed.json("post", f"{TEXTS[3]}\n---\nand its reply")["id"]
        eventually(partial(seen.stands, "review", "FAILURE", "cleanup"), timeout=90)
        sandbox.set_options(detach_replies=False)
        sandbox.plan_fault(refused(400, 100, f"{REFUSAL} ({ACCESS_TOKEN})"))
        seen.jobs["failed"] = installed.json("post", TEXTS[2])["id"]
        eventually(partial(seen.stands, "failed", "FAILURE", "create_containers"), timeout=90)
        sandbox.plan_fault(refused(400, 4, "Application request limit reached"))
        seen.jobs["waiting"] = installed.json("post", TEXTS[1])["id"]
        eventually(partial(seen.stands, "waiting", "SUCCESS", "create_containers"), timeout=90)
        yield seen


@contextmanager
def browser(at: Scene, *, size: tuple[int, int] = (1280, 640)) -> Iterator[Page]:
    """A real browser, signed in."""
    if not BROWSER.exists():
        missing(f"no browser at {BROWSER}")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
        "--disable-background-networking --disable-component-update"
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=options.split())
        page = chromium.new_page(
            http_credentials={"username": USER, "password": PASSWORD},
            viewport={"width": size[0], "height": size[1]},
        )
        page.set_default_timeout(60_000)
        yield page
        chromium.close()


def listed(page: Page, at: Scene, search: str) -> list[str]:
    """The rows of Flower's list that a search finds, as they are read."""
    page.goto(f"{at.url}/tasks")
    box = page.locator("input[type=search]")
    box.fill(search)
    rows = page.locator("#tasks-table tbody tr")

    def found() -> list[str]:
        texts = rows.all_inner_texts()
        return texts if all(search.split(":")[-1] in one for one in texts) else []

    return eventually(found, timeout=60)
