.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
ROOMS := automation components engine model_build policies serving stacks
CODE := $(ROOMS) tests benchmarks examples scripts

.PHONY: help setup up down preview test lint types fmt bench soak docs lock sync

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup:  ## .venv from requirements.lock (nothing happens when it has not changed)
	@$(PYTHON) scripts/setup.py

up: setup  ## the stack `local`: convert, optimise, verify, bake, run, answer
	@.venv/bin/modelport up --stack local --yes

preview: setup  ## what `make up` would do
	@.venv/bin/modelport preview --stack local

down: setup  ## take the running stack away again
	@.venv/bin/modelport destroy --stack local --yes

test: setup  ## all tests
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: setup  ## ruff, and who may import whom
	.venv/bin/ruff check $(CODE)
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/lint-imports

types: setup  ## mypy and pyright, both strict
	.venv/bin/mypy
	.venv/bin/pyright

fmt: setup  ## put the code into its form
	.venv/bin/ruff check --fix $(CODE)
	.venv/bin/ruff format $(CODE)

lock:  ## resolve pyproject.toml and the image's own requirements anew, with hashes
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o requirements.lock
	.venv/bin/uv pip compile serving/requirements.in -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o serving/requirements.lock

sync:  ## make .venv hold what requirements.lock says, without a fresh start
	.venv/bin/uv pip sync -q --python $(PY) --require-hashes requirements.lock
	.venv/bin/uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .

bench: setup  ## the figures, beside a peer in one run (BENCH=name for one of them)
	$(PY) -m benchmarks $(BENCH)

docs: setup  ## the reference of the stack file and its JSON Schema, from the model that checks it
	$(PY) -m stacks.reference

SOAK ?= 20
soak: setup  ## the long repetitions: versions taking over under load, SOAK=20 times
	@for n in $$(seq $(SOAK)); do $(PY) -m pytest tests/components/test_local_server.py tests/stacks/test_local.py -k under_load || exit 1; done
