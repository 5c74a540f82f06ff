"""
Look requirements.lock up in the advisory services: exit 1 if a package has a known vulnerability.

Where no service can be reached it says so, and is no failure: a machine without the internet has
to be able to check everything else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: Seconds until a service counts as out of reach: for one answer, and for all of them.
ANSWER, ALL = 5, 90
#: What pip-audit's errors say when a service is out of reach, and nothing is wrong with the file.
AWAY = ("ConnectionError", "Timeout", "ProxyError", "SSLError", "ServiceError", "HTTPError")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", nargs="?", default="requirements.lock")
    parser.add_argument("--osv-url", help="Another service that speaks OSV's protocol.")
    given = parser.parse_args()
    services = [["-s", "pypi"], ["-s", "osv"]]
    if given.osv_url:
        services = [["-s", "osv", "--osv-url", given.osv_url]]
    left: set[str] | None = None
    for service in services:
        looked_up = look_up(given.lock, service)
        if looked_up is None:
            continue
        found = {one["name"]: one["vulns"] for one in looked_up if one.get("vulns")}
        if found:
            say(described(found))
            return 1
        skipped = {one["name"] for one in looked_up if "skip_reason" in one}
        if len(skipped) < len(looked_up):
            left = skipped if left is None else left & skipped
    if left is None:
        say(f"{given.lock} was not audited: no advisory service can be reached from here")
    elif left:
        say(f"no known vulnerability in {given.lock}; not looked up: {', '.join(sorted(left))}")
    else:
        say(f"no known vulnerability in {given.lock}")
    return 0


def look_up(lock: str, service: list[str]) -> list[dict[str, Any]] | None:
    """What a service knows of each package; None: it is out of reach. SystemExit: all is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        told = Path(directory) / "told.json"
        command = [sys.executable, "-m", "pip_audit", "-r", lock, "--require-hashes"]
        command += ["--disable-pip", "--progress-spinner", "off", "--timeout", str(ANSWER)]
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments, no shell
                [*command, *service, "--format", "json", "--output", str(told)],
                capture_output=True,
                text=True,
                timeout=ALL,
            )
        except subprocess.TimeoutExpired:
            return None
        if told.exists() and (written := told.read_text()):
            packages: list[dict[str, Any]] = json.loads(written)["dependencies"]
            return packages
    if any(word in done.stderr for word in AWAY):
        return None
    raise SystemExit(f"pip-audit failed:\n{done.stderr}")


def described(found: dict[str, list[dict[str, Any]]]) -> str:
    """One line for each vulnerability, with the versions that mend it."""
    return "\n".join(
        f"{name}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for name, every in found.items()
        for one in every
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
