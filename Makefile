# Two commands: `make quickstart` fine-tunes a model and shows the report, `make test` runs every check.
# Each makes its own virtual environment in .venv and needs nothing but Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt
# One thread per test process: two threads on a busy two-core machine are slower than one.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help quickstart test check lint types layers tests screenshots format clean

help:
	@echo "make quickstart   install, fine-tune MiniLM on movie reviews, write a report (about five minutes on two cores)"
	@echo "make test         install, then lint, types, layers and tests"
	@echo "make screenshots  pictures of a run's report, card and demo (RUN=runs/…), with Chromium"
	@echo "make format       format the code"
	@echo "make clean        remove the environment and caches"

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml $(CONSTRAINTS)
	@date +%s > $(VENV)/.started
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable .
	@echo $$(( $$(date +%s) - $$(cat $(VENV)/.started) )) > $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable ".[dev,sql]"
	@touch $@

quickstart: $(VENV)/.installed
	$(BIN)/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
		--num_cpu_threads_per_process $$(getconf _NPROCESSORS_ONLN) -m finetune run recipes/quickstart.yaml
	@echo "Installation took $$(cat $(VENV)/.installed) s; the run's own times are in its report."

test: check

check: $(VENV)/.installed-dev lint types layers tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports --no-cache

tests: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --durations 10

screenshots: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/screenshots.py $(RUN)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
