# `make demo` shows the main job, `make test` checks everything; they set up what they need by themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
HOST ?= 127.0.0.1
PORT ?= 8080
WORKERS ?=
MODEL_DIR ?= models/unet-membrane
IMAGE ?= unet-inference
COMPILE := $(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## create .venv, install the pinned requirements and, where it is missing, Java
	@scripts/setup.sh

demo: ## a real image in, a mask and an overlay out, on the embedded model
	@export DEMO_SINCE=$$(date +%s.%N); scripts/setup.sh && $(VENV)/bin/python scripts/demo.py

serve: setup ## serve MODEL_DIR on HOST:PORT with WORKERS workers, until Ctrl-C
	@exec env SAGEMAKER_BIND_TO_PORT=$(PORT) MMS_INFERENCE_ADDRESS=http://$(HOST):$(PORT) \
	  SAGEMAKER_MODEL_SERVER_WORKERS=$(WORKERS) UNET_MODEL_DIR="$$(realpath -ms -- "$(MODEL_DIR)")" \
	  $(VENV)/bin/python scripts/serve.py

check: lint ## check style and types, and run the unit tests of Python and Java: for every save
	@inference/mms/build.sh --test "$(abspath $(VENV)/bin/python)"
	@$(VENV)/bin/pytest -q tests/unit

test: lint ## check style and types, and run every test, those of two files at a time
	@inference/mms/build.sh --test "$(abspath $(VENV)/bin/python)"
	@$(VENV)/bin/pytest --numprocesses 2 --dist loadfile

image: ## build the container image IMAGE
	@docker build --tag $(IMAGE) .

sbom: ## print the list of what is in the image IMAGE, in CycloneDX's JSON
	@docker run --rm $(IMAGE) cat /usr/share/sbom/unet-inference.cdx.json

test-container: ## build the image, and run the tests that run it in a Docker engine
	@scripts/setup.sh --dev
	@$(VENV)/bin/pytest -m container

notebook: ## run examples/from_folder_to_endpoint.ipynb, and keep its outputs in it: minutes
	@scripts/setup.sh --dev
	@$(VENV)/bin/python scripts/notebook.py

bench: ## how fast it is, beside others: prints tables; QUICK=1: in two minutes, without others; ONLY="eight clients": a part
	@scripts/setup.sh --dev
	@$(VENV)/bin/python benchmark/run.py $(if $(QUICK),--quick) $(if $(ONLY),--only "$(ONLY)")

measure: ## size, start-up and memory of the image IMAGE: prints a table
	@scripts/setup.sh --dev
	@$(VENV)/bin/python scripts/measure/container.py $(IMAGE)

soak: ## ask real servers while faults are made, and compare every mask: MINUTES=3, CLIENTS=32
	@scripts/setup.sh --dev
	@$(VENV)/bin/python scripts/campaign/soak.py --minutes $(or $(MINUTES),3) --clients $(or $(CLIENTS),32)

fuzz: ## damaged bodies to all readers, damaged requests to the server: BODIES=20000, CONNECTIONS=1000
	@scripts/setup.sh --dev
	@$(VENV)/bin/python scripts/campaign/fuzz.py --bodies $(or $(BODIES),20000) --seed $(or $(SEED),0) \
	  $(if $(CORPUS),--corpus "$(CORPUS)")
	@$(VENV)/bin/python scripts/campaign/fuzz_http.py --connections $(or $(CONNECTIONS),1000) --seed $(or $(SEED),0)

lint: ## check style and types
	@scripts/setup.sh --dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@if [ -x $(VENV)/bin/hadolint ]; then $(VENV)/bin/hadolint Dockerfile; fi

lock: ## resolve the pins of pyproject.toml into the requirements files
	@scripts/setup.sh --dev
	@$(COMPILE) -o requirements.txt
	@$(COMPILE) -o requirements-dev.txt --group dev -c requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  benchmark/peers/requirements.in -o benchmark/peers/requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  scripts/models/int8/requirements.in -o scripts/models/int8/requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  scripts/measure/pytorch/requirements.in -o scripts/measure/pytorch/requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  tests/fixtures/bioimageio/requirements.in -o tests/fixtures/bioimageio/requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  tests/fixtures/napari/requirements.in -o tests/fixtures/napari/requirements.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	  examples/requirements.in -o examples/requirements.txt
	@for folder in tests/fixtures/manifests examples/sagemaker-sdk/v2 examples/sagemaker-sdk/v3; do \
	  $(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate \
	    $$folder/requirements.in -o $$folder/requirements.txt || exit 1; \
	done
	@$(COMPILE) -o requirements-gpu.txt --extra gpu --no-emit-package tensorflow-cpu -c requirements.txt

clean: ## remove what the other targets made
	@rm -rf $(VENV) $(VENV)-peers $(VENV)-int8 $(VENV)-pytorch $(VENV)-bioimageio $(VENV)-napari $(VENV)-manifests $(VENV)-sagemaker-* out inference/mms/build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup demo serve check test image sbom test-container notebook bench soak fuzz measure lint lock clean
