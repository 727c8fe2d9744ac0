# Two commands are enough for a newcomer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=

export OMP_NUM_THREADS ?= 2

.PHONY: help setup demo test torture check bench clean

help:
	@echo "make demo      set up, make a little shop, build, evaluate and search it"
	@echo "make test      set up and run the tests (under 5 minutes)"
	@echo "make check     lint, types, layers"
	@echo "make torture   the full counts: mutated files, kills, full disks, a soak"
	@echo "make bench DATA=folder   the benchmarks on real data"

setup: $(VENV)/.ready

# installed again whenever the project's own metadata changes
$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# what the demo needs: no torch, nothing large
$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[speech]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/goodsense demo demo-shop

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadscope -m "not torture"

torture: setup
	$(BIN)/python -m tests.torture --json benchmarks/results/torture.json
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m torture

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	@test -n "$(DATA)" || { echo "make bench DATA=folder   (the folder that holds fashion_products, grocery, ...)"; exit 2; }
	$(BIN)/python -m benchmarks.all --data $(DATA)

clean:
	rm -rf $(VENV) demo-shop .pytest_cache .mypy_cache .ruff_cache .hypothesis
