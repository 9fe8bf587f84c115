# Everything runs in .venv, which `make setup` fills. You need Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
QUICK := tests/kernels tests/filters tests/test_query.py tests/test_planner.py

.PHONY: help setup demo serve lint type quick test bench clean

help:  ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(INSTALLED)  ## install the project and its test dependencies

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: setup  ## build a real index, serve it, search it, print an evaluation
	$(BIN)/python -m seismic_tools.dev.demo

serve: setup  ## serve the collections in DIR (default: the demo's)
	$(BIN)/seismic serve $(or $(DIR),demo)

lint: setup  ## check style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup  ## check types (mypy, strict)
	$(BIN)/mypy

quick: setup  ## a first look, under a minute: kernels with few examples, queries, filters, the planner
	$(BIN)/python -m pytest --hypothesis-profile=quick $(QUICK) $(ARGS)

test: setup  ## every test; then the plans in each SIMD form, and the kernels without compilation
	$(BIN)/python -m tests.parts $(ARGS)

bench: setup  ## compare with rivals at equal recall: make bench COLLECTION=FOLDER [ARGS="--engines ours"]
	$(BIN)/seismic bench $(or $(COLLECTION),tests/data/scifact) --output results $(ARGS)

clean:  ## remove what the targets above made, except .venv
	rm -rf demo results .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
