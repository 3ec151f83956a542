# Each target does the set-up it needs. `make setup` alone prepares .venv, node_modules and the
# contract artifacts; what is up to date is not done again.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup contracts demo test lint fmt types bench fuzz parity slither prove wheel lock clean

BIN := .venv/bin
SETUP := scripts/_build/setup.sh
STAMPS := .venv/.stamps
ARGS ?=
JOBS ?= auto

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: contracts ## install everything from the lock files, build the contracts

contracts: $(STAMPS)/toolchain ## compile what changed, write offchain/ballast/abi
	@$(BIN)/python -m scripts._build

demo: setup ## the whole system on a local chain (ARGS="--fast", "--prices CSV --from D --to D")
	@$(BIN)/ballast demo $(ARGS)

test: setup ## all tests, a worker and a chain per core (ARGS are pytest's, JOBS=0 is one process)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

fuzz: setup ## the long state-machine runs, which `make test` leaves out
	@$(BIN)/python -m pytest -m fuzz -s $(ARGS)

parity: setup ## health of 10,000 accounts on chain and off (ARGS="--accounts 500 --moves 10")
	@$(BIN)/python -m scripts.parity $(ARGS)

bench: setup ## gas side by side with other protocols
	@$(BIN)/ballast bench gas $(ARGS)

lint: $(STAMPS)/package types ## ruff (lint and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMPS)/package ## mypy --strict
	@$(BIN)/mypy

fmt: $(STAMPS)/python ## format and fix what ruff can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

slither: $(STAMPS)/toolchain ## static analysis of the contracts
	@$(BIN)/python -m scripts._build.slither $(ARGS)

prove: $(STAMPS)/toolchain .venv-prove/.stamp ## symbolic proofs of what is packed into words
	@$(BIN)/python -m scripts._build.prove $(ARGS)

wheel: setup ## dist/*.whl with the artifacts inside
	@$(BIN)/hatchling build -t wheel

lock: $(STAMPS)/python ## resolve both lock files anew
	@$(BIN)/python -m scripts._build.lock

.venv-prove/.stamp: requirements-prove.lock | $(STAMPS)/python
	@echo "halmos ..."
	@$(SETUP) prove
	@touch $@

clean: ## remove builds and caches, keep .venv and node_modules
	@rm -rf build dist .build report offchain/ballast/abi .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMPS)/python: requirements.lock
	@echo "python packages ..."
	@$(SETUP) python
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: pyproject.toml $(STAMPS)/python
	@$(SETUP) package
	@touch $@

node_modules/.stamp: package-lock.json | $(STAMPS)/python
	@echo "npm packages ..."
	@$(SETUP) node
	@touch $@

$(STAMPS)/toolchain: $(STAMPS)/package node_modules/.stamp ape-config.yaml scripts/_build/toolchain.py
	@$(BIN)/python -m scripts._build.toolchain
	@touch $@
