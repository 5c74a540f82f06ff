"""The manifests: their schemas, and that what one names another has."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment import KUBERNETES, dockerfile, manifests, pods
from tests.services import missing
from threadsworker.queue import STEPS_QUEUE
from threadsworker.settings import Settings

#: Kubernetes' versions that the manifests are for: the oldest, and one of today.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
#: Kinds of others, whose schemas Kubernetes does not have.
OTHERS = ("kustomize.config.k8s.io/", "keda.sh/", "monitoring.coreos.com/")
DOCUMENTS = manifests()
KINDS = [one for one in DOCUMENTS if not one["apiVersion"].startswith(OTHERS)]
PODS = pods()
#: Seconds that a worker is given besides, to say good-bye.
MARGIN = 15
#: What a ScaledObject may say, by where it says it, and what it must.
#: Source: https://keda.sh/docs/2.18/reference/scaledobject-spec/ (read 2026-11-25).
SCALED_OBJECT = {
    "": {
        "scaleTargetRef",
        "pollingInterval",
        "cooldownPeriod",
        "initialCooldownPeriod",
        "idleReplicaCount",
        "minReplicaCount",
        "maxReplicaCount",
        "fallback",
        "advanced",
        "triggers",
    },
    "scaleTargetRef": {"apiVersion", "kind", "name", "envSourceContainerName"},
    "fallback": {"failureThreshold", "replicas", "behavior"},
    "advanced": {"restoreToOriginalReplicaCount", "horizontalPodAutoscalerConfig"},
}
#: What the trigger ``redis`` may say. Source: https://keda.sh/docs/2.16/scalers/redis-lists/
#: (read 2026-11-25); the user and the password come by its TriggerAuthentication.
REDIS_TRIGGER = {
    "address",
    "host",
    "port",
    "usernameFromEnv",
    "passwordFromEnv",
    "listName",
    "listLength",
    "activationListLength",
    "enableTLS",
    "unsafeSsl",
    "databaseIndex",
}


def one(kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = [
        each
        for each in DOCUMENTS
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    ]
    return found


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector of labels finds a pod with these."""
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


