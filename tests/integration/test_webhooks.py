"""What Meta tells: the ASGI app behind a real uvicorn, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from tests.acceptance.bad_files import BODIES
from tests.services import eventually
from threadsworker import Client, webhooks
from threadsworker.job import SegmentState
from threadsworker.sandbox import signed_request
from threadsworker.sandbox.notifications import hub_signature, notification
from threadsworker.settings import Settings, load_settings
from threadsworker.steps import inbound
from threadsworker.steps.desk import Desk
from threadsworker.store import accounts, inbox, segments, tokens
from threadsworker.store.database import clock
from threadsworker.store.notice_tables import NotificationRow
from threadsworker.webhooks import LONGEST_BODY, make_app

APP, META, VERIFY = "the-threads-app-secret", "the-meta-app-secret", "the-verify-token"
USER, TOKEN = "17841405793187218", "token-of-main-0123456789"
TEXT = "what somebody wrote"


class Reception:
    """The app, and what it has written."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings, self.url = settings, url
        self.client = Client(self.settings)
        self.desk = Desk(self.settings)
        self.client.add_account("main", user_id=USER, access_token=TOKEN)
        self.client.add_account("other", user_id="2", access_token="token-of-other")

    def tell(self, body: bytes, *, secret: str = APP, **headers: str) -> requests.Response:
        headers = {"X-Hub-Signature-256": hub_signature(body, secret=secret), **headers}
        return requests.post(f"{self.url}/webhook", body, headers=headers, timeout=10)

    def sign_out(self, path: str, *, secret: str = META, **said: Any) -> requests.Response:
        form = {"signed_request": signed_request(secret=secret, **{"user_id": USER, **said})}
        return requests.post(f"{self.url}{path}", form, timeout=10)

    def kept(self) -> list[dict[str, Any]]:
        with self.desk.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT * FROM threadsworker_notification ORDER BY received_at, id"
            )
            return [dict(row) for row in rows.mappings()]

    def token(self) -> str:
        with self.desk.reading() as session:
            row = accounts.find(session, "main")
            return self.desk.credentials(session, row.id).access_token.get_secret_value()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The app on a free loopback port; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(make_app(settings), log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def reception(engine: Engine, tmp_path: Path) -> Iterator[Reception]:
    settings = load_settings(
        home=tmp_path,
        database_url=engine.url.render_as_string(hide_password=False),
        # Nobody is there: the row is the truth, and a duty looks at it.
        broker_url="redis://127.0.0.1:9/0",
        app_secret=APP,
        meta_app_secret=META,
        webhook_verify_token=VERIFY,
    )
    with served(settings) as url:
        made = Reception(settings, url)
        yield made
    made.client.close()
    made.desk.engine.dispose()


def reply(media_id: str = "8901234", *, sent_at: int = 1723226877) -> bytes:
    value = {
        "id": media_id,
        "username": "u",
        "text": TEXT,
        "media_type": "TEXT_POST",
        "permalink": "https://www.threads.net/@u/post/Pp",
        "replied_to": {"id": "567890"},
        "root_post": {"id": "123456", "owner_id": USER, "username": "u2"},
        "timestamp": "2024-08-07T10:33:16+0000",
    }
    return notification("replies", value, target_id="78901", sent_at=sent_at)


def test_the_handshake(reception: Reception) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY}

    def greet(**changed: str) -> requests.Response:
        params = {**asked, **{f"hub.{name}": value for name, value in changed.items()}}
        return requests.get(f"{reception.url}/webhook", params, timeout=10)

    assert (greet().status_code, greet().text) == (200, "1158201444")
    assert greet().headers["Content-Type"].startswith("text/plain")
    for refused in (greet(verify_token="another"), greet(verify_token=""), greet(mode="x")):
        assert refused.status_code == 403
        assert "1158201444" not in refused.text


