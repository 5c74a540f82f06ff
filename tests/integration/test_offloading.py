"""Many calls from one event loop, waits, and tasks that are cancelled."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from tests.profiles import ASTRO, ASTRO_TOKEN, profiles, publish
from tests.services import RedisServer, eventually
from threadsworker import Client, InvalidPost, InvalidRequest, NotFound
from threadsworker.report import Job
from threadsworker.settings import Settings, load_settings
from threadsworker.store import accounts
from threadsworker.store.database import clock, transaction

PICTURE = Path(__file__).parents[2] / "threadsworker/sandbox/assets/harbour.jpg"
GIVEN = {
    "user_id": "17841400000000001",
    "access_token": "token-main",
    "github_repo": "octo/stage",
    "github_token": "token-github",
}


#: Of an event loop on a machine with many cores.
MOST_THREADS = 32


def use_threads(count: int) -> None:
    """Give the running loop so many threads for its off-loaded calls."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of an embedded installation; nobody answers its broker."""
    with Client(load_settings(home=tmp_path, **GIVEN)) as client:
        yield client


@pytest.fixture
def either(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Client]:
    """The same, on SQLite and on PostgreSQL."""
    settings = load_settings(home=tmp_path / "home", database_url=database_url, **GIVEN)
    with Client(settings) as client:
        yield client


def test_two_hundred_at_once_are_stored_each_once(either: Client) -> None:
    """Every fourth is sent twice at the same moment, and some have a picture."""

    async def enqueue(number: int) -> Job:
        media: list[Any] = [PICTURE.read_bytes()] if number % 20 == 0 else []
        return await either.aenqueue(f"post {number}", key=f"key {number}", media=media)

    async def everything() -> list[Job]:
        use_threads(MOST_THREADS)
        numbers = [*range(200), *range(0, 200, 4)]
        return await asyncio.gather(*map(enqueue, numbers))

    done = asyncio.run(everything())
    assert len({job.id for job in done}) == 200
    assert [job.id for job in done[200:]] == [job.id for job in done[:200:4]]
    stored = either.jobs()
    assert {job.id for job in stored} == {job.id for job in done}
    assert either.get(done[7].id).segments[0].text == "post 7"


def test_a_hundred_ring_at_once_and_each_is_heard(redis: RedisServer, tmp_path: Path) -> None:
    """Celery's connections are shared by the threads, and every message arrives whole."""
    broker = redis.url.removesuffix("/0") + "/8"
    settings = load_settings(home=tmp_path, broker_url=broker, account_concurrency=100, **GIVEN)

    async def everything() -> list[Job]:
        use_threads(MOST_THREADS)
        async with Client(settings) as client:
            await client.aaccount()
            return await asyncio.gather(*(client.aenqueue(f"post {n}") for n in range(100)))

    jobs = asyncio.run(everything())
    with redis.client() as queue:
        queue.select(8)
        messages: list[bytes] = queue.lrange("threadsworker", 0, -1)
    rung = [json.loads(one)["headers"]["argsrepr"] for one in messages]
    assert sorted(rung) == sorted(f"main/{job.id} run 1" for job in jobs)


def begun_at_once(settings: Settings) -> set[str]:
    """Ids of the jobs that several clients enqueue under one key, all for the first time."""

    async def first_calls(client: Client) -> list[Job]:
        return await asyncio.gather(*(client.aenqueue("hello", key="k") for _ in range(5)))

    async def everything() -> set[str]:
        clients = [Client(settings) for _ in range(4)]
        found = await asyncio.gather(*map(first_calls, clients))
        for client in clients:
            await client.aclose()
        return {job.id for jobs in found for job in jobs}

    return asyncio.run(everything())


def test_clients_that_begin_at_once_are_one_installation(tmp_path: Path) -> None:
    """An empty home: who comes first makes the schema and the key, and all use them."""
    settings = load_settings(home=tmp_path, **GIVEN)
    assert len(begun_at_once(settings)) == 1
    with Client(settings) as client:
        assert client.account().user_id == GIVEN["user_id"]


def test_clients_that_begin_at_once_have_one_account(either: Client) -> None:
    """That of the environment; who comes first makes it."""
    assert len(begun_at_once(either.settings)) == 1
    assert [account.name for account in either.accounts()] == ["main"]


def is_waited_for(engine: Engine) -> bool:
    """Whether somebody waits for a lock. SQLite does not tell: there, all who write wait."""
    if engine.dialect.name == "sqlite":
        return True
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    with engine.connect() as connection:
        return bool(
            connection.scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}"))
        )


