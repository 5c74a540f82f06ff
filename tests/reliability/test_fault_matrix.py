"""The fault matrix, every sixth case of it; `make crash-matrix-full` runs all."""

from __future__ import annotations

from tests.reliability.fault_cases import calls, cases
from tests.reliability.fault_matrix import report, run

SAMPLE = 6


def test_the_matrix_is_as_large_as_it_is_said_to_be() -> None:
    assert len(list(calls())) == 31
    assert len(cases()) >= 500
    assert len({case.name for case in cases()}) == len(cases())


def test_whatever_goes_wrong_the_thread_is_live_once_and_nothing_is_left() -> None:
    # A step of a size that has no factor in common with the number of troubles of a call.
    found = report(run(range(0, len(cases()), SAMPLE), processes=2))
    assert found["failures"] == []
    assert found["cases"] == found["passed"]
