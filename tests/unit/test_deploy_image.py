"""The image: what the linter says, and what is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deployment import DEPLOY, ROOT, dockerfile
from tests.services import missing

INSTRUCTIONS = dockerfile()


def of(name: str) -> list[str]:
    """What follows each instruction of that name."""
    return [rest for each, rest in INSTRUCTIONS if each == name]


def sources() -> list[str]:
    """What is copied from the repository."""
    return [
        word for rest in of("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]
    ]


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        missing("no hadolint: it comes for x86-64 alone")
    said = subprocess.run(
        [program, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout


def test_the_base_is_pinned_by_its_content() -> None:
    (base,) = (rest.removeprefix("PYTHON=") for rest in of("ARG"))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert [rest.split()[0] for rest in of("FROM")] == ["${PYTHON}", "${PYTHON}"]


def test_packages_are_installed_by_their_hashes() -> None:
    installs = [line for rest in of("RUN") for line in rest.split("&&") if " install " in line]
    pips = [line for line in installs if "pip " in line]
    assert len(pips) == 3
    for line in pips:
        # Our own wheel has just been built, and brings nothing along.
        assert "--require-hashes" in line or "--no-deps --no-index" in line


def test_the_last_stage_runs_as_nobody_in_particular_and_installs_nothing() -> None:
    begin = [name for name, _ in INSTRUCTIONS].index("FROM", 3)
    last = INSTRUCTIONS[begin:]
    assert ("USER", "10001:10001") in last
    assert ("STOPSIGNAL", "SIGTERM") in last
    assert ("ENTRYPOINT", '["threadsworker"]') in last
    runs = " ".join(rest for name, rest in last if name == "RUN")
    assert not re.search(r"\b(apt-get|pip|gcc)\b", runs)


def test_the_tools_that_build_the_wheel_are_named_completely() -> None:
    (named,) = re.findall(r"for each in ([\w\s-]+);", " ".join(of("RUN")))
    needed = {"hatchling"}
    for each in requires("hatchling") or []:
        requirement = Requirement(each)
        if requirement.marker is None or requirement.marker.evaluate():
            needed.add(requirement.name)
    assert set(named.split()) == needed


def test_dockerignore_lets_through_what_is_copied_and_nothing_else() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    let_through = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_through == set(sources())
    for source in sources():
        assert (ROOT / source).exists(), source


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as the image builds it, of nothing but what is copied."""
    context = tmp_path_factory.mktemp("context")
    for source in sources():
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, context / source, ignore=ignored)
        else:
            shutil.copy(ROOT / source, context / source)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "."]
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *build],
        cwd=context,
        check=True,
        timeout=120,
    )
    (built,) = context.glob("wheels/*.whl")
    return built


def test_every_file_of_ours_is_in_the_image(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "threadsworker", "tasks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    present = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    assert present
    assert present <= packed
