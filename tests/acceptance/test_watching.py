"""What those who watch see of workers at work: metrics, logs and traces, and no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.installation import (
    ACCESS_TOKEN,
    GITHUB_TOKEN,
    Installation,
    installation,
)
from tests.receiver import Receiver, receiver
from tests.services import PostgresServer, RedisServer, eventually, free_port
from threadsworker.sandbox import Sandbox

METRICS_TOKEN = "a-metrics-token-4b7d91"
#: What Meta says of the post that it refuses.
REFUSAL = {"error": {"message": "No such thing", "code": 100, "type": "OAuthException"}}
#: Words of the posts.
TEXTS = ("marmalade", "rhubarb", "gooseberry", "quince", "medlar")


@dataclass
class Watched:
    """An installation that has worked, its ledger, and what was seen of it."""

    installed: Installation
    port: int
    jobs: dict[str, str]
    collector: Receiver

    @cached_property
    def page(self) -> str:
        """The metrics, once everything is counted."""
        return requests.get(self.url, headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def sum(self, sample: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            found.value
            for family in text_string_to_metric_families(self.page)
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def sent(self, path: str) -> int:
        """How many requests for it the sandbox has had."""
        return sum(entry["path"].endswith(path) for entry in self.installed.sandbox.ledger)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the processes have logged."""
        logs = self.installed.home.glob("*.log")
        return [json.loads(line) for log in logs for line in log.read_text().splitlines()]

    def spans(self) -> list[Any]:
        """What the collector was told."""
        found: list[Any] = []
        for heard in list(self.collector.heard):
            told = ExportTraceServiceRequest.FromString(heard.body)
            found += [
                s for r in told.resource_spans for scope in r.scope_spans for s in scope.spans
            ]
        return found


@pytest.fixture(scope="module")
def watched(
    redis: RedisServer,
    postgres: PostgresServer,
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watched]:
    """Two workers, of which one finds the port taken, a thread, a refusal and a lost answer."""
    with ExitStack() as stack:
        collector = stack.enter_context(receiver())
        port = free_port()
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": stack.enter_context(postgres.database()),
            "THREADSWORKER_LOG_FORMAT": "json",
            "THREADSWORKER_LOG_LEVEL": "DEBUG",
            "THREADSWORKER_METRICS_PORT": str(port),
            "THREADSWORKER_METRICS_TOKEN": METRICS_TOKEN,
            "THREADSWORKER_QUIET_PERIOD": "2",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        two = ("worker", "--concurrency=2")
        home = tmp_path_factory.mktemp("watched")
        installed = stack.enter_context(
            installation(home, sandbox, settings, processes=[two, two, ("beat",)])
        )
        jobs = {"thread": installed.publish("\n---\n".join(TEXTS[:3]), timeout=90)["id"]}
        sandbox.plan_fault(
            {
                "match": {"method": "POST", "path_regex": "/threads$"},
                "act": False,
                "answer": {"status": 400, "body": REFUSAL},
            }
        )
        jobs["refused"] = installed.json("post", TEXTS[3], "--wait", "--timeout", "90", expect=6)[
            "id"
        ]
        sandbox.plan_fault(
            {"match": {"method": "POST", "path_regex": "/threads_publish$"}, "answer": "drop"}
        )
        jobs["lost"] = installed.publish(TEXTS[4], timeout=90)["id"]
        seen = Watched(installed, port, jobs, collector)
        eventually(lambda: {s.name for s in seen.spans()} >= {"job", "cleanup"}, timeout=60)
        yield seen


def test_the_page_asks_for_the_token(watched: Watched) -> None:
    assert requests.get(watched.url).status_code == 401
    assert requests.get(watched.url, auth=("anybody", METRICS_TOKEN)).status_code == 200


def test_the_rows_are_told(watched: Watched) -> None:
    told = watched.sum
    assert told("threadsworker_jobs", state="published") == 2
    assert told("threadsworker_jobs", state="failed") == 1
    assert told("threadsworker_jobs") == 3
    # Two of each worker that step, and the one that holds what waits.
    assert told("threadsworker_workers") == 6
    assert told("threadsworker_database_up") == told("threadsworker_broker_up") == 1
    assert told("threadsworker_duty_age_seconds", duty="dispatch_due") < 30
    assert told("threadsworker_account_quota_used", account="main", kind="reply") == 2
    assert told("threadsworker_account_quota_limit", account="main", kind="post") == 250


