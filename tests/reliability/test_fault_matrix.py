"""The fault matrix, every sixth case of it; `make crash-matrix-full` runs all."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.fault_cases import calls, cases
from tests.reliability.fault_matrix import check, report, run
from tests.reliability.virtual_world import Clock, World, fast_folder

SAMPLE = 6


def test_the_matrix_is_as_large_as_it_is_said_to_be() -> None:
    assert len(list(calls())) == 27
    assert len(cases()) >= 500
    assert len({case.name for case in cases()}) == len(cases())


def test_undisturbed_a_thread_is_live_at_once(tmp_path: Path) -> None:
    with World(fast_folder(tmp_path)) as world:
        world.submit()
        world.run()
        assert world.states() == [("published", None, None)]
        assert world.clock.seconds - Clock().seconds < 10
        assert list(check(world)) == []


def test_whatever_goes_wrong_the_thread_is_live_once_and_nothing_is_left() -> None:
    # A step of a size that has no factor in common with the number of troubles of a call.
    found = report(run(range(0, len(cases()), SAMPLE), processes=2))
    assert found["failures"] == []
    assert found["cases"] == found["passed"]
