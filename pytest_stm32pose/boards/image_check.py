"""Whether a firmware file can be meant for a board: known from the file and the catalog, before the board is taken."""

from __future__ import annotations

import struct
from pathlib import Path

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.errors import ConfigError, FlashError
from pytest_stm32pose.probes.image import Image, elf_architecture, read_image
from pytest_stm32pose.probes.programming import check_segments

#: Tag_CPU_arch that each core runs ("Build Attributes" of the Arm ABI): Armv7, v6-M, v6S-M, v7E-M; v8-M; v8.1-M.
_V7E_M, _V8_M, _V8_1_M = (10, 11, 12, 13), (16, 17), (21,)
_RUNS = {
    "cortex-m4": _V7E_M,
    "cortex-m7": _V7E_M,
    "cortex-m33": (*_V7E_M, *_V8_M),
    "cortex-m55": (*_V7E_M, *_V8_M, *_V8_1_M),
}
_ARCHITECTURES = {16: "Armv8-M", 17: "Armv8-M", 21: "Armv8.1-M"}


def check_firmware(path: Path, spec: BoardSpec) -> None:
    """Compares a firmware file with the board that it is to be flashed to.

    Raises:
        ConfigError: no firmware file, one for another core or other memory, or one that the core cannot start.
    """
    if not path.is_file():
        raise ConfigError(f"--pose-firmware: there is no file {path}.")
    boot = next(region.start for region in spec.regions if region.boot)
    try:
        image = read_image(path, binary_address=boot)
        check_segments(spec.target, image.segments, path.name)
    except FlashError as error:
        raise _not_for(spec, path, error.message.removeprefix(f"{path.name}: ").rstrip(".")) from None
    if reason := _wrong_core(path, spec) or _no_start(image, image.vectors if spec.load == "ram" else boot):
        raise _not_for(spec, path, reason)


def _wrong_core(path: Path, spec: BoardSpec) -> str:
    """Why an ELF is for another core; "" for one that is not, and for files that do not say."""
    built_for = elf_architecture(path)
    if built_for is None:
        return ""
    architecture, profile = built_for
    if profile in ("A", "R"):
        return f"it is built for a Cortex-{profile}, {spec.name} has a {spec.core}"
    runs = _RUNS.get(spec.core, (architecture,))
    if architecture in runs or (architecture not in _ARCHITECTURES and profile == "M"):
        return ""
    name = _ARCHITECTURES.get(architecture, f"architecture {architecture}")
    return f"it is built for {name}, which the {spec.core} of {spec.name} does not run"


def _no_start(image: Image, vectors: int) -> str:
    """Why a core that begins at `vectors` cannot start the image; "" when nothing is known against it."""
    holder = next(
        (segment for segment in image.segments if segment.address <= vectors and vectors + 8 <= segment.end), None
    )
    if holder is None:
        return f"it has no vector table at 0x{vectors:08x}, where the core starts"
    stack, reset = struct.unpack_from("<II", holder.data, vectors - holder.address)
    entry = reset & ~1
    if stack % 4 or stack in (0, 0xFFFFFFFC):
        return f"its vector table at 0x{vectors:08x} begins with 0x{stack:08x}, which is no stack"
    if reset == entry or not any(segment.address <= entry < segment.end for segment in image.segments):
        return f"its reset vector 0x{reset:08x} is no code of the file"
    return ""


def _not_for(spec: BoardSpec, path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"--pose-firmware: {path.name} is no firmware for {spec.name}: {reason}.",
        remedy="Name a file that was built for this board "
        f"(`stm32pose build --board={spec.name}` builds the pose runner).",
    )
