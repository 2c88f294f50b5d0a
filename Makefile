# The commands that people and CI both run. `make` alone lists them.
PYTHON ?=
PROJECT ?= classifier_cnn
override PROJECT := $(patsubst %/,%,$(PROJECT))
ACCELERATOR ?= gpu
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin
SIZE := about 0.8 GB to download, 3.4 GB on the disk, 2 to 15 minutes
PIP := $(RUN)/python -m pip install --disable-pip-version-check --only-binary :all: --require-hashes --requirement
RUNS = $(or $(BALL_OUTPUT_DIR),$(CURDIR)/runs)
SHELL_SCRIPTS := $(shell git ls-files '*.sh' .ci/run 2>/dev/null)
DOCKERFILES := $(shell git ls-files '*Dockerfile' 2>/dev/null)
UV_COMPILE := $(RUN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# $(call lint_with,LINTER,FILES): some linters have no wheel for some machines.
lint_with = @if [ -n "$(2)" ] && [ ! -x $(RUN)/$(1) ]; then echo "note: $(1) is not installed: $(2) not checked"; \
	elif [ -n "$(2)" ]; then echo "$(RUN)/$(1) $(2)"; $(RUN)/$(1) $(2); fi
export RUFF_NO_CACHE := true
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup train project test test-slow lint format image-check ui lock clean

help:  ## list the commands
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "%-12s%s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.complete  ## create the virtual environment with the locked versions

# The first suitable Python. On many machines `python3` is Python 3.9, and Debian's may lack ensurepip.
$(VENV)/.complete: requirements-dev.lock requirements-lint.lock pyproject.toml
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
		"$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
		echo "Installing into $(VENV) with $$($$python --version): $(SIZE)"; \
		exec "$$python" -m venv --clear $(VENV); \
	done; \
	found=$$(for python in $(or $(PYTHON),python3 python); do "$$python" --version 2>&1 | tail -n 1; done | paste -s -d , -); \
	echo "error: Python 3.11 to 3.13 with venv is needed. Received: $$found." \
		"Install one (Debian, Ubuntu: with python3-venv), or choose it: make PYTHON=/path/to/python3.12" >&2; exit 2
	$(PIP) requirements-dev.lock
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(PIP) requirements-lint.lock --quiet || echo "note: not every linter can be installed here; only make lint needs them" >&2
	@touch $@

train: project setup  ## train PROJECT on the synthetic dataset, tracked locally: make train ARGS="--epochs 5"
	$(RUN)/python -m $(PROJECT).train --dataset synthetic --tracking local $(ARGS)

project:  # before anything is installed
	@[ -f "$(PROJECT)/train.py" ] || { echo "error: there is no such project. Received: PROJECT=$(PROJECT)." \
		"Choose one of: $(patsubst %/train.py,%,$(wildcard */train.py))" >&2; exit 2; }

test: setup  ## run the tests
	$(RUN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-slow: $(VENV)/mlflow-2.14/.complete  ## run all tests, including those that take minutes
	$(RUN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow" $(ARGS)

# The older server version that the team may use, in a separate environment; without this environment, the tests are skipped.
$(VENV)/mlflow-2.14/.complete: $(VENV)/.complete requirements-mlflow-2.14.lock
	@{ $(RUN)/uv venv --quiet --clear --python $(RUN)/python $(VENV)/mlflow-2.14 && $(RUN)/uv pip install --quiet --no-build \
		--require-hashes --python $(VENV)/mlflow-2.14/bin/python --requirement requirements-mlflow-2.14.lock && touch $@; \
	} || echo "note: MLflow 2.14 cannot be installed here: its tests are skipped" >&2

lint: setup  ## check style, shell scripts and Dockerfiles
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(call lint_with,shellcheck,$(SHELL_SCRIPTS))
	$(call lint_with,hadolint,$(DOCKERFILES))

format: setup  ## fix the style
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

image-check: setup  ## build the image of PROJECT and run it as other people will: make image-check ACCELERATOR=cpu
	$(RUN)/python .ci/image_check $(PROJECT) --accelerator $(ACCELERATOR) $(ARGS)

ui: setup  ## open MLflow on the local store, http://127.0.0.1:5000/#/experiments?workflowType=machine_learning
	@mkdir -p "$(RUNS)" && echo "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	$(RUN)/mlflow ui --backend-store-uri "sqlite:///$(RUNS)/mlflow.db" --artifacts-destination "$(RUNS)/mlartifacts" $(ARGS)

lock: setup  ## update the lock files; all of them use versions that satisfy all extras together
	$(RUN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras pyproject.toml -o $(VENV)/all.txt $(ARGS)
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid -o requirements.lock
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid --extra gpu -o requirements-gpu.lock
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid --extra dev -o requirements-dev.lock
	$(UV_COMPILE) --group lint -o requirements-lint.lock
	$(UV_COMPILE) --group mlflow-2 -o requirements-mlflow-2.14.lock
	@for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin; do for python in 3.11 3.12 3.13; do \
		for lock in requirements.lock requirements-dev.lock; do \
			MACOSX_DEPLOYMENT_TARGET=14.0 $(RUN)/uv pip install --quiet --dry-run --python-platform $$platform \
				--python-version $$python --target $(VENV)/nowhere --only-binary :all: --require-hashes -r $$lock && \
			echo "every package in $$lock has a wheel for $$platform, Python $$python" || exit 2; \
		done; done; done

clean:  ## remove the environment and caches; data and runs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
