# Every target sets itself up in .venv and reuses it until what is installed changes.
# Needs Python >= 3.10 with venv, git and make.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# A version manager's shims may exist and fail, so an interpreter counts only once it has run.
ifndef PYTHON_BOOTSTRAP
PYTHON_BOOTSTRAP := $(shell for python in python3.13 python3.12 python3.11 python3.10 python3; do \
	if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; \
	then echo $$python; break; fi; done)
endif

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet
PYTEST_ARGS ?=

# Console scripts and the tests that call them find the environment first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo demo-page demo-aws engine argo-events cluster cluster-oldest judges browser test test-long lint goldens schemas docs clean

help:
	@echo "make demo       compile the examples for both clouds, and run three flows on this machine"
	@echo "make demo-page  run those three flows and leave the engine's page open, until Ctrl-C"
	@echo "make demo-aws   create on an emulated AWS, an event, and what its run sees (installs the emulator once)"
	@echo "make engine     install that emulator for the tests, in .venv-ministack"
	@echo "make argo-events build Argo Events' services for the tests, with Go"
	@echo "make cluster    build Kubernetes, Argo Workflows and Argo Events for the tests, with Go: half an hour, once"
	@echo "make cluster-oldest  the oldest Kubernetes that this Argo Workflows is tested with; TESTS_KUBERNETES=oldest runs on it"
	@echo "make judges     build Argo's own validators for the tests, with Go"
	@echo "make browser    install axe for the tests of pages, with npm; says whether there is a Chromium"
	@echo "make test       lint, types, import contracts and tests"
	@echo "make test-long  the long campaigns"
	@echo "make lint       lint, types and import contracts only"
	@echo "make goldens    write golden/ anew"
	@echo "make schemas    write schemas/ anew"
	@echo "make docs       write docs/diagnostics.md anew"
	@echo "make clean      remove the environment and everything built"

$(VENV)/created:
	@test -n "$(PYTHON_BOOTSTRAP)" || { echo "no Python >= 3.10 with venv found; say PYTHON_BOOTSTRAP=..." >&2; exit 2; }
	$(PYTHON_BOOTSTRAP) -m venv --clear $(VENV)
	@touch $@

# Metaflow finds the parts of an extension when it is installed, so a new part asks for a new installation.
INSTALLED := pyproject.toml setup.py $(wildcard runtime/metaflow_extensions/triggers/*/mfextinit_*.py)

# What a user installs.
$(VENV)/installed: $(INSTALLED) | $(VENV)/created
	$(PIP) --editable .
	@touch $@

# And what a developer needs beside it; setuptools because the acceptance tests build wheels offline.
$(VENV)/installed-test: $(INSTALLED) | $(VENV)/created
	$(PIP) --editable '.[test]' 'setuptools>=77' pytest-xdist
	@touch $(VENV)/installed $@

demo: $(VENV)/installed
	@sh examples/demo.sh
	@sh examples/local_demo.sh
	@echo
	@echo 'To look at it in a browser: make demo-page'

demo-page: $(VENV)/installed
	@$(PYTHON) -c 'import aiohttp' 2>/dev/null || $(PIP) --editable '.[ui]'
	@sh examples/page_demo.sh

engine: $(VENV)/installed-test
	@$(PYTHON) -m tests.worlds.aws.engine.installation

judges: $(VENV)/installed-test
	@$(PYTHON) -m tests.worlds.argo.judges

cluster: $(VENV)/installed-test
	@exec $(PYTHON) -m tests.worlds.kubernetes.installation

cluster-oldest: $(VENV)/installed-test
	@TESTS_KUBERNETES=oldest exec $(PYTHON) -m tests.worlds.kubernetes.installation

argo-events: $(VENV)/installed-test
	@$(PYTHON) -m tests.worlds.argo.live.installation

# Tests that click and type need the distribution's chromium; without it, or without axe, they are skipped and say so.
browser:
	npm install --no-save --no-package-lock --ignore-scripts --silent axe-core@4
	@command -v chromium chromium-browser google-chrome || { echo "install chromium, as with apt-get" >&2; exit 1; }

demo-aws: $(VENV)/installed
	@$(PYTHON) -m tests.worlds.aws.engine.demo

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Most tests wait for subprocesses, so three workers keep two processors at work. A file stays on one worker: its servers
# are started once. Its subprocesses are many: the product is compiled to bytecode once, also where Python is told to write none.
test: lint
	@$(PYTHON) -m compileall -q compiler runtime
	$(PYTHON) -m pytest -m "not long" $$($(PYTHON) -c 'import xdist' 2>/dev/null && echo "-n 3 --dist loadfile") $(PYTEST_ARGS)

test-long: $(VENV)/installed-test
	HYPOTHESIS_RANDOM=1 $(PYTHON) -m pytest -m long $(PYTEST_ARGS)

goldens: $(VENV)/installed-test
	$(PYTHON) -m tests.golden.regenerate

schemas: $(VENV)/installed-test
	$(PYTHON) -m schemas.source

docs: $(VENV)/installed-test
	$(PYTHON) -m metaflow_triggers.reports.page > $(VENV)/diagnostics.md
	mv $(VENV)/diagnostics.md docs/diagnostics.md

clean:
	rm -rf $(VENV) .venv-ministack .venv-argo-events build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
