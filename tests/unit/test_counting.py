"""Worker processes count, come and go; totals stay, and nothing that fails ends a step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from threadsworker import counting
from threadsworker.counting import files
from threadsworker.counting.calls import endpoint_of
from threadsworker.counting.instruments import JOBS_ENDED
from threadsworker.errors import Service

#: A worker: counts in itself and in two processes that it forks, and says who they were.
_WORKER = """
import os, sys
from pathlib import Path
from threadsworker import counting
from threadsworker.counting.instruments import CALLS, JOBS_ENDED, STEP_SECONDS
from threadsworker.settings import tell_prometheus

directory = Path(sys.argv[1])
tell_prometheus(directory)
counting.start(directory)
for _ in range(2):
    if (child := os.fork()) == 0:
        for _ in range(3):
            counting.count(JOBS_ENDED, state="published")
            counting.observe(STEP_SECONDS, 0.2, step="publish")
        os._exit(0)
    os.waitpid(child, 0)
counting.count(JOBS_ENDED, state="failed")
"""

#: A worker on a disk that is full after its start: a file cannot grow beyond a byte.
_FULL = """
import logging, os, resource, sys
from pathlib import Path
from threadsworker import counting
from threadsworker.counting.instruments import JOBS_ENDED
from threadsworker.settings import tell_prometheus

logging.basicConfig(stream=sys.stdout)
directory = Path(sys.argv[1])
tell_prometheus(directory)
counting.start(directory)
if (child := os.fork()) == 0:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
    for _ in range(3):
        counting.count(JOBS_ENDED, state="published")
    print("went on", flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def run(script: str, directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, directory],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def totals(directory: Path) -> dict[tuple[str, str], float]:
    """Sums, by sample and the value of the only label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in files.Counted(directory).collect()
        for sample in family.samples
    }


def test_what_processes_have_counted_is_added_up_and_outlives_them(tmp_path: Path) -> None:
    for runs in (1, 2, 3):
        run(_WORKER, tmp_path)
        told = totals(tmp_path)
        assert told["threadsworker_jobs_ended_total", "published"] == 6 * runs
        assert told["threadsworker_jobs_ended_total", "failed"] == runs
        # There from the start, so that the first one is a rise.
        assert told["threadsworker_jobs_ended_total", "missed"] == 0
        assert told["threadsworker_step_seconds_count", "publish"] == 6 * runs
    assert sorted(path.name for path in tmp_path.glob("*.db")) == [
        "counter_ended.db",
        "histogram_ended.db",
    ]


def test_processes_that_come_and_go_leave_no_more_files_than_a_few(tmp_path: Path) -> None:
    run(_WORKER.replace("range(2)", "range(30)"), tmp_path)
    # Of the worker, of the last that it forked, and of all before; and nobody has looked.
    assert len(list(tmp_path.glob("*.db"))) <= 6
    assert totals(tmp_path)["threadsworker_jobs_ended_total", "published"] == 90


def test_the_files_of_a_living_process_are_left_to_it(tmp_path: Path) -> None:
    files.reserve(tmp_path, os.getpid())
    files.fold(tmp_path)
    assert (tmp_path / f"counter_{os.getpid()}.db").stat().st_size == files.SIZE
    assert not (tmp_path / "counter_ended.db").exists()


def test_a_process_with_the_id_of_one_before_counts_on(tmp_path: Path) -> None:
    files.reserve(tmp_path, os.getpid())
    path = tmp_path / f"counter_{os.getpid()}.db"
    written = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    key = mmap_key("n", "n_total", [], [], "help")
    written.write_value(key, 5.0, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    files.reserve(tmp_path, os.getpid())
    assert totals(tmp_path) == {("n_total", ""): 5.0}


def test_a_file_that_cannot_be_read_costs_its_own_counts_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(_WORKER, tmp_path)
    (tmp_path / "counter_999999999.db").write_bytes(b"\xff\x00\x00\x00" + b"x" * 252)
    (tmp_path / f"counter_{os.getpid()}.db").write_bytes(b"\x01")
    assert totals(tmp_path)["threadsworker_jobs_ended_total", "published"] == 6
    assert "cannot be read" in caplog.text


def test_who_may_only_read_is_told_the_same(tmp_path: Path) -> None:
    run(_WORKER, tmp_path)
    # As on a file system that is mounted to be read: root may write to any file.
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    assert totals(tmp_path)["threadsworker_jobs_ended_total", "published"] == 6


def test_a_full_disk_ends_the_counting_and_nothing_else(tmp_path: Path) -> None:
    said = run(_FULL, tmp_path)
    assert "went on" in said
    assert said.count("Nothing is counted in this process any more") == 1


def test_nothing_is_counted_where_nobody_asked_for_it(tmp_path: Path) -> None:
    """In this process, say: an app that enqueues."""
    counting.count(JOBS_ENDED, state="published")
    assert list(tmp_path.iterdir()) == []
    loaded = "import threadsworker, sys; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], check=True, timeout=60)


def test_of_a_services_codes_only_so_many_become_labels() -> None:
    told = {counting.bounded(f"threads.{number}") for number in range(1000)}
    assert len(told) <= counting.MOST_CODES + 1
    assert counting.OTHER in told


@pytest.mark.parametrize(
    ("service", "url", "endpoint"),
    [
        ("threads", "https://graph.threads.net/v1.0/me/threads_publish", "threads_publish"),
        ("threads", "https://graph.threads.net/v1.0/17890001112223334", "object"),
        ("threads", "https://graph.threads.net/v1.0/178900/insights?metric=views", "insights"),
        ("threads", "https://graph.threads.net/refresh_access_token", "refresh_access_token"),
        ("threads", "https://graph.threads.net/v1.0/somebody", "other"),
        ("threads", "", "other"),
        ("github", "https://api.github.com/repos/octo/stage", "repository"),
        ("github", "https://api.github.com/repos/octo/stage/git/blobs", "git/blobs"),
        ("github", "https://ghe.example/api/v3/repos/o/r/git/refs/heads/x/1", "git/refs"),
        ("github", "https://api.github.com/repos/o/r/git/novelty", "other"),
        ("github", "https://api.github.com/repos/o/r/contents/README.md", "contents"),
        ("github", "https://raw.githubusercontent.com/o/r/5f0c/a.jpg", "raw"),
    ],
)
def test_a_request_is_known_by_a_word_and_never_by_an_id(
    service: Service, url: str, endpoint: str
) -> None:
    assert endpoint_of(service, url) == endpoint
