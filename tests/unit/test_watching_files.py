"""What is in deploy/ and in docs/watching.md against what there is to be watched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from tests.services import missing
from threadsworker.cli.application import app
from threadsworker.counting import instruments
from threadsworker.metrics import gauges

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "alerts.yaml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
PAGE = (ROOT / "docs" / "watching.md").read_text()
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]

ALL: list[gauges.Gauge | instruments.Instrument] = [*gauges.ALL, *instruments.ALL]
#: Names of samples, as queries use them.
SAMPLES = {
    one.name + suffix
    for one in ALL
    for suffix in (("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",))
}
NAME = re.compile(r"\bthreadsworker_\w+")

#: All is well: what each of these is at any time.
WELL = {
    "threadsworker_info": "1",
    "threadsworker_database_up": "1",
    "threadsworker_broker_up": "1",
    "threadsworker_workers": "5",
    'threadsworker_duty_age_seconds{duty="dispatch_due"}': "3",
    "threadsworker_oldest_due_seconds": "0",
    'threadsworker_lateness_seconds_bucket{le="5.0"}': "0+10",
    'threadsworker_lateness_seconds_bucket{le="3600.0"}': "0+10",
    'threadsworker_lateness_seconds_bucket{le="+Inf"}': "0+10",
    'threadsworker_jobs{state="needs_review"}': "0",
    'threadsworker_jobs{state="publishing"}': "1",
    'threadsworker_jobs_ended_total{state="failed"}': "7",
    'threadsworker_jobs_ended_total{state="missed"}': "7",
    'threadsworker_segments_in_flight{state="in_doubt"}': "0",
    'threadsworker_accounts{status="needs_reconnect"}': "0",
    'threadsworker_account_token_seconds{account="a"}': "4000000",
    'threadsworker_account_quota_used{account="a", kind="post"}': "100",
    'threadsworker_account_quota_reserved{account="a", kind="post"}': "10",
    'threadsworker_account_quota_limit{account="a", kind="post"}': "250",
    'threadsworker_account_throttle_seconds{account="a", service="threads"}': "0",
    'threadsworker_api_calls_total{service="threads", status="200"}': "0+10",
    'threadsworker_api_calls_total{service="threads", status="503"}': "0+1",
    "threadsworker_workers_lost_total": "0",
    'threadsworker_queue_messages{queue="threadsworker"}': "3",
    'threadsworker_staged_files{state="present"}': "3",
    'threadsworker_notices{state="failed"}': "2",
}
#: What goes wrong, and which alert tells of it.
WRONG: dict[str, dict[str, str | None]] = {
    "ThreadsworkerGone": {"threadsworker_info": None},
    "ThreadsworkerDatabaseDown": {"threadsworker_database_up": "0"},
    "ThreadsworkerBrokerDown": {"threadsworker_broker_up": "0"},
    "ThreadsworkerNoWorker": {"threadsworker_workers": "0"},
    "ThreadsworkerBeatSilent": {
        'threadsworker_duty_age_seconds{duty="dispatch_due"}': "0+60",
    },
    "ThreadsworkerPostsOverdue": {"threadsworker_oldest_due_seconds": "0+60"},
    "ThreadsworkerPostsLate": {'threadsworker_lateness_seconds_bucket{le="5.0"}': "0"},
    "ThreadsworkerNeedsReview": {'threadsworker_jobs{state="needs_review"}': "2"},
    "ThreadsworkerJobsFailed": {'threadsworker_jobs_ended_total{state="failed"}': "0+1"},
    "ThreadsworkerJobsMissed": {'threadsworker_jobs_ended_total{state="missed"}': "0+1"},
    "ThreadsworkerInDoubt": {'threadsworker_segments_in_flight{state="in_doubt"}': "1"},
    "ThreadsworkerNeedsReconnect": {'threadsworker_accounts{status="needs_reconnect"}': "1"},
    "ThreadsworkerTokenEndsSoon": {'threadsworker_account_token_seconds{account="a"}': "86400"},
    "ThreadsworkerQuotaNearlyUsed": {
        'threadsworker_account_quota_used{account="a", kind="post"}': "240"
    },
    "ThreadsworkerThrottled": {
        'threadsworker_account_throttle_seconds{account="a", service="threads"}': "600"
    },
    "ThreadsworkerServiceInTrouble": {
        'threadsworker_api_calls_total{service="threads", status="503"}': "0+10"
    },
    "ThreadsworkerWorkersDie": {"threadsworker_workers_lost_total": "0+1"},
    "ThreadsworkerQueueLong": {'threadsworker_queue_messages{queue="threadsworker"}': "5000"},
    "ThreadsworkerFilesLeftStaged": {'threadsworker_jobs{state="publishing"}': "0"},
    "ThreadsworkerNoticesGivenUp": {'threadsworker_notices{state="failed"}': "0+1"},
}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        missing("no promtool: it comes with Prometheus")
    assert found is not None
    return found


def case(changes: dict[str, str | None], firing: list[str]) -> dict[str, Any]:
    """Four hours of series, and which alerts are to fire at their end."""
    series = {**WELL, **changes}
    return {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": value if "+" in value else f"{value}+0"}
            for name, value in ((name, value) for name, value in series.items() if value)
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "4h",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing
                ],
            }
        ],
    }


def test_each_alert_fires_for_what_it_is_for_and_none_else(promtool: str, tmp_path: Path) -> None:
    assert WRONG.keys() == {rule["alert"] for rule in RULES}
    cases = [case({}, []), *(case(changes, [name]) for name, changes in WRONG.items())]
    for one in cases:
        for series in one["input_series"]:
            start, _, step = series["values"].partition("+")
            series["values"] = f"{start}+{step}x240"
    tests = tmp_path / "alerts.test.yaml"
    written = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": cases}
    tests.write_text(yaml.safe_dump(written))
    done = subprocess.run(
        [promtool, "test", "rules", tests], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [("rules", "alerts.yaml"), ("config", "--syntax-only", "prometheus.yml")],
    ids=["alerts", "scraping"],
)
def test_prometheus_takes_the_files(promtool: str, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [promtool, "check", *command],
        cwd=ROOT / "deploy",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_alerts_exists() -> None:
    asked = {name for rule in RULES for name in NAME.findall(rule["expr"])}
    assert asked <= SAMPLES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_which_command_helps(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"].endswith(".")
    commands = typer.main.get_command(app).commands.keys()  # type: ignore[attr-defined]
    named = re.findall(r"`threadsworker (\w+)", rule["annotations"]["runbook"])
    for command in named:
        assert command in commands
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    queries = [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
    ]
    asked = {name for query in queries for name in NAME.findall(query)}
    assert asked <= SAMPLES
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert {one.name for one in ALL} <= shown
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_page_lists_every_metric_with_its_type_labels_and_meaning() -> None:
    listed = re.findall(r"^\| `(threadsworker_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", PAGE, re.M)
    assert listed == [
        (one.name, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning)
        for one in ALL
    ]


def test_the_page_lists_every_alert() -> None:
    assert re.findall(r"^\| `(Threadsworker\w+)` \|", PAGE, re.M) == [
        rule["alert"] for rule in RULES
    ]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_names_follow_the_guide(one: gauges.Gauge | instruments.Instrument) -> None:
    assert (one.kind == "counter") == one.name.endswith("_total")
    assert one.kind != "histogram" or one.name.endswith("_seconds")
    assert one.meaning.endswith(".")
