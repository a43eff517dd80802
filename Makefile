# The commands of a workspace; `make help` lists them.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench serve

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: ## a .venv with everything, from the lock; does nothing when it is there
	@infra/setup.sh

demo: setup ## render the sample data, retrain all its categories, show the result
	@tocoad sample
	@tocoad retrain sample

test: setup ## every test
	@pytest

check: setup ## lint, types, layer contracts
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

bench: setup ## the benchmarks, to bench/results.json and a table
	@python -m bench

serve: setup ## a Prefect server, a worker and the nightly deployment, on loopback
	@python infra/prefect/serve.py
