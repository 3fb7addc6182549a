"""STM32 board code on this machine: a model answers every register access (firmware/boards/stm32/reg_model.c)."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from pytest_stm32pose.firmware.build import FIRMWARE_DIR

_READ = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)
_WRITE = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32)
_FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wno-sign-conversion")


class Model(Protocol):
    """What answers the accesses."""

    def read(self, address: int) -> int: ...

    def write(self, address: int, value: int) -> None: ...


@runtime_checkable
class ByteModel(Protocol):
    """What answers accesses of one byte too."""

    def read_byte(self, address: int) -> int: ...

    def write_byte(self, address: int, value: int) -> None: ...


class Registers:
    """Registers that keep what is written. `derive` may change what is read: hardware's own bits follow from the rest.

    Attributes:
        values: by address; what is not there was 0 after the reset.
        writes: (address, value), in order.
    """

    def __init__(self, reset: dict[int, int], derive: Callable[[dict[int, int], int, int], int]) -> None:
        self.values = dict(reset)
        self.writes: list[tuple[int, int]] = []
        self._derive = derive

    def read(self, address: int) -> int:
        return self._derive(self.values, address, self.values.get(address, 0)) & 0xFFFFFFFF

    def write(self, address: int, value: int) -> None:
        self.writes.append((address, value))
        self.values[address] = value

    def written(self, address: int) -> list[int]:
        return [value for at, value in self.writes if at == address]


def build(folder: Path, sources: tuple[str, ...], *flags: str) -> ctypes.CDLL:
    """The sources, named from firmware/ on, as a library that asks the model. Needs gcc, which takes `flags` too."""
    library = folder / "registers.so"
    files = [str(FIRMWARE_DIR / name) for name in (*sources, "boards/stm32/reg_model.c")]
    command = [
        shutil.which("gcc") or "gcc",
        *_FLAGS,
        *flags,
        "-shared",
        "-fPIC",
        "-DPOSE_REG_MODEL",
        f"-I{FIRMWARE_DIR}",
    ]
    command += [f"-I{FIRMWARE_DIR / 'include'}", "-o", str(library), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def connect(library: ctypes.CDLL, model: Model) -> None:
    """From now on the library's accesses go to `model`."""
    read, write = _READ(model.read), _WRITE(model.write)
    library.pose_reg_model_set(read, write)
    kept = [read, write]
    if isinstance(model, ByteModel):
        kept += [_READ(model.read_byte), _WRITE(model.write_byte)]
        library.pose_reg_model_set_bytes(*kept[2:])
    library.callbacks = kept  # type: ignore[attr-defined]  # ctypes must not forget them
