# A thin face over uv: every target first makes sure that .venv holds exactly what the lock files pin.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.mattegate-installed
UV     := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
LOCK   := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
          --no-annotate --custom-compile-command "make lock"

.PHONY: setup run test check bench prove claims lock docs doctor clean help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with everything, pinned by hash

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mattegate needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || $(UV) venv --quiet --seed --python $(PYTHON) $(VENV)
	@command -v $(UV) >/dev/null || $(BIN)/python -m pip install --quiet uv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## fetch the default model, start the server, print a ready-to-paste curl line
	@$(BIN)/mattegate serve --pull --first-key

test: check ## every test, real servers included
	@$(BIN)/python -m pytest -m "not long"

check: $(STAMP) ## lint, types, import directions, docs: in seconds
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/docs

bench: $(STAMP) ## every ratio this project promises, measured side by side in one run
	@$(BIN)/mattegate bench

prove: $(STAMP) ## the long proofs with full counts; prints a report
	@$(BIN)/python -m pytest -m long -s

claims: $(STAMP) ## how many of the mission's rows a named test proves
	@$(BIN)/python -m tests.claims

docs: $(STAMP) ## write the generated pages under docs/reference
	@$(BIN)/python -m docs.generate

doctor: ## write dist/mattegate-doctor.pyz: the doctor in one file, for any Python from 3.11 on
	@$(PYTHON) packaging/doctor/zipapp.py

lock: ## pin everything that pyproject.toml and requirements/dev.in ask for
	@$(LOCK) pyproject.toml --output-file requirements/runtime.lock
	@$(LOCK) pyproject.toml --extra heic --extra redis --extra policies requirements/dev.in --output-file requirements/dev.lock
	@$(LOCK) requirements/gradio.in --output-file requirements/gradio.lock

clean: ## remove what can be made again
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache bench/out
