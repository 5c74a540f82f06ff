"""Who may open Flower, and what its list says of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadsworker import queue
from threadsworker.cli.flower import refusal
from threadsworker.errors import InvalidSettings
from threadsworker.settings import load_settings

JOB = "27efc795c2e18150dfb4"
OPEN = ["", "0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "2001:db8::1", "flower.example.com", "0"]
LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer's is read."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("address", OPEN)
def test_an_open_address_needs_a_password(address: str) -> None:
    assert "without a password" in (refusal(address, guarded=False) or "")
    assert refusal(address, guarded=True) is None


@pytest.mark.parametrize("address", OPEN)
def test_an_open_api_is_not_for_an_open_address(address: str) -> None:
    sentence = refusal(address, guarded=True, unauthenticated_api=True)
    assert "FLOWER_UNAUTHENTICATED_API" in (sentence or "")


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_needs_none(address: str) -> None:
    assert refusal(address, guarded=False, unauthenticated_api=True) is None


@pytest.mark.parametrize("auth", ["ada", "ada:", ":secret", "ada:secret,", "ada:secret,grace"])
def test_a_password_without_a_name_is_refused_and_not_repeated(auth: str) -> None:
    with pytest.raises(InvalidSettings, match=r"FLOWER_BASIC_AUTH.*name:password") as refused:
        load_settings(flower_basic_auth=auth)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["a b", "?x", "https://example.com", "a\nb"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    with pytest.raises(InvalidSettings, match="FLOWER_URL_PREFIX"):
        load_settings(flower_url_prefix=prefix)


def test_every_message_says_whose_it_is_and_which() -> None:
    app = queue.make_app("memory://")
    chain = queue.job_chain(app, JOB, 2, 2, queue.Title("main", 7))
    shown = [message.options["argsrepr"] for message in chain.tasks]
    segment = f"main/{JOB} run 2 segment 3/7"
    whole = f"main/{JOB} run 2"
    assert shown == [whole, segment, segment, segment, whole, whole]


def test_no_two_sends_share_an_id() -> None:
    app = queue.make_app("memory://")
    title = queue.Title("main", 7)
    ids = [
        message.options["task_id"]
        for _ in range(2)
        for message in queue.job_chain(app, JOB, 2, 2, title).tasks
    ]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith(f"{JOB}-run2-") for one in ids)
    assert ids[3].startswith(f"{JOB}-run2-publish3-")
