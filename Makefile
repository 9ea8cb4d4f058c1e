# Each target sets itself up: Python 3.11 or newer, its venv module and a package index are enough.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
# Used where present, only for speed; `make UV= test` does without.
UV ?= $(shell command -v uv 2>/dev/null)

LOCK := requirements/dev.txt
READY := .venv/.ready
BIN := .venv/bin

# Pulumi's SDKs are larger than everything else together, so they have an environment of their own.
INFRA_LOCK := requirements/infra.txt
INFRA_READY := .venv-infra/.ready
INFRA_BIN := .venv-infra/bin

DIST_LOCK := requirements/dist.txt
DIST_READY := .venv-dist/.ready
DIST_BIN := .venv-dist/bin

# Settings of the caller's shell that would put other modules into the environment, or ours elsewhere,
# or have every process of a test compile the product again.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY)  ## rotate real-shaped credentials against a local AWS, no account needed
	@$(BIN)/rotation demo

.PHONY: demo-vault
demo-vault: vault  ## the same on a real Vault of this machine
	@$(BIN)/rotation demo --vault

.PHONY: test
test: vault  ## everything in process, and a story on each real service
	@$(BIN)/python -m pytest -n auto -m 'not slow and not every and (not real or story)'

.PHONY: test-real
test-real: vault  ## on real servers, in processes that are killed, at every boundary; takes minutes
	@$(BIN)/python -m pytest -n auto -m '(real or every) and not slow'

.PHONY: coverage
coverage: vault  ## what no test ran: the figures, and each line of the core (docs/coverage.md)
	@$(BIN)/python -m pytest -n auto -m 'not slow and not every' --timeout 300 --cov --cov-report=
	@for part in rotation providers; do printf '%s/ ' $$part; \
	  $(BIN)/coverage report --include "$$part/*" --format total; done
	@$(BIN)/coverage report --include '$(CORE)' --skip-covered --show-missing

