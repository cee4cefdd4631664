# Everything the project is asked to do. `make` alone prints the list. Needs Python >= 3.11 and pip; builds .venv by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run.stamp
DEV := $(VENV)/.dev.stamp
AUDIT := $(VENV)/.audit.stamp
FUZZED := tests/badinput tests/protocol tests/client/test_text.py tests/client/test_door.py tests/server/store/test_search.py
LOCK := requirements/server.lock
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
TEST ?= tests
JOBS ?= auto

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo join server test faults faults-full fuzz check lint types arch fmt audit lock bench bench-tui replay docs catalogue screenshot tour snapshots dist clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(DEV) ## build .venv with the project (editable) and its tools; other targets do it when needed

$(RUN): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "building $(VENV), once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

$(DEV): $(RUN)
	@echo "adding the tools for tests and checks, once"
	@$(PIP) install --group dev
	@touch $@

demo: $(RUN) ## a server on this machine and the TUI in front of it
	@$(BIN)/python -m tools.demo

join: $(RUN) ## a second person in the running demo, from another terminal
	@$(BIN)/chat-tui --profile .demo/try/guest

server: $(RUN) ## a server on this machine, in the foreground, with its data in .demo/server (ends with Ctrl-C)
	@$(BIN)/chat-server --data-dir .demo/server --insecure --registration open

test: $(DEV) ## all tests (TEST=path for some of them, JOBS=0 for one process)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TEST)

faults: $(DEV) ## break a server in every way we know, in about 2 minutes (FAULTS='--only kill --seed 7' for some)
	@$(BIN)/python -m tests.faults --profile quick $(FAULTS)

faults-full: $(DEV) ## the same at length, in about 15 minutes
	@$(BIN)/python -m tests.faults --profile full $(FAULTS)

fuzz: $(DEV) ## requests that are nearly right and bytes that are not, for about 10 minutes (SEED=7 for others)
	@seed=$(or $(SEED),$$(date +%s)); echo "seed $$seed"; \
	CHAT_FUZZ_SEED=$$seed CHAT_FUZZ_ROUNDS=60 $(BIN)/python -m pytest -q --timeout 1800 \
	--hypothesis-profile=fuzz --hypothesis-seed=$$seed $(FUZZED)

check: lint types arch test ## what has to pass before a commit: lint, types, arch, test

lint: $(DEV) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV) ## mypy --strict over packages, tests and tools
	@$(BIN)/mypy
	@$(BIN)/mypy tests tools bench

arch: $(DEV) ## import-linter: what may import what
	@$(BIN)/lint-imports --no-logo

fmt: $(DEV) ## mend what ruff can mend: order of imports, format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

$(AUDIT): $(DEV)
	@echo "adding the tools of the audit, once"
	@$(PIP) install --group audit
	@touch $@

audit: $(AUDIT) ## known vulnerabilities of what the server pins, insecure patterns in our code (asks PyPI)
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml protocol server client
	@$(BIN)/pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement $(LOCK)
	@$(BIN)/pip-audit --strict --progress-spinner off .

lock: $(AUDIT) ## pin the newest versions that the server needs, with their hashes, in requirements/server.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-annotate \
		--custom-compile-command 'make lock' requirements/server.in --output-file $(LOCK)

bench: $(DEV) ## measure a server on this machine and compare with the last time (BENCH=--quick: a tenth of the load)
	@$(BIN)/python -m bench.server $(BENCH)

bench-tui: $(DEV) ## measure chat-tui in a terminal on this machine (BENCH=--quick: a tenth of the load)
	@$(BIN)/python -m bench.tui $(BENCH)

replay: $(DEV) ## post an IRC log through a server and compare what arrives (LOG=file)
	@$(BIN)/python -m tools.replay $(LOG)

docs: $(DEV) ## write the tables of the documents that follow from the code
	@$(BIN)/python -m tools.tables

catalogue: $(DEV) ## collect the texts of the clients, merge them into the translations, compile these; tell what is missing
	@$(BIN)/python -m tools.catalogue

screenshot: $(DEV) ## draw docs/screenshot.svg anew
	@$(BIN)/python -m chat_client.tui.screenshot docs/screenshot.svg

tour: $(DEV) ## draw docs/tour anew: chat-tui at work, in pictures
	@$(BIN)/python -m tools.tour docs/tour

snapshots: $(DEV) ## accept how the TUI draws now as what its tests expect
	@$(BIN)/python -m pytest tests/tui --snapshot-update

dist: $(DEV) ## wheel and source archive in dist/
	@$(BIN)/python -m hatchling build -d dist

clean: ## remove caches, dist/ and the demo's data; keeps .venv
	@rm -rf dist build .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache snapshot_report.html
	@find protocol server client tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