def test_what_all_processes_did_is_counted_once(watched: Watched) -> None:
    told = watched.sum
    assert told("threadsworker_jobs_ended_total", state="published") == 2
    assert told("threadsworker_jobs_ended_total", state="failed") == 1
    assert told("threadsworker_lateness_seconds_count") == 2
    assert told("threadsworker_thread_seconds_count") == 2
    assert told("threadsworker_container_processing_seconds_count", kind="text") >= 4
    publishes = {"endpoint": "threads_publish", "method": "POST"}
    assert told("threadsworker_api_calls_total", **publishes) == watched.sent("/threads_publish")
    assert told("threadsworker_api_calls_total", **publishes, status="no_answer") == 1
    assert told("threadsworker_api_calls_total", endpoint="threads", status="400") == 1
    assert told("threadsworker_api_errors_total", endpoint="threads", code="threads.100") == 1
    assert told("threadsworker_publish_attempts_total", outcome="accepted") == 3
    assert told("threadsworker_publish_attempts_total", outcome="unknown") == 1
    assert told("threadsworker_publish_attempts_settled_total", outcome="live") == 1
    assert told("threadsworker_steps_total", step="publish", outcome="done") == 4


def test_a_command_prints_the_same(watched: Watched) -> None:
    printed = watched.installed.run("metrics", "--once").stdout
    [line] = [line for line in printed.splitlines() if 'ended_total{state="published"}' in line]
    assert line.endswith(" 2.0")


def test_metrics_are_not_served_to_others_without_a_token(watched: Watched) -> None:
    watched.installed.settings = {**watched.installed.settings, "THREADSWORKER_METRICS_TOKEN": ""}
    try:
        said = watched.installed.run("metrics", "--address", "0.0.0.0", "--port", "0", expect=1)
    finally:
        watched.installed.settings = {
            **watched.installed.settings,
            "THREADSWORKER_METRICS_TOKEN": METRICS_TOKEN,
        }
    assert "set METRICS_TOKEN" in said.stderr


def test_every_line_is_an_object_and_names_its_job(watched: Watched) -> None:
    lines = watched.lines
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    thread = [line for line in lines if line.get("job") == watched.jobs["thread"]]
    # What a step says, what Celery says before and after it, and what libraries say meanwhile.
    assert {line["logger"] for line in thread} >= {
        "threadsworker.steps.watch",
        "celery.worker.strategy",
        "celery.app.trace",
    }
    steps = ("upload", "create_containers", "poll_status", "publish", "reply_chain", "cleanup")
    of_steps = [
        line
        for line in lines
        for step in steps
        if line["message"].startswith(f"Task threadsworker.{step}[")
    ]
    assert len(of_steps) > 20
    assert all(line.get("job") in watched.jobs.values() for line in of_steps)
    published = [line for line in thread if line.get("step") == "publish" and "segment" in line]
    assert {line["segment"] for line in published} == {0, 1, 2}
    assert {line["account"] for line in published} == {"main"}
    assert {line["run"] for line in thread if "step" in line} == {1}


def test_a_job_is_one_trace(watched: Watched) -> None:
    thread, refused = (
        [s for s in watched.spans() if _of(s).get("threadsworker.job") == watched.jobs[name]]
        for name in ("thread", "refused")
    )
    [trace_id] = {span.trace_id for span in thread}
    assert trace_id not in {span.trace_id for span in refused}
    published = [span for span in thread if span.name == "publish"]
    done = [s for s in published if _of(s)["threadsworker.outcome"] == "done"]
    assert sorted(_of(span)["threadsworker.segment"] for span in done) == [0, 1, 2]
    assert {_of(span)["threadsworker.account"] for span in thread} == {"main"}
    [root] = [span for span in thread if span.name == "job"]
    steps = [span for span in thread if span.name != "job"]
    assert not root.parent_span_id
    assert {span.parent_span_id for span in steps} == {root.span_id}
    requests_of_it = [s for s in watched.spans() if s.parent_span_id in {d.span_id for d in done}]
    sends = [_of(s) for s in requests_of_it if s.name == "POST"]
    assert [one["http.response.status_code"] for one in sends] == [200] * 3
    assert {one["url.path"] for one in sends} == {"/v1.0/me/threads_publish"}
    failed = [_of(span) for span in refused if span.status.code == span.status.STATUS_CODE_ERROR]
    assert "threads.100" in [one.get("threadsworker.code") for one in failed]


def _of(span: Any) -> dict[str, Any]:
    """A span's attributes."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_nothing_tells_a_secret_or_a_text(watched: Watched) -> None:
    spans = b"".join(heard.body for heard in watched.collector.heard).decode(errors="replace")
    logs = "".join(path.read_text() for path in watched.installed.home.glob("*.log"))
    for secret in (ACCESS_TOKEN, GITHUB_TOKEN, METRICS_TOKEN):
        assert secret not in watched.page + spans + logs
    for text in (*TEXTS, "No such thing"):
        assert text not in watched.page + spans
    for job in watched.jobs.values():
        assert job not in watched.page
