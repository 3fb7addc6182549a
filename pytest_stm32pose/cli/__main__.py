"""`python -m pytest_stm32pose.cli`: the command where no script is installed."""

import sys

from pytest_stm32pose.cli.main import main

sys.exit(main())
