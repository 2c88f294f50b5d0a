# The commands that people and CI both run. `make` alone lists them.
PYTHON ?= python3
PROJECT ?= classifier_cnn
ACCELERATOR ?= gpu
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin
SHELL_SCRIPTS := $(shell git ls-files '*.sh' .ci/run 2>/dev/null)
DOCKERFILES := $(shell git ls-files '*Dockerfile' 2>/dev/null)
UV_COMPILE := $(RUN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
export RUFF_NO_CACHE := true
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup train test test-slow lint format bench image-check ui lock clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## */\t/' | expand -t 12

setup: $(VENV)/.complete  ## make the virtual environment with the locked versions

$(VENV)/.complete: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
		{ echo "error: Python 3.11 to 3.13 with venv is needed. Received: $$($(PYTHON) --version 2>&1 | tail -n 1)." \
		"Name another: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		--require-hashes --requirement requirements-dev.lock
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

train: setup  ## train PROJECT on the embedded synthetic dataset, tracked locally: make train ARGS="--epochs 5"
	$(RUN)/python -m $(PROJECT).train --dataset synthetic --tracking local $(ARGS)

test: setup  ## run the tests
	$(RUN)/python -m pytest -n 2 $(ARGS)

test-slow: setup  ## run the tests that take minutes, too
	$(RUN)/python -m pytest -n 2 -m "slow or not slow" $(ARGS)

lint: setup  ## check style, shell scripts and Dockerfiles
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(if $(SHELL_SCRIPTS),$(RUN)/shellcheck $(SHELL_SCRIPTS))
	$(if $(DOCKERFILES),$(RUN)/hadolint $(DOCKERFILES))

format: setup  ## mend the style
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

image-check: setup  ## build the image of PROJECT and run it the way strangers will: make image-check ACCELERATOR=cpu
	$(RUN)/python .ci/image_check $(PROJECT) --accelerator $(ACCELERATOR) $(ARGS)

ui: setup  ## open MLflow on the local store at http://127.0.0.1:5000
	$(RUN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/runs/mlflow.db $(ARGS)

lock: setup  ## renew the lock files; all of them get the versions that suit every extra together
	$(RUN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras pyproject.toml -o $(VENV)/all.txt $(ARGS)
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid -o requirements.lock
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid --extra gpu -o requirements-gpu.lock
	$(UV_COMPILE) -c $(VENV)/all.txt pyproject.toml --extra grid --extra dev -o requirements-dev.lock

clean:  ## remove the environment and caches; data and runs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