def test_a_reply_is_kept_once_and_told_to_its_accounts_subscribers(reception: Reception) -> None:
    reception.client.on_reply("shop.tasks.mine", account="main")
    reception.client.on_reply("shop.tasks.others", account="other")
    reception.client.on_mention("shop.tasks.mentions")
    again = reply(sent_at=1723229999)
    said = [reception.tell(reply()), reception.tell(again, secret=META), reception.tell(reply())]
    assert [one.status_code for one in said] == [200] * 3
    (row,) = reception.kept()
    assert TEXT in str(row["value"])
    assert row["handled_at"] is None
    assert inbound.handle_all(reception.desk) == 1
    assert inbound.handle_all(reception.desk) == 0
    (told,) = reception.client.deliveries()
    assert (told.target, told.account, told.event) == ("shop.tasks.mine", "main", "reply.received")
    assert told.body["data"] == {
        "media_id": "8901234",
        "replied_to": "567890",
        "root_post": "123456",
        "permalink": "https://www.threads.net/@u/post/Pp",
        "username": "u",
        "media_type": "TEXT_POST",
        "timestamp": "2024-08-07T10:33:16+0000",
    }
    assert TEXT not in str(told)


def test_the_same_told_by_several_at_once_is_kept_once(reception: Reception) -> None:
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: reception.tell(reply()).status_code, range(4)))
    assert said == [200] * 4
    assert len(reception.kept()) == 1


def test_each_field_is_an_event_of_the_account_that_it_is_about(reception: Reception) -> None:
    reception.client.subscribe("shop.tasks.told")
    job_id = reception.client.enqueue("ours", at="2036-01-01T00:00", timezone="UTC").id
    with reception.desk.transaction() as session:
        segment = segments.at(session, job_id, 0)
        assert segments.published(
            session, segment.id, media_id="777", reply_to=None, now=clock(session)
        )
        assert segment.state == SegmentState.PUBLISHED
    nested = {"field": "mentions", "value": {"id": "12"}}
    deleted = {"id": "1", "owner": {"owner_id": "2"}, "deleted_at": "2024-08-07T10:33:16+0000"}
    for said in (
        notification("mentions", {"id": "11", "username": "u"}, target_id="2"),
        notification("delete", deleted, target_id="1"),
        notification("publish", {"id": "777", "username": "me"}, target_id="777"),
        notification("publish", {"id": "778", "username": "who"}, target_id="778"),
        json.dumps({"entry": [{"id": USER, "changes": [nested]}]}).encode(),
        notification("something new", {"id": "13"}),
    ):
        assert reception.tell(said).status_code == 200
    assert inbound.handle_all(reception.desk) == 6
    told = [(str(one.event), one.account) for one in reception.client.deliveries()]
    assert sorted(told, key=str) == sorted(
        [
            ("mention.received", "other"),
            ("post.deleted", "other"),
            ("post.published", "main"),
            ("post.published", None),
            ("mention.received", "main"),
        ],
        key=str,
    )


def test_what_is_not_signed_is_not_kept(reception: Reception) -> None:
    for header in ("sha256=" + "0" * 64, "", "sha1=x"):
        refused = reception.tell(reply(), **{"X-Hub-Signature-256": header})
        assert refused.status_code == 401
        assert TEXT not in refused.text
    assert reception.tell(reply(), secret="another secret").status_code == 401
    assert reception.kept() == []


def test_what_cannot_be_read_or_is_too_long_is_not_kept(reception: Reception) -> None:
    assert reception.tell(b'{"values": ').status_code == 400
    assert reception.tell(b"x" * (LONGEST_BODY + 1)).status_code == 413
    assert requests.put(f"{reception.url}/webhook", timeout=10).status_code == 405
    assert reception.kept() == []


def test_nothing_is_read_before_its_signature(reception: Reception) -> None:
    assert reception.tell(b'{"values": ', secret="another secret").status_code == 401
    for path in ("/deauthorize", "/data-deletion"):
        for body in (b"", b"signed_request=", b"signed_request=e30.e30", b"\xff" * 100):
            assert requests.post(f"{reception.url}{path}", body, timeout=10).status_code == 401


