"""A folder that ST Edge AI Core's generator wrote: its API, its name, its files, where its data belongs.

Which API is told by what the C file defines: `stai_<name>_init` (classic runtime, the default since 3.0),
`ai_<name>_create_and_init` (classic runtime, legacy API) or `LL_ATON_EpochBlockItems_<name>` (Neural-ART NPU).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.c_info import CInfo, read_c_info
from pytest_stm32pose.firmware.package import NPU_TOOLS, WHAT, Api, Package, find_package
from pytest_stm32pose.firmware.pools import MemoryPool, read_pools
from pytest_stm32pose.firmware.weights import DataFile, data_bytes, find_data, ram_data

#: What runs a network of each API.
BACKENDS: dict[Api, str] = {"stai": "stedgeai", "legacy": "stedgeai", "aton": "aton"}

_DEFINES: dict[Api, re.Pattern[str]] = {
    "aton": re.compile(r"\bLL_ATON_EpochBlockItems_(\w+)\s{0,99}\(\s{0,99}void\s{0,99}\)\s{0,99}\{"),
    # Of several networks by their name: the application that CubeMX writes around them.
    "stai": re.compile(
        r"\bstai_return_code\s{1,99}stai_(\w+)_init\s{0,99}\((?!\s{0,99}const char\b)[^;{]{0,1000}\)\s{0,99}\{"
    ),
    "legacy": re.compile(
        r"\bai_error\s{1,99}ai_(\w+)_create_and_init\s{0,99}\((?!\s{0,99}const char\b)[^;{]{0,1000}\)\s{0,99}\{"
    ),
}
#: The legacy API before X-CUBE-AI 7.1, which built its buffers otherwise.
_TOO_OLD = re.compile(r"\bai_error\s{1,99}ai_(\w+)_create\s{0,99}\((?!\s{0,99}const char\b)[^;{]{0,1000}\)\s{0,99}\{")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"/\\]{1,200})"', re.MULTILINE)
_BLOB = re.compile(r"\.flags\s{0,99}=[^,;]{0,400}\bEpochBlock_Flags_blob\b")
_WORD = re.compile(r"\b0x[0-9a-fA-F]{1,16}UL\b")
_BLOB_WORDS = re.compile(r"\bstatic const uint64_t \w+\s{0,99}\[(\d{1,9})\]")
_MADE_FOR = re.compile(
    r"LL_ATON_VERSION_MAJOR != (\d+) \|\| LL_ATON_VERSION_MINOR != (\d+) \|\| LL_ATON_VERSION_MICRO != (\d+) "
    r"\|\| LL_ATON_VERSION_DEV != (\d+)\s{1,99}#\s{0,99}(error|warning)"
)
#: Where a tool says its version, by file: its report, configuration (legacy API), code (stai API, NPU).
_VERSIONS = (
    ("{}_generate_report.txt", re.compile(r"\AST Edge AI Core v(\S+(?: [0-9a-f]+)?)")),
    ("{}_config.h", re.compile(r"AI_TOOLS_VERSION_MAJOR (\d+)[\s\S]{0,200}?MINOR (\d+)[\s\S]{0,200}?MICRO (\d+)")),
    ("{}.c", re.compile(r"\.tool_version = STAI_INIT_VERSION\((\d+), (\d+), (\d+)\)")),
    ("{}.c", re.compile(r'GIT_BRANCH\s{1,99}"STAI-([\d.]+)"')),
)
_WRAPPER = "ll_aton_rt_user_api.h"
_MAX_SOURCE_BYTES = 16 << 20
_SUFFIXES = (".c", ".h", ".raw", ".bin", ".hex")
GENERATE = "`stedgeai generate` writes it; docs/vendor-backends.md says how."


@dataclass(frozen=True)
class GeneratedNetwork:
    """A network that is linked into the firmware.

    Attributes:
        file: stem of its C file, such as "network".
        name: its C name, "network" or (Neural-ART before 3.0) "Default".
        vendor: ST's folder with Inc, Lib and Npu.
        includes: further folders of headers (CMSIS) of the package.
        package: the same, with its libraries and versions.
        c_info: ST's report beside the files; None when there is none.
    """

    folder: Path
    api: Api
    file: str
    name: str
    vendor: Path
    includes: tuple[Path, ...]
    package: Package = field(compare=False, repr=False)
    c_info: CInfo | None = field(compare=False, repr=False)

    @property
    def backend(self) -> str:
        return BACKENDS[self.api]

    @cached_property
    def sources(self) -> tuple[Path, ...]:
        """What is compiled: the network's C file, and those of its name that are no network themselves."""
        own = self.folder / f"{self.file}.c"
        others = [path for path in sorted(self.folder.glob(f"{self.file}_*.c")) if not networks_in(path)]
        return (own, *others)

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
    def key(self) -> str:
        """Names this network's builds."""
        return hashlib.sha256(f"{self.folder.resolve()}\n{self.file}\n{self.vendor}".encode()).hexdigest()[:8]

    @cached_property
    def tool_version(self) -> str:
        """Of ST Edge AI Core, as "3.0.0-20426 123672867"; "" where nothing says it."""
        if self.c_info and self.c_info.tool_version:
            return self.c_info.tool_version
        for name, pattern in _VERSIONS:
            path = self.folder / name.format(self.file)
            if path.is_file() and (found := pattern.search(_text(path))):
                return ".".join(found.groups())
        return NPU_TOOLS.get(_made_for(self._source)[0], "") if self.api == "aton" else ""

    @cached_property
    def pools(self) -> tuple[MemoryPool, ...]:
        """Memory pools, of a network for the NPU. Raises ConfigError as read_pools."""
        return read_pools(self._source, self.c_info) if self.api == "aton" else ()

    @property
    def blobs(self) -> int:
        """How many of its epochs the NPU's epoch controller runs."""
        return len(_BLOB.findall(self._source)) if self.api == "aton" else 0

    @property
    def blob_bytes(self) -> int:
        """Of the epoch controller's blobs, at least: the 64-bit words in their file, or as many as it declares."""
        path = self.folder / f"{self.file}_ecblobs.h"
        if not path.is_file() or not self.blobs:
            return 0
        text = _text(path)
        return 8 * max(len(_WORD.findall(text)), sum(map(int, _BLOB_WORDS.findall(text))))

    @property
    def ram_data(self) -> tuple[DataFile, ...]:
        """What the build links in at its own address. Raises ConfigError for a file that was not fetched."""
        return ram_data(self.folder, self.file, self.pools)

    @property
    def data_bytes(self) -> int:
        """Of the weights for the NPU; the runtime does not tell them."""
        return data_bytes(self.folder, self.file) if self.api == "aton" else 0

    def data_files(self, default_address: int) -> tuple[DataFile, ...]:
        """What has to be flashed beside the firmware, and what is linked in (`in_ram`).

        Raises:
            ConfigError: data of a pool that the C file gives no address, or a pool of weights without its file.
        """
        return find_data(self.folder, self.file, self.pools, default_address, GENERATE)

    @cached_property
    def _source(self) -> str:
        return _text(self.folder / f"{self.file}.c")


