"""A world in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.virtual_world import World, fast_folder


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(fast_folder(tmp_path), lease="30") as world:
        yield world
