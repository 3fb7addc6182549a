"""Where a board's RAM takes what a generated network brings: memory pools, constants, buffers that were not allocated.

A board's CMake files say which addresses its firmware leaves to networks (`POSE_NETWORK_RAM`, `POSE_NETWORK_FLASH`:
first address, and the one behind the last); boards that say nothing of them keep their own layout, and say which
buffers it has (`POSE_NETWORK_ARENA`). The NPU's pools lie where
the generator was told; constants and buffers go into the largest room between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.generated import GeneratedNetwork
from pytest_stm32pose.firmware.pools import MemoryPool

_RANGE = re.compile(r"^set\(POSE_NETWORK_(RAM|FLASH|ARENA) (0x[0-9a-fA-F]+) (0x[0-9a-fA-F]+)\)", re.MULTILINE)
_ALIGN = 0x1000
_KIB = 1 << 10
#: More than a report's figure: alignment, and constants beside the weights.
_SLACK = 64 * _KIB
#: Weights of the classic runtime, where nothing says how long they are.
_UNKNOWN_WEIGHTS = 1024 * _KIB


@dataclass(frozen=True)
class Area:
    """[start, start + bytes)."""

    start: int
    bytes: int

    @property
    def end(self) -> int:
        return self.start + self.bytes

    def __str__(self) -> str:
        return f"0x{self.start:08x} to 0x{self.end - 1:08x}, {self.bytes // _KIB} KiB"


@dataclass(frozen=True)
class Placement:
    """What the build is told. None: the board's own layout, or no room.

    Attributes:
        rom: for constants of the network: the epoch controller's blobs, the classic runtime's weights.
        arena: for activations of the classic runtime, and for inputs and outputs that were not allocated.
    """

    rom: Area | None = None
    arena: Area | None = None


def place(network: GeneratedNetwork, board_files: tuple[Path, ...], board: str) -> Placement:
    """Finds the room on a board.

    Args:
        network: what is linked in.
        board_files: CMake files of the board and its family, those that exist.
        board: for messages.

    Raises:
        ConfigError: a memory pool lies where the firmware is, or where the board has nothing that is switched on;
            activations are longer than the buffers.
    """
    ranges = _ranges(board_files)
    if "RAM" not in ranges:
        _check_activations(network, ranges.get("ARENA"), board)
        return Placement()
    ram = ranges["RAM"]
    if network.api != "aton":
        placement = _classic(network, ram)
        _check_activations(network, placement.arena, board)
        return placement
    for pool in network.pools:
        _check_pool(pool, ram, ranges.get("FLASH"), board)
    if not any(pool.used_bytes and ram.start <= pool.address < ram.end for pool in network.pools):
        return Placement(arena=Area(ram.start, 0))  # its buffers are somewhere, and nothing says where
    room = max(_gaps(network.pools, ram), key=lambda area: area.bytes, default=Area(ram.start, 0))
    blobs = _up(network.blob_bytes + _ALIGN) if network.blob_bytes else 0
    if not blobs or blobs > room.bytes:  # they are part of the code then
        return Placement(arena=room)
    return Placement(Area(room.start, blobs), Area(room.start + blobs, room.bytes - blobs))


def _classic(network: GeneratedNetwork, ram: Area) -> Placement:
    """Weights that are linked in lie in RAM too, where a debugger loads the firmware; activations get the rest."""
    known = network.c_info.weights_bytes if network.c_info else None
    rom = _up((_UNKNOWN_WEIGHTS if known is None else known) + _SLACK)
    if rom >= ram.bytes:
        raise ConfigError(
            f"The weights of {network.file}.c have {rom // _KIB} KiB, the RAM for network code has "
            f"{ram.bytes // _KIB} KiB.",
            remedy="Generate them as a file of their own, which is flashed.",
        )
    return Placement(Area(ram.start, rom), Area(ram.start + rom, ram.bytes - rom))


def _check_activations(network: GeneratedNetwork, arena: Area | None, board: str) -> None:
    """What the report says of them is the least that the arena takes: inputs and outputs may come to it."""
    needed = network.c_info.activations_bytes if network.c_info and network.api != "aton" else None
    if arena is not None and needed is not None and needed > arena.bytes:
        short = needed - arena.bytes
        raise ConfigError(
            f"The activations of {network.file}.c ({needed} bytes) do not fit: the buffers of {board} "
            f"({arena.bytes} bytes) are {short} bytes ({short / _KIB:.1f} KiB) too small.",
            remedy="Take a board with more memory, or a smaller network.",
        )


def _up(value: int) -> int:
    return -(-value // _ALIGN) * _ALIGN


def _ranges(board_files: tuple[Path, ...]) -> dict[str, Area]:
    found = {}
    for path in board_files:
        for what, start, end in _RANGE.findall(path.read_text(encoding="utf-8")):
            found[what] = Area(int(start, 16), int(end, 16) - int(start, 16))
    return found


def _check_pool(pool: MemoryPool, ram: Area, flash: Area | None, board: str) -> None:
    if not pool.used_bytes or (ram.start <= pool.address and pool.end <= ram.end):
        return
    if flash is not None and flash.start <= pool.address and pool.end <= flash.end:
        return
    said = f"Memory pool {pool.name} of the network has {-(-pool.used_bytes // _KIB)} KiB at 0x{pool.address:08x}"
    remedy = f"Generate the network with memory pools that leave RAM below 0x{ram.start:08x} alone and use no external"
    if pool.address < ram.start and pool.end > ram.start - 0x00100000:
        raise ConfigError(f"{said}, where the firmware of {board} is.", remedy=f"{remedy} RAM.")
    raise ConfigError(f"{said}, which the firmware of {board} does not switch on.", remedy=f"{remedy} RAM.")


def _gaps(pools: tuple[MemoryPool, ...], ram: Area) -> list[Area]:
    """RAM that no pool uses, in whole pages."""
    found, free = [], ram.start
    for pool in sorted((pool for pool in pools if pool.used_bytes), key=lambda pool: pool.address):
        if pool.end <= ram.start or pool.address >= ram.end:
            continue
        if pool.address > free:
            found.append(Area(free, (pool.address - free) // _ALIGN * _ALIGN))
        free = max(free, _up(pool.end))
    if free < ram.end:
        found.append(Area(free, ram.end - free))
    return found
