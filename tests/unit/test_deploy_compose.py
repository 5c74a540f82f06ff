"""deploy/compose.yaml: its schema, and what an operator relies on."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.deployment import DEPLOY, compose
from threadsworker.settings import Settings

COMPOSE = compose()
SERVICES = COMPOSE["services"]
OURS = {name for name, one in SERVICES.items() if one["image"].startswith("threadsworker:")}
#: Seconds that a worker is given besides, to say good-bye.
MARGIN = 15


def test_it_is_what_the_compose_specification_says() -> None:
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    said = subprocess.run(
        [sys.executable, "-m", *check, str(DEPLOY / "compose.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"]
    assert service["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert name in OURS or service["user"].split(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("name", sorted(OURS - {"migrate"}))
def test_a_process_waits_for_servers_and_schema(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_the_migration_runs_once_and_ends() -> None:
    assert SERVICES["migrate"]["command"] == ["db", "upgrade"]
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_server_is_pinned_kept_and_reached_from_inside_alone(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-alpine@sha256:[0-9a-f]{64}", service["image"])
    assert "ports" not in service
    assert service["networks"] == ["inside"]
    assert service["healthcheck"]["test"]
    assert [volume.split(":")[0] for volume in service["volumes"]] == [name]


def test_what_is_published_is_published_on_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_whatever_is_named_is_declared() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for service in SERVICES.values():
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        assert {one.split(":")[0] for one in service["volumes"]} <= COMPOSE["volumes"].keys()
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()


def test_a_worker_is_given_its_grace() -> None:
    seconds = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    grace = Settings.model_fields["shutdown_grace"].default
    assert seconds >= grace.total_seconds() + MARGIN
