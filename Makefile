# `make help` lists what there is. Every recipe runs again without harm, and off line once set up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Set-up is stamped in the folder that it fills, so that removing .venv is starting afresh.
DEMO := $(VENV)/.has-demo
TEST := $(VENV)/.has-test
CHECK := $(VENV)/.has-check
DOCS := $(VENV)/.has-docs
FUZZ := $(VENV)/.has-fuzz

# Two installations into one folder would spoil it: `make -j` and a second make wait for this lock.
LOCKED := mkdir -p $(VENV); exec 9>$(VENV)/.lock; flock 9
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

OURS := PYTHONWARNINGS='ignore:Editable installation' $(PIP) --no-build-isolation --editable

.PHONY: help demo test bits processors check fix cover bench broker chaos soak fuzz docs clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO) ## set up and find the changes in two recorded trajectories
	$(BIN)/streamlyt demo

test: $(TEST) ## set up and run the whole test suite, in two halves; ends with the sum of both
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		echo "Chromium is missing, so the browser tests are skipped (with CI=true they fail);" \
			"on Debian: apt-get install chromium" >&2
	@command -v java >/dev/null && command -v mvn >/dev/null || \
		echo "Java 17 or Maven is missing, so the Kafka tests are skipped (with CI=true they fail);" \
			"on Debian: apt-get install openjdk-17-jre-headless maven" >&2
	@$(BIN)/python -m tests.run_all

bits: $(TEST) ## the tests of bits, with the linear algebra of two older processors
	.ci/processors $(BIN)/python few

processors: $(TEST) ## these as on every processor that this one can be (WHOLE=1: the suite)
	WHOLE=$(WHOLE) .ci/processors $(BIN)/python all

check: $(CHECK) ## style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(CHECK) ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Coverage sees no compiled loop, so the tests of the loops run uncompiled first. The other tests
# would take hours so, and are counted as they are.
LOOPS := $(foreach map,fourier optical binary fastfood hash maps,tests/features/test_$(map).py) \
	tests/observables tests/core/test_alarms.py tests/core/test_attribution.py tests/detectors/test_kernels.py \
	tests/detectors/test_newma.py::test_statistic_is_that_of_the_papers_recursion

cover: $(TEST) ## test coverage, that of the compiled loops with the loops run as Python
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest --cov --cov-report= $(LOOPS)
	$(BIN)/python -m pytest --cov --cov-append --cov-report=term-missing:skip-covered

bench: $(TEST) ## measure: every benchmarks/bench_*.py writes to benchmarks/results
	@$(LOCKED); $(PIP) --group bench
	@for script in benchmarks/bench_*.py; do echo "$$script"; $(BIN)/python "$$script"; done

broker: $(TEST) ## a Kafka broker on loopback, for trying out (streamlyt broker stop ends it)
	$(BIN)/streamlyt broker start

chaos: $(TEST) ## kill -9 daemons and their broker (KILLS=100), stall a sink, and count the rows
	$(BIN)/python -W ignore -m tests.chaos $(or $(KILLS),100) $(FORMS)

soak: $(TEST) ## watch live pages for long: an hour of memory (SOAK=3600), ten minutes a case (SECONDS=600)
	$(BIN)/python -m benchmarks.engine.bench_dashboard --seconds $(or $(SECONDS),600) \
		--soak $(or $(SOAK),3600) --history $(or $(HISTORY),1e8) $(if $(ONLY),--only $(ONLY))

fuzz: $(FUZZ) ## feed decoders and saved models what nobody would write, a minute each (SECONDS=60)
	$(BIN)/python -m tests.codecs.fuzz $(or $(SECONDS),60)
	$(BIN)/python -m tests.integrations.river.fuzz $(or $(SECONDS),60) $(or $(SEED),0)

docs: $(DOCS) ## the pages and the API, as a site in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove all that make made
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
		$(OURS) '.[md,dash]'; touch $@

$(TEST): $(DEMO)
	@echo "adding what the tests need"
	@$(LOCKED); $(OURS) '.[md,dash,kafka,snappy,serve,cluster,dask]' --group test; touch $@

$(CHECK): $(TEST)
	@echo "adding what the checks need"
	@$(LOCKED); $(PIP) --group check; touch $@

$(FUZZ): $(TEST)
	@echo "adding what the fuzzer needs"
	@$(LOCKED); $(PIP) --group fuzz; touch $@

$(DOCS): $(DEMO)
	@echo "adding what the pages need"
	@$(LOCKED); $(PIP) --group docs; touch $@