def read_generated(folder: Path, backend: str, vendor: Path | None = None) -> GeneratedNetwork:
    """Looks a generated folder over.

    Args:
        folder: of the generated files; or the C file of one of several networks in it.
        backend: "stedgeai" or "aton", what the user asked for.
        vendor: ST's package; None looks around the folder and where STEDGEAI_CORE_DIR points.

    Raises:
        ConfigError: no folder, no network, several, one for another backend, a header or a package that is missing, a
            package of another version, a report that cannot be read.
    """
    chosen = folder.stem if folder.suffix == ".c" and folder.is_file() else ""
    folder = folder.parent if chosen else folder
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder} with a generated network.", remedy=GENERATE)
    api, file, name = _find(folder, chosen)
    if BACKENDS[api] != backend:
        raise ConfigError(
            f"{folder / file}.c was generated for {WHAT[api]}, which backend {backend} does not run.",
            remedy=f"Use backend {BACKENDS[api]}, or generate it anew.",
        )
    if lost := _missing_header(folder, file, () if api == "aton" else (f"{file}.h",)):
        raise ConfigError(f"{folder} has {file}.c but no {lost}.", remedy="Copy all files that were generated.")
    package = find_package(folder, api, vendor)
    _check_version(folder / f"{file}.c", package)
    report = _report_of(folder, file)
    return GeneratedNetwork(folder.resolve(), api, file, name, package.folder, package.includes, package, report)


