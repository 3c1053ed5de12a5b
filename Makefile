PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEE := $(BIN)/wee

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format clean

help:  ## list these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## a .venv with wee and its tools, at the versions that CI runs

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install  ## the whole path on embedded images: train, evaluate, sweep, draw
	$(WEE) train
	$(WEE) evaluate
	$(WEE) sweep +experiment=demo
	$(WEE) figure sweeps=demo name=demo

test: install  ## run the tests
	$(BIN)/pytest -n 2

lint: install  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## put the code into the house style
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

clean:  ## remove the .venv, caches and what runs wrote
	rm -rf $(VENV) outputs .pytest_cache .mypy_cache .ruff_cache .hypothesis
