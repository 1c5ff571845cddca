# `make demo` and `make test` work from a bare checkout; both build .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench bench-decisions verify clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "headgate: installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,dev]'
	@touch $@

install: $(VENV)/.installed  ## the package with everything it needs, in .venv

demo: install  ## a bad version is rolled back, on the embedded broker
	@$(BIN)/headgate demo $(ARGS)

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Three at a time: many of them wait for brokers.
test: lint  ## lint, types, imports and all tests, real Kafka included
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not verify" $(ARGS)

bench: install  ## figures of speed and memory on a real Kafka, one JSON line each
	@$(BIN)/python benchmarks/router_choose.py
	@$(BIN)/python benchmarks/ingest_throughput.py
	@$(BIN)/python benchmarks/rollback_latency.py
	@$(BIN)/python benchmarks/look_cost.py
	@$(BIN)/python benchmarks/simulation_cost.py

bench-decisions: install  ## does the proof do what it promises, beside naive rules (a quarter of an hour; ARGS=--quick)
	@$(BIN)/python benchmarks/decisions.py $(ARGS)
	@$(BIN)/python benchmarks/ab_decisions.py $(ARGS)

verify: lint  ## everything, the long figures and full walks too (up to 45 minutes)
	@$(BIN)/python -m pytest --timeout 900 $(ARGS)
	@$(MAKE) --no-print-directory bench bench-decisions

clean:  ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
