# Every target sets up what it needs, on a machine with only python3 (3.11 or newer) and make.
#   make setup       everything that a developer needs (a minute)
#   make demo        see it work: three real servers, made-up people, a receipt
#   make serve-demo  the same as a service: the API, and an account-settings page in front of it
#   make test        the tests of the laws, and a sample of the others
#   make check       format, lint, types, import arrows, docstrings, links
# PYTHON names another interpreter; PYTEST_ARGS adds to pytest's command line.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# Two sets of servers on two cores; a file's tests stay together, because they share their servers.
WORKERS ?= 2
PYTEST_ARGS ?=
PYTEST := $(BIN)/python -m pytest $(PYTEST_ARGS)

PACKAGES := config connectors orchestrator reports demo
# Long files first (and in this order), so that only short ones are left at the end and no core waits for the other.
TEST_FOLDERS := tests/model tests/api tests/acceptance tests/integration tests/contract tests/unit

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Programs of the system, installed where that is possible: their names, or `program:package`.
installed = for wanted in $(1); do \
  tool=$${wanted%%:*}; package=$${wanted\#\#*:}; \
  if command -v "$$tool" >/dev/null; then continue; fi; \
  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
    echo "$$tool is missing: install it (Debian 13 or newer: apt-get install $$package) and run this again" >&2; exit 1; \
  fi; \
  apt-get update -q; apt-get install -y -q --no-install-recommends "$$package"; \
done

.PHONY: help setup demo serve-demo test check format chaos mutants fuzz bench interop docker lock clean

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.dev ## Everything that tests and checks need: the virtual environment, and curl, cosign and chromium
	@$(call installed,curl cosign chromium)

demo: $(VENV)/.demo ## Erase made-up people from three real servers and verify the receipt
	$(BIN)/expunge demo

serve-demo: $(VENV)/.demo ## Serve the API and an account-settings page on made-up people, until Ctrl-C
	$(BIN)/expunge serve-demo --application docs/examples/account_settings

test: $(VENV)/.dev ## The tests of the laws, those without servers, and a sample of the others, on embedded servers
	@$(call installed,curl)
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cases=sample $(TEST_FOLDERS)

check: $(VENV)/.dev ## Format, lint, types, import arrows, docstrings, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/interrogate $(PACKAGES)
	$(PYTEST) -q tests/docs

format: $(VENV)/.dev ## Put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Work is stolen, so that what a file prepares is mostly prepared once, and nobody idles at the end.
chaos: $(VENV)/.dev ## Kill it everywhere; EXPUNGE_CHAOS_SAMPLE=20 EXPUNGE_CHAOS_SEED=1 for a sample
	$(PYTEST) -n $(WORKERS) --dist worksteal tests/chaos
	$(PYTEST) -n $(WORKERS) --dist loadfile --cases=others --fresh-inspections $(TEST_FOLDERS)
	EXPUNGE_LOAD_PEOPLE=$${EXPUNGE_LOAD_PEOPLE:-3000} $(PYTEST) tests/load
	EXPUNGE_MODEL_CASES=$${EXPUNGE_MODEL_CASES:-2000} $(PYTEST) -n $(WORKERS) --dist worksteal tests/model
	$(if $(EXPUNGE_CHAOS_SAMPLE),,$(MAKE) mutants)

mutants: $(VENV)/.dev ## Break the rules one at a time; the reference model must notice, or a test
	$(PYTEST) -n $(WORKERS) --dist worksteal tests/mutants

fuzz: $(VENV)/.dev ## The API against its own document; EXPUNGE_FUZZ_CALLS=20000 EXPUNGE_FUZZ_SEED=1
	EXPUNGE_FUZZ_CALLS=$${EXPUNGE_FUZZ_CALLS:-20000} $(PYTEST) -rP --show-capture=stdout -n $(WORKERS) tests/api/test_fuzz.py

bench: $(VENV)/.dev ## Speed, as ratios to a hand-written script on the same data
	$(BIN)/python -m tests.bench

interop: $(VENV)/.dev ## Receipts and the example's pages before tools that are not ours (cosign, chromium, 22 others)
	@$(call installed,cosign chromium openssl jq gpg java:default-jdk-headless node:nodejs npm)
	$(PYTEST) tests/interop

docker: $(VENV)/.dev ## The integration tests against containers, and Expunge's own image
	docker/run.sh bash -euc '$(PYTEST) --servers=docker tests/integration; docker/image.sh'

lock: ## Resolve requirements/*.txt anew
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv==$(UV_VERSION)
	requirements/lock.sh $(VENV)-lock/bin/uv

clean: ## Remove the virtual environments and the tools' caches
	rm -rf $(VENV) $(VENV)-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Stamps: an environment is brought up to date only when its requirements or the packaging changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Expunge needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo
