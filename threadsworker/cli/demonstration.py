"""`threadsworker demo`: everything real but Meta and GitHub."""

from __future__ import annotations

import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from threadsworker.broker import hold
from threadsworker.cli import processes
from threadsworker.cli.console import DONE, FAILED, note, say
from threadsworker.cli.progress import follow
from threadsworker.cli.tables import console, plan_table, thread
from threadsworker.client import Client
from threadsworker.job import JobState
from threadsworker.post import Media
from threadsworker.report import Job
from threadsworker.sandbox import Sandbox
from threadsworker.settings import Settings, load_settings

#: Seconds that the demo may take.
PATIENCE = 90.0

TEXT = """\
We moved our posting worker to a boat for a week. 🚤 Not for fun (well, a little for fun): \
we wanted to see what happens to a queue when the network comes and goes with the tide, the \
laptop sleeps whenever somebody makes coffee, and the only power socket is shared with a kettle.

Day one: everything broke, as planned. ☕ The worker was killed between two lines about forty \
times. Each time another one picked up the job where it stood, asked what had become of the \
last call, and went on. Nothing was posted twice. We checked by hand, because we did not \
believe it either.

Day two: we emptied Redis in the middle of a long thread. 🧨 The messages were gone, the rows \
were not, and five seconds later the thread went on with its fourth post. A message is only a \
doorbell: when nobody rings, somebody still looks through the window now and then.

Day three was about pictures. 🌅 They wait in a branch of their own until Meta has fetched \
them, and the branch goes away with the post. The chart below shows how long each of them had \
to wait. The film shows why we did not get more done: look at the dolphins, second two.

Day four: the quota. 🐬 Two hundred and fifty posts a day sound like a lot until a test runs \
in a loop. The posts that did not fit simply waited their turn, as rows, at the price of a few \
bytes each, and went out one by one when the window moved on.

On day five it rained 🌧️ and we wrote all of this down. Seven pages of notes, one thread, and \
a worker that we now trust a good deal more than the boat. 👩‍💻👨‍💻

#python #celery #threads"""


def demonstrate(*, verbose: bool) -> int:
    """Run the demo; the exit code."""
    with tempfile.TemporaryDirectory(prefix="threadsworker-") as home, Sandbox() as sandbox:
        given = _settings(Path(home), sandbox)
        settings = load_settings(**given)
        log = None if verbose else Path(home) / "worker.log"
        with hold(settings.ensure_home()):
            family = processes.Family(_commands(settings), env=_environment(given), log=log)
            try:
                family.start()
                return _publish(Client(settings), sandbox, log)
            except KeyboardInterrupt:
                note("stopped")
                return FAILED
            finally:
                family.stop()


def _settings(home: Path, sandbox: Sandbox) -> dict[str, Any]:
    return {
        "home": home,
        "threads_api_url": sandbox.threads_api_url,
        "github_api_url": sandbox.github_api_url,
        "github_raw_url": sandbox.github_raw_url,
        "user_id": "17841400000000001",
        "access_token": "sandbox-demo-token",
        "github_repo": "sandbox/stage",
        "github_token": "sandbox-demo-github-token",
        "dispatch_every": "1",
        "log_level": "INFO",
        # Whatever the machine is set up for, the demo stays by itself.
        "database_url": None,
        "broker_url": None,
        "secret_key": None,
        "spool_url": None,
    }


def _environment(given: dict[str, Any]) -> dict[str, str]:
    changes = {
        f"THREADSWORKER_{name.upper()}": "" if value is None else str(value)
        for name, value in given.items()
    }
    return processes.environment({**changes, "DATABASE_URL": "", "REDIS_URL": ""})


def _commands(settings: Settings) -> dict[str, list[str]]:
    return {
        "worker": processes.worker_command(settings),
        "beat": processes.beat_command(settings),
    }


def _media(sandbox: Sandbox) -> list[Media]:
    assets = files("threadsworker.sandbox").joinpath("assets")
    local = {
        "sunrise.jpg": "The sun comes up behind a line of hills",
        "harbour.jpg": "Three boats in a small harbour",
        "chart.png": "A bar chart: seconds that each picture waited",
        "clip.mp4": "Waves, and in second two a dolphin",
    }
    media = [Media(assets.joinpath(name).read_bytes(), alt_text=alt) for name, alt in local.items()]
    return [*media, Media(f"{sandbox.url}/media/sample.jpg", alt_text="A street in the rain")]


def _publish(client: Client, sandbox: Sandbox, log: Path | None) -> int:
    media = _media(sandbox)
    say(f"A post of {len(TEXT)} characters with four local files, a picture's URL and three tags.")
    say("The plan:")
    plan_table(client.plan(TEXT, media=media))
    started = time.monotonic()
    job = client.enqueue(TEXT, media=media)
    job = follow(client.watch(job.id, timeout=PATIENCE))
    took = time.monotonic() - started
    if job.state != JobState.PUBLISHED:
        note(f"the job is {job.state}: {job.error.message if job.error else ''}")
        if log is not None:
            note(log.read_text(errors="replace")[-4000:])
        return FAILED
    say("\nThe thread:")
    thread(job, console())
    say(
        f"\npublished in {took:.1f} s; the sandbox's processing alone took "
        f"{_processing(job, sandbox):.1f} s"
    )
    left = sandbox.staged_files()
    say(f"staged files left: {left}")
    live = [post.text for post in sandbox.posts()] == [one.text for one in job.segments]
    return DONE if left == 0 and live else FAILED


def _processing(job: Job, sandbox: Sandbox) -> float:
    """
    Seconds that nobody can save: each container's processing, one after the other, but for
    carousel items, which are processed side by side.
    """
    made = {e["container_id"]: e for e in sandbox.ledger if e["acted"] == "container_created"}
    total = 0.0
    for segment in job.segments:
        entry = made[segment.container_id or ""]
        items = [made[child]["processing"] for child in entry["children"]]
        total += entry["processing"] + max(items, default=0.0)
    return total
