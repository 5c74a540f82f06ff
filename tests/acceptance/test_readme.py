"""What the README and the pages say works: every command and every example is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
import requests
import typer

from tests.acceptance.installation import ACCESS_TOKEN, GITHUB_TOKEN, Installation, installation
from tests.acceptance.pages import blocks
from tests.services import eventually, free_port, missing
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox, SandboxOptions

ROOT = Path(__file__).parents[2]
README, SANDBOX_PAGE = ROOT / "README.md", ROOT / "docs" / "sandbox.md"
PAGES = [README, *(ROOT / name for name in ("CONTRIBUTING.md", "deploy/README.md"))]
PAGES += sorted((ROOT / "docs").glob("*.md"))

ASSETS = files("threadsworker.sandbox").joinpath("assets")
#: The files that the README names, and which of the sandbox's own stands for each.
MEDIA = {"cat.jpg": "harbour.jpg", "a.jpg": "street.jpg", "b.mp4": "clip.mp4"}
#: What its author puts in the place of the README's "…".
SECRETS = {
    "THREADSWORKER_ACCESS_TOKEN": ACCESS_TOKEN,
    "THREADSWORKER_GITHUB_TOKEN": GITHUB_TOKEN,
}
#: Variables that `installation` sets, and that the README has to set by itself.
UNSET = ("USER_ID", "ACCESS_TOKEN", "GITHUB_REPO", "GITHUB_TOKEN")
#: The port in the examples.
PORT = "8787"


def python(page: Path, *, tests: bool) -> list[str]:
    """The page's blocks of Python: those that are tests, or those that are not."""
    return [
        text
        for language, text in blocks(page)
        if language == "python" and ("def test_" in text) is tests
    ]


@dataclass
class Reader:
    """Somebody who does what the README says, line by line, in a folder with those files."""

    installed: Installation
    #: Environment variables; the installation's settings are the same dictionary.
    exported: dict[str, str] = field(default_factory=dict)
    #: The last that a command printed: what the README calls JOB.
    job: str = ""

    def do(self, line: str) -> None:
        """One line of a shell's. Fails for one that no test knows how to run."""
        match shlex.split(line, comments=True):
            case ["make", target]:
                assert_target(target)
            case ["pip", "install", requirement]:
                assert_offered(requirement)
            case ["export", *pairs]:
                for name, _, value in (pair.partition("=") for pair in pairs):
                    self.exported[name] = SECRETS[name] if value == "…" else value
            case ["threadsworker", "up"]:
                self.installed.start("up")
            case ["threadsworker", *_]:
                said = self.run(["sh", "-c", re.sub(r"\bJOB\b", self.job or "no job", line)])
                if found := re.fullmatch(r"([0-9a-f]{20})\n", said):
                    self.job = found.group(1)
            case _:
                pytest.fail(f"the README says {line!r}, and no test runs it")

    def program(self, text: str) -> None:
        """A block of Python, in an app that has the bytes of an image."""
        image = self.installed.home / "cat.jpg"
        given = f"from pathlib import Path\nimage_bytes = Path({str(image)!r}).read_bytes()\n"
        self.run([sys.executable, "-c", given + text])

    def run(self, command: list[str]) -> str:
        """What the program prints. Fails if it fails."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            env={**self.installed.environment, "PATH": path},
            cwd=self.installed.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (
            f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}{self.installed.logs()}"
        )
        return done.stdout


def assert_target(target: str) -> None:
    """The Makefile knows it. What it does is tested elsewhere, or is what runs this test."""
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr


def assert_offered(requirement: str) -> None:
    """`name[extra]` is what pyproject.toml calls this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.fullmatch(r"([\w-]+)(?:\[([\w-]+)\])?", requirement)
    assert found is not None, requirement
    assert found.group(1) == project["name"]
    assert found.group(2) in {None, *project["optional-dependencies"]}


def write_files(folder: Path) -> None:
    """The files that the README names."""
    for name, asset in MEDIA.items():
        (folder / name).write_bytes(ASSETS.joinpath(asset).read_bytes())
    (folder / "essay.txt").write_text("The tide comes. " * 100, encoding="utf-8")
    (folder / "posts.md").write_text("One. ![a street](a.jpg)\n\n---\n\nTwo.\n", encoding="utf-8")
    (folder / "posts.csv").write_text("text,at\nOne.,\nTwo.,tomorrow 9am\n", encoding="utf-8")
    (folder / "essay.md").write_text(
        "---\ntopic: boats\n---\nOne. ![a street](a.jpg)\n\n---\n\nTwo.\n", encoding="utf-8"
    )


