# Two commands do everything on a fresh machine: `make demo` runs the main job, `make test` passes the tests.

# Debian's own interpreter is built with profile-guided optimisation: a quarter faster than a plain build.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11) $(shell command -v python3.11 || command -v python3))
VENV   := .venv
BIN    := $(VENV)/bin
OPS    := $(BIN)/python ops.py
PYTEST := $(BIN)/python -m pytest

.PHONY: setup packages patroni demo drill test lint types unit lab-tests drill-kills bench-checks bench-failover lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo           three real centers on this machine: watch, fault, repair, weekly report'
	@echo 'make drill          a switchover to the remote center and back, measured; evidence and report'
	@echo 'make test           lint, types, unit tests, scenarios, lab tests'
	@echo 'make drill-kills    the failover engine killed at every boundary of its journal, in the lab'
	@echo 'make bench-failover client outage of failovers: the engine beside bare scripts; ROUNDS=10'
	@echo 'make bench-checks   CPU cost of checks beside blackbox_exporter and a C epoll loop'
	@echo 'make clean          lab down, everything generated removed'

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock
	@echo '==> setting up the Python environment in $(VENV)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; found $(PYTHON)'; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh lab/ensure-venv.sh
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# Debian packages of the lab: installed when root, named otherwise; their daemons are never started.
packages: setup
	@$(OPS) lab packages --install

# Another database stack, for its test only: an environment of its own, so that the product's stays what the product needs.
patroni: var/patroni/.ready

var/patroni/.ready: tests/patroni.lock
	@echo '==> setting up Patroni in var/patroni'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh lab/ensure-venv.sh
	@$(PYTHON) -m venv --clear var/patroni
	@var/patroni/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/patroni.lock
	@touch $@

demo: setup packages
	@$(OPS) lab demo

drill: setup packages
	@$(OPS) lab drill

test: lint types unit lab-tests

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy .

unit: setup packages patroni
	$(PYTEST) -q -n 2 -m 'not lab'

# Real servers against real seconds, one after another: two cores carry one lab at a time.
lab-tests: setup packages
	$(PYTEST) -q -ra -m lab --durations=25

# Every boundary of the journal, on three real centers: a quarter of an hour and more.
drill-kills: setup packages
	OPS_KILLS=all $(PYTEST) -q -s tests/lab/test_failover_kills.py

# A lab of its own. More with `--keep FILE`: see tests/bench/bench_failover.py.
bench-failover: setup packages
	@$(OPS) lab up
	@$(BIN)/python -m tests.bench.bench_failover --rounds $(or $(ROUNDS),10); status=$$?; $(OPS) lab down; exit $$status

bench-checks: setup packages
	$(BIN)/python -m tests.bench.bench_checks

# After a change of dependencies in pyproject.toml; needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
	  --no-emit-index-url --extra dev --upgrade pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
	  --no-emit-index-url --group patroni --upgrade -o tests/patroni.lock

clean:
	@if [ -x $(BIN)/python ]; then for lab in var/lab*; do [ ! -d $$lab ] || $(OPS) lab down --dir $$lab; done; fi
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
