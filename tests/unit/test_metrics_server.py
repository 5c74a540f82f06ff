"""Who is shown the metrics, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from threadsworker.errors import InvalidSettings
from threadsworker.metrics.server import MetricsServer
from threadsworker.settings import load_settings

TOKEN = "a-token-of-16-letters"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for the token; nothing else is there to be told of."""
    tmp_path = tmp_path_factory.mktemp("home")
    settings = load_settings(
        home=tmp_path,
        metrics_token=TOKEN,
        database_url=f"sqlite:///{tmp_path / 'empty.db'}",
        broker_url="redis://127.0.0.1:9/0",
    )
    server = MetricsServer(settings, address="127.0.0.1", port=0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"Token {TOKEN}"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Basic /////w=="}, 401),
        ({"Authorization": "Bearer Ã¼"}, 401),
    ],
)
def test_the_token_is_asked_for(served: str, given: dict[str, str], status: int) -> None:
    answer = requests.get(f"{served}/metrics", headers=given, timeout=60)
    assert answer.status_code == status
    assert ("threadsworker_info" in answer.text) == (status == 200)
    assert TOKEN not in answer.text


def test_it_may_be_a_password(served: str) -> None:
    for auth, status in ((("prometheus", TOKEN), 200), ((TOKEN, "prometheus"), 401)):
        assert requests.get(f"{served}/metrics", auth=auth, timeout=60).status_code == status


def test_there_is_one_page_to_be_read(served: str) -> None:
    assert requests.get(f"{served}/", timeout=60).status_code == 404
    assert requests.post(f"{served}/metrics", timeout=60).status_code == 405


def test_a_rows_trouble_is_told_and_no_error(served: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    page = requests.get(f"{served}/metrics", headers=headers, timeout=60).text
    assert "threadsworker_database_up 0.0" in page


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.7", "metrics.example", ""])
def test_others_are_not_shown_them_by_mistake(address: str) -> None:
    with pytest.raises(InvalidSettings, match="METRICS_TOKEN"):
        load_settings(metrics_port=9464, metrics_address=address)
    load_settings(metrics_port=9464, metrics_address=address, metrics_token=TOKEN)
    load_settings(metrics_port=9464, metrics_address=address, metrics_open=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_is(address: str) -> None:
    load_settings(metrics_port=9464, metrics_address=address)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="at least 16 characters"):
        load_settings(metrics_token="short")