def states(installed: Installation) -> list[str]:
    return [job["state"] for job in installed.json("jobs")]


def test_what_the_readme_says_works(sandbox: Sandbox, tmp_path: Path) -> None:
    write_files(tmp_path)
    settings = {f"THREADSWORKER_{name}": "" for name in UNSET}
    with installation(tmp_path, sandbox, settings, processes=[]) as installed:
        reader = Reader(installed, settings)
        for language, text in blocks(README):
            assert language in ("shell", "python"), f"no test runs {language!r}:\n{text}"
            if language == "python":
                reader.program(text)
                continue
            for line in filter(None, text.splitlines()):
                reader.do(line)
        # "hello", the essay, and the app's; and whatever recurs just now.
        eventually(lambda: states(installed).count("published") >= 3, timeout=60)
        assert set(states(installed)) <= {"published", "scheduled", "queued", "cancelled"}
    hello = sandbox.posts()[0]
    assert (hello.text, hello.alt_texts) == ("hello", ("a cat",))
    assert sandbox.staged_files() == 0


def commands_in_prose(page: Path) -> list[str]:
    """`make …` and `threadsworker …` between backticks, outside blocks of code."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`((?:make|threadsworker)\s[^`]+)`", prose)
    return [" ".join(command.split()) for command in found]


@pytest.mark.parametrize("command", commands_in_prose(README))
def test_a_command_in_the_readmes_prose_exists(command: str) -> None:
    program, *words = command.split()
    if program == "make":
        assert_target(*words)
        return
    known = typer.main.get_command(app)
    with known.make_context("threadsworker", list(words), resilient_parsing=True) as context:
        for word in words:
            if word.startswith("-") or not hasattr(known, "get_command"):
                # What follows are the command's own options and arguments.
                break
            found = known.get_command(context, word)
            assert found is not None, f"there is no {word!r} in {command!r}"
            known = found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:|#", target):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_examples_of_the_sandbox_page_work(tmp_path: Path) -> None:
    """They are one session: each goes on where the one before ended."""
    examples = python(SANDBOX_PAGE, tests=False)
    assert examples
    run_python("-W", "error", "-c", "\n".join(examples), folder=tmp_path)


def test_the_test_on_the_sandbox_page_passes(tmp_path: Path) -> None:
    (test,) = python(SANDBOX_PAGE, tests=True)
    (tmp_path / "test_app.py").write_text(test, encoding="utf-8")
    run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py", folder=tmp_path)


def run_python(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sandbox_command_says_what_the_page_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("no curl, with which the page plans a fault")
    port = str(free_port())
    start, said, fault = (
        text.replace(PORT, port).strip()
        for language, text in blocks(SANDBOX_PAGE)
        if language == "shell"
    )
    program, *arguments = shlex.split(start)
    assert program == "threadsworker"
    with Sandbox() as unused:
        installed = Installation(tmp_path, unused, {})
        try:
            installed.start(*arguments)
            eventually(lambda: said in installed.logs(), timeout=60)
            subprocess.run(shlex.split(fault), check=True, capture_output=True, timeout=20)
            planned = requests.get(f"http://127.0.0.1:{port}/_sandbox/faults", timeout=20).json()
        finally:
            installed.stop()
    assert [(one["answer"], one["times"]) for one in planned] == [("reset", 2)]


def test_the_sandbox_page_names_every_option_and_its_default() -> None:
    page = SANDBOX_PAGE.read_text(encoding="utf-8")
    defaults = SandboxOptions().model_dump()
    assert [name for name in defaults if f"`{name}`" not in page] == []
    section = page.partition("| option | default |")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE))
    assert len(told) > 10
    assert told == {name: str(defaults[name]) for name in told}


def test_the_sandbox_page_names_endpoints_that_exist(sandbox: Sandbox) -> None:
    page = SANDBOX_PAGE.read_text(encoding="utf-8")
    endpoints = re.findall(r"^\| `([A-Z]+) (/_sandbox/\w+)` \|", page, re.MULTILINE)
    assert len(endpoints) == 10
    for method, path in endpoints:
        answer = requests.request(method, f"{sandbox.url}{path}", timeout=20)
        assert answer.status_code != 404, f"{method} {path}"
