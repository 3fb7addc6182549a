"""Builds everything from a copy of the firmware's sources, with a defect in them."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_stm32pose.firmware import build

#: Names the folder of the copy.
VARIABLE = "STM32POSE_MUTANT"

if VARIABLE in os.environ:
    build.CHECKOUT_DIR = Path(os.environ[VARIABLE])
    build.FIRMWARE_DIR = build.CHECKOUT_DIR / "firmware"
