# Forecourt: what one can do with a checkout. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PIP := $(PY) -m pip install -qq --disable-pip-version-check
ARGS ?=
PYTEST_ARGS ?=
# These run side by side, one worker for each core; the others measure time, or load the machine, and run one by one.
SIDE := tests/unit tests/property tests/conformance tests/fuzz tests/project $(wildcard $(addprefix tests/component/test_,\
  cabin*.py hub.py joining*.py nearby.py phone.py place_*.py profile_*.py scanner.py site*.py visitors.py \
  demo_showroom.py consent_*.py revocation*.py command_*.py openid.py))
EXTRAS := vehicle hub site page cloud sim build

LOCK := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header $(if $(UPGRADE),--upgrade,)

.PHONY: help venv demo check test faults bench fuzz lock proto

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

venv: $(VENV)/.installed ## make or refresh .venv from locks/dev.txt

demo: venv ## replay a drive to the cloud through an outage, on this machine (HEADLESS=1: no display, writes demo-report.json)
	$(VENV)/bin/forecourt demo $(if $(HEADLESS),--headless --drive-speed 10 --duration 40 --outage 10:15 --report demo-report.json,) $(ARGS)

check: venv ## format, lint, types, layers, generated code: seconds
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/lint-imports --no-logo >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	$(VENV)/bin/mypy
	$(if $(wildcard proto/generate.py),$(PY) proto/generate.py --check,)

test: venv ## check, then every test with the seconds of each area (PYTEST_ARGS='-k word' narrows it)
	@.ci/packages mosquitto=mosquitto mosquitto_sub=mosquitto-clients protoc=protobuf-compiler node=nodejs strace=strace dbus-daemon=dbus-daemon || [ -z "$$CI" ]
	@.ci/packages chromium=chromium || [ -z "$$CI" ]
	@$(MAKE) --no-print-directory check
	PATH="$$PATH:/usr/sbin" $(PY) -m pytest -n logical --dist worksteal $(SIDE) $(PYTEST_ARGS) || [ $$? -eq 5 ]
	PATH="$$PATH:/usr/sbin" $(PY) -m pytest $(addprefix --ignore=,$(SIDE)) $(PYTEST_ARGS) || [ $$? -eq 5 ]

faults: venv ## kill, cut, fill and damage things; every run ends with the books (ARGS=--help)
	PATH="$$PATH:/usr/sbin" $(PY) -m tests.faults $(ARGS)

bench: venv ## the figures, ours beside others, in one run (ARGS=--help)
	PATH="$$PATH:/usr/sbin" $(PY) -m benchmarks $(ARGS)

fuzz: venv ## feed damaged input to every decoder (ARGS=--help)
	$(PY) -m tests.fuzz $(ARGS)

lock: ## make locks/*.txt from pyproject.toml (UPGRADE=1 takes newer versions)
	@test -x $(UV) || $(MAKE) --no-print-directory venv
	$(LOCK) --extra dev --output-file locks/dev.txt
	for extra in $(EXTRAS); do $(LOCK) --extra $$extra --constraint locks/dev.txt --output-file locks/$$extra.txt || exit 1; done

proto: venv ## generate Python from proto/
	$(PY) proto/generate.py

# What builds a source distribution comes first and from its own lock, so that pip fetches nothing unchecked for it.
$(VENV)/.locked: locks/build.txt locks/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Forecourt needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/packages =python3-venv
	@echo "Installing the locked dependencies into $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --only-binary :all: -r locks/build.txt
	@$(PIP) --require-hashes --no-build-isolation -r locks/dev.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
