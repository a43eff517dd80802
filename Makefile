# The commands of a workspace; `make help` lists them.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-e2e test-services test-rest test-processors test-cluster test-story test-wheel check check-infra ranges tests-and-checks bench chaos serve docs

# End-to-end tests that take about a third of the time of all.
LONG := $(addprefix tests/e2e/test_,retrain.py unified.py)
# Those that take minutes each, and no part of `make test`; the schedule goes on from what the retrain leaves.
STORIES := $(addprefix tests/e2e/test_,promotion_story.py recontrast.py retrain.py schedule.py) $(addprefix tests/integration/cli/test_,export_guide.py first_steps.py score_guide.py)
# The parts of all tests, the longest first.
PARTS := test-services test-e2e test-long test-rest

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: ## a .venv with everything, from the lock; does nothing when it is there
	@infra/setup.sh

demo: setup ## render the sample data, retrain all its categories, show the result
	@tocoad sample
	@tocoad retrain sample

# Where the parts leave what they skipped, to be told once at the end.
test: export SKIPPED_TO := $(CURDIR)/build/skipped
test: setup ## every test but what takes minutes by itself (it says so at its end)
	@echo "four parts, two at once; each is shown when it is over"
	@rm -rf "$$SKIPPED_TO"
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(PARTS); \
	code=$$?; python tests/helpers/skip_report.py "$$SKIPPED_TO"; exit $$code

# Processes that load their libraries one after another: on two cores they leave one idle.
test-long: setup
	@pytest $(LONG)

test-e2e: setup
	@pytest tests/e2e $(addprefix --ignore=,$(LONG))

test-services: setup
	@OMP_NUM_THREADS=1 pytest tests/integration

test-rest: setup
	@OMP_NUM_THREADS=1 pytest --ignore tests/e2e --ignore tests/integration

# What CI runs.
tests-and-checks: $(PARTS) check

test-processors: setup ## the numeric tests once more with the instructions of other processors
	@python tests/processors.py

test-cluster: setup ## the guide to a cluster, with all its servers at once: some minutes
	@TOCOAD_TEST_CLUSTER=1 pytest tests/e2e/test_cluster_guide.py

test-story: setup ## the first result, nights on real servers, the other method, a batch that is killed; some minutes
	@TOCOAD_TEST_STORY=1 pytest $(STORIES)

test-wheel: setup ## the guide to a workspace without a checkout: some minutes
	@TOCOAD_TEST_WHEEL=1 pytest tests/e2e/test_installation.py

check: setup ## lint, types, layer contracts
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

check-infra: setup ## the files of containers, Kubernetes, VMs and GitHub, by validators that it installs
	@infra/validate.sh

ranges: setup ## every test with the lowest, then with the newest versions that pyproject's ranges allow: hours, 15 GB
	@infra/ranges.sh lowest; code=$$?; infra/ranges.sh newest && exit $$code

bench: setup ## the benchmarks, to bench/results.json and a table
	@python -m bench

chaos: setup ## kill retrains at random moments, on one machine and on a cluster; writes docs/results/chaos.md and faults.md
	@python -m tests.chaos --write
	@python -m tests.chaos faults
	@python -m tests.chaos soak --rounds 20

serve: setup ## a Prefect server, a worker and what runs by itself every night and week, on loopback
	@python infra/prefect/serve.py

docs: setup ## the documentation site, in build/docs: it opens without a network
	@python -m infra.docs build
