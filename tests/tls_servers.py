"""Redis and PostgreSQL that speak TLS only, with certificates of an authority of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import RedisError

from tests.services import START, eventually, free_port, missing, postgres_programs

#: The user of the ACL, and its password.
USER, PASSWORD = "threadsworker", "tls-broker-password-51ab"
#: The same of PostgreSQL.
OWNER, OWNER_PASSWORD = "threadsworker", "tls-database-password-0c3e"


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: an authority, and what it has signed for a server and for a client."""

    directory: Path

    def __post_init__(self) -> None:
        self._authority("ca")
        self._authority("other-ca")
        self._signed("server", x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]))
        self._signed("client", None)

    def file(self, name: str) -> str:
        return str(self.directory / name)

    def _authority(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        basic = x509.BasicConstraints(ca=True, path_length=0)
        certificate = _builder(name, key, signer=key).issuer_name(_name(name))
        for extension in (basic, SIGNS):
            certificate = certificate.add_extension(extension, critical=True)
        self._write(name, key, certificate.sign(key, HASH))

    def _signed(self, name: str, extension: x509.SubjectAlternativeName | None) -> None:
        signer = serialization.load_pem_private_key(Path(self.file("ca.key")).read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _builder(name, key, signer=signer).issuer_name(_name("ca"))
        if extension is not None:
            certificate = certificate.add_extension(extension, critical=False)
        self._write(name, key, certificate.sign(signer, HASH))

    def _write(
        self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        pem = serialization.Encoding.PEM
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = Path(self.file(f"{name}.key"))
        path.touch(mode=0o600)
        path.write_bytes(private)
        Path(self.file(f"{name}.crt")).write_bytes(certificate.public_bytes(pem))


HOST = "127.0.0.1"
HASH = hashes.SHA256()
#: What an authority's key may be used for. Python 3.13 asks for it, and for the keys' identifiers.
SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, *, signer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signers = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(own, critical=False)
        .add_extension(signers, critical=False)
    )


@contextmanager
def redis_over_tls(certificates: Certificates, acl: str) -> Iterator[tuple[int, Redis]]:
    """A Redis on a TLS port whose clients need a certificate: the port, and an admin's client."""
    program = shutil.which("redis-server")
    if program is None:
        missing("no redis-server that speaks TLS")
    assert program is not None
    port = free_port()
    users = certificates.directory / "users.acl"
    users.write_text(f"user default on nopass ~* &* +@all\n{acl}\n")
    options = {
        "port": "0",
        "tls-port": str(port),
        "bind": HOST,
        "tls-cert-file": certificates.file("server.crt"),
        "tls-key-file": certificates.file("server.key"),
        "tls-ca-cert-file": certificates.file("ca.crt"),
        "tls-auth-clients": "yes",
        "aclfile": str(users),
        "save": "",
        "appendonly": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    server = subprocess.Popen(
        [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    admin = Redis(
        host=HOST,
        port=port,
        ssl=True,
        ssl_ca_certs=certificates.file("ca.crt"),
        ssl_certfile=certificates.file("client.crt"),
        ssl_keyfile=certificates.file("client.key"),
    )
    try:
        eventually(lambda: _answers(admin), timeout=START)
        yield port, admin
    finally:
        admin.close()
        server.terminate()
        server.wait(START)


def _answers(client: Redis) -> bool:
    with suppress(RedisError):
        return bool(client.ping())
    return False


@contextmanager
def postgres_over_tls(certificates: Certificates) -> Iterator[str]:
    """A PostgreSQL that takes nobody without TLS and a password: its URL, without options."""
    programs = postgres_programs()
    if programs is None:
        missing("no programs of PostgreSQL's to make a cluster with")
    assert programs is not None
    data, port = certificates.directory / "postgres", free_port()
    data.mkdir()
    user = None
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = next(n for n in ("postgres", "nobody") if n in {p.pw_name for p in pwd.getpwall()})
        shutil.chown(data, user)
    arguments = ["-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(
        [programs / "initdb", "-D", data, *arguments],
        check=True,
        user=user,
        stdout=subprocess.DEVNULL,
    )
    for name in ("server.crt", "server.key"):
        shutil.copy(certificates.file(name), data / name)
        (data / name).chmod(0o600)
        if user is not None:
            shutil.chown(data / name, user)
    (data / "pg_hba.conf").write_text(
        f"local all postgres trust\nhostssl all {OWNER} {HOST}/32 scram-sha-256\n"
    )
    options = ["-p", str(port), "-c", f"listen_addresses={HOST}", "-k", str(data), "-c", "ssl=on"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *options], user=user, stderr=subprocess.DEVNULL
    )
    try:
        admin = f"host={data} port={port} user=postgres dbname=postgres"
        eventually(lambda: _prepared(admin), timeout=START)
        yield f"postgresql://{OWNER}:{OWNER_PASSWORD}@{HOST}:{port}/{OWNER}"
    finally:
        server.terminate()
        server.wait(START)


def _prepared(admin: str) -> bool:
    try:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER_PASSWORD}'")
            connection.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}")
    except psycopg.OperationalError:
        return False
    return True
