# make demo | test | test-fast | check | fix | docs | bench: all that a contributor must know. Each makes the environment if needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The rooms that decide, read and say: no training, no processes. `make test` runs all.
FAST := $(addprefix tests/, config data findings priors range_test report runs schedules sinks statistics store tuning \
	test_docs_commands.py test_files.py test_layers.py test_machine.py test_reference.py test_visible_text.py)

.PHONY: demo test test-fast check fix docs bench clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("lrscope needs Python 3.11 or newer: got " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/lrscope demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

test-fast: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m "not slow and not shared" $(FAST)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py --doctest-modules src
	$(BIN)/mkdocs build --strict --quiet

docs: $(STAMP)
	$(BIN)/mkdocs build --strict --quiet
	@echo open build/site/index.html

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python scripts/make_json_reference.py

bench: $(STAMP)
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/schedules.py
	$(BIN)/python benchmarks/heads.py
	$(BIN)/python benchmarks/large_study.py
	$(BIN)/python benchmarks/command_overhead.py
	$(BIN)/python benchmarks/large_logs.py
	$(BIN)/python benchmarks/calibration.py --studies 100

clean:
	rm -rf $(VENV) build dist runs
