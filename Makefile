.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
ROOMS := automation components engine model_build policies serving stacks
CODE := $(ROOMS) tests benchmarks examples scripts
# Hundreds of Pythons are started here, and each would compile scikit-learn and all else anew where a shell forbids bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup up down preview test test-torch test-tf lint types mypy pyright fmt cluster cluster-tools cluster-test cluster-down bench soak docs site lock sync

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:  ## .venv from requirements.lock (nothing happens when it has not changed)
	@$(PYTHON) scripts/setup.py

up: setup  ## the stack `local`: convert, optimise, verify, bake, run, answer
	@.venv/bin/modelport up --stack local --yes

preview: setup  ## what `make up` would do
	@.venv/bin/modelport preview --stack local

down: setup  ## take the running stack away again
	@.venv/bin/modelport destroy --stack local --yes

# A test that fails gets a second try, five tests of a run at most, and the first try is shown with its traceback at the
# end: among thousands of real servers on a loaded machine one has a bad day. RERUNS= for none; `make soak` gives none.
RERUNS ?= --reruns 1 --reruns-delay 2 --max-suite-reruns 5 --rerun-show-tracebacks

test: setup  ## all tests but those that need a Kubernetes, PyTorch or TensorFlow
	$(PY) -m pytest -m "not cluster and not torch and not tf" -n auto --maxprocesses 4 --dist loadfile --durations 10 $(RERUNS)

test-torch: setup  ## the tests that need PyTorch, in a .venv-torch of their own (gigabytes, most of them for GPUs)
	@$(PY) scripts/setup_extra.py torch
	.venv-torch/bin/python -m pytest -m torch tests/torch -n 2 --dist loadfile --durations 10 $(RERUNS)

test-tf: setup  ## the tests that need TensorFlow, in a .venv-tf of their own (1.5 GB)
	@$(PY) scripts/setup_extra.py tf
	.venv-tf/bin/python -m pytest -m tf tests/tf -n 2 --dist loadfile --durations 10 $(RERUNS)

lint: setup  ## ruff, and who may import whom
	.venv/bin/ruff check $(CODE)
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/lint-imports

types: setup  ## mypy and pyright, both strict
	@$(MAKE) --no-print-directory mypy pyright

# What mypy knows of a module goes by its content: one store serves every clone.
mypy: setup
	.venv/bin/mypy --cache-dir "$${MODELPORT_CACHE_DIR:-$$HOME/.cache/modelport}/tools/mypy"

pyright: setup
	.venv/bin/pyright --threads

fmt: setup  ## put the code into its form
	.venv/bin/ruff check --fix $(CODE)
	.venv/bin/ruff format $(CODE)

lock:  ## resolve pyproject.toml and the image's own requirements anew, with hashes
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o requirements.lock
	.venv/bin/uv pip compile pyproject.toml --extra dev --extra torch --extra seq2seq --extra minilm -c requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -q -o requirements-torch.lock
	.venv/bin/uv pip compile pyproject.toml --extra dev --extra tf -c requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -q -o requirements-tf.lock
	.venv/bin/uv pip compile serving/requirements.in -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o serving/requirements.lock
	.venv/bin/uv pip compile serving/requirements.text.in -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	    --no-deps --no-emit-index-url --no-header -q -o serving/requirements.text.lock
	.venv/bin/uv pip compile components/gcp/function_requirements.in -c serving/requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -q -o components/gcp/function_requirements.lock
	.venv/bin/uv pip compile docs/requirements.in --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o docs/requirements.lock

sync:  ## make .venv hold what requirements.lock says, without a fresh start
	.venv/bin/uv pip sync -q --python $(PY) --require-hashes requirements.lock
	.venv/bin/uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .

cluster: setup  ## a Kubernetes to develop against, in the background; its kubeconfig and kubectl in .cluster (root only; ADDONS="gateway keda")
	@$(PY) -m tests.cluster start .cluster $(addprefix --addon ,$(ADDONS))

cluster-tools: setup  ## every program of the cluster, built or fetched once into the cache
	$(PY) -m tests.cluster fetch

cluster-test: setup  ## the tests that need a Kubernetes: they start one, or use the one of MODELPORT_TEST_KUBECONFIG
	$(PY) -m pytest -m cluster -n 4 --dist loadfile --durations 10 $(RERUNS)

cluster-down: setup  ## end what `make cluster` started
	$(PY) -m tests.cluster down .cluster

bench: setup  ## the figures, beside a peer in one run (BENCH=name for one of them)
	$(PY) -m benchmarks $(BENCH)

docs: setup  ## the reference of the stack file and its JSON Schema, of components and commands, and the page of the policies, from what they tell of
	$(PY) -m stacks.reference
	$(PY) -m policies.table
	$(PY) -m scripts.reference

site: setup  ## the pages of docs as a site, in the folder site
	@$(PY) -m scripts.site_build

SOAK ?= 20
soak: export PYTEST_ADDOPTS = -o faulthandler_timeout=0
soak: setup  ## the long repetitions: versions taking over under load, SOAK=20 times; the engine killed at every point; random programs under both engines; a thousand images with one bit flipped; rolling updates of a cluster under load
	@for n in $$(seq $(SOAK)); do $(PY) -m pytest tests/components/test_local_server.py tests/stacks/test_local.py -k under_load || exit 1; done
	MODELPORT_SOAK=1 $(PY) -m pytest -s tests/engine/test_kill_walk.py -k every_operation
	MODELPORT_SOAK=$(SOAK) $(PY) -m pytest -s tests/engine/semantics
	MODELPORT_SOAK=1 $(PY) -m pytest -s tests/model_build/test_checking.py -k thousand_images
	MODELPORT_SOAK=$(SOAK) $(PY) -m pytest -s tests/components/kubernetes/test_service_live.py -k under_load
	MODELPORT_SOAK=$(SOAK) $(PY) -m pytest -s tests/components/kubernetes/releasing tests/stacks/test_releasing.py
	MODELPORT_SOAK=1 $(PY) -m pytest -s tests/stacks/test_scaling.py
