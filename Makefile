# `make help` lists the targets. Every recipe can be repeated, and works offline after the set-up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamps are inside .venv, so that removing it resets the set-up.
DEMO := $(VENV)/.has-demo
TEST := $(VENV)/.has-test
CHECK := $(VENV)/.has-check
DOCS := $(VENV)/.has-docs
FUZZ := $(VENV)/.has-fuzz

# Two installations into one folder would corrupt it: `make -j` and a second make wait for this lock.
LOCKED := mkdir -p $(VENV); exec 9>$(VENV)/.lock; flock 9
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

PROJECT := PYTHONWARNINGS='ignore:Editable installation' $(PIP) --no-build-isolation --editable

.PHONY: help demo test bits processors check fix cover mutants bench broker chaos soak fuzz docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO) ## set up .venv and detect the changes in two recorded trajectories
	$(BIN)/streamlyt demo

test: $(TEST) ## set up .venv and run the whole test suite, in two halves; the last line is the sum
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		echo "Chromium is missing, so the browser tests are skipped (with CI=true they fail);" \
			"on Debian: apt-get install chromium" >&2
	@command -v java >/dev/null && command -v mvn >/dev/null || \
		echo "Java 17 or Maven is missing, so the Kafka tests are skipped (with CI=true they fail);" \
			"on Debian: apt-get install openjdk-17-jre-headless maven" >&2
	@$(BIN)/python -m tests.run_all

bits: $(TEST) ## compare results bit for bit with the linear algebra of two older processors
	.ci/processors $(BIN)/python few

processors: $(TEST) ## the same for every processor that this one can emulate (WHOLE=1: whole suite)
	WHOLE=$(WHOLE) .ci/processors $(BIN)/python all

check: $(CHECK) ## style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(CHECK) ## fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Coverage cannot see compiled loops, so the tests of the loops first run uncompiled. The other tests
# would take hours that way and run compiled.
LOOPS := $(foreach map,fourier optical binary fastfood maps,tests/features/test_$(map).py) \
	tests/core/test_counter_rng.py tests/core/test_alarms.py tests/core/test_attribution.py \
	tests/transforms tests/molecular tests/detectors/test_kernels.py \
	tests/detectors/test_newma.py::test_statistic_matches_the_published_recursion

cover: $(TEST) ## test coverage, including the compiled loops
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest --cov --cov-report= $(LOOPS)
	$(BIN)/python -m pytest --cov --cov-append --cov-report=term-missing:skip-covered

mutants: $(TEST) ## plant small faults in the last commit (COMMIT=, MODULES=, COUNT=, SEED=); list those no test sees
	$(BIN)/python -m tests.mutation $(MODULES) --commit $(or $(COMMIT),HEAD~1..HEAD) \
		--count $(or $(COUNT),100) --seed $(or $(SEED),0)

bench: $(TEST) ## run every benchmark; results go to benchmarks/results
	@$(LOCKED); $(PIP) --group bench
	@for script in benchmarks/*/bench_*.py; do echo "$$script"; \
		module=$${script%.py}; $(BIN)/python -m "$${module//\//.}"; done

broker: $(TEST) ## start a local Kafka broker for tests (streamlyt broker stop ends it)
	$(BIN)/streamlyt broker start

chaos: $(TEST) ## kill -9 daemons and their broker (KILLS=100), simulate failures, and count rows
	$(BIN)/python -W ignore -m tests.chaos $(or $(KILLS),100) $(FORMS)

soak: $(TEST) ## measure live pages: memory for an hour (SOAK=3600), ten minutes a case (SECONDS=600)
	$(BIN)/python -m benchmarks.engine.bench_dashboard --seconds $(or $(SECONDS),600) \
		--soak $(or $(SOAK),3600) --history $(or $(HISTORY),1e8) $(if $(ONLY),--only $(ONLY))

fuzz: $(FUZZ) ## fuzz codecs and saved models (SECONDS=60 each), and followed files (ROUNDS=10000)
	$(BIN)/python -m tests.codecs.fuzz $(or $(SECONDS),60)
	$(BIN)/python -m tests.integrations.river.fuzz $(or $(SECONDS),60) $(or $(SEED),0)
	$(BIN)/python -m tests.connectors.files.fuzz $(or $(ROUNDS),10000) $(or $(SEED),0)

docs: $(DOCS) ## build pages and API reference in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove everything that make created
	rm -rf $(VENV) build dist site demo htmlcov .coverage* *.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "streamlyt needs Python 3.11 or newer as $(PYTHON); name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(LOCKED); $(PYTHON) -m venv $(VENV); $(PIP) pip setuptools; \
		$(PROJECT) '.[md,dashboard]'; touch $@

$(TEST): $(DEMO)
	@echo "installing the test dependencies"
	@$(LOCKED); $(PROJECT) '.[md,dashboard,kafka,snappy,serve,cluster,dask]' --group test; touch $@

$(CHECK): $(TEST)
	@echo "installing the check dependencies"
	@$(LOCKED); $(PIP) --group check; touch $@

$(FUZZ): $(TEST)
	@echo "installing the fuzzer"
	@$(LOCKED); $(PIP) --group fuzz; touch $@

$(DOCS): $(DEMO)
	@echo "installing the documentation tools"
	@$(LOCKED); $(PIP) --group docs; touch $@
