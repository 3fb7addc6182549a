"""A folder that ST Edge AI Core's generator wrote: its API, its name, where its data belongs, ST's package for it.

Which API is told by what the C file defines: `stai_<name>_init` (classic runtime, the default since 3.0),
`ai_<name>_create_and_init` (classic runtime, legacy API) or `LL_ATON_EpochBlockItems_<name>` (Neural-ART NPU).
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.vendor.c_info import CInfo, read_c_info

Api = Literal["stai", "legacy", "aton"]
#: What runs a network of each API.
BACKENDS: dict[Api, str] = {"stai": "stedgeai", "legacy": "stedgeai", "aton": "aton"}

_DEFINES: dict[Api, re.Pattern[str]] = {
    "aton": re.compile(r"\bLL_ATON_EpochBlockItems_(\w+)\s*\(\s*void\s*\)\s*\{"),
    "stai": re.compile(r"\bstai_return_code\s+stai_(\w+)_init\s*\([^;{]*\)\s*\{"),
    "legacy": re.compile(r"\bai_error\s+ai_(\w+)_create_and_init\s*\([^;{]*\)\s*\{"),
}
_WHAT = {"stai": "the stai API", "legacy": "the legacy API", "aton": "the Neural-ART NPU"}
_POOL = re.compile(r"file postfix=(\S+) name=\S+ offset=(0x[0-9a-fA-F]+)")
#: A header of ST's package that each API needs, and where its package is known to keep it.
_NEEDS: dict[Api, tuple[str, ...]] = {
    "stai": ("Inc/stai.h", "Inc/stai_events.h"),
    "legacy": ("Inc/ai_platform.h", "Inc/ai_platform_interface.h"),
    "aton": ("Npu/ll_aton/ll_aton_runtime.h",),
}
_PACKAGE_PLACES = ("", "Middlewares/ST/AI", "Middlewares/AI_Runtime")
_HEADER_PLACES = (
    "Drivers/CMSIS/Include",
    "Drivers/CMSIS/Core/Include",
    "Drivers/CMSIS/Device/ST/STM32N6xx/Include",
    "Drivers/STM32N6xx_HAL_Driver/Inc",
)
_MAX_SOURCE_BYTES = 16 << 20
_SUFFIXES = (".c", ".h", ".raw", ".bin", ".hex")
GENERATE = "`stedgeai generate` writes it; docs/vendor-backends.md says how."


@dataclass(frozen=True)
class DataFile:
    """Data of the network that is flashed. `address` None: the file is Intel HEX and says it itself."""

    path: Path
    address: int | None


@dataclass(frozen=True)
class GeneratedNetwork:
    """A network that is linked into the firmware.

    Attributes:
        file: stem of its C file, such as "network".
        name: its C name, "network" or (Neural-ART before 3.0) "Default".
        vendor: ST's folder with Inc, Lib and Npu.
        includes: further folders of headers (CMSIS, HAL) of the package.
    """

    folder: Path
    api: Api
    file: str
    name: str
    vendor: Path
    includes: tuple[Path, ...]

    @property
    def backend(self) -> str:
        return BACKENDS[self.api]

    @cached_property
    def sha256(self) -> str:
        """Over names and contents of the generated files: what the firmware tells of its network."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.iterdir()):
            if path.suffix in _SUFFIXES and path.is_file():
                content = _read(path)
                digest.update(f"{path.name} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    @cached_property
    def c_info(self) -> CInfo | None:
        """ST's report beside the files; None when there is none. Raises ConfigError for one that cannot be read."""
        found = [self.folder / f"{self.file}_c_info.json", *sorted(self.folder.glob("*_c_info.json"))]
        return next((read_c_info(path) for path in found if path.is_file()), None)

    @cached_property
    def key(self) -> str:
        """Names this folder's builds."""
        return hashlib.sha256(f"{self.folder.resolve()}\n{self.vendor}".encode()).hexdigest()[:8]

    def data_files(self, default_address: int) -> tuple[DataFile, ...]:
        """What has to be flashed beside the firmware, by the pools in the C file's comments.

        Raises:
            ConfigError: data of a pool that the C file gives no address.
        """
        raw = sorted(self.folder.glob(f"{self.file}_atonbuf.*.raw"))
        if raw:
            pools = {postfix: int(offset, 16) for postfix, offset in _POOL.findall(self._source())}
            files = [(path, pools.get(path.name.removesuffix(".raw").rpartition(".")[2])) for path in raw]
            if len(raw) == 1:
                files = [(raw[0], files[0][1] or default_address)]
            lost = next((path for path, address in files if address is None), None)
            if lost is not None:
                raise ConfigError(f"{lost}: {self.file}.c names no address of this pool.", remedy=GENERATE)
            return tuple(DataFile(path, address) for path, address in files)
        if hexes := sorted(self.folder.glob(f"{self.file}_data*.hex")):
            return tuple(DataFile(path, None) for path in hexes)
        return tuple(DataFile(path, default_address) for path in sorted(self.folder.glob(f"{self.file}_data*.bin"))[:1])

    def _source(self) -> str:
        return _read(self.folder / f"{self.file}.c").decode("utf-8", "replace")


def read_generated(folder: Path, backend: str, vendor: Path | None = None) -> GeneratedNetwork:
    """Looks a generated folder over.

    Args:
        folder: of the generated files.
        backend: "stedgeai" or "aton", what the user asked for.
        vendor: ST's package; None looks beside the folder and where STEDGEAI_CORE_DIR points.

    Raises:
        ConfigError: no folder, no network, several, one for another backend, a header or a package that is missing.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder} with a generated network.", remedy=GENERATE)
    api, file, name = _find(folder)
    if BACKENDS[api] != backend:
        raise ConfigError(
            f"{folder / file}.c was generated for {_WHAT[api]}, which backend {backend} does not run.",
            remedy=f"Use backend {BACKENDS[api]}, or generate it anew.",
        )
    for header in (f"{file}.h", *([f"{file}_data.h"] if api == "legacy" else [])):
        if not (folder / header).is_file():
            raise ConfigError(f"{folder} has {file}.c but no {header}.", remedy="Copy all files that were generated.")
    root, package = _package(folder, api, vendor)
    includes = tuple(root / place for place in _HEADER_PLACES if (root / place).is_dir())
    return GeneratedNetwork(folder.resolve(), api, file, name, package, includes)


def _find(folder: Path) -> tuple[Api, str, str]:
    """API, file stem and C name of the one network in a folder. The NPU's files may come with a stai wrapper."""
    found: dict[Api, list[tuple[str, str]]] = {"aton": [], "stai": [], "legacy": []}
    for path in sorted(folder.glob("*.c")):
        if path.stat().st_size > _MAX_SOURCE_BYTES:
            continue  # tables of weights
        text = _read(path).decode("utf-8", "replace")
        for api, pattern in _DEFINES.items():
            found[api] += [(path.stem, match[1]) for match in pattern.finditer(text)]
    for api, names in found.items():
        if len(names) == 1:
            return api, *names[0]
        if names:
            files = ", ".join(f"{stem}.c" for stem, _ in names)
            raise ConfigError(f"{folder} holds several networks: {files}.", remedy="Give each a folder of its own.")
    raise ConfigError(
        f"{folder} holds no network of ST's generator: no C file defines stai_<name>_init, ai_<name>_create_and_init "
        "or LL_ATON_EpochBlockItems_<name>.",
        remedy=GENERATE,
    )


def _package(folder: Path, api: Api, vendor: Path | None) -> tuple[Path, Path]:
    """Root and AI folder of ST's package that has the headers this API needs."""
    core = os.environ.get("STEDGEAI_CORE_DIR")
    roots = [vendor] if vendor else [folder, *list(folder.resolve().parents)[:3], *([Path(core)] if core else [])]
    for root in roots:
        for place in _PACKAGE_PLACES:
            if all((root / place / header).is_file() for header in _NEEDS[api]):
                return root.resolve(), (root / place).resolve()
    missing = " and ".join(_NEEDS[api])
    where = f"{vendor} has no {missing}" if vendor else f"ST's package for {folder} was not found"
    raise ConfigError(
        f"{where}, which a network for {_WHAT[api]} needs.",
        remedy=f"Name the folder Middlewares/ST/AI of ST Edge AI Core (it has {missing}) with --vendor.",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
