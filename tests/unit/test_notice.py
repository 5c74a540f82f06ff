from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from threadsworker.errors import InvalidPost
from threadsworker.notice import (
    GAPS,
    NoticeEvent,
    TargetKind,
    events_of,
    gap_after,
    kind_of,
    target_of,
    task_and_queue,
)


def published(notice: dict[str, Any]) -> None:
    """What an app would subscribe."""


class Hooks:
    @staticmethod
    def published(notice: dict[str, Any]) -> None:
        """The same in a class."""


class Task:
    """As Celery's look from outside."""

    name = "shop.tasks.published"

    def apply_async(self) -> None: ...

    def __call__(self) -> None: ...


def rules(error: InvalidPost) -> list[str]:
    return [problem.rule for problem in error.problems]


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("https://example.com/hook?a=b", TargetKind.URL),
        ("ftp://example.com", TargetKind.URL),
        ("shop.tasks.published", TargetKind.TASK),
        ("published", TargetKind.TASK),
        ("shop.tasks.published@marketing", TargetKind.TASK),
        ("shop.hooks:published", TargetKind.CALLABLE),
        ("hooks:Hooks.published", TargetKind.CALLABLE),
    ],
)
def test_a_target_tells_what_it_is(target: str, kind: TargetKind) -> None:
    assert kind_of(target) is kind


@pytest.mark.parametrize("target", ["", "example.com/hook", "a b", "shop:", "localhost:8000", "a@"])
def test_anything_else_is_refused(target: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        kind_of(target)
    assert rules(refused.value) == ["subscription.target.invalid"]


def test_a_task_goes_to_its_queue_or_to_celerys_own() -> None:
    assert task_and_queue("a.b") == ("a.b", "celery")
    assert task_and_queue("a.b@c") == ("a.b", "c")


def test_a_function_is_stored_by_its_name() -> None:
    assert target_of(published) == "tests.unit.test_notice:published"
    assert target_of(Hooks.published) == "tests.unit.test_notice:Hooks.published"
    assert target_of(Task()) == "shop.tasks.published"


def test_what_a_worker_could_not_import_is_refused() -> None:
    def inner(notice: dict[str, Any]) -> None: ...

    def of_the_script(notice: dict[str, Any]) -> None: ...

    of_the_script.__module__, of_the_script.__qualname__ = "__main__", "of_the_script"
    targets: list[Any] = [lambda notice: None, inner, of_the_script, [].append, Hooks()]
    for target in targets:
        with pytest.raises(InvalidPost) as refused:
            target_of(target)
        assert rules(refused.value) == ["subscription.callable.local"]


def test_events_by_name() -> None:
    assert events_of(None) == []
    assert events_of("job.failed") == [NoticeEvent.JOB_FAILED]
    assert events_of(["job.published", NoticeEvent.JOB_FAILED, "job.failed"]) == [
        NoticeEvent.JOB_FAILED,
        NoticeEvent.JOB_PUBLISHED,
    ]
    with pytest.raises(InvalidPost) as refused:
        events_of(["job.published", "job.finished"])
    assert rules(refused.value) == ["subscription.event.unknown"]


def test_tries_grow_rarer_for_about_three_days_and_end() -> None:
    dice = random.Random(1)
    gaps = [gap_after(tries, dice=dice) for tries in range(1, len(GAPS) + 2)]
    assert gaps[-1] is None
    waited = [gap for gap in gaps if gap is not None]
    assert len(waited) == len(GAPS)
    assert waited[0] <= timedelta(seconds=6)
    for gap, full in zip(waited, GAPS, strict=True):
        assert 0.8 * full <= gap.total_seconds() <= 1.2 * full
    assert timedelta(days=2.5) < sum(waited, timedelta(0)) < timedelta(days=3.5)
    assert gap_after(3, dice=random.Random(1)) != gap_after(3, dice=random.Random(2))
