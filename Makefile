# Two commands are all there is to know: `make interview` holds one, `make test` passes the tests.
# Each sets up what it needs in .venv/ first, with the versions of constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHAT ?=
EVAL ?=

.DEFAULT_GOAL := help
.PHONY: help interview test lint format bench eval fit clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

interview: $(VENV)/.interview ## hold an interview in this terminal (CHAT="--level staff" passes options on)
	@$(BIN)/mockingbird chat $(CHAT)

test: $(VENV)/.dev ## run the tests
	@$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev ## ruff, pyright, import-linter and the bank's own lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/mockingbird questions lint

format: $(VENV)/.dev ## put the code into ruff's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure, and print the figures as JSON
	@$(BIN)/python -m evals.bench

eval: $(VENV)/.dev ## measure the rater on labelled answers; fails if it got worse than evals/baseline.json
	@$(BIN)/mockingbird eval --against evals/baseline.json $(EVAL)
	@$(BIN)/mockingbird eval --rater model --replay evals/recorded/agent.jsonl

fit: $(VENV)/.dev ## fit the rater again, after guides or labelled answers changed
	@$(BIN)/python -m evals.fit

clean: ## remove what the other commands set up
	rm -rf $(VENV)

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Mockingbird needs Python 3.11 or newer: try make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.interview: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Setting up, once: the packages (about half a minute) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@echo "… and a look at whether everything works …"
	@$(BIN)/mockingbird doctor > $(VENV)/doctor.txt || { cat $(VENV)/doctor.txt; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Setting up, once: the packages (about half a minute) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
