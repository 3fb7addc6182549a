"""Data that the generator left beside a network's C file: which files, and where each belongs.

The NPU's weights come as one file per memory pool: `<name>_atonbuf.<pool>.raw` from the generator, and
`<name>_data.<pool>.bin`, `<name>_atonbuf.<pool>.bin` and `<name>_data.hex` in ST's own projects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.pools import MemoryPool

_LFS = b"version https://git-lfs"
_KIB = 1 << 10


@dataclass(frozen=True)
class DataFile:
    """Data of the network. `address` None: the file is Intel HEX and says it itself."""

    path: Path
    address: int | None

    @property
    def in_ram(self) -> bool:
        """Linked into the firmware, which a debugger loads: a reset takes what is in RAM (Armv8-M ARM, memory map)."""
        return self.address is not None and 0x20000000 <= self.address < 0x40000000


def find_data(
    folder: Path, file: str, pools: tuple[MemoryPool, ...], default_address: int, remedy: str
) -> tuple[DataFile, ...]:
    """What has to be flashed.

    Args:
        folder: of the generated files.
        file: stem of the C file.
        pools: of a network for the NPU; () for others.
        default_address: of data that nothing gives an address: one file alone.
        remedy: where such files come from.

    Raises:
        ConfigError: data of a pool without an address, longer than its pool, not fetched, or missing.
    """
    by_pool = _files_by_pool(folder, file)
    if by_pool:
        return _placed(by_pool, file, pools, default_address, remedy)
    if hexes := sorted(folder.glob(f"{file}_data*.hex")):
        return tuple(DataFile(_fetched(path), None) for path in hexes)
    if pools:
        _refuse_missing(folder, file, pools, [], remedy)
    return tuple(DataFile(_fetched(path), default_address) for path in sorted(folder.glob(f"{file}_data*.bin"))[:1])


def ram_data(folder: Path, file: str, pools: tuple[MemoryPool, ...]) -> tuple[DataFile, ...]:
    """Data of pools in RAM: weights that the generator was told to keep in there."""
    addresses = {pool.file: pool.address for pool in pools if pool.file}
    files = [DataFile(_fetched(path), addresses.get(name)) for name, path in _files_by_pool(folder, file).items()]
    return tuple(each for each in files if each.in_ram)


def data_bytes(folder: Path, file: str) -> int:
    """What the data of a network for the NPU has, in bytes; 0 where it is not beside the code."""
    if by_pool := _files_by_pool(folder, file):
        return sum(path.stat().st_size for path in by_pool.values())
    return sum(map(_hex_bytes, folder.glob(f"{file}_data*.hex")))


def _hex_bytes(path: Path) -> int:
    """Data in an Intel HEX file; 0 for what is none."""
    total = 0
    with path.open("rb") as file:
        for line in file:
            if line[:1] == b":" and line[7:9] == b"00":
                try:
                    total += int(line[1:3], 16)
                except ValueError:
                    return 0
    return total


def _files_by_pool(folder: Path, file: str) -> dict[str, Path]:
    """The file of each pool that has any bytes. The generator's .raw counts before a copy of another name."""
    name = re.compile(rf"{re.escape(file)}_(?:atonbuf|data)\.(\w+)\.(raw|bin)")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix != ".raw", path.name)):
        match = name.fullmatch(path.name)
        if match and path.is_file() and path.stat().st_size:
            found.setdefault(match[1], path)
    return found


def _placed(
    by_pool: dict[str, Path], file: str, pools: tuple[MemoryPool, ...], default_address: int, remedy: str
) -> tuple[DataFile, ...]:
    known = {pool.file: pool for pool in pools if pool.file}
    alone = len(by_pool) == 1
    found = []
    for postfix, path in by_pool.items():
        pool = known.get(postfix) or (_only_flash(pools) if alone else None)
        if pool is None and not alone:
            raise ConfigError(f"{path}: {file}.c names no address of this pool.", remedy=remedy)
        size = _fetched(path).stat().st_size
        if pool is not None and pool.size_bytes and size > pool.size_bytes:
            raise ConfigError(f"{path} has {size} bytes, its memory pool {pool.name} {pool.size_bytes}.", remedy=remedy)
        found.append(DataFile(path, default_address if pool is None else pool.address))
    if any(postfix in known for postfix in by_pool):  # else it is named otherwise, and is the one that there is
        _refuse_missing(next(iter(by_pool.values())).parent, file, pools, [each.address for each in found], remedy)
    return tuple(found)


def _only_flash(pools: tuple[MemoryPool, ...]) -> MemoryPool | None:
    """The pool of weights, where ST's report alone tells of pools."""
    used = [pool for pool in pools if pool.used_bytes and not pool.file and pool.address >= 0x70000000]
    return used[0] if len(used) == 1 else None


def _refuse_missing(
    folder: Path, file: str, pools: tuple[MemoryPool, ...], addresses: list[int | None], remedy: str
) -> None:
    for pool in pools:
        if pool.read_only and pool.used_bytes and pool.address not in addresses:
            raise ConfigError(
                f"{folder} has no weights for memory pool {pool.name}: {file}_atonbuf.{pool.file}.raw, "
                f"{-(-pool.used_bytes // _KIB)} KiB for 0x{pool.address:08x}.",
                remedy=remedy,
            )


def _fetched(path: Path) -> Path:
    """Raises ConfigError: Git has left a pointer in the file's place."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    if start == _LFS:
        raise ConfigError(f"{path} is a pointer of Git LFS, not the data.", remedy="Fetch it: git lfs pull.")
    return path
