"""What is imported before anything is asked for: health checks and scripts wait for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from threadsworker import Client
from threadsworker.settings import load_settings

#: Each takes longer than all of our own modules together.
HEAVY = ["alembic", "celery", "dateparser", "pydantic", "regex", "requests", "rich", "sqlalchemy"]

ASKED = """
import json, sys
import threadsworker
from threadsworker.cli import main
sys.argv = ["threadsworker", *{arguments!r}]
try:
    main()
except SystemExit as end:
    sys.stderr.write(json.dumps([end.code or 0, sorted(sys.modules)]))
"""


def imported(program: str) -> list[str]:
    """Those of the heavy packages that the program has imported when it has ended well."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    code, modules = json.loads(done.stderr)
    assert code == 0, done.stdout
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_telling_how_to_be_called_takes_none_of_the_heavy_packages(arguments: list[str]) -> None:
    assert imported(ASKED.format(arguments=arguments)) == []


@pytest.mark.parametrize("command", [["post"], ["account", "add"], ["check"], ["webhooks"]])
def test_a_commands_help_takes_only_what_typer_reads_its_options_with(command: list[str]) -> None:
    assert imported(ASKED.format(arguments=[*command, "-h"])) in ([], ["pydantic"])


def test_an_application_imports_what_it_uses() -> None:
    told = "import json, sys; sys.stderr.write(json.dumps([0, sorted(sys.modules)]))"
    assert imported(f"import threadsworker; {told}") == []
    post = imported(f"from threadsworker import Post; {told}")
    assert "pydantic" in post
    assert not {"celery", "sqlalchemy", "requests"} & set(post)
    assert "alembic" not in imported(f"from threadsworker import Client; {told}")


def test_only_who_changes_the_schema_needs_what_changes_it(tmp_path: Path) -> None:
    home = load_settings(home=tmp_path / "home")
    with Client(home) as client:
        assert client.jobs() == []
    look = f"""
import json, sys
from threadsworker import Client
from threadsworker.settings import load_settings
assert Client(load_settings(home={str(home.home)!r})).jobs() == []
sys.stderr.write(json.dumps([0, sorted(sys.modules)]))
"""
    assert "alembic" not in imported(look)


def test_without_its_extra_the_module_says_what_to_install() -> None:
    code = "import sys; sys.modules['starlette'] = None; import threadsworker.webhooks"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'threadsworker[webhooks]'" in done.stderr.splitlines()[-1]
