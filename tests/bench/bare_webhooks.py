"""
The least that may be called receiving: `python -m tests.bench.bare_webhooks DATABASE PORT SECRET`.

An app on the same server that reads a body, checks what signs it, and inserts it and commits.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from typing import Any

import psycopg
import uvicorn


def main() -> None:
    """Serve until it is ended."""
    database, port, secret = sys.argv[1:]
    connection = psycopg.connect(database)
    connection.execute("CREATE TABLE IF NOT EXISTS bare (digest text PRIMARY KEY, body text)")
    connection.commit()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status = 200 if _store(connection, scope, body, secret.encode()) else 401
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    uvicorn.run(app, port=int(port), log_config=None, access_log=False, lifespan="off")


def _store(connection: psycopg.Connection[Any], scope: Any, body: bytes, secret: bytes) -> bool:
    if scope["method"] == "GET":
        return True
    given = dict(scope["headers"]).get(b"x-hub-signature-256", b"")
    good = b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    if not hmac.compare_digest(given, good):
        return False
    digest = hashlib.sha256(body).hexdigest()
    connection.execute("INSERT INTO bare VALUES (%s, %s)", (digest, body.decode()))
    connection.commit()
    return True


if __name__ == "__main__":
    main()
