# Everything runs in .venv, which `make setup` fills; all targets need is Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: help setup demo serve lint type test bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(INSTALLED)  ## install the project and what its tests need

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: setup  ## build a real index, serve it, search it, print an evaluation
	$(BIN)/python -m seismic_tools.dev.demo

serve: setup  ## serve the collections in DIR (default: the demo's)
	$(BIN)/seismic serve $(or $(DIR),demo)

lint: setup  ## style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup  ## mypy, strict
	$(BIN)/mypy

test: setup  ## all tests; then those of the plans in the other forms of scoring, and of all kernels without compilation
	$(PYTEST) --cov --cov-report= $(ARGS)
	set -e; forms=$$($(BIN)/python -c "from seismic.kernels import cpu; print(*cpu.runnable()[1:])"); for form in $$forms; do \
	  SEISMIC_SIMD=$$form $(PYTEST) tests/kernels/test_exact.py tests/kernels/test_traverse.py $(ARGS); done
	NUMBA_DISABLE_JIT=1 $(PYTEST) tests/kernels --cov --cov-append --cov-report=term:skip-covered --cov-fail-under=95 $(ARGS)

bench: setup  ## this engine and its rivals at equal recall: make bench COLLECTION=FOLDER [ARGS="--engines ours"]
	$(BIN)/seismic bench $(or $(COLLECTION),tests/data/scifact) --output results $(ARGS)

clean:  ## remove what the targets above made, but for .venv
	rm -rf demo results .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