def selected(selector: dict[str, Any]) -> set[str]:
    return {name for name, pod in PODS.items() if selects(selector, pod["metadata"]["labels"])}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "document", KINDS, ids=[f"{each['kind']}-{each['metadata']['name']}" for each in KINDS]
)
def test_a_manifest_is_what_its_schema_says(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_every_file_is_applied() -> None:
    for folder in (KUBERNETES, KUBERNETES / "base"):
        text = (folder / "kustomization.yaml").read_text("utf-8")
        listed = set(yaml.safe_load(text)["resources"])
        there = {path.name for path in folder.iterdir()}
        assert listed == there - {"kustomization.yaml", "secret.example.yaml"}
    assert all("namespace" not in each.get("metadata", {}) for each in DOCUMENTS)


@pytest.mark.parametrize("folder", [KUBERNETES, KUBERNETES / "base"], ids=["all", "base"])
def test_kustomize_builds_it(folder: Any) -> None:
    if shutil.which("kubectl") is None:
        missing("no kubectl")
    built = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    kinds = [each["kind"] for each in yaml.safe_load_all(built.stdout)]
    assert kinds.count("Deployment") == len(PODS) - 1


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_as_little_as_possible(name: str) -> None:
    spec = PODS[name]["spec"]
    (user,) = (rest for each, rest in dockerfile() if each == "USER")
    number = int(user.split(":")[0])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == number
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == one("ServiceAccount")["metadata"]["name"]
    for container in spec["containers"] + spec.get("initContainers", []):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert container["image"] == "threadsworker"
        written = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert written["tmp"] == "/tmp"
        assert written["home"] == "/var/lib/threadsworker"
        assert written.keys() <= {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_reads_settings_and_secrets_that_exist(name: str) -> None:
    settings, secret = one("ConfigMap")["metadata"]["name"], one("Secret")["metadata"]["name"]
    for container in PODS[name]["spec"]["containers"]:
        assert container["envFrom"] == [
            {"configMapRef": {"name": settings}},
            {"secretRef": {"name": secret}},
        ]
    claims = {each["metadata"]["name"] for each in DOCUMENTS if "Claim" in each["kind"]}
    for volume in PODS[name]["spec"]["volumes"]:
        assert volume.get("persistentVolumeClaim", {"claimName": None})["claimName"] in {
            None,
            *claims,
        }


def test_the_spool_is_mounted_where_the_settings_say() -> None:
    url = one("ConfigMap")["data"]["THREADSWORKER_SPOOL_URL"]
    (worker,) = PODS["worker"]["spec"]["containers"]
    assert url.removeprefix("file://") in {m["mountPath"] for m in worker["volumeMounts"]}


@pytest.mark.parametrize("name", sorted(PODS.keys() - {"migrate"}))
def test_a_process_is_probed_and_waits_for_the_schema(name: str) -> None:
    (container,) = PODS[name]["spec"]["containers"]
    assert "livenessProbe" in container
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        seconds = container.get(probe, {"timeoutSeconds": 20}).get("timeoutSeconds", 1)
        # A command takes a second of processor time to start, on a machine that has other work.
        assert seconds >= 10 or "exec" not in container[probe]
    (schema,) = PODS[name]["spec"]["initContainers"]
    assert "check --only database" in schema["command"][-1]


def test_a_selector_finds_the_pods_that_it_is_for() -> None:
    for kind in ("PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        for each in (each for each in DOCUMENTS if each["kind"] == kind):
            key = "podSelector" if kind == "NetworkPolicy" else "selector"
            assert selected(each["spec"][key]), each["metadata"]["name"]
    for service in (each for each in DOCUMENTS if each["kind"] == "Service"):
        (name,) = selected({"matchLabels": service["spec"]["selector"]})
        (container,) = PODS[name]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_nobody_speaks_to_a_pod_unless_a_policy_says_so() -> None:
    everything = one("NetworkPolicy", "threadsworker")["spec"]
    assert selected(everything["podSelector"]) == PODS.keys()
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in everything
    blocked = [peer["ipBlock"]["except"] for peer in everything["egress"][1]["to"][1:]]
    assert ["169.254.0.0/16"] in blocked


def test_workers_may_be_drained_and_are_given_their_grace() -> None:
    budget = one("PodDisruptionBudget", "threadsworker-worker")["spec"]
    assert selected(budget["selector"]) == {"worker"}
    assert budget["maxUnavailable"] == 1
    grace = Settings.model_fields["shutdown_grace"].default
    seconds = PODS["worker"]["spec"]["terminationGracePeriodSeconds"]
    assert seconds >= grace.total_seconds() + MARGIN


def test_there_is_one_beat_and_keda_says_how_many_workers() -> None:
    beat = one("Deployment", "threadsworker-beat")["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})
    # A number here would undo at each apply what KEDA has decided.
    assert "replicas" not in one("Deployment", "threadsworker-worker")["spec"]


def test_keda_reads_the_queue_of_steps_with_credentials_that_exist() -> None:
    spec = one("ScaledObject")["spec"]
    for where, known in SCALED_OBJECT.items():
        assert (spec if where == "" else spec[where]).keys() <= known
    assert spec["scaleTargetRef"] == {"name": "threadsworker-worker"}
    assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "redis"
    assert trigger["metadata"].keys() <= REDIS_TRIGGER
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert trigger["metadata"]["listName"] == STEPS_QUEUE
    granted = one("TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]
    secret = one("Secret")
    for reference in granted["secretTargetRef"]:
        assert reference["parameter"] in ("username", "password")
        assert reference["name"] == secret["metadata"]["name"]
        assert reference["key"] in secret["stringData"]


def test_prometheus_sends_a_token_that_exists() -> None:
    (endpoint,) = one("PodMonitor")["spec"]["podMetricsEndpoints"]
    credentials = endpoint["authorization"]["credentials"]
    secret = one("Secret")
    assert credentials["name"] == secret["metadata"]["name"]
    assert credentials["key"] in secret["stringData"]
    assert selected(one("PodMonitor")["spec"]["selector"]) == {"worker", "metrics"}
    assert set(secret["stringData"].values()) == {""}, "an example holds no secret"
