"""
No secret is in anything that an installation writes.

Fifteen are planted: in the settings, in rows, and by the servers it talks to. Then everything runs
with logs at DEBUG, well and badly, and all that was written is searched. One value is leaked into
every medium on purpose: a search that does not find it there would find nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from secrets import token_hex

import pytest
import requests
from pydantic import SecretStr
from redis import Redis

from tests.acceptance.installation import Installation, installation
from tests.acceptance.onlookers import Flower, metrics, receive
from tests.acceptance.planted import (
    LEAK,
    Planted,
    dump_of_postgres,
    dump_of_redis,
    files_below,
    forms,
    found,
    is_in,
    process_list,
    spellings,
)
from tests.integration.test_tokens import code
from tests.receiver import receiver
from tests.services import PostgresServer, eventually, free_port, redis_server
from threadsworker import queue
from threadsworker.errors import ApiError
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.sandbox.faults import Fault, FaultAnswer, FaultMatch
from threadsworker.steps.desk import Desk
from threadsworker.store import accounts
from threadsworker.threads_api.connection import QUERY_ONLY

#: How Meta begins the words in which it repeats secrets.
REFUSAL = "It is told too much"
OTHER_USER = "17841400000000002"
PICTURE = str(files("threadsworker.sandbox").joinpath("assets/sunrise.jpg"))


@dataclass
class Run:
    """What one run has written, by where it was written."""

    planted: Planted
    written: dict[str, bytes] = field(default_factory=dict)
    queries: set[str] = field(default_factory=set)
    #: Where Meta fetched what was staged.
    staged: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def run(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    planted = Planted()
    home = tmp_path_factory.mktemp("home")
    options = SandboxOptions(
        speed=4.0,
        github_writes_per_minute=None,
        github_writes_per_hour=None,
        app_secret=planted.app_secret,
    )
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(options=options))
        redis = stack.enter_context(redis_server())
        database = stack.enter_context(postgres.database())
        target = stack.enter_context(receiver(answers=[500, 200]))
        collector = stack.enter_context(receiver())
        with redis.client() as open_client:
            open_client.config_set("requirepass", planted.redis_password)
        client = stack.enter_context(Redis(port=redis.port, password=planted.redis_password))
        monitor = stack.enter_context(client.monitor())
        settings = {
            "THREADSWORKER_BROKER_URL": f"redis://:{planted.redis_password}@127.0.0.1:{redis.port}",
            "THREADSWORKER_DATABASE_URL": with_password(database, planted.database_password),
            "THREADSWORKER_LOG_LEVEL": "DEBUG",
            "THREADSWORKER_SECRET_KEY": planted.secret_key,
            "THREADSWORKER_SIGN_MESSAGES": "true",
            "THREADSWORKER_ACCESS_TOKEN": planted.access_token,
            "THREADSWORKER_GITHUB_TOKEN": planted.github_token,
            "THREADSWORKER_APP_ID": "998877",
            "THREADSWORKER_APP_SECRET": planted.app_secret,
            "THREADSWORKER_META_APP_SECRET": planted.meta_app_secret,
            "THREADSWORKER_WEBHOOK_VERIFY_TOKEN": planted.verify_token,
            "THREADSWORKER_FLOWER_BASIC_AUTH": f"operator:{planted.flower_password}",
            "THREADSWORKER_METRICS_TOKEN": planted.metrics_token,
            "THREADSWORKER_OTLP_ENDPOINT": collector.url,
            "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={LEAK}",
        }
        ports = {name: free_port() for name in ("worker", "flower", "webhooks", "metrics")}
        processes = [
            ("worker", f"--metrics-port={ports['worker']}"),
            ("beat",),
            ("flower", f"--port={ports['flower']}"),
            ("webhooks", f"--port={ports['webhooks']}"),
            ("metrics", f"--port={ports['metrics']}"),
        ]
        installed = stack.enter_context(installation(home, sandbox, settings, processes=processes))
        installed.start("worker", THREADSWORKER_LOG_FORMAT="json")
        flower = Flower(ports["flower"], planted.flower_password)
        done = Run(planted)
        eventually(flower.is_up, timeout=90)

        done.written |= work(installed, planted, target.url, sandbox)
        receive(ports["webhooks"], planted)
        done.written |= fail(installed, planted)
        assert flower.refuses(planted.flower_password)
        leak(installed, settings["THREADSWORKER_BROKER_URL"], sandbox, home, stack)
        eventually(lambda: LEAK in installed.logs(), timeout=60)
        done.written |= eventually(flower.written, timeout=60)
        for name in ("worker", "metrics"):
            done.written[f"the metrics of {name}"] = metrics(ports[name], planted.metrics_token)

        done.written["the process list"] = process_list()
        client.set(f"{LEAK}-ends", LEAK)
        done.written["what went through Redis"] = until(monitor, f"{LEAK}-ends")
        done.written["what is left in Redis"] = dump_of_redis(client)
        done.written["the database"] = dump_of_postgres(database)
        done.written["the requests to Meta and GitHub"] = str(sandbox.ledger).encode()
        done.queries = {one["path"] for one in sandbox.ledger if one.get("token_in_query")}
        eventually(lambda: collector.heard, timeout=60)
        done.staged = {one["path"] for one in sandbox.ledger if one["service"] == "raw"}
        installed.stop()
        done.written["the traces"] = b"\n".join(one.body for one in collector.heard)
        done.written |= files_below(home)
        yield done


def with_password(url: str, password: str) -> str:
    """The URL with a password in it; a server that trusts everybody does not ask for it."""
    head, at, tail = url.partition("@")
    if not at or ":" in head.partition("://")[2]:
        pytest.skip("the test database's address has no place for a password of ours")
    return f"{head}:{password}@{tail}"


def work(
    installed: Installation, planted: Planted, target: str, sandbox: Sandbox
) -> dict[str, bytes]:
    """Everything goes well: posts, a refresh, a login, a notice; what the commands print."""
    with installed.client() as client:
        client.subscribe(
            f"{target}/?{LEAK}", events="job.published", secret=planted.subscription_secret
        )
        # Its name is a label of metrics, and stands in traces.
        client.add_account(
            LEAK, user_id=OTHER_USER, access_token=SecretStr(f"sandbox-{token_hex(12)}")
        )
        other = client.enqueue("as somebody else", account=LEAK).id
    posted = ("post", f"a post that says {LEAK}", "-f", PICTURE)
    job = installed.json(*posted, "--wait", "--timeout", "90")["id"]
    refreshed = installed.run("account", "refresh", "main")
    planted.refreshed_token = token_of(installed)
    assert planted.refreshed_token != planted.access_token
    sandbox.plan_fault(talkative(planted))
    failed = installed.json("post", "refused", "--wait", "--timeout", "90", expect=6)["id"]
    eventually(partial(both_have_heard, installed, planted), timeout=90)
    planted.code = code(sandbox)
    login = subprocess.run(
        [
            *(sys.executable, "-m", "threadsworker", "access_token", "--auth_code", "-"),
            *("--redirect_uri", "https://example.com/handler.php?a=1", "-p", "env", "-v", "T"),
        ],
        env=installed.environment,
        cwd=installed.home,
        input=planted.code,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert login.returncode == 0, login.stderr
    # This command's result is a token, on stdout and in a file of the user's.
    file = installed.home / "env"
    planted.long_lived_token = file.read_text().strip().removeprefix("T=").strip("'\"")
    assert planted.long_lived_token in login.stdout
    file.unlink()
    printed = {"what a login notes": login.stderr.encode() + LEAK.encode()}
    printed["what a refresh prints"] = (refreshed.stdout + refreshed.stderr + LEAK).encode()
    answers = [
        ("show", job, "--json"),
        ("show", failed, "--json"),
        ("account", "show", "main"),
        ("subscription", "deliveries", "--json"),
        ("keys", "rotate"),
        ("check",),
        ("export", job),
        ("export", failed),
        ("export", other),
    ]
    with ThreadPoolExecutor(3) as at_once:
        shown = list(at_once.map(lambda answer: installed.run(*answer), answers))
    printed["exports"] = b"\n".join((one.stdout + one.stderr).encode() for one in shown)
    return printed


def both_have_heard(installed: Installation, planted: Planted) -> bool:
    """Whether each worker has written of a refusal; if not, there is one more."""
    logs = [log.read_text() for log in installed.home.glob("*-worker.log")]
    if all(REFUSAL in log for log in logs):
        return True
    installed.sandbox.plan_fault(talkative(planted))
    with installed.client() as client:
        client.wait(client.enqueue("refused").id, timeout=60)
    return False


#: What no worker has to know.
_OF_OTHERS = ("code", "long_lived_token")


def talkative(planted: Planted) -> Fault:
    """Meta refuses a post, and repeats, in every form, all the secrets that a worker knows."""
    known = planted.all()
    for name in ("rejected_token", "subscription_secret", "access_token", *_OF_OTHERS):
        del known[name]
    words = [word for secret in known.values() if secret for word in spellings(secret)]
    envelope = {"message": f"{REFUSAL}: {' , '.join(words)}.", "code": 100, "type": "X"}
    return Fault(
        match=FaultMatch(service="threads", method="POST", path_regex="/threads$"),
        act=False,
        answer=FaultAnswer(status=400, body={"error": envelope}),
    )


def token_of(installed: Installation) -> str:
    with installed.client() as client:
        desk = Desk(client.settings)
    with desk.reading() as session:
        row = accounts.find(session, "main")
        found = desk.credentials(session, row.id).access_token.get_secret_value()
    desk.engine.dispose()
    return found


def fail(installed: Installation, planted: Planted) -> dict[str, bytes]:
    """Everything goes badly, in commands, in a program and in a worker; what they say."""
    said = []
    closed = {
        "DATABASE_URL": f"postgresql://u:{planted.database_password}@127.0.0.1:1/{LEAK}",
        "BROKER_URL": f"redis://u:{planted.redis_password}@127.0.0.1:1/0",
        "SECRET_KEY": planted.secret_key[:9],
        "ACCESS_TOKEN": planted.rejected_token,
    }
    other = Installation(installed.home, installed.sandbox, dict(installed.settings))
    commands = {
        "DATABASE_URL": ("jobs",),
        "BROKER_URL": ("check",),
        "SECRET_KEY": ("keys", "status"),
        "ACCESS_TOKEN": ("account", "refresh", "main"),
    }
    for name, value in closed.items():
        other.settings = {**installed.settings, f"THREADSWORKER_{name}": value}
        done = other.run(*commands[name], expect=1)
        said.append(done.stdout + done.stderr)
    said.append(other.run("retry", LEAK, expect=4).stderr)
    # The account's token is now one that Meta rejects: a post of it waits for a better one.
    with other.client() as client:
        job = client.enqueue("never").id
        eventually(lambda: client.get(job).reason == "needs_reconnect", timeout=60)
    said.append(raised(other))
    return {"what commands and programs say when it goes badly": "\n".join(said).encode()}


def raised(installed: Installation) -> str:
    """Everything that hangs on the errors that an app gets, and on the objects that it holds."""
    with installed.client() as client:
        try:
            client.acting_as("main").profile()
        except ApiError as error:
            shown = [*traceback.format_exception(error), repr(error), repr(vars(error))]
            shown += [repr(one) for one in (error.__cause__, error.__context__) if one]
        else:
            pytest.fail("a token that Meta rejects was taken")
        return "\n".join([*shown, repr(client.settings), str(client.settings), repr(vars(client))])


def leak(
    installed: Installation, broker: str, sandbox: Sandbox, home: Path, stack: ExitStack
) -> None:
    """Into the logs, Redis, Flower, the process list, the requests, and a file."""
    # A task that nobody knows is an error in the worker's log, and Flower counts it.
    with queue.make_app(broker) as app:
        app.send_task(LEAK, queue=queue.STEPS_QUEUE)
    requests.get(f"{sandbox.threads_api_url}/v1.0/{LEAK}", timeout=20)
    command = [sys.executable, "-c", "input()", LEAK]
    sleeper = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
    stack.callback(sleeper.kill)
    (home / "leak").write_text(LEAK)


def until(monitor: object, end: str) -> bytes:
    seen: list[str] = []
    while not seen or end not in seen[-1]:
        seen.append(str(monitor.next_command()))  # type: ignore[attr-defined]
    return "\n".join(seen).encode()


def test_none_is_anywhere(run: Run) -> None:
    planted = run.planted.all()
    assert len({value for value in planted.values() if value}) == len(planted) >= 12
    assert found(planted, run.written) == []


def test_what_meta_repeats_is_redacted_wherever_its_words_are_shown(run: Run) -> None:
    places = [where for where, content in run.written.items() if REFUSAL.encode() in content]
    assert {"exports", "the database", "Flower's task pages"} <= set(places)
    assert len([where for where in places if where.endswith("worker.log")]) == 2
    assert all(b"[redacted]" in run.written[where] for where in places)


def test_a_line_of_json_stays_one_when_something_is_taken_out_of_it(run: Run) -> None:
    (lines,) = (
        content.decode().splitlines()
        for where, content in run.written.items()
        if where.endswith("worker.log") and b'{"time"' in content
    )
    redacted = [json.loads(line)["message"] for line in lines if "[redacted]" in line]
    assert any(REFUSAL in message for message in redacted)


def test_all_of_our_programs_were_in_the_list_of_processes(run: Run) -> None:
    for name in (b"worker", b"beat", b"flower", b"webhooks", b"metrics"):
        assert re.search(
            rb"(?:celery|threadsworker)[^\n]*\0" + name, run.written["the process list"]
        )


def test_the_address_of_a_medium_is_in_nothing_that_watches(run: Run) -> None:
    assert run.staged
    watching = [one for one in run.written if one.startswith(("the traces", "the metrics", "Flow"))]
    assert len(watching) == 9
    told = b"\n".join(run.written[one] for one in watching)
    for path in run.staged:
        assert path.rpartition("/")[2].encode() not in told


def test_tokens_are_in_no_query_but_where_meta_documents_nothing_else(run: Run) -> None:
    assert run.queries
    assert run.queries <= QUERY_ONLY


#: Where nothing of what others say comes to be shown; what is there is there all the same.
_TELLS_NOTHING = ("Flower's /tasks", "Flower's /workers", "Flower's /broker")


def test_the_search_finds_what_was_leaked_on_purpose(run: Run) -> None:
    silent = {
        where
        for where, content in run.written.items()
        if not is_in(LEAK, content) and not where.startswith(("the file", *_TELLS_NOTHING))
    }
    assert silent == set()
    assert all(run.written[where] for where in _TELLS_NOTHING)
    assert len([where for where in run.written if where.endswith(".log")]) == 6
    leaky = [where for where, content in run.written.items() if is_in(LEAK, content)]
    assert any(where.endswith("worker.log") for where in leaky)
    assert any(where.endswith("/leak") for where in leaky)


@pytest.mark.parametrize("form", range(8))
def test_the_search_finds_every_form(form: int) -> None:
    secret = 'se"cret/+ é-0123456789'
    written = list(forms(secret))[form]
    assert found({"it": secret}, {"here": b"before " + written + b" after"}) == ["it in here"]