def test_an_account_that_two_add_at_the_same_moment_is_one(either: Client) -> None:
    """The second waits for the first, and has the last word on the token."""
    engine = either._ready()
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            accounts.put(
                session,
                "other",
                user_id="1",
                access_token=SecretStr("token-first"),
                github_repo=None,
                github_token=None,
                token_expires_at=None,
                cipher=either._cipher,
                now=clock(session),
            )
            second = pool.submit(
                either.add_account, "other", user_id="2", access_token="token-second"
            )
            eventually(lambda: is_waited_for(engine))
        assert second.result(20).user_id == "2"
    with transaction(engine) as session:
        found = accounts.find(session, "other")
        held = accounts.credentials(session, found.id, cipher=either._cipher, now=clock(session))
    assert held.access_token.get_secret_value() == "token-second"


def test_an_error_is_the_calls_own(client: Client) -> None:
    with pytest.raises(InvalidPost) as refused:
        asyncio.run(client.aenqueue("x", topic="a.b"))
    assert [one.rule for one in refused.value.problems] == ["threads.topic.invalid"]
    with pytest.raises(NotFound):
        asyncio.run(client.await_end("no job"))


def test_those_who_wait_hold_no_threads(client: Client) -> None:
    """A hundred wait; the loop has two threads, and other calls get through."""

    async def everything() -> list[Job]:
        use_threads(2)
        (job,) = await asyncio.gather(client.aenqueue("x"))
        waiting = [asyncio.create_task(client.await_end(job.id)) for _ in range(100)]
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await client.acancel(job.id)
            return await asyncio.gather(*waiting)

    ended = asyncio.run(everything())
    assert {job.state for job in ended} == {"cancelled"}


def test_a_job_is_watched_as_it_changes(client: Client) -> None:
    async def states() -> list[str]:
        job = await client.aenqueue("x", at="2999-01-01T09:00Z")
        seen = []
        async for looked in client.awatch(job.id, timeout=20):
            seen.append(looked.state)
            if looked.state == "scheduled":
                await client.acancel(job.id)
        return [str(state) for state in seen]

    assert asyncio.run(states()) == ["scheduled", "cancelled"]


def test_a_wait_ends_after_its_time_and_tells_of_the_job(client: Client) -> None:
    job = client.enqueue("x", at="2999-01-01T09:00Z")
    with pytest.raises(TimeoutError, match=r"still scheduled after 0\.1 seconds"):
        asyncio.run(client.await_end(job.id, timeout=0.1))


class Slow(Client):
    """A client whose calls begin when they are let, and say when they have begun."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.begun = threading.Event()
        self.let = threading.Event()

    def enqueue(self, /, *given: Any, **options: Any) -> Job:
        self.begun.set()
        assert self.let.wait(20)
        return super().enqueue(*given, **options)


@pytest.fixture
def slow(client: Client) -> Iterator[Slow]:
    with Slow(client.settings) as slow:
        yield slow


def test_a_task_that_is_cancelled_leaves_the_call_to_its_thread(slow: Slow) -> None:
    """The post is enqueued all the same, and its key finds it."""

    async def everything() -> Job:
        task = asyncio.create_task(slow.aenqueue("hello", key="k"))
        await asyncio.to_thread(slow.begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await slow.ajobs() == []
        slow.let.set()
        (stored,) = await asyncio.to_thread(eventually, slow.jobs)
        again = await slow.aenqueue("hello", key="k")
        assert again.id == stored.id
        return again

    job = asyncio.run(everything())
    assert [one.id for one in slow.jobs()] == [job.id]


def test_a_task_that_is_cancelled_before_a_thread_is_free_enqueues_nothing(slow: Slow) -> None:
    async def everything() -> None:
        use_threads(1)
        first = asyncio.create_task(slow.aenqueue("first"))
        second = asyncio.create_task(slow.aenqueue("second"))
        while not slow.begun.is_set():
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        slow.let.set()
        await first

    asyncio.run(everything())
    assert [slow.get(job.id).segments[0].text for job in slow.jobs()] == ["first"]


def test_the_end_of_the_loop_waits_for_what_is_in_a_thread(slow: Slow) -> None:
    async def leave() -> None:
        task = asyncio.create_task(slow.aenqueue("hello"))
        while not slow.begun.is_set():
            await asyncio.sleep(0)
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, slow.let.set)
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert len(slow.jobs()) == 1


def test_listings_are_walked_page_by_page(tmp_path: Path) -> None:
    with profiles(page_cap=2) as world:
        posts = [publish(world.astro, f"post {number}") for number in range(5)]
        settings = load_settings(home=tmp_path, threads_api_url=world.sandbox.threads_api_url)
        with Client(settings) as client:
            client.add_account("astro", user_id=ASTRO.user_id, access_token=ASTRO_TOKEN)

        async def walk() -> tuple[list[str], int]:
            async with Client(settings) as client:
                astro = await client.aacting_as("astro")
                found = [post.id async for post in astro.aposts()]
                before = len(world.sandbox.ledger)
                async with aclosing(astro.aposts()) as some:
                    assert (await anext(some)).id == found[0]
                    asked = len(world.sandbox.ledger) - before
                with pytest.raises(InvalidRequest):
                    await anext(astro.asearch(""))
                return found, asked

        assert asyncio.run(walk()) == (posts[::-1], 1)
