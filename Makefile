# Everything runs in a virtual environment of its own; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEMO_STAMP := $(VENV)/installed-for-demo
FILES := $(VENV)/files
LINKS := $(VENV)/linked
# Files side by side in two processes. ARGS: more for pytest, as in `make test ARGS=--no-skips`.
TWO := -n 2 --dist loadfile
ARGS :=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# A folder of links to the files that exist, which type checkers can follow: docs/decisions/0015-strict-editable-install.md
EDITABLE := --no-build-isolation --config-settings editable_mode=strict -e
NOT_PACKAGE := benchmarks build demo dist docs examples sample_data tests training

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo serve-demo test test-all lowest coverage check lint format types site clean always

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) "setuptools>=77" wheel

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(EDITABLE) ".[dev]"
	touch $(STAMP) $(DEMO_STAMP) $(LINKS)

$(DEMO_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(EDITABLE) ".[demo]"
	touch $(DEMO_STAMP) $(LINKS)

# Written only when a file of the package came or went: what depends on it is then made again, in two seconds.
$(FILES): always | $(BIN)/python
	@find . -mindepth 1 \( -name '.*' -o -name __pycache__ -o -name '*.egg-info' $(NOT_PACKAGE:%=-o -path ./%) \) -prune \
		-o -type f -print | LC_ALL=C sort > $@.now
	@if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

$(LINKS): $(FILES) | $(DEMO_STAMP)
	$(PIP) --no-deps $(EDITABLE) .
	touch $(LINKS)

install: $(STAMP) $(LINKS) ## make the virtual environment .venv with everything that the targets need

demo: $(DEMO_STAMP) $(LINKS) ## index sample pictures, sounds, texts and depth maps, and ask in every direction
	$(BIN)/python sample_data/demo.py

serve-demo: demo ## the demo, then its page in the browser at http://127.0.0.1:8750/
	$(PIP) $(EDITABLE) ".[demo,serve]"
	$(BIN)/anyseek serve --index demo/samples/.anyseek

test: check ## all quick checks and tests (some 6 minutes on two cores)
	$(BIN)/python -m pytest $(TWO) -m "not thorough and not slow and not gpu and not train" $(ARGS)

test-all: check ## the long tests too: 30 kills, 300 broken files, 100,000 files
	$(BIN)/python -m pytest $(TWO) -m "not gpu and not train" $(ARGS)

lowest: ## the server's tests with the lowest versions that pyproject.toml admits, in build/lowest
	$(PYTHON) tests/lowest_versions.py

coverage: install ## what CI runs, the thorough tests too, and how much of each room they run; fails below the floor in pyproject.toml
	$(BIN)/python -m pytest $(TWO) -m "not slow and not gpu and not train" --cov --cov-report= $(ARGS)
	$(BIN)/python tests/coverage_by_room.py

check: lint types site ## formatting, lint, types, who may import whom, the pages

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: install
	$(BIN)/mypy --strict -p anyseek -p training
	MYPYPATH=examples $(BIN)/mypy --strict --explicit-package-bases examples

format: install ## rewrite the code in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

site: install ## the documentation as a site, in build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.*
