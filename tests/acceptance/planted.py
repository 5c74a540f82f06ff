"""Secrets that are put where an installation has its own, and how to find one in what it wrote."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import psycopg
from cryptography.fernet import Fernet
from redis import Redis

#: Leaked on purpose into every medium: a search that does not find it there finds nothing.
LEAK = f"leaked-on-purpose-{secrets.token_hex(8)}"


def _made(name: str) -> str:
    # With what URLs and JSON write in another way.
    return f'{name}"/+ é{secrets.token_hex(10)}'


@dataclass
class Planted:
    """One value for each place that has a secret, all different; by what they are."""

    access_token: str = field(default_factory=lambda: f"sandbox-{secrets.token_hex(12)}")
    rejected_token: str = field(default_factory=lambda: f"no-token-{secrets.token_hex(12)}")
    github_token: str = field(default_factory=lambda: f"octo-{secrets.token_hex(12)}")
    app_secret: str = field(default_factory=lambda: _made("app"))
    meta_app_secret: str = field(default_factory=lambda: _made("meta"))
    verify_token: str = field(default_factory=lambda: _made("verify"))
    subscription_secret: str = field(default_factory=lambda: _made("subscription"))
    secret_key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    database_password: str = field(default_factory=lambda: secrets.token_hex(12))
    redis_password: str = field(default_factory=lambda: secrets.token_hex(12))
    flower_password: str = field(default_factory=lambda: secrets.token_hex(12))
    metrics_token: str = field(default_factory=lambda: secrets.token_hex(16))
    #: Of a run: what Meta gave for the first token, and what a login went through.
    refreshed_token: str = ""
    code: str = ""
    long_lived_token: str = ""

    def all(self) -> dict[str, str]:
        return dict(vars(self))


def forms(secret: str) -> Iterator[bytes]:
    """The secret as it is, and as it looks in URLs, in JSON, in base64 and in hexadecimal."""
    plain = secret.encode()
    yield plain
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield secret.encode("unicode_escape")
    yield plain.hex().encode()
    for shift in range(3):
        # Without the characters that its neighbours have a part in.
        whole = base64.b64encode(b"-" * shift + plain + b"-" * 3)
        inner = whole[4 : len(whole) - 8]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def spellings(secret: str) -> Iterator[str]:
    """The same as programs write it into a line, alone and as a part of something longer."""
    plain = secret.encode()
    yield from (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret))
    yield from (ascii(secret), repr(plain), plain.hex())
    for around in (b"", b"operator:", b"an operator:", b"the operators:"):
        yield base64.b64encode(around + plain).decode()
        yield base64.urlsafe_b64encode(around + plain + around).decode()


def is_in(secret: str, content: bytes) -> bool:
    return any(form in content for form in forms(secret))


def found(planted: Mapping[str, str], written: Mapping[str, bytes]) -> list[str]:
    """Which secret stands where, in words; empty: none anywhere."""
    return [
        f"{name} in {where}"
        for where, content in written.items()
        for name, secret in planted.items()
        if is_in(secret, content)
    ]


def dump_of_redis(client: Redis) -> bytes:
    return b"".join(client.dump(key) or b"" for key in client.scan_iter())


def dump_of_postgres(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        dumped = b""
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as copy:
                dumped += b"".join(bytes(part) for part in copy)
    return dumped


def process_list() -> bytes:
    """The command lines of all processes of this machine, as any user can see them."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes())
        except OSError:
            continue
    return b"\n".join(lines)


def files_below(home: Path) -> dict[str, bytes]:
    """Every file, and its name, which tells things too."""
    return {
        f"the file {path}": str(path).encode() + b"\n" + path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
    }
