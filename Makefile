.DEFAULT_GOAL := help
PY := .venv/bin/python
BASE := $(or $(PYTHON),python3)

.PHONY: help
help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 16

.PHONY: lock
lock:  ## resolve pyproject.toml into requirements.lock, with hashes
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock

.PHONY: sync
sync:  ## make .venv hold exactly what requirements.lock says, and the project itself
	.venv/bin/uv pip sync -q --python $(PY) --require-hashes requirements.lock
	.venv/bin/uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .
