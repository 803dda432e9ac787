# Everything runs in .venv, which is made on first use from the interpreter named by PYTHON, with the
# versions that requirements/ says.
## PYTHON        the interpreter that environments are made from (python3)
PYTHON ?= python3
## VENV          the environment that the wheel is installed and tested in (.venv)
VENV ?= .venv
## DEMO_FLAGS    options of the demo, such as "--rate 50"
DEMO_FLAGS ?=
## PYTEST_FLAGS  options of pytest, such as "-k checkout"
PYTEST_FLAGS ?=
## BENCH_FLAGS   options of the benchmark, such as "--quick"
BENCH_FLAGS ?=
## VERSIONS      the Pythons of test-all, such as "3.11 3.14"; without it, all supported ones
VERSIONS ?=
## PROMQLTEST    a copy of promql/promqltest/testdata of Prometheus, for test-promql
PROMQLTEST ?=
## ALERTS        a folder of rule files of Prometheus, for test-promql
ALERTS ?=
## RELEASE       the version that changelog writes a section for
RELEASE ?=
## UPGRADE       empty to lock only what pyproject.toml newly asks for
UPGRADE ?= --upgrade

BIN := $(VENV)/bin
DEVELOP := .venvs/develop
SOURCES := $(shell find src -name '*.py' -o -name '*.yml' -o -name py.typed -o -path '*/static/*' -type f) pyproject.toml README.md

.DEFAULT_GOAL := help
.PHONY: help demo develop test test-prometheus2 test-long test-promql test-all test-edges lint format lock bench pictures artifacts \
	check-artifacts changelog wheel clean

