"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import threadsworker
from threadsworker import job

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for folder in ("threadsworker", "tasks", "tests") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_a_drawer(path: Path) -> None:
    assert not re.search(r"util|helper|common|manager", path.name)


def test_the_picture_shows_every_state_of_a_job_and_of_a_segment() -> None:
    assert job.__doc__ is not None
    for state in [*job.JobState, *job.SegmentState]:
        assert state in job.__doc__, f"{state} is not in the picture"


def test_every_public_name_exists_and_says_what_it_is() -> None:
    for name in threadsworker.__all__:
        assert getattr(threadsworker, name).__doc__, name


def test_an_app_that_enqueues_needs_no_tasks_package() -> None:
    """An app may have a `tasks` package of its own."""
    looked = subprocess.run(
        ["grep", "-rnE", r"^\s*(from|import) tasks", ROOT / "threadsworker"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.stdout == ""
