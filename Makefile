# Everything runs in .venv, which `make setup` fills. You need Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
TOOLS := .venv/tools
SITE := .venv/docs
UV := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
QUICK := tests/kernels tests/filters tests/test_query.py tests/test_planner.py

.PHONY: help setup demo serve lint type quick test coverage integrations bench docs lock audit clean

help:  ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(INSTALLED)  ## install the project and its test dependencies

# What is locked is installed by hash; the project itself is built with the locked build tools.
$(INSTALLED): pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(TOOLS)/.installed: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/tools.txt
	touch $@

$(SITE)/.installed: requirements/docs.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/docs.txt
	touch $@

demo: setup  ## grow, build, compare, serve and search a real collection: make demo [ARGS=--keep]
	$(BIN)/python -m seismic_tools.dev.demo $(ARGS)

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

coverage: setup  ## the same, and how much of the code it runs: at least 95 %
	$(BIN)/python -m tests.parts --coverage

integrations: setup  ## tests with other people's libraries, each in an environment of its own: make integrations [ARGS=NAME]
	$(BIN)/python -m tests.integrations.run $(ARGS)

bench: setup  ## compare with rivals at equal recall: make bench COLLECTION=FOLDER [ARGS="--engines ours"]
	$(BIN)/seismic bench $(or $(COLLECTION),tests/data/scifact) --output results $(ARGS)

docs: $(SITE)/.installed  ## build the documentation site into build/site and check every link
	$(SITE)/bin/python docs/stage.py
	$(SITE)/bin/zensical build --clean --strict

lock: $(TOOLS)/.installed  ## renew the locked requirements: make lock [ARGS=--upgrade]
	$(UV) pyproject.toml requirements/build.in --extra dev --output-file requirements/dev.txt $(ARGS)
	$(UV) pyproject.toml requirements/build.in --extra all --constraints requirements/dev.txt \
	  --output-file requirements/image.txt $(ARGS)
	$(UV) requirements/tools.in --output-file requirements/tools.txt $(ARGS)
	$(UV) requirements/docs.in --output-file requirements/docs.txt $(ARGS)

audit: $(TOOLS)/.installed  ## compare the locked requirements with known vulnerabilities
	$(TOOLS)/bin/python requirements/audit.py

clean:  ## remove what the targets above made, except .venv
	rm -rf build demo results .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
