"""
The crash matrix: every point of a publish, and a sample of everything else.

`make crash-matrix-full` runs all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.crash_case import Result
from tests.reliability.crash_cases import ALL_FAMILIES, Case
from tests.reliability.crash_matrix import LANES, lanes, run_all
from tests.reliability.crash_plan import plan, record_moments, sample
from tests.reliability.crash_points import by_name, enumerate_points
from tests.reliability.harness_lane import Lane
from tests.services import PostgresServer, RedisServer, redis_server

#: Cases run of each family; of those that are not named, two.
SAMPLE = {
    "publish, restart": 1000,
    "publish, zombie": 1000,
    "late publish": 9,
    "double": 6,
    "line of publish": 3,
    "line of settle": 3,
}
#: Fewest cases that the whole matrix must have: both sides of 28 calls, of 26 commits and of 14
#: messages, with two sequels; and 7 points each of 3 publishes and 3 read-backs, with 7 more each
#: while the damage is repaired.
SINGLE, DOUBLE = 272, 294


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    """A server of our own: the lanes empty its databases."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def opened(
    postgres: PostgresServer, broker: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Lane]]:
    directory: Path = tmp_path_factory.mktemp("crash")
    with lanes(LANES, postgres=postgres, redis=broker, directory=directory) as opened:
        yield opened


@pytest.fixture(scope="module")
def cases(opened: list[Lane]) -> list[Case]:
    return plan(opened)


@pytest.fixture(scope="module")
def results(opened: list[Lane], cases: list[Case]) -> list[Result]:
    return run_all(sample(cases, SAMPLE, others=2), opened)


def test_the_whole_matrix_is_enumerated(cases: list[Case]) -> None:
    assert len({case.name for case in cases}) == len(cases)
    families = Counter(case.family for case in cases)
    assert set(families) == set(ALL_FAMILIES)
    singles = [case for case in cases if ", restart" in case.family or ", zombie" in case.family]
    assert len(singles) >= SINGLE
    assert families["double"] >= DOUBLE


def test_every_point_is_on_the_way_of_the_canonical_job(opened: list[Lane]) -> None:
    """No point is dead: another undisturbed run passes them all again, and no others."""
    first, second = (enumerate_points(record_moments(opened[0])) for _ in range(2))
    assert {point.target for point in first} == {point.target for point in second}
    names = by_name(first)
    for index in range(3):
        for letters in ("c0", "c1", "c2a", "c2b", "c3", "c4", "c5"):
            assert f"publish[{index}].{letters}" in names
            # The last one is read back by the job's last message.
            assert f"read_back[{index}].{letters}" in names or (index, letters) == (2, "c5")


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_family(results: list[Result], family: str) -> None:
    mine = [result for result in results if result.family == family]
    failed = [result for result in mine if not result.passed]
    assert mine
    assert not failed, "\n".join(
        f"{result.case}: {result.problems}\n{result.logs[-4000:]}" for result in failed
    )
