"""Wheel build: adds the firmware images of every board and the default network with its pictures, so that `pip install`
and a board, or QEMU, are enough. An editable install needs neither: it builds firmware from the checkout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
#: Folders under fixtures/ that the wheel carries, as pytest_stm32pose/data/...
DATA = ("models", "images")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds generated files to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        sys.path.insert(0, str(ROOT))
        from pytest_stm32pose.firmware.build import build_packaged_images

        include = build_data["force_include"]
        for name, image in build_packaged_images().items():
            include[str(image)] = f"pytest_stm32pose/firmware_images/{name}.elf"
        for folder in DATA:
            for file in sorted((ROOT / "fixtures" / folder).iterdir()):
                if file.suffix in (".tflite", ".png", ".json"):
                    include[str(file)] = f"pytest_stm32pose/data/{folder}/{file.name}"