# A target is described behind two number signs, a variable above its line; nothing is listed twice.
help: ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@echo
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:[^#]*## / { printf "  %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@sed -n 's/^## /  /p' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("vitalspan needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/run-tools: $(BIN)/python requirements/run.txt
	$(INSTALL) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/test-tools: $(BIN)/python requirements/test.txt
	$(INSTALL) --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/lint-tools: $(BIN)/python requirements/lint.txt
	$(INSTALL) --require-hashes -r requirements/lint.txt
	@touch $@

$(VENV)/dist/made: $(VENV)/run-tools $(SOURCES)
	rm -rf $(VENV)/dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir $(VENV)/dist .
	@touch $@

# The wheel, installed: what is run, tested and measured is what a user gets.
$(VENV)/wheel: $(VENV)/dist/made
	$(INSTALL) --no-deps --force-reinstall $(VENV)/dist/*.whl
	@touch $@

wheel: $(VENV)/wheel ## the wheel, in dist of VENV, and installed there

demo: $(VENV)/wheel ## a small shop with traffic and changing troubles, on 127.0.0.1:9464
	$(BIN)/vitalspan demo $(DEMO_FLAGS)

develop: ## an environment to work in, .venvs/develop: the source, editable, and all tools
	$(MAKE) --no-print-directory VENV=$(DEVELOP) $(DEVELOP)/lint-tools
	$(DEVELOP)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@echo "Now run:  source $(DEVELOP)/bin/activate"

test: $(VENV)/wheel $(VENV)/test-tools ## all tests, of the built wheel, with coverage
	PYTHON=$(BIN)/python PYTEST_FLAGS="$(PYTEST_FLAGS)" .ci/test

test-prometheus2: $(VENV)/wheel $(VENV)/test-tools ## tests that matter there, on Prometheus 2
	PYTHON=$(BIN)/python PYTEST_FLAGS="$(PYTEST_FLAGS)" .ci/test prometheus2

# Those that have a short form for every day.
LONG := tests/runtime/test_fork.py tests/workers/test_gunicorn.py tests/notify/test_incidents.py \
	tests/compiler/test_factor_score.py tests/compiler/test_scores_against_prometheus.py \
	tests/integrations/test_asgi_servers.py tests/integrations/test_wsgi_servers.py

test-long: $(VENV)/wheel $(VENV)/test-tools ## the long forms of some tests, an hour or so
	VITALSPAN_LONG=1 PATH="$$(.ci/packages):$$PATH" $(BIN)/python -m pytest -o faulthandler_timeout=3600 $(LONG) $(PYTEST_FLAGS)

test-promql: $(VENV)/test-tools $(VENV)/wheel ## PromQL: Prometheus' own tests in PROMQLTEST, and the alerts in ALERTS
ifneq ($(PROMQLTEST),)
	VITALSPAN_PROMQLTEST="$(PROMQLTEST)" $(BIN)/python -m pytest tests/promql/promqltest_scripts.py $(PYTEST_FLAGS)
endif
ifneq ($(ALERTS),)
	VITALSPAN_ALERTS="$(ALERTS)" PATH="$$(.ci/packages):$$PATH" $(BIN)/python -m pytest tests/promql/alert_collection.py $(PYTEST_FLAGS)
endif
	@[ -n "$(PROMQLTEST)$(ALERTS)" ] || { echo "name a folder: make test-promql PROMQLTEST=... ALERTS=..."; exit 1; }

test-all: ## most tests, on every supported Python that is found
	PYTEST_FLAGS="$(PYTEST_FLAGS)" .ci/test-all $(VERSIONS)

test-edges: ## most tests, with the oldest and with the newest of all dependencies
	PYTEST_FLAGS="$(PYTEST_FLAGS)" .ci/test-all oldest newest

lint: $(VENV)/wheel $(VENV)/lint-tools ## ruff, mypy --strict, import-linter, types of the page, changelog fragments
	.ci/each \
		"$(BIN)/ruff check ." \
		"$(BIN)/ruff format --check ." \
		"$(BIN)/mypy" \
		"$(BIN)/mypy tests/typing_samples.py" \
		"$(BIN)/mypy examples" \
		"$(BIN)/lint-imports" \
		".ci/check-javascript" \
		"$(BIN)/towncrier build --draft --version next"

format: $(VENV)/lint-tools ## format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## write requirements/ anew, with the newest of everything
	PYTHON=$(PYTHON) .ci/lock $(UPGRADE)

bench: $(VENV)/wheel $(VENV)/test-tools ## measure calls, scrapes and memory beside peers: the table of docs/benchmarks.md
	$(BIN)/python bench/run.py $(BENCH_FLAGS)

pictures: $(VENV)/wheel $(VENV)/test-tools ## take the pictures of the page in docs/images anew, in Chromium
	PATH="$$(.ci/packages):$$PATH" PYTHONPATH=tests $(BIN)/python -m support.page_pictures docs/images

changelog: $(VENV)/test-tools ## the changelog's next section; with RELEASE, write it and remove its fragments
	$(BIN)/towncrier build $(if $(RELEASE),--yes --version $(RELEASE),--draft --version next)

EXPORT := $(BIN)/vitalspan rules export src/vitalspan/demo/rules.yml --to rules --interval 5s

DASHBOARDS := $(BIN)/vitalspan grafana export --to grafana/dashboards

# Alertmanager includes no other files, so what it reads is put together.
ALERTMANAGER := cat docker/alertmanager-base.yml rules/alertmanager-inhibit.yml

OPENAPI := $(BIN)/python -m vitalspan.page.openapi

artifacts: $(VENV)/wheel ## write rules/, grafana/dashboards, docker/alertmanager.yml and docs/openapi.json anew
	$(EXPORT)
	$(DASHBOARDS)
	$(OPENAPI) > docs/openapi.json
	$(ALERTMANAGER) > docker/alertmanager.yml

check-artifacts: $(VENV)/wheel ## fail unless those files are what the code makes
	$(EXPORT) --check
	$(DASHBOARDS) --check
	$(OPENAPI) | cmp - docs/openapi.json
	$(ALERTMANAGER) | cmp - docker/alertmanager.yml

clean: ## remove environments, caches and everything that was built
	rm -rf $(VENV) .venvs .bench dist build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
