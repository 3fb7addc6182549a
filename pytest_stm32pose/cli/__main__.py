"""`python -m pytest_stm32pose.cli`: the command where no script is installed."""

from __future__ import annotations

import sys

from pytest_stm32pose.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
