# make demo       install what is needed and open the tour of the bundled generator
# make web        install what is needed and open the bundled generator in a browser; MODEL=FILE another one
# make test       install what is needed and run the test suite
# make docs       install what is needed and build the reference of the Python interface
# make artifacts  make everything that ships and is computed again
#
# PYTHON is the interpreter the environment is made with, VENV where it is made. ARGS go to the command that is run.

PYTHON ?= python3
VENV ?= .venv
OUT ?= runs/demo
WORKERS ?= 3
MODEL ?= demo
ARGS ?=
# One thread per worker: two workers with two threads each are slower on two cores than with one. The third one works
# while tests wait for servers, browsers and slurm.
THREADS ?= 1

ONE_THREAD = OMP_NUM_THREADS=$(THREADS) MKL_NUM_THREADS=$(THREADS) OPENBLAS_NUM_THREADS=$(THREADS)
# Tests start hundreds of processes, and each would compile gantk again where the environment keeps no bytecode.
KEPT_BYTECODE = PYTHONDONTWRITEBYTECODE=
BIN = $(VENV)/bin

.PHONY: help demo web test lint docs artifacts clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"gantk needs Python 3.11 or newer and $(PYTHON) is {sys.version.split()[0]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# An editable installation: only a change of pyproject.toml needs another.
$(VENV)/.installed: pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-web: pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[web]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.installed

web: $(VENV)/.installed-web
	@$(BIN)/gantk web $(MODEL) $(ARGS)

demo: $(VENV)/.installed
	$(BIN)/gantk demo --output-dir $(OUT) $(ARGS)
	@echo "Open $(abspath $(OUT))/index.html in a browser."

test: $(VENV)/.installed-dev
	$(ONE_THREAD) $(KEPT_BYTECODE) $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Warnings are errors: a docstring that Sphinx cannot read, a name that is not there.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs/api build/docs
	@echo "Open $(abspath build/docs)/index.html in a browser."

artifacts: $(VENV)/.installed
	$(BIN)/python scripts/artifacts.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
