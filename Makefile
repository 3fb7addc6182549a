# The two commands: `make demo` (judge the default network on an emulated Cortex-M55) and `make test` (the project's tests).
# Everything installs itself: the system packages that are missing (Debian, Ubuntu) and a virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stm32pose-installed
# tensorflow (the `train` extra) is needed to build models, not to test them.
EXTRAS ?= dev

.PHONY: setup demo test lint bench firmware wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml tools/install-system-packages.sh
	sh tools/install-system-packages.sh
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	touch $@

demo: setup
	$(PY) -m pytest --board=qemu-m55 --html=report.html --self-contained-html --pose-json=record.json
	@echo "Look at report.html; the figures are in record.json."

test: setup
	$(PY) -m pytest

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: setup
	$(PY) -m tests.bench

firmware: setup
	$(PY) -m pytest_stm32pose.cli build --board all

wheel: setup
	$(PY) -m build --wheel

clean:
	rm -rf build dist report.html record.json assets
