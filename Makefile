# Everything runs in a virtual environment of its own; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEMO_STAMP := $(VENV)/installed-for-demo
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install demo serve-demo test test-all check lint format types clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) "setuptools>=77" wheel

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --no-build-isolation -e ".[dev]"
	touch $(STAMP) $(DEMO_STAMP)

$(DEMO_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --no-build-isolation -e ".[demo]"
	touch $(DEMO_STAMP)

install: $(STAMP) ## make the virtual environment .venv with everything that the targets need

demo: $(DEMO_STAMP) ## index sample pictures, sounds, texts and depth maps, and ask in every direction
	$(BIN)/python sample_data/demo.py

serve-demo: demo ## the demo, then its page in the browser at http://127.0.0.1:8750/
	$(PIP) --no-build-isolation -e ".[demo,serve]"
	$(BIN)/anyseek serve --index demo/samples/.anyseek

test: $(STAMP) check ## all quick checks and tests (under 10 minutes)
	$(BIN)/python -m pytest -m "not slow and not gpu and not train"

test-all: $(STAMP) check ## the long tests too: 30 kills, 300 broken files, 100,000 files
	$(BIN)/python -m pytest -m "not gpu and not train"

check: $(STAMP) lint types ## formatting, lint, types, who may import whom

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

# Types are read from a normal install, as a user's checker would see them.
types: $(STAMP)
	rm -rf build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --upgrade --target build/site .
	cp -r training build/site/
	MYPYPATH=build/site $(BIN)/mypy --strict -p anyseek -p training

format: $(STAMP) ## rewrite the code in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
