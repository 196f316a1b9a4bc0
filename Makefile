# make demo               sets up .venv and restores a simulated cell; pictures land in demo/
# make demo IMAGE=my.tif  the same on an image of yours (AXES=ZYX for a stack that does not say)
# make test               sets up .venv and runs every check

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
IMAGE ?=
AXES ?=

.PHONY: demo test test-oldest lint clean

demo: $(VENV)/.installed-base
	@$(BIN)/pellucid demo $(if $(IMAGE),"$(IMAGE)") $(if $(AXES),--axes $(AXES)) -o demo

test: lint
	$(BIN)/python -m pytest

# The lower bounds of pyproject.toml, in an environment of their own.
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable '.[report,train]' hypothesis pytest scikit-image PyWavelets
	.venv-oldest/bin/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("pellucid needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; run make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[report]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed-base

clean:
	rm -rf $(VENV) .venv-oldest demo build dist .mypy_cache .pytest_cache .ruff_cache
