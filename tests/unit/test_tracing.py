"""Traces without a worker: what is imported, what is refused, and what a span may tell."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receiver import receiver

JOB = "0123456789abcdef0123"

#: A step of a worker's process that breaks, with a request in it, and one more in a fork.
_STEPS = f"""
import os, sys
from threadsworker import tracing
from threadsworker.subject import Subject

tracing.start(sys.argv[1])
subject = Subject({JOB!r}, account="main", run=1, segment=0, step="publish")
def step():
    try:
        with tracing.step(subject):
            with tracing.request("GET", "https://u:hunter2@graph.threads.net/me?access_token=secret1"):
                raise RuntimeError("words of secret2")
    except RuntimeError:
        pass
step()
if (child := os.fork()) == 0:
    step()
    tracing.stop()
    os._exit(0)
os.waitpid(child, 0)
with tracing.request("GET", "https://example.com/of-no-job"):
    pass
tracing.stop()
step()
"""


def run(script: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def test_who_does_not_ask_for_traces_imports_nothing_of_them() -> None:
    run(
        "import sys\n"
        "import threadsworker.http, threadsworker.steps.take\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )


def test_without_the_extra_it_is_said_what_to_install() -> None:
    said = run(
        "import sys\n"
        "sys.modules['opentelemetry.exporter.otlp.proto.http'] = None\n"
        "from threadsworker import tracing\n"
        "from threadsworker.errors import InvalidSettings\n"
        "try:\n"
        "    tracing.start('http://127.0.0.1:9')\n"
        "except InvalidSettings as error:\n"
        "    print(error)\n"
    )
    assert "pip install 'threadsworker[tracing]'" in said


def test_a_job_is_one_trace_over_processes_and_a_span_tells_no_words() -> None:
    with receiver() as collector:
        run(_STEPS, collector.url, OTEL_SERVICE_NAME="posting")
        told = [ExportTraceServiceRequest.FromString(one.body) for one in collector.heard]
    assert {one.path for one in collector.heard} == {"/v1/traces"}
    spans = [
        span
        for one in told
        for resource in one.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.name for span in spans) == ["GET", "GET", "publish", "publish"]
    assert len({span.trace_id for span in spans}) == 1
    assert {span.status.code for span in spans} == {2}
    assert [event for span in spans for event in span.events] == []
    everything = str(told)
    assert "posting" in everything
    assert "graph.threads.net" in everything
    for word in ("secret1", "secret2", "hunter2", "access_token"):
        assert word not in everything


def test_a_wrong_variable_of_opentelemetrys_ends_no_step() -> None:
    said = run(
        "import logging, sys\n"
        "logging.basicConfig(stream=sys.stdout)\n"
        "from threadsworker import tracing\n"
        "from threadsworker.subject import Subject\n"
        "tracing.start(None)\n"
        f"with tracing.step(Subject({JOB!r})):\n"
        "    print('taken')\n"
        "tracing.stop()\n",
        OTEL_BSP_MAX_QUEUE_SIZE="1",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="512",
    )
    assert "taken" in said
    assert said.count("Nothing is traced") == 1
