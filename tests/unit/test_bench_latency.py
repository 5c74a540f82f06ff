"""What the latency benchmark compares with: worked out by hand for round trips of one second."""

from __future__ import annotations

import pytest

from tests.bench import floor, serial
from tests.bench.floor import Drawn


@pytest.mark.parametrize(
    ("drawn", "local", "seconds"),
    [
        # There 0.5, processed 10.5, known 11, publish there 11.5.
        ([Drawn(10.0)], False, 11.5),
        # Processed before the first look can be there: 0.5, answer 1, look there 1.5, answer 2.
        ([Drawn(0.1)], False, 2.5),
        # Blobs, tree, commit and ref before the same.
        ([Drawn(10.0)], True, 15.5),
        # The second is made at the answer to the first one's publish, at 12.
        ([Drawn(10.0), Drawn(10.0)], False, 23.5),
        # Its items are known to be ready at 4 + 1 + 5, and the carousel is made then.
        ([Drawn(2.0, (3.0, 5.0))], True, 13.5),
        # Those of the second are ready long before the first one's publish is answered: 14.
        ([Drawn(2.0, (3.0, 5.0)), Drawn(2.0, (4.0, 4.0))], True, 17.5),
        # Or long after it: 4 + 1 + 30.
        ([Drawn(2.0, (3.0, 5.0)), Drawn(2.0, (4.0, 30.0))], True, 38.5),
    ],
)
def test_the_floor_is_the_critical_path(drawn: list[Drawn], local: bool, seconds: float) -> None:
    assert floor.live(drawn, local=local, round_trip=1.0) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("drawn", "files", "seconds"),
    [
        # Quota 1, creation 2, a look at once and ready 3, publish there 3.5.
        ([Drawn(0.5)], 0, 3.5),
        # The look comes too early; so it sleeps, and looks again: 3, 38, 39.
        ([Drawn(10.0)], 0, 39.5),
        # Two looks come too early.
        ([Drawn(40.0)], 0, 75.5),
        # Two files before; two items one after the other: 1 and 37 each.
        ([Drawn(0.5, (10.0, 10.0))], 2, 2 + 2 * 38 + 3.5),
        # Publish 1, a look after it 1, and the same again.
        ([Drawn(0.5), Drawn(0.5)], 0, 5 + 3.5),
    ],
)
def test_the_serial_client_does_one_thing_after_the_other(
    drawn: list[Drawn], files: int, seconds: float
) -> None:
    taken = serial.live(drawn, files=files, round_trip=1.0, wait=serial.DEFAULT_WAIT)
    assert taken == pytest.approx(seconds)
