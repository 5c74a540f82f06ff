"""The audit of the dependencies: what it finds, and what it says where nobody can be asked."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.services import free_port

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
LOCK = f"sample==1.0 --hash=sha256:{'0' * 64}\n"
ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "It can be done.",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "sample", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


@pytest.fixture(params=[[], [ADVISORY]], ids=["none", "one"])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """A service that knows so many advisories."""
    advisories: list[Any] = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"vulns": advisories} if advisories else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", len(advisories)
        finally:
            server.shutdown()
            thread.join()


def audit(tmp_path: Path, url: str, lock: str = LOCK) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "some.lock"
    path.write_text(lock)
    command = [sys.executable, str(SCRIPT), str(path), "--osv-url", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_known_vulnerability_is_a_failure(service: tuple[str, int], tmp_path: Path) -> None:
    url, known = service
    done = audit(tmp_path, url)
    assert done.returncode == (1 if known else 0), done.stderr
    if known:
        assert done.stdout == "sample: PYSEC-2026-1, mended in 1.1\n"
    else:
        assert "no known vulnerability in" in done.stdout


def test_where_nobody_can_be_asked_it_says_so_and_goes_on(tmp_path: Path) -> None:
    done = audit(tmp_path, f"http://127.0.0.1:{free_port()}/v1/query")
    assert done.returncode == 0, done.stderr
    assert "was not audited: no advisory service can be reached" in done.stdout


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    done = audit(tmp_path, f"http://127.0.0.1:{free_port()}/v1/query", "no lock file at all\n")
    assert done.returncode == 1
    assert "pip-audit failed" in done.stderr
