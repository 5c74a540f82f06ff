"""The apps of docs/frameworks.md, copied and started as the page says, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.acceptance.installation import Installation, installation
from tests.acceptance.pages import blocks
from tests.services import RedisServer, eventually, free_port, missing
from threadsworker.sandbox import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
ASSETS = files("threadsworker.sandbox").joinpath("assets")
#: The port in the examples.
PORT = "8000"
#: An app's own tasks, where Celery would look for `tasks` first.
OWN_TASKS = """
from celery import Celery

app = Celery("shop", broker={broker!r})


@app.task
def resize(picture):
    pass
"""


@dataclass
class Reader:
    """Somebody who has copied an app of the page, has started it, and has a cat's picture."""

    installed: Installation
    url: str
    #: What he does in his shell, line by line.
    lines: list[str]
    job: str = ""

    def curl(self) -> Any:
        """What the next line of the page answers."""
        line = self.lines.pop(0).replace(f":{PORT}", f":{self.url.rpartition(':')[2]}")
        command = shlex.split(re.sub(r"\bJOB\b", self.job or "no job", line))
        assert command[0] == "curl", line
        done = subprocess.run(
            command, cwd=self.installed.home, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        self.job = answer.get("job", self.job)
        return answer

    def python(self, program: str) -> str:
        """What a program prints that was written in the app's folder."""
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.installed.home,
            env=self.installed.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def serving(framework: str, installed: Installation) -> Iterator[Reader]:
    """The app of that section, served."""
    if shutil.which("curl") is None:
        missing("no curl, with which the page asks the apps")
    code = dict(blocks(PAGE, section=framework))
    app, shell = code["python"], code["shell"]
    start, *lines = shell.splitlines()
    folder, port = installed.home, free_port()
    (folder / "app.py").write_text(app, encoding="utf-8")
    (folder / "cat.jpg").write_bytes(ASSETS.joinpath("harbour.jpg").read_bytes())
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "app.log").open("wb") as log:
        server = subprocess.Popen(
            shlex.split(start.replace(PORT, str(port))),
            cwd=folder,
            env={**installed.environment, "PATH": programs},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    reader = Reader(installed, f"http://127.0.0.1:{port}", lines)
    try:
        eventually(lambda: server.poll() is not None or answers(reader.url), timeout=60)
        assert server.poll() is None, installed.logs()
        yield reader
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 404
    except requests.ConnectionError:
        return False


@pytest.fixture
def idle(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    """An app's folder, and an installation elsewhere that nobody has used yet."""
    home = {"THREADSWORKER_HOME": str(tmp_path / "var" / "threadsworker")}
    with installation(tmp_path, sandbox, home, processes=[]) as installed:
        yield installed


def rules(answer: requests.Response) -> list[str]:
    """Which rules a refused post breaks."""
    assert answer.status_code == 400, answer.text
    return [problem["rule"] for problem in answer.json()["problems"]]


NO_PICTURE = {"picture": ("cat.jpg", b"not a picture")}


def test_flask(idle: Installation) -> None:
    with serving("Flask", idle) as reader:
        job = reader.curl()["job"]
        shown = reader.curl()
        assert (shown["id"], shown["state"]) == (job, "queued")
        (segment,) = shown["segments"]
        assert segment["text"] == "Boats are back"
        assert len(segment["media"]) == 1
        assert reader.lines == []

        article = f"{reader.url}/articles/boats"
        picture = {"picture": (reader.installed.home / "cat.jpg").read_bytes()}
        again = requests.put(article, data={"title": "Boats are back"}, files=picture, timeout=20)
        assert (again.status_code, again.json()) == (202, {"job": job})

        other = requests.put(article, data={"title": "Boats have left"}, timeout=20)
        assert (other.status_code, other.json()["code"]) == (409, "key.mismatch")
        refused = requests.put(
            f"{reader.url}/articles/cats", data={"title": "Cats"}, files=NO_PICTURE, timeout=20
        )
        assert rules(refused) == ["media.format.unsupported"]
        assert requests.get(f"{reader.url}/jobs/none", timeout=20).status_code == 404
    # What was refused took its article with it.
    with idle.client() as client:
        engine = create_engine(client.settings.sqlalchemy_url)
        assert [found.id for found in client.jobs()] == [job]
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT slug, title FROM article")).all()
    engine.dispose()
    assert [tuple(row) for row in stored] == [("boats", "Boats are back")]


FORGETFUL = """
import app

app.Article.objects.create(title="Forgotten")
app.announce_forgotten()
app.announce_forgotten()
print(*app.Article.objects.values_list("job", flat=True))
"""


def test_django(idle: Installation) -> None:
    with serving("Django", idle) as reader:
        first = reader.curl()
        shown = reader.curl()
        assert (shown["id"], shown["state"]) == (first["job"], "queued")
        assert len(shown["segments"][0]["media"]) == 1
        assert reader.lines == []

        refused = requests.post(
            f"{reader.url}/articles", data={"title": "Cats"}, files=NO_PICTURE, timeout=20
        )
        assert rules(refused) == ["media.format.unsupported"]
        assert requests.get(f"{reader.url}/jobs/none", timeout=20).status_code == 404

        # A process that ended between Django's commit and the announcement.
        told = reader.python(FORGETFUL)
    with idle.client() as client:
        forgotten, announced = client.jobs()
        assert told.split() == [announced.id, forgotten.id]
        assert announced.id == first["job"]
        assert client.get(forgotten.id).segments[0].text == "Forgotten"


def test_fastapi_publishes_beside_tasks_of_its_own(idle: Installation, sandbox: Sandbox) -> None:
    (idle.home / "tasks.py").write_text(OWN_TASKS.format(broker="memory://"), encoding="utf-8")
    before = len(sandbox.posts())
    with serving("FastAPI", idle) as reader:
        job = reader.curl()["job"]
        assert requests.get(f"{reader.url}/jobs/{job}", timeout=20).json()["state"] == "queued"
        post = f"{reader.url}/posts"
        key = {"Idempotency-Key": "7"}
        other = requests.post(post, params={"text": "Cats"}, headers=key, timeout=20)
        assert (other.status_code, other.json()["code"]) == (409, "key.mismatch")
        refused = requests.post(
            post,
            params={"text": "Cats"},
            data=b"not a picture",
            headers={"Idempotency-Key": "8"},
            timeout=20,
        )
        assert rules(refused) == ["media.format.unsupported"]
        assert requests.get(f"{reader.url}/jobs/none", timeout=20).status_code == 404

        idle.start("up")
        shown = reader.curl()
        assert shown["state"] == "published", idle.logs()
        assert reader.lines == []
    assert [one.text for one in sandbox.posts()[before:]] == ["Boats"]


OWN_APP = """
import asyncio
import json

from celery import current_app

from tasks import app, resize
from threadsworker import Client


async def main():
    async with Client() as client:
        job = await client.aenqueue("hello")
    resize.delay("cat.jpg")
    print(json.dumps({"job": job.id, "current": current_app.main, "is_mine": current_app == app}))


asyncio.run(main())
"""


def test_an_app_keeps_its_own_celery_its_tasks_and_its_queue(
    idle: Installation, redis: RedisServer
) -> None:
    """On the same Redis; threadsworker's messages are in a queue of their own."""
    broker = redis.url.removesuffix("/0") + "/7"
    tasks = idle.home / "tasks"
    tasks.mkdir()
    (tasks / "__init__.py").write_text(OWN_TASKS.format(broker=broker), encoding="utf-8")
    (idle.home / "shop.py").write_text(OWN_APP, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "shop.py"],
        cwd=idle.home,
        env={**idle.environment, "THREADSWORKER_BROKER_URL": broker},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["current"], said["is_mine"]) == ("shop", True)
    with redis.client() as client:
        client.select(7)
        (mine,) = client.lrange("celery", 0, -1)
        (ours,) = client.lrange("threadsworker", 0, -1)
    assert json.loads(mine)["headers"]["task"] == "tasks.resize"
    assert json.loads(ours)["headers"]["task"] == "threadsworker.upload"
    assert said["job"] in json.loads(ours)["headers"]["argsrepr"]
