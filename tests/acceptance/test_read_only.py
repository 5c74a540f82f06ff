"""A container with a read-only root: nothing but home is written to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation
from tests.deployment import ROOT
from tests.services import RedisServer
from threadsworker.sandbox import Sandbox

PICTURE = ROOT / "threadsworker" / "sandbox" / "assets" / "harbour.jpg"
#: In a name space of its own: everything is read-only but the folder that comes first. It exits
#: with 77 where something else can be written, and becomes what follows where not.
_READ_ONLY = """
home=$1; code=$2; venv=$3; shift 3
for each in "$home" "$code" "$venv"; do mount --bind "$each" "$each"; done
for each in / "$code" "$venv"; do mount -o remount,ro,bind "$each"; done
for each in "" "$code" "$venv"; do
  if touch "$each/.written" 2>/dev/null; then rm "$each/.written"; exit 77; fi
done
mkdir "$home/tmp"
cd "$code"
exec "$@"
"""


def test_a_thread_goes_out_where_only_home_can_be_written(
    sandbox: Sandbox, redis: RedisServer, tmp_path: Path
) -> None:
    enter = ["unshare", "--mount", "--propagation", "private"]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], check=False).returncode:
        pytest.skip("this system does not let us make a name space of mounts")
    settings = {"THREADSWORKER_BROKER_URL": redis.url, "TMPDIR": str(tmp_path / "tmp")}
    installed = Installation(tmp_path, sandbox, settings)
    program = [sys.executable, "-m", "threadsworker", "up"]
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [*enter, "sh", "-euc", _READ_ONLY, "sh", tmp_path, ROOT, sys.prefix, *program],
            env={**installed.environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    installed.processes.append(up)
    try:
        with installed.client() as client:
            job = client.enqueue("All that is written is at home.", media=[PICTURE])
            ended = client.wait(job.id, timeout=120)
        assert ended.state == "published", installed.logs()
        assert up.poll() is None, installed.logs()
    finally:
        installed.stop()
    assert "Read-only file system" not in installed.logs()
