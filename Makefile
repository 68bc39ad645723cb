# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
SCENARIO ?= default
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format perf soak screenshots gallery coverage clean
.PHONY: exp1-up health exp1-benchmark exp1-down

help: ## show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: .venv/.ready ## install sleeptui and its tools into .venv

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sleeptui needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing sleeptui and the tools of its tests into .venv: a minute, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: setup ## the panel on the simulated fleet
	@$(BIN)/sleeptui --demo $(SCENARIO)

# One more than there are cores: many tests wait for a program, a timer or a terminal.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
test: setup ## every test; the summary lists what was skipped and why
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: setup ## format, lint, types, import contracts, figures of the code, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.figures
	@$(MAKE) --no-print-directory test

COVERED ?= tests/unit/core tests/unit/recorder
coverage: setup ## how much of the domain and the recorder their own tests reach, branches too
	@$(BIN)/coverage run --source=sleeptui/core,sleeptui/recorder -m pytest -q -n 0 $(COVERED)
	@$(BIN)/coverage report --skip-covered --show-missing

format: setup ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

PERF ?=
perf: setup ## first frame, polling, parsing and timing, each compared in one run; PERF: only these
	@$(BIN)/python -m tests.perf $(PERF)

MINUTES ?= 30
soak: setup ## random operations and faults on 16 simulated servers for MINUTES=30; nothing may be left or grow
	@$(BIN)/python -m tests.soak $(MINUTES)

SCENES ?=
PICTURES ?= screenshots
screenshots: setup ## rebuild the pictures of the demo; SCENES: only of these, PICTURES: into this folder
	@$(BIN)/python -m tests.screenshots --to $(PICTURES) $(SCENES)

GALLERY ?= build/gallery
SCREENS ?=
gallery: setup ## every screen, large and small, dark and light, to be looked at; SCREENS: only these
	@$(BIN)/python -m tests.gallery $(GALLERY) $(SCREENS)

# Experiment 1: compose/exp1/README.md. SIM=1: simulated servers, on any machine, without a GPU.
# RUNTIME=process: vLLM as processes instead of containers. PLAN: quick, standard, careful, a file.
SIM ?=
RUNTIME ?= docker
PLAN ?= $(if $(SIM),quick,standard)
COMPOSE ?= docker compose
FLEET ?= compose/exp1/$(if $(SIM),sim,$(if $(filter process,$(RUNTIME)),process,fleet)).toml
CONTAINERS := $(if $(SIM),,$(filter docker,$(RUNTIME)))
EXP1 = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/sleeptui

exp1-up: setup ## experiment 1: start both servers, one after the other
	$(if $(CONTAINERS),@$(COMPOSE) -f compose/exp1/compose.yaml up --no-start)
	@$(EXP1) up --fleet $(FLEET)

health: setup ## experiment 1: examine both servers and this machine
	@$(EXP1) doctor --fleet $(FLEET)

exp1-benchmark: setup ## experiment 1: measure by PLAN; asks first, YES=1 does not
	@$(EXP1) bench $(PLAN) --fleet $(FLEET) $(if $(YES)$(SIM),--yes)

exp1-down: setup ## experiment 1: end both servers
	@$(EXP1) down --fleet $(FLEET) --yes
	$(if $(CONTAINERS),@$(COMPOSE) -f compose/exp1/compose.yaml down)

clean: ## remove what was built
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
