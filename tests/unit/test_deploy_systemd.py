"""The units of systemd: what systemd says of them, and what an operator relies on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import UNITS, dockerfile, unit
from tests.services import missing
from threadsworker.settings import Settings

SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
#: Tenths: systemd's measure of what a service could do to the machine; 100 is everything.
EXPOSURE = 20
#: Seconds that a worker is given besides, to say good-bye.
MARGIN = 15
PROGRAM = "/opt/threadsworker/bin/threadsworker"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units where systemd looks for them, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        missing("no systemd-analyze")
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    for path in folder.rglob("*.service"):
        path.write_text(path.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    return folder


def analyze(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        # Ours, and then the system's.
        env={"SYSTEMD_UNIT_PATH": f"{installed}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_systemd_understands_every_line(installed: Path) -> None:
    units = [str(path) for path in installed.iterdir() if path.suffix in (".service", ".target")]
    said = analyze(installed, "verify", "--man=no", *units)
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little_to_the_machine(name: str, installed: Path) -> None:
    limit = f"--threshold={EXPOSURE}"
    said = analyze(
        installed, "security", "--no-pager", "--offline=true", limit, str(installed / name)
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_started_again_and_from_where_the_image_has_it(name: str) -> None:
    service = unit(name)["Service"]
    assert service["ExecStart"].startswith(f"{PROGRAM} ")
    environment = " ".join(rest for each, rest in dockerfile() if each == "ENV")
    assert f"PATH={Path(PROGRAM).parent}:" in environment
    if name != "threadsworker-migrate.service":
        assert service["Restart"] == "always"
        assert unit(name)["Unit"]["Requires"] == "threadsworker-migrate.service"
        assert unit(name)["Unit"]["After"] == "threadsworker-migrate.service"


def test_secrets_come_from_a_file_that_root_reads() -> None:
    common = unit("threadsworker-.service.d/10-common.conf")["Service"]
    assert common["EnvironmentFile"] == "/etc/threadsworker/environment"
    assert common["User"] == "threadsworker"
    assert common["StateDirectoryMode"] == "0700"
    assert (UNITS / "threadsworker.sysusers.conf").read_text("utf-8").count("u threadsworker ") == 1


def test_a_worker_is_given_its_grace_and_its_children_are_left_to_it() -> None:
    common = unit("threadsworker-.service.d/10-common.conf")["Service"]
    assert common["KillMode"] == "mixed"
    grace = Settings.model_fields["shutdown_grace"].default
    seconds = int(unit("threadsworker-worker.service")["Service"]["TimeoutStopSec"])
    assert seconds >= grace.total_seconds() + MARGIN
