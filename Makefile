# Every target sets itself up: `make demo` and `make test` work on a fresh clone.
# ARGS reach the command behind a target: make demo ARGS="--inject 0.01", make test ARGS="-k wire".

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup node check format test fuzz shapes bench demo lock

ARGS ?=
WORKERS ?= 2
ALONE := tests/faults/sidecar tests/e2e/test_migration.py
BIN := .venv/bin

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv hold what requirements.lock says
	@scripts/bootstrap.sh

node: setup
	@if [ -f tests/e2e/node/package-lock.json ]; then scripts/node_packages.sh; fi

demo: setup  ## start both databases, drive traffic through the sidecar, verify and report
	@$(BIN)/parallax demo $(ARGS)

test: setup node  ## pass every test: in WORKERS=2 processes, then alone what kills whole sidecars under load
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ALONE:%=--ignore=%) $(ARGS)
	$(BIN)/python -m pytest $(ALONE) $(ARGS)

fuzz: setup  ## compare many random operations on both sides: ARGS="--seed N --cases M"
	$(BIN)/python -m pytest tests/differential/test_programs.py \
	    tests/differential/test_faults.py --cases 20000 \
	    --seed "$$(date +%s)" $(ARGS)

shapes: setup  ## run captured command shapes on both sides: SHAPES=file
	$(BIN)/python -m pytest tests/differential/test_shapes.py --shapes "$(SHAPES)" $(ARGS)

check: setup  ## format, lint, types, import contracts, duplicates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pylint --rcfile pyproject.toml adapters comparators config dashboards proxy

bench: setup  ## measure side by side: relay, added latency, verification, telemetry, sweep, comparison, backfill, memory
	@$(BIN)/python -m benchmarks $(ARGS)

format: setup  ## write the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup  ## write requirements.lock and requirements.serve.lock from pyproject.toml: ARGS=--upgrade
	$(BIN)/uv pip compile pyproject.toml --quiet $(ARGS) --extra demo --group dev --universal \
	    --generate-hashes --no-header --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --constraint requirements.lock \
	    --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements.serve.lock