def test_a_body_of_no_told_length_is_cut(reception: Reception) -> None:
    """One that goes on for ever: no more of it is taken than is allowed."""
    taken: list[bytes] = []

    def endless() -> Iterator[bytes]:
        while len(taken) < 1000:
            taken.append(b"x" * 65536)
            yield taken[-1]

    with contextlib.suppress(requests.ConnectionError):
        refused = requests.post(f"{reception.url}/webhook", endless(), timeout=30)
        assert refused.status_code == 413
    assert len(taken) * 65536 < 16 * LONGEST_BODY
    assert reception.tell(reply()).status_code == 200


def test_a_body_that_drips_is_not_waited_for(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PATIENCE", 0.5)
    parts = urlsplit(reception.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), 5) as slow:
        slow.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = b"".join(iter(lambda: slow.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert reception.tell(reply()).status_code == 200


def test_an_empty_secret_is_none(reception: Reception) -> None:
    empty = {"app_secret": SecretStr(""), "webhook_verify_token": SecretStr("")}
    with served(reception.settings.model_copy(update=empty | {"meta_app_secret": None})) as url:
        signed = {"X-Hub-Signature-256": hub_signature(reply(), secret="")}
        assert (
            requests.post(f"{url}/webhook", reply(), headers=signed, timeout=10).status_code == 401
        )
        asked = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": ""}
        assert requests.get(f"{url}/webhook", asked, timeout=10).status_code == 403


def test_nothing_that_people_wrote_is_logged(
    reception: Reception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reception.tell(reply())
    reception.tell(reply(), secret="another secret")
    reception.tell(TEXT.encode())
    with reception.desk.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE threadsworker_notification RENAME TO away")
    assert reception.tell(reply("1")).status_code == 503
    with reception.desk.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO threadsworker_notification")
    assert reception.tell(reply("1")).status_code == 200
    with reception.desk.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE threadsworker_subscription RENAME TO away")
    assert inbound.handle_all(reception.desk) == 0
    with reception.desk.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO threadsworker_subscription")
    assert inbound.handle_all(reception.desk) == 2
    assert "could not be made a notice" in caplog.text
    assert "refused" in caplog.text
    assert "failed" in caplog.text
    assert TEXT not in caplog.text


def test_a_user_who_removes_the_app_takes_the_token_along(reception: Reception) -> None:
    reception.client.subscribe("shop.tasks.told", events="account.needs_reconnect")
    for refused in (
        reception.sign_out("/deauthorize", secret="another secret"),
        reception.sign_out("/deauthorize", issued_at=int(time()) - 90_000),
        requests.post(f"{reception.url}/deauthorize", {"signed_request": "x.y"}, timeout=10),
        requests.post(f"{reception.url}/deauthorize", timeout=10),
    ):
        assert refused.status_code == 401
    assert reception.client.account("main").status == "active"
    assert reception.token() == TOKEN
    with reception.desk.transaction() as session:
        lease, now = timedelta(hours=1), clock(session)
        held = tokens.claim(session, "main", lease=lease, now=now)
        assert held is not None
    assert reception.sign_out("/deauthorize").status_code == 200
    assert reception.client.account("main").status == "needs_reconnect"
    assert reception.client.account("other").status == "active"
    assert TOKEN not in reception.token()
    assert [one.account for one in reception.client.deliveries()] == ["main"]
    # A refresh that was under way does not bring it back.
    with reception.desk.transaction() as session:
        now = clock(session)
        kept = tokens.keep(session, held, "fresh", same=False, expires_at=None, now=now)
        assert kept is None
    assert reception.sign_out("/deauthorize", user_id="nobody").status_code == 200


@pytest.mark.parametrize("path", ["/deauthorize", "/data-deletion"])
def test_what_is_told_late_takes_no_token_that_came_later(reception: Reception, path: str) -> None:
    now = datetime.now(UTC)
    reception.client.add_account("main", user_id=USER, access_token=TOKEN, token_issued_at=now)
    assert reception.sign_out(path, issued_at=int(time()) - 3600).status_code == 200
    assert reception.client.account("main").status == "active"
    assert reception.token() == TOKEN
    assert reception.sign_out(path).status_code == 200
    assert reception.client.account("main").status == "needs_reconnect"
    assert TOKEN not in reception.token()


def test_the_environment_does_not_bring_a_token_back_that_its_owner_took(
    reception: Reception,
) -> None:
    given = {"user_id": USER, "access_token": SecretStr(TOKEN)}
    with Client(reception.settings.model_copy(update=given)) as client:
        assert client.account("main").status == "active"
        assert reception.sign_out("/deauthorize").status_code == 200
        assert client.account("main").status == "needs_reconnect"
        assert TOKEN not in reception.token()


def test_a_user_who_wants_to_be_forgotten_is(reception: Reception) -> None:
    reception.client.subscribe("shop.tasks.told")
    reception.tell(reply())
    reception.tell(notification("mentions", {"id": "11", "text": TEXT}, target_id="2"))
    inbound.handle_all(reception.desk)
    assert reception.sign_out("/data-deletion", secret="another secret").status_code == 401
    assert len(reception.kept()) == 2
    answer = reception.sign_out("/data-deletion")
    assert answer.status_code == 200
    told = answer.json()
    assert told["url"] == f"{reception.url}/data-deletion/{told['confirmation_code']}"
    status = requests.get(told["url"], timeout=10).json()
    assert (status["status"], status["confirmation_code"]) == (
        "deleted",
        told["confirmation_code"],
    )
    assert requests.get(f"{reception.url}/data-deletion/unknown", timeout=10).status_code == 404
    assert [row["field"] for row in reception.kept()] == ["mentions"]
    assert TOKEN not in reception.token()
    events = [(str(one.event), one.account) for one in reception.client.deliveries()]
    assert sorted(events) == [("account.needs_reconnect", "main"), ("mention.received", "other")]


def test_a_user_of_whom_much_was_told_is_forgotten_too(reception: Reception) -> None:
    # PostgreSQL takes 65,535 values in a statement.
    row = {"field": "replies", "user_ids": [USER], "value": {}, "received_at": datetime.now(UTC)}
    rows = [{**row, "id": str(n), "digest": str(n)} for n in range(66_000)]
    with reception.desk.engine.begin() as connection:
        connection.execute(insert(NotificationRow), rows)
    with reception.desk.transaction() as session:
        inbox.forget_user(session, USER)
    assert reception.kept() == []


def test_the_address_that_the_world_knows_may_be_another_one(reception: Reception) -> None:
    known = "https://your.host/threads/"
    with served(reception.settings.model_copy(update={"webhook_url": known})) as url:
        form = {"signed_request": signed_request(USER, secret=APP)}
        told = requests.post(f"{url}/data-deletion", form, timeout=10).json()
    assert told["url"] == f"{known}data-deletion/{told['confirmation_code']}"


def test_what_says_nothing_is_refused_and_leaves_nothing(reception: Reception) -> None:
    for body in BODIES:
        answer = reception.tell(body)
        assert (answer.status_code, answer.text) == (400, "this cannot be read"), body[:60]
        assert reception.tell(body, secret="another secret").status_code == 401
    assert reception.kept() == []


def test_what_no_database_keeps_is_no_reason_to_be_told_again(reception: Reception) -> None:
    said = {"values": {"field": "x\0", "value": {"text": "a\0b\ud800"}}, "target_id": "1\0"}
    body = json.dumps(said).encode()
    assert reception.tell(body).status_code == 200
    assert len(reception.kept()) == 1


def test_health_is_whether_the_database_answers(reception: Reception) -> None:
    assert requests.get(f"{reception.url}/healthz", timeout=10).json() == {"ok": True}
