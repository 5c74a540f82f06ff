"""The files of deploy/, read; and the Redis of its compose.yaml, started."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from honcho.environ import parse_procfile

from tests.services import free_port
from threadsworker.broker import server_program

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
KUBERNETES = DEPLOY / "kubernetes"
#: Letters and digits, as deploy/env.example asks.
PASSWORD = "1f0e5c9a7b3d4826"
#: Seconds that Redis is given to end.
END = 60.0


def compose() -> dict[str, Any]:
    """deploy/compose.yaml, its anchors put in."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return loaded


def manifests(folder: Path = KUBERNETES) -> list[dict[str, Any]]:
    """Every document in the manifests below `folder`."""
    return [
        document
        for path in sorted(folder.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def pods() -> dict[str, dict[str, Any]]:
    """What runs on Kubernetes: each component's pod template."""
    return {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"][
            "template"
        ]
        for one in manifests()
        if one["kind"] in ("Deployment", "Job")
    }


def unit(name: str) -> configparser.ConfigParser:
    """A unit of systemd's; of a setting that is there twice, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


def dockerfile() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    split = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(name, rest) for name, rest in split]


def command_lines() -> dict[str, list[str]]:
    """Every `threadsworker …` that deploy/ and the Procfile start, by where it stands."""
    found: dict[str, list[str]] = {}
    for name, line in parse_procfile((ROOT / "Procfile").read_text("utf-8")).processes.items():
        found[f"Procfile: {name}"] = shlex.split(line.replace("${PORT:-", "").replace("}", ""))
    for name, rest in dockerfile():
        if name in ("HEALTHCHECK", "CMD"):
            found[f"Dockerfile: {name}"] = yaml.safe_load(rest[rest.index("[") :])
    for name, service in compose()["services"].items():
        if str(service["image"]).startswith("threadsworker:"):
            found[f"compose: {name}"] = service["command"]
            found[f"compose: health of {name}"] = service["healthcheck"].get("test", [])[1:]
    for path in UNITS.glob("*.service"):
        found[f"systemd: {path.name}"] = shlex.split(unit(path.name)["Service"]["ExecStart"])
    for name, pod in pods().items():
        containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        for container in containers:
            where = f"kubernetes: {name}: {container['name']}"
            found[where] = container.get("args", []) + container.get("command", [])[2:]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                command = container.get(probe, {}).get("exec", {}).get("command", [])
                found[f"{where}: {probe}"] = command
    return {where: _without_program(line) for where, line in found.items() if _ours(line)}


def _ours(line: list[str]) -> bool:
    return bool(line) and line[0] != "python"


def _without_program(line: list[str]) -> list[str]:
    if " " in line[0]:
        # A loop of the shell's: the command between its words.
        line = shlex.split(line[0].removeprefix("until ").partition(";")[0])
    return line[1:] if line[0].rpartition("/")[2] == "threadsworker" else line


@contextmanager
def redis_of_compose(folder: Path) -> Iterator[str]:
    """The URL of a Redis that is started by the very command of deploy/compose.yaml."""
    folder.mkdir()
    (folder / "redis-server").symlink_to(server_program())
    port = free_port()
    server = subprocess.Popen(
        # Compose halves what is doubled.
        [part.replace("$$", "$") for part in compose()["services"]["redis"]["entrypoint"]],
        env={
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(folder),
            "PORT": str(port),
            "REDISCLI_AUTH": PASSWORD,
        },
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"redis://threadsworker:{PASSWORD}@127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(END)
