# Everything runs in .venv, which is made on first use from the interpreter named by PYTHON.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src -name '*.py' -o -name '*.yml' -o -name py.typed) pyproject.toml README.md
DEMO_FLAGS ?=
PYTEST_FLAGS ?=

.PHONY: help demo test test-all lint format bench artifacts check-artifacts wheel clean

help:
	@echo "make demo      a sample service with traffic, its page and /metrics on 127.0.0.1"
	@echo "make test      the whole test suite against the built wheel, with coverage"
	@echo "make test-all  the same on every supported Python that is found"
	@echo "make lint      ruff, mypy --strict, import-linter"
	@echo "make artifacts  writes again what is generated from code: rules/, grafana/dashboards and docker/alertmanager.yml"
	@echo "make bench     the benchmark table, with peers in environments of their own"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("vitalspan needs Python 3.10 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# The wheel, installed: what is run, tested and measured is what a user gets.
$(VENV)/wheel: $(BIN)/python $(SOURCES)
	rm -rf $(VENV)/dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(VENV)/dist .
	$(BIN)/python -m pip install --quiet "$$(ls $(VENV)/dist/*.whl)[otlp,otlp-grpc,server,rules,notify,grafana]"
	$(BIN)/python -m pip install --quiet --no-deps --force-reinstall $(VENV)/dist/*.whl
	@touch $@

$(VENV)/test-tools: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/lint-tools: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

wheel: $(VENV)/wheel

demo: $(VENV)/wheel
	$(BIN)/vitalspan demo $(DEMO_FLAGS)

# The bulk is measured; what takes long, or wants the machine to itself, adds nothing to that.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4

test: $(VENV)/wheel $(VENV)/test-tools
	.ci/packages
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -m "not once and not timed" $(SIDE_BY_SIDE) $(PYTEST_FLAGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest -m "once and not timed" $(SIDE_BY_SIDE) $(PYTEST_FLAGS)
	$(BIN)/python -m pytest -m timed --numprocesses 2 --dist loadfile $(PYTEST_FLAGS)

test-all:
	.ci/test-all

lint: $(VENV)/wheel $(VENV)/test-tools $(VENV)/lint-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing_samples.py
	$(BIN)/lint-imports

format: $(VENV)/lint-tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/wheel
	$(BIN)/python bench/run.py $(BENCH_FLAGS)

EXPORT := $(BIN)/vitalspan rules export src/vitalspan/demo/rules.yml --to rules --interval 5s

DASHBOARDS := $(BIN)/vitalspan grafana export --to grafana/dashboards

# Alertmanager includes no other files, so what it reads is put together.
ALERTMANAGER := cat docker/alertmanager-base.yml rules/alertmanager-inhibit.yml

artifacts: $(VENV)/wheel
	$(EXPORT)
	$(DASHBOARDS)
	$(ALERTMANAGER) > docker/alertmanager.yml

check-artifacts: $(VENV)/wheel
	$(EXPORT) --check
	$(DASHBOARDS) --check
	$(ALERTMANAGER) | cmp - docker/alertmanager.yml

clean:
	rm -rf $(VENV) .venvs .bench dist build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
