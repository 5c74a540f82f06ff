"""The tests are tested: every shortcut of `mutants` is seen by the test that is there for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that may be spoilt."""
    place = tmp_path_factory.mktemp("mutants")
    for folder in ("threadsworker", "tasks", "tests"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


@pytest.fixture
def spoilt(copy: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Mutant, Path]]:
    """The copy with one shortcut in it."""
    mutant: Mutant = request.param
    edits = [(mutant.file, mutant.right, mutant.wrong), *([mutant.also] if mutant.also else [])]
    before = {file: (copy / file).read_text() for file, _, _ in edits}
    for file, right, wrong in edits:
        text = (copy / file).read_text()
        assert right in text, f"{mutant.name}: the code that it spoils has changed"
        (copy / file).write_text(text.replace(right, wrong, 1))
    yield mutant, copy
    for file, text in before.items():
        (copy / file).write_text(text)


@pytest.mark.parametrize("spoilt", MUTANTS, ids=lambda mutant: mutant.name, indirect=True)
def test_a_shortcut_is_seen(spoilt: tuple[Mutant, Path]) -> None:
    mutant, place = spoilt
    run = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # 1: tests failed. Anything else means that they did not run.
    assert run.returncode == 1, f"{mutant.name} was not seen\n{run.stdout[-3000:]}"
    assert "error" not in run.stdout.splitlines()[-1], run.stdout[-3000:]


def test_there_is_one_of_each() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 12