def _report_of(folder: Path, file: str) -> CInfo | None:
    """ST's report on a network: the one of its name, else the only one there is. Raises ConfigError: unreadable."""
    own = folder / f"{file}_c_info.json"
    if own.is_file():
        return read_c_info(own)
    others = sorted(folder.glob("*_c_info.json"))
    return read_c_info(others[0]) if len(others) == 1 else None


def backend_of(folder: Path) -> str:
    """The backend that runs the network of a folder, or of one C file in it. Raises ConfigError as read_generated."""
    chosen = folder.stem if folder.suffix == ".c" and folder.is_file() else ""
    folder = folder.parent if chosen else folder
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder} with a generated network.", remedy=GENERATE)
    return BACKENDS[_find(folder, chosen)[0]]


def networks_in(path: Path) -> list[tuple[Api, str]]:
    """API and C name of every network that a C file defines; tables of weights are not looked at, and the stai API
    around a network for the NPU is none of its own.
    """
    if path.stat().st_size > _MAX_SOURCE_BYTES:
        return []
    text = _text(path)
    wraps = _WRAPPER in text
    found = [(api, match[1]) for api, pattern in _DEFINES.items() for match in pattern.finditer(text)]
    return [(api, name) for api, name in found if api == "aton" or not wraps]


def _find(folder: Path, chosen: str) -> tuple[Api, str, str]:
    """API, file stem and C name of the network in a folder. The NPU's files may come with a stai wrapper."""
    found: dict[Api, list[tuple[str, str]]] = {"aton": [], "stai": [], "legacy": []}
    for path in sorted(folder.glob(f"{chosen or '*'}.c")):
        for api, name in networks_in(path):
            found[api].append((path.stem, name))
    for api, names in found.items():
        if len(names) == 1:
            return api, *names[0]
        if names:
            files = ", ".join(f"{stem}.c" for stem, _ in names)
            raise ConfigError(
                f"{folder} holds several networks: {files}.",
                remedy=f"Name one of them, as {folder.name}/{names[0][0]}.c, or give each a folder of its own.",
            )
    old = next((path.name for path in sorted(folder.glob(f"{chosen or '*'}.c")) if _TOO_OLD.search(_text(path))), None)
    if old:
        raise ConfigError(
            f"{folder / old} has no ai_<name>_create_and_init: it was generated by a tool before X-CUBE-AI 7.1.",
            remedy="Generate the network anew with a later one.",
        )
    raise ConfigError(
        f"{folder} holds no network of ST's generator: no C file defines stai_<name>_init, ai_<name>_create_and_init "
        "or LL_ATON_EpochBlockItems_<name>.",
        remedy=GENERATE,
    )


def _missing_header(folder: Path, file: str, needed: tuple[str, ...]) -> str:
    """A header of the network's own (its name starts like the C file's) that is included and not there; "" for none."""
    seen: set[str] = set()
    waiting = [*needed, f"{file}.c"]
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        path = folder / name
        if not path.is_file():
            return name
        if path.stat().st_size <= _MAX_SOURCE_BYTES:
            waiting += [each for each in _INCLUDE.findall(_text(path)) if re.match(rf"{re.escape(file)}[_.]", each)]
    return ""


def _made_for(source: str) -> tuple[tuple[int, ...], bool]:
    """Version of the NPU's runtime that code was generated for, as (1, 1, 3, 8), and whether it refuses others; () when
    it does not say.
    """
    found = _MADE_FOR.search(source)
    return (tuple(map(int, found.groups()[:4])), found[5] == "error") if found else ((), False)


def _check_version(path: Path, package: Package) -> None:
    """Code for the NPU refuses another runtime than the one it was generated for; before 3.0 it only warns, and does
    not compile with one of another micro version. Raises ConfigError.
    """
    wanted, is_strict = _made_for(_text(path))
    if not wanted or not package.npu_version:
        return
    counts = 4 if is_strict else 3
    if wanted[:counts] != package.npu_version[:counts]:
        raise ConfigError(
            f"{path} was generated for the NPU's runtime {'.'.join(map(str, wanted))}, and "
            f"{package.folder} has {'.'.join(map(str, package.npu_version))}.",
            remedy="Name the package of the ST Edge AI Core that generated it with --vendor, or generate it anew.",
        )


def _text(path: Path) -> str:
    return _read(path).decode("utf-8", "replace")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
