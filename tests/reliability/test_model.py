"""The model finds what it must find, and its moves are those of the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reliability import model, model_workers
from tests.reliability.model_search import verdict_on
from tests.reliability.model_state import SEGMENT
from tests.reliability.model_variants import ROWS, Variant
from threadsworker.job import SEGMENT_MOVES, SegmentState
from threadsworker.steps import settle
from threadsworker.store import segments

CASES = [
    pytest.param(variant, expected, id=f"{row.name}{'' if variant.atomic else ', without A1'}")
    for row in ROWS
    for variant, expected in row.cases
]
#: Moves of the code that the model does not make, and why.
NOT_IN_THE_MODEL = {
    (SegmentState.CREATING, SegmentState.READY_TO_CREATE): "it has no carousel items",
}
#: Where a segment is before its media are reachable: the model begins after that.
BEFORE_THE_MODEL = {SegmentState.WAITING, SegmentState.STAGING}


@pytest.fixture(scope="module")
def moves() -> set[tuple[SegmentState, SegmentState]]:
    """All that the workers of the variants that are meant to be right have made."""
    made = [verdict_on(row.variant).moves for row in ROWS if not row.is_mutant]
    return set().union(*made)


@pytest.mark.parametrize(("variant", "expected"), CASES)
def test_a_variant_gets_its_verdict(variant: Variant, expected: str) -> None:
    verdict = verdict_on(variant)
    assert verdict.outcome == expected, "\n".join(verdict.trace)


@pytest.mark.parametrize(
    "variant", [variant for row in ROWS for variant, expected in row.cases if expected == "double"]
)
def test_a_double_post_is_told_with_the_way_to_it(variant: Variant) -> None:
    published = [what for what in verdict_on(variant).trace if "Meta publishes" in what]
    assert len(published) == 2


def test_every_move_of_the_model_is_one_of_the_code(
    moves: set[tuple[SegmentState, SegmentState]],
) -> None:
    # That a segment is live is a fact, and may come from any state: see `segments.published`.
    commands = {(source, to) for source, to in moves if to != SegmentState.PUBLISHED}
    assert {(source, to) for source, to in commands if to not in SEGMENT_MOVES[source]} == set()


def test_every_move_of_the_code_is_made_by_the_model(
    moves: set[tuple[SegmentState, SegmentState]],
) -> None:
    allowed = {
        (source, to)
        for source, targets in SEGMENT_MOVES.items()
        for to in targets
        if source not in BEFORE_THE_MODEL
    }
    assert allowed - moves == set(NOT_IN_THE_MODEL)


def test_the_numbers_of_the_model_are_the_codes() -> None:
    assert [SEGMENT[state] for state in model_workers.REBUILD] == list(segments.REBUILD)
    assert model_workers.MOST_ATTEMPTS == settle.MOST_ATTEMPTS


def test_the_table_is_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.main(["--json", str(tmp_path / "model.json")])
    written = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert written["as_expected"]
    assert len(written["table"]) == written["searches"] == len(CASES)
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in ROWS)
