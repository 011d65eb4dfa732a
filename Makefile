# HaloDesk: all that a developer or CI runs. `make help` lists the targets.
# Nothing outside this folder is changed, except by tools/system-deps when run as root.

# Pass options to the last command of a target: make demo ARGS="--headless --out build/demo"
ARGS ?=
BIN := .venv/bin
# -qq: errors only; a machine with its own pip settings warns about each package.
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input --retries 5
# loadfile keeps the tests of one file (one PBX, one window) on one worker.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup system demo test test-full chaos security lint format bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: .venv/.installed ## system packages, .venv with every locked package, the halodesk command

system:
	@tools/system-deps

.venv/.locked: requirements/runtime.txt requirements/dev.txt | system
	@python=$$(tools/find-python) && echo "setup: installing the locked packages ($$python)" && \
	{ $(BIN)/python -c 'import pip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null || \
	"$$python" -m venv --clear .venv; }
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/runtime.txt -r requirements/dev.txt
	@tools/system-deps verify
	@touch $@

# Editable, so that the command runs this tree; setuptools comes from the lock, not from a build sandbox.
.venv/.installed: .venv/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the sandbox demo: in a window, or without a display into build/demo
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
		$(BIN)/halodesk demo $(ARGS); \
	elif command -v xvfb-run >/dev/null && command -v xauth >/dev/null; then \
		QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" \
			$(BIN)/halodesk demo --headless --out build/demo $(ARGS); \
	else \
		QT_QPA_PLATFORM=offscreen $(BIN)/halodesk demo --headless --out build/demo $(ARGS); \
	fi

test: setup lint ## lint and every test that is not slow
	@$(PYTEST) -m "not slow and not bench" $(ARGS)

test-full: setup lint ## lint and every test, properties with all their examples
	@HALODESK_THOROUGH=1 $(PYTEST) -m "not bench" $(ARGS)

chaos: setup ## kill seats, server and database at random and cut their lines; prints each seed
	@$(BIN)/python -m pytest -m chaos -s $(ARGS)

lint: setup ## ruff, mypy and the layers
	@$(BIN)/python -m ruff check --quiet .
	@$(BIN)/python -m ruff format --quiet --check . || { echo "lint: run make format" >&2; exit 1; }
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

format: setup ## format the code and apply ruff's safe fixes
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .

security: setup ## attack each of the fifteen threats of docs/security.md; prints how each control holds
	@$(BIN)/python -m tests.security $(ARGS)

bench: setup ## measure the goals of speed
	@$(BIN)/python -m tests.bench $(ARGS)

lock: ## recompile requirements/*.txt, e.g. make lock ARGS="--upgrade-package ruff"
	@tools/lock $(ARGS)

# Not .lab: a PBX may be running from it (stop it with tests/lab/asterisk-lab.sh down .lab).
clean: ## remove all that was built or cached, .venv included
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find halodesk tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
