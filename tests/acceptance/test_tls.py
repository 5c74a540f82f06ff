"""Both links encrypted and verified, with users who may do no more than they have to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from redis import Redis

from tests.acceptance.installation import Installation, installation
from tests.services import eventually
from tests.tls_servers import (
    HOST,
    OWNER_PASSWORD,
    PASSWORD,
    USER,
    Certificates,
    postgres_over_tls,
    redis_over_tls,
)
from threadsworker.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


def documented_acl() -> str:
    """The ACL line that docs/tls.md tells operators to use."""
    page = (ROOT / "docs" / "tls.md").read_text()
    found = re.search(r"^user threadsworker .*$", page, re.MULTILINE)
    assert found is not None
    return found[0].replace("PASSWORD", PASSWORD)


@dataclass
class Encrypted:
    certificates: Certificates
    broker: str
    database: str
    admin: Redis
    home: Path

    def settings(self, **changes: str) -> dict[str, str]:
        """Of an installation, with some options of the two URLs changed."""
        broker = {
            "ssl_ca_certs": self.certificates.file("ca.crt"),
            "ssl_certfile": self.certificates.file("client.crt"),
            "ssl_keyfile": self.certificates.file("client.key"),
        }
        database = {"sslmode": "verify-full", "sslrootcert": self.certificates.file("ca.crt")}
        broker |= {name: value for name, value in changes.items() if name.startswith("ssl_")}
        database |= {name: value for name, value in changes.items() if name in database}
        return {
            "THREADSWORKER_BROKER_URL": f"{self.broker}?{urlencode(broker)}",
            "THREADSWORKER_DATABASE_URL": f"{self.database}?{urlencode(database)}",
            "THREADSWORKER_BROKER_KEY_PREFIX": "threadsworker:",
        }


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    directory = tmp_path_factory.mktemp("tls")
    for parent in (directory, *directory.parents):
        # PostgreSQL runs as another user, and has to get there.
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(0o755)
    certificates = Certificates(directory)
    with (
        redis_over_tls(certificates, documented_acl()) as (port, admin),
        postgres_over_tls(certificates) as database,
    ):
        broker = f"rediss://{USER}:{PASSWORD}@{HOST}:{port}/0"
        yield Encrypted(certificates, broker, database, admin, tmp_path_factory.mktemp("home"))


def test_a_thread_goes_out_over_tls_with_the_rights_that_are_documented(
    encrypted: Encrypted, sandbox: Sandbox
) -> None:
    processes = [("worker", "-c", "2"), ("beat",)]
    with installation(
        encrypted.home, sandbox, encrypted.settings(), processes=processes
    ) as installed:
        shown = installed.publish("encrypted\n---\nand verified")
        assert [segment["state"] for segment in shown["segments"]] == ["verified"] * 2
        # The worker holds a message that it has to give back when it ends.
        with installed.client() as client:
            client.enqueue("later", at=timedelta(seconds=100))
            log = encrypted.home / "0-worker.log"
            eventually(lambda: re.search(r"retry: Retry in [5-9]\d", log.read_text()), timeout=60)
    assert encrypted.admin.llen("threadsworker:threadsworker") == 1
    # Nothing was refused to the user, nothing lies outside its prefix, and no log has a password.
    denied = [
        (one["context"], one["reason"], one["object"], one["count"])
        for one in encrypted.admin.acl_log()
    ]
    assert denied == []
    keys = encrypted.admin.keys("threadsworker:*")
    assert keys
    assert len(keys) == encrypted.admin.dbsize()
    assert PASSWORD not in installed.logs()
    assert OWNER_PASSWORD not in installed.logs()


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [({}, True), ({"ssl_ca_certs": "other-ca.crt"}, False), ({"ssl_cert_reqs": "none"}, True)],
    ids=["authority", "another authority", "not verified"],
)
def test_a_broker_is_verified_unless_the_url_says_otherwise(
    encrypted: Encrypted, sandbox: Sandbox, changes: dict[str, str], accepted: bool
) -> None:
    changes = {
        name: encrypted.certificates.file(value) if value.endswith(".crt") else value
        for name, value in changes.items()
    }
    installed = Installation(encrypted.home, sandbox, encrypted.settings(**changes))
    with installed.client() as client:
        assert (client._doorbell.trouble() is None) is accepted


def test_a_certificate_of_the_system_is_asked_for_without_options(
    encrypted: Encrypted, sandbox: Sandbox
) -> None:
    """Kombu by itself would verify nothing here."""
    settings = {**encrypted.settings(), "THREADSWORKER_BROKER_URL": encrypted.broker}
    with Installation(encrypted.home, sandbox, settings).client() as client:
        assert client._doorbell.trouble() is not None


def test_a_database_of_another_authority_is_refused(encrypted: Encrypted, sandbox: Sandbox) -> None:
    other = encrypted.certificates.file("other-ca.crt")
    installed = Installation(encrypted.home, sandbox, encrypted.settings(sslrootcert=other))
    said = installed.run("check", expect=1).stdout
    assert "database: FAILED" in said
    assert OWNER_PASSWORD not in said
