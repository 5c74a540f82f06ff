# The project's commands. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

demo: $(READY) ## Publish a real long post to a local sandbox, and watch
	@$(BIN)/threadsworker demo

test: $(READY) $(if $(CI),system) ## Run every test
	@$(BIN)/python -m pytest

bench: $(READY) ## Measure what everything costs: BENCH="latency polling" for some of it
	@for each in $(BENCH); do $(BIN)/python -m tests.bench.$$each --json bench-$$each.json || exit 1; done

BENCH ?= latency throughput statements scale planning staging polling load waiting

pictures: $(READY) ## Take the pictures of docs/flower.md again, in a browser
	@$(BIN)/python -m tests.screenshots

soak: $(READY) ## Publish JOBS=500 posts while workers and servers are killed
	@$(BIN)/python -m tests.reliability.soak --jobs $(JOBS)

JOBS ?= 500

fuzz: $(READY) ## Try what comes in with thousands of examples: 20 minutes
	@$(BIN)/python -m pytest tests/unit/test_fuzz.py tests/unit/test_fuzz_files.py --hypothesis-profile=long --hypothesis-show-statistics

crash-matrix-full: $(READY) ## Kill a worker at every point of a job, and fail every call
	@$(BIN)/python -m tests.reliability.crash_matrix --json crash-matrix.json
	@$(BIN)/python -m tests.reliability.fault_matrix --into crash-matrix.json

check: $(READY) ## Format, lint, types, the direction of imports, and known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/audit.py

audit: $(READY) ## Look the pinned dependencies up for known vulnerabilities
	@$(BIN)/python .ci/audit.py

docs: $(READY) ## Write docs/settings.md from the settings class
	@$(BIN)/python -m tests.settings_page > docs/settings.md.new && mv docs/settings.md.new docs/settings.md

fix: $(READY) ## Format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(READY) ## Make the virtual environment only

system: ## Install from Debian's packages what some tests drive: Chromium, promtool
	@for each in chromium:chromium promtool:prometheus; do \
		command -v $${each%%:*} >/dev/null || { test "$$(id -u)" = 0 && apt-get install -y -q $${each##*:} >/dev/null; } || \
		echo "$${each%%:*} is not here: its tests are skipped, or fail where CI is set"; \
	done

lock: $(READY) ## Pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra tracing --extra webhooks $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements-dev.lock

LOCK := --upgrade --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"Python 3.11 to 3.13 is needed; $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements-dev.lock pins into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: help demo test bench pictures soak fuzz crash-matrix-full check audit docs fix setup system lock