CORE := rotation/plan/*,rotation/machine/*,rotation/execution/*,rotation/execution/effects/*,rotation/journal/*

.PHONY: vault
vault: $(READY)  ## find the real Vault of the tests, or build it, once (needs Go; 5 to 10 minutes)
	@$(BIN)/python -m tests.real.vault_binary

.PHONY: test-infra
test-infra: $(INFRA_READY)  ## the Pulumi program, its permissions enforced; with `pulumi` on PATH, its engine
	@$(INFRA_BIN)/mypy infra
	@$(INFRA_BIN)/python -m pytest -n auto tests/infra

.PHONY: privileges
privileges: $(INFRA_READY)  ## write docs/privileges.md: what each step may do, and what showed it
	@$(INFRA_BIN)/python -m tests.infra.privileges

.PHONY: infra
infra: $(INFRA_READY)  ## make the environment that `pulumi up` runs in

.PHONY: slow
slow: $(READY) $(INFRA_READY)  ## every test that takes minutes
	@$(BIN)/python -m pytest -n auto -m slow --timeout 3600
	@$(INFRA_BIN)/python -m pytest -n auto -m slow --timeout 3600 tests/infra

.PHONY: exits
exits: $(READY)  ## take every way out of every Held, and print which of them lead out
	@$(BIN)/python -m tests.crash.exits

.PHONY: sim
sim: $(READY)  ## explore the machine under crashes and faults; a failure prints its seed
	@$(BIN)/python -m pytest -n auto -m 'slow or not slow' --timeout 3600 tests/crash

.PHONY: bench
bench: $(READY)  ## print the numbers that the documentation quotes
	@$(BIN)/python -m benchmarks

.PHONY: house
house: $(READY)  ## count how the code is built: rooms, floors, lines, files that a rotation enters
	@$(BIN)/python -m benchmarks.house

.PHONY: dist
dist: $(DIST_READY)  ## build the wheel, with its components, provenance and checksums, into dist/
	@$(DIST_BIN)/python .ci/dist.py

# Where the runner's environment is made, and the extras that it needs: '$(EXTRAS)'.
TO ?= ~/.venv-rotation
PLACE = $(patsubst ~/%,$(HOME)/%,$(TO))
WITH ?= aws

.PHONY: install
install: dist  ## install what `make dist` built, with locked packages: TO=DIRECTORY WITH='aws vault'
	@test ! -e '$(PLACE)' || test -e '$(PLACE)/pyvenv.cfg' || { \
	  echo '$(PLACE) exists and is no Python environment: choose another TO=' >&2; exit 1; }
	@$(PYTHON) -m venv '$(PLACE)'
	@$(INSTALL) --require-hashes $(WITH:%=-r requirements/runner-%.txt)
	@$(INSTALL) --no-index --no-deps --force-reinstall dist/rotation-*.whl
	@echo 'Installed: $(PLACE)/bin/rotation'

INSTALL = '$(PLACE)/bin/python' -m pip --quiet --disable-pip-version-check install

.PHONY: lint
lint: $(READY)  ## format, style, types, import directions, secrets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/scan_secrets.py

.PHONY: docs
docs: $(READY)  ## write the generated parts of the documents again
	@$(BIN)/python docs/generate.py

.PHONY: lock
lock:  ## resolve the requirements again from pyproject.toml (needs uv)
	@test -n '$(UV)' || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	@$(UV_COMPILE) pyproject.toml $(DEVELOPERS) --output-file $(LOCK)
	@$(UV_COMPILE) pyproject.toml $(DEVELOPERS) --extra infra --constraint $(LOCK) --output-file $(INFRA_LOCK)
	@$(UV_COMPILE) --group build --group dist --constraint $(LOCK) --output-file $(DIST_LOCK)
	@$(foreach extra,$(EXTRAS),$(UV_COMPILE) pyproject.toml --extra $(extra) --constraint $(LOCK) \
	  --output-file requirements/runner-$(extra).txt &&) true

DEVELOPERS := --extra apprise --extra demo --extra http --extra metrics --extra postgres --extra report --extra vault --group build --group dev
EXTRAS := apprise aws http keys metrics postgres report vault
UV_COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' --quiet

.PHONY: clean
clean:  ## remove the environment and what the tools left
	@rm -rf .venv .venv-dist .venv-infra build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew whenever what it is made from changed: nothing stale survives.
# uv knows nothing of an index that only pip is configured for, hence the second way after the first.
$(READY): $(LOCK) pyproject.toml
	@$(SET_UP)

$(INFRA_READY): $(INFRA_LOCK) pyproject.toml
	@$(SET_UP)

$(DIST_READY): $(DIST_LOCK) pyproject.toml
	@$(SET_UP)

# Of the environment of the target, from the lock that it depends on first.
define SET_UP
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "rotation needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=/path/to/python" >&2; exit 1; }; \
echo 'Setting up $(@D) from $< (once; about a minute with pip, seconds with uv) ...'; \
began=$$(date +%s); \
{ test -n '$(UV)' && { $(SET_UP_WITH_UV) || { echo 'uv could not; trying pip.'; false; }; }; } \
  || { $(SET_UP_WITH_PIP); } || exit 1; \
echo "Set-up took $$(($$(date +%s) - began)) s."; \
touch $@
endef

SET_UP_WITH_UV = $(UV) venv --quiet --clear --python '$(PYTHON)' $(@D) \
	&& $(UV) pip install --quiet --compile-bytecode --python $(@D)/bin/python --require-hashes -r $< \
	&& $(UV) pip install --quiet --python $(@D)/bin/python --no-build-isolation --no-deps -e . \
	&& $(COMPILE)

SET_UP_WITH_PIP = $(PYTHON) -m venv --clear $(@D) \
	&& $(PIP_INSTALL) --require-hashes -r $< \
	&& $(PIP_INSTALL) --no-build-isolation --no-deps -e . \
	&& $(COMPILE)

# Once, rather than in every process of a test where none may write what it compiled.
COMPILE = $(@D)/bin/python -m compileall -q rotation providers

PIP_INSTALL = $(@D)/bin/python -m pip --quiet --disable-pip-version-check install
