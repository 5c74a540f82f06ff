"""The sandbox's times: how long processing takes, and how far away it is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from tests.services import eventually
from threadsworker.sandbox import Sandbox, SandboxOptions

TOKEN = {"access_token": "sandbox-me"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    options = SandboxOptions(seed=7, text_spread=0.5, image_spread=0.5, processing_spread=0.0)
    with Sandbox(options=options) as running:
        yield running


def create(sandbox: Sandbox, **parameters: str) -> str:
    made = requests.post(
        f"{sandbox.threads_api_url}/v1.0/me/threads", {**TOKEN, **parameters}, timeout=20
    )
    made.raise_for_status()
    return str(made.json()["id"])


def times(sandbox: Sandbox) -> list[float]:
    return [container.processing for container in sandbox.containers()]


def test_a_kind_has_its_times_whatever_else_is_asked(sandbox: Sandbox) -> None:
    picture = {"media_type": "IMAGE", "image_url": "https://example.com/a.jpg"}
    for _ in range(3):
        create(sandbox, media_type="TEXT", text="alone")
    alone = times(sandbox)
    with Sandbox(options=sandbox.options) as other:
        for _ in range(3):
            create(other, **picture)
            made = create(other, media_type="TEXT", text="among pictures")
            requests.get(f"{other.threads_api_url}/v1.0/{made}", TOKEN, timeout=20)
        assert times(other)[1::2] == alone
        assert len(set(times(other))) == 6


def test_another_seed_gives_the_times_of_that_seed(sandbox: Sandbox) -> None:
    create(sandbox, media_type="TEXT", text="with seed 7")
    sandbox.set_options(seed=8)
    create(sandbox, media_type="TEXT", text="with seed 8")
    with Sandbox(options=sandbox.options.changed({"seed": 8})) as other:
        create(other, media_type="TEXT", text="with seed 8 from the start")
        assert times(other) == times(sandbox)[1:]
    assert times(sandbox)[0] != times(sandbox)[1]


def test_a_kind_without_a_spread_of_its_own_has_that_of_all(sandbox: Sandbox) -> None:
    create(sandbox, media_type="VIDEO", video_url="https://example.com/a.mp4")
    assert times(sandbox) == [sandbox.options.video_seconds]


def test_half_of_the_round_trip_passes_before_it_acts_and_half_after(sandbox: Sandbox) -> None:
    sandbox.set_options(round_trip=0.2)
    sent = time.time()
    create(sandbox, media_type="TEXT", text="from far away")
    answered = time.time()
    (container,) = sandbox.containers()
    assert container.created_at - sent >= 0.1
    assert answered - container.created_at >= 0.1


def test_neither_the_sandbox_itself_nor_a_download_is_far_away(sandbox: Sandbox) -> None:
    create(sandbox, media_type="IMAGE", image_url=f"{sandbox.url}/media/sample.jpg")
    sandbox.set_options(round_trip=3600)
    assert requests.get(f"{sandbox.url}/_sandbox/health", timeout=20).ok
    assert requests.get(f"{sandbox.url}/media/sample.jpg", timeout=20).ok
    assert requests.get(sandbox.url, timeout=20).ok
    eventually(lambda: sandbox.containers()[0].fetched_at)
    with pytest.raises(requests.Timeout):
        requests.get(f"{sandbox.github_api_url}/repos/octo/stage", timeout=0.5)
