# The two commands: `make demo` (judge the default network on an emulated Cortex-M55) and `make test` (the project's tests).
# Everything installs itself: the system packages that are missing (Debian, Ubuntu) and a virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# The package; with what its developers use; with what its tests compare with (TensorFlow is big, and is needed for nothing else
# but building models). Each has what the one before it has.
INSTALLED := $(VENV)/.stm32pose-installed
INSTALLED_TO_DEVELOP := $(VENV)/.stm32pose-installed-to-develop
INSTALLED_FOR_TESTS := $(VENV)/.stm32pose-installed-for-tests
# One more than there are processors: some tests wait for time limits.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
C_FILES := $(shell find firmware tests -name '*.[ch]')

.PHONY: setup setup-test demo test campaign lint format bench firmware wheel clean

setup: $(INSTALLED_TO_DEVELOP)

setup-test: $(INSTALLED_FOR_TESTS)

$(INSTALLED): pyproject.toml tools/install-system-packages.sh
	sh tools/install-system-packages.sh
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) -e .
	touch $@

$(INSTALLED_TO_DEVELOP): $(INSTALLED)
	$(PIP) -e '.[dev]'
	touch $@

$(INSTALLED_FOR_TESTS): $(INSTALLED)
	$(PIP) -e '.[dev,train]'
	touch $@

demo: $(INSTALLED)
	$(PY) -m pytest --board=qemu-m55 --html=report.html --self-contained-html --pose-json=record.json
	@echo "Look at report.html; the figures are in record.json."

# The files in the order of tests/order.py, which pytest-xdist must leave as it is.
test: setup-test
	$(PY) -m pytest -n $(JOBS) --dist=loadfile --no-loadscope-reorder

# Everything on everything: every network on every board, eight photographs each. Needs the validation data.
campaign: setup-test
	$(PY) -m pytest -m campaign
	STM32POSE_MVE_EXAMPLES=100 $(PY) -m pytest tests/firmware/test_kernels_mve.py

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/clang-format --dry-run --Werror $(C_FILES)

# Writes Python and C as `make lint` wants them.
format: setup
	$(PY) -m ruff format .
	$(VENV)/bin/clang-format -i $(C_FILES)

bench: setup
	$(PY) -m tests.bench

# Every board with every kernel set and backend: the table of sizes (docs/firmware-sizes.md), and the checks of the images.
firmware: setup
	$(PY) -m tests.firmware.sizes
	POSE_ALL_IMAGES=1 $(PY) -m pytest -q tests/firmware/test_images.py

wheel: setup
	$(PY) -m build --wheel

clean:
	rm -rf build dist report.html record.json assets
