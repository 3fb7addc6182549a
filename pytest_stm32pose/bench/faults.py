"""Faults for virtual boards (`--pose-fault`): a gate that cannot fail proves nothing, so each can be made to."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.network.image import CRC_OFFSET, HEADER, image_crc32

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec

#: consts_off and consts_bytes among the image header's fields (firmware/NETWORK_IMAGE.md).
CONSTS_FIELDS = slice(17, 19)


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `takes_number`: NAME=N is allowed; a bare NAME takes a bit well inside."""

    name: str
    help: str
    takes_number: bool = False

    @property
    def usage(self) -> str:
        return f"{self.name}[=N]" if self.takes_number else self.name


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("weights-bit", "the network is flashed with bit N of its constants flipped and a matching CRC", True),
        Fault("network-bit", "bit N of the flashed network flips after it was verified", True),
        Fault("input-channels", "the device is given the picture with red and blue swapped"),
        Fault("hang", "the emulator is stopped (SIGSTOP) once the network is loaded"),
        Fault("die", "the emulator is killed (SIGKILL) once the network is loaded"),
    )
}


@dataclass(frozen=True)
class Injected:
    """One fault of a run. `number` None: the fault's own choice."""

    name: str
    number: int | None = None


def parse(spec: str) -> Injected:
    """NAME or NAME=N.

    Raises:
        ConfigError: no such fault, or a number where none belongs.
    """
    name, equals, text = spec.partition("=")
    fault = FAULTS.get(name)
    if fault is None:
        known = ", ".join(kind.usage for kind in FAULTS.values())
        raise ConfigError(f"--pose-fault: there is no fault {name!r}.", remedy=f"Known are: {known}.")
    if not equals:
        return Injected(name)
    if not fault.takes_number or not text.isdigit():
        raise ConfigError(f"--pose-fault: {spec!r} is not {fault.usage} with a whole number.")
    return Injected(name, int(text))


def on_board(fault: str | None, spec: BoardSpec) -> Injected | None:
    """What `--pose-fault` asks of a board. Raises ConfigError: it is hardware; as `parse`."""
    if not fault:
        return None
    injected = parse(fault)
    if spec.kind != "virtual":
        raise ConfigError(f"--pose-fault works on virtual boards, {spec.name} is {spec.kind}.")
    return injected


def flip_weight(image: bytes, bit: int | None) -> bytes:
    """The network image with one bit of its constants flipped and its CRC made to match.

    Raises:
        ConfigError: the constants have no such bit.
    """
    changed = bytearray(image)
    offset, size = HEADER.unpack_from(changed)[CONSTS_FIELDS]
    if bit is None:
        bit = 8 * (size // 3) + 6
    if bit >= 8 * size:
        raise ConfigError(f"--pose-fault: the network's constants have {8 * size} bits, none is number {bit}.")
    changed[offset + bit // 8] ^= 1 << bit % 8
    changed[CRC_OFFSET : CRC_OFFSET + 4] = image_crc32(changed).to_bytes(4, "little")
    return bytes(changed)


def flip_bit(image: bytes, bit: int | None) -> bytes:
    """The network image with one bit flipped, the middle one if none is named; its CRC no longer matches."""
    bit = 4 * len(image) if bit is None else bit % (8 * len(image))
    return image[: bit // 8] + bytes([image[bit // 8] ^ 1 << bit % 8]) + image[bit // 8 + 1 :]


def signal_emulator(name: str, pid: int) -> None:
    """Stops or kills the emulator of a virtual board."""
    os.kill(pid, signal.SIGSTOP if name == "hang" else signal.SIGKILL)
