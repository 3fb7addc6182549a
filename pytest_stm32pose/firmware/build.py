"""Builds the firmware with CMake: device images and the host library that the tests load.

A checkout builds from `firmware/` into `build/` (CMake decides what is out of date); an installed wheel has no sources
and uses the images it carries in `pytest_stm32pose/firmware_images/`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware import board_sources, build_output
from pytest_stm32pose.firmware.generated import GeneratedNetwork
from pytest_stm32pose.firmware.placement import Placement, place
from pytest_stm32pose.settings import LINKED_BACKENDS

PACKAGE_DIR = Path(__file__).resolve().parents[1]
CHECKOUT_DIR = PACKAGE_DIR.parent
FIRMWARE_DIR = CHECKOUT_DIR / "firmware"
IMAGES_DIR = PACKAGE_DIR / "firmware_images"
#: Kernel sets that every board and the host can build.
KERNEL_SETS = board_sources.KERNEL_SETS
#: Kernel sets that only some cores have the instructions for.
CORE_KERNEL_SETS = ("mve",)
#: What Debian and Ubuntu call the package of each tool.
TOOL_PACKAGES = {
    "cmake": "cmake",
    "make": "make",
    "gcc": "gcc",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
}
LOCK_TIMEOUT_S = 600.0
_FROM_A_CHECKOUT = "Build it from a checkout of the project, or name a firmware file."
_SMALLER = "Take a board with more memory, or a smaller network."

Progress = Callable[[str], None]


def in_checkout() -> bool:
    """True when the firmware sources are here."""
    return (FIRMWARE_DIR / "CMakeLists.txt").is_file()


def build_firmware(
    board_folder: str,
    kernels: str,
    backend: str = "runtime",
    *,
    network: GeneratedNetwork | None = None,
    clock: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Builds the device image of one board.

    Args:
        board_folder: folder under firmware/boards, such as "qemu/mps3_an547".
        kernels: kernel set, "ref", "dsp" or, on cores with Helium, "mve".
        backend: folder under firmware/backends.
        network: what is linked in, with backend "stedgeai" or "aton".
        clock: of `board_clocks`; default the board's.
        progress: called with one line when something really has to be compiled.

    Returns:
        The ELF file. What debuggers want to know is in the file beside it, pose_runner.debug, which they find.

    Raises:
        ConfigError: no such board, set, backend or clock, a tool is missing, or the sources do not compile (with the
            output).
    """
    _check_sources(kernels, backend, network)
    if not (_board_folder(board_folder) / "board.cmake").is_file():
        raise ConfigError(
            f"No board {board_folder!r} in {FIRMWARE_DIR / 'boards'}.",
            remedy=f"Boards: {', '.join(board_folders())}.",
        )
    if kernels not in board_kernel_sets(board_folder):
        raise ConfigError(
            f"The core of {board_folder} cannot run kernel set {kernels!r}.",
            remedy=f"Kernel sets of this board: {', '.join(board_kernel_sets(board_folder))}.",
        )
    if clock is not None and clock not in board_clocks(board_folder):
        raise ConfigError(
            f"{board_folder} has no clock {clock!r}.",
            remedy=f"Clocks of this board: {', '.join(board_clocks(board_folder)) or 'one, not to be chosen'}.",
        )
    _tool("arm-none-eabi-gcc")
    name = f"{board_folder.replace('/', '-')}-{kernels}-{backend}{_key(network)}"
    folder = CHECKOUT_DIR / "build" / (f"{name}-{clock}" if clock else name)
    definitions = {
        "CMAKE_TOOLCHAIN_FILE": str(FIRMWARE_DIR / "toolchain" / "arm-none-eabi.cmake"),
        "POSE_BOARD": board_folder,
        "POSE_KERNELS": kernels,
        "POSE_BACKEND": backend,
        **({"POSE_CLOCK": clock} if clock else {}),
        **_network_definitions(network, board_folder),
    }
    _build(folder, definitions, "pose_runner", f"firmware {board_folder} ({kernels})", progress)
    return folder / "pose_runner.elf"


def build_host_library(
    kernels: str,
    sanitize: bool = False,
    *,
    backend: str = "runtime",
    network: GeneratedNetwork | None = None,
    progress: Progress | None = None,
) -> Path:
    """Builds the same sources as a shared library of this machine.

    Args:
        kernels: kernel set, "ref" or "dsp".
        sanitize: with AddressSanitizer and UndefinedBehaviorSanitizer; see `sanitizer_environment`.
        backend: folder under firmware/backends.
        network: what is linked in, with backend "stedgeai" or "aton".
        progress: called with one line when something really has to be compiled.

    Returns:
        The shared library, for ctypes.

    Raises:
        ConfigError: as `build_firmware`.
    """
    _check_sources(kernels, backend, network)
    if kernels not in KERNEL_SETS:
        raise ConfigError(
            f"The host cannot run kernel set {kernels!r}.", remedy=f"Kernel sets of the host: {', '.join(KERNEL_SETS)}."
        )
    _tool("gcc")
    folder = CHECKOUT_DIR / "build" / f"host-{kernels}-{backend}{_key(network)}{'-sanitize' if sanitize else ''}"
    definitions = {
        "CMAKE_C_COMPILER": _tool("gcc"),
        "POSE_KERNELS": kernels,
        "POSE_BACKEND": backend,
        "POSE_SANITIZE": "ON" if sanitize else "OFF",
        **_network_definitions(network, ""),
    }
    _build(folder, definitions, "pose_host", f"host library ({kernels})", progress)
    return folder / "libpose_host.so"


def sanitizer_environment() -> dict[str, str]:
    """Environment in which a Python process can load a library built with `sanitize=True`.

    Raises:
        ConfigError: gcc or its AddressSanitizer run-time library is missing.
    """
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        answer = subprocess.run([_tool("gcc"), f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        path = Path(answer.stdout.strip())
        if not path.is_absolute():
            raise ConfigError(f"gcc has no {name}.", remedy="Install the libasan and libubsan packages of this gcc.")
        libraries.append(str(path.resolve()))
    return {
        **os.environ,
        "LD_PRELOAD": ":".join(libraries),
        # CPython does not free everything at exit.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:handle_segv=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


def firmware_for(
    spec_name: str,
    folder: str,
    kernels: str,
    backend: str = "runtime",
    *,
    network: GeneratedNetwork | None = None,
    clock: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """The device image of a catalog board: built in a checkout, else the one in the wheel.

    Args:
        spec_name: name in the catalog, such as "qemu-m55".
        folder: its folder under firmware/boards.
        kernels: kernel set.
        backend: folder under firmware/backends.
        network: see `build_firmware`.
        clock: see `build_firmware`; the wheel has the board's default.
        progress: see `build_firmware`.

    Raises:
        ConfigError: as `build_firmware`, or the wheel carries no image for this board, set and clock.
    """
    if in_checkout():
        return build_firmware(folder, kernels, backend, network=network, clock=clock, progress=progress)
    if clock is not None:
        raise ConfigError(
            f"This installation carries firmware for the usual clock of {spec_name} only, none for --clock={clock}.",
            remedy=_FROM_A_CHECKOUT,
        )
    image = IMAGES_DIR / f"{packaged_name(folder, kernels)}.elf"
    if backend != "runtime" or not image.is_file():
        carried = ", ".join(packaged_images()) or "none"
        raise ConfigError(
            f"This installation carries no firmware for {spec_name} with kernels {kernels!r} and backend {backend!r} "
            f"(it carries: {carried}).",
            remedy=_FROM_A_CHECKOUT,
        )
    return image


def packaged_name(folder: str, kernels: str) -> str:
    """File stem of an image in the wheel, by the folder under firmware/boards: boards of one folder share images."""
    return f"{folder.replace('/', '-')}-{kernels}"


def packaged_images() -> list[str]:
    """File stems of the images that this installation carries; none in a checkout."""
    return sorted(path.stem for path in IMAGES_DIR.glob("*.elf"))


def build_packaged_images() -> dict[str, Path]:
    """Builds what the wheel carries: every board with every kernel set that its core runs, by file stem.

    Several at a time: configuring and linking keep one processor busy each.

    Raises:
        ConfigError: as `build_firmware`, of the first one that cannot be built.
    """
    wanted = [(folder, kernels) for folder in board_folders() for kernels in board_kernel_sets(folder)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        built = list(pool.map(build_firmware, *zip(*wanted, strict=True)))
    return {packaged_name(*each): image for each, image in zip(wanted, built, strict=True)}


def board_folders() -> list[str]:
    """Folders of firmware/boards that are boards."""
    boards = FIRMWARE_DIR / "boards"
    return sorted(str(path.parent.relative_to(boards)) for path in boards.glob("*/*/board.cmake"))


def board_kernel_sets(board_folder: str) -> tuple[str, ...]:
    """Kernel sets that a board's core can run."""
    return board_sources.kernel_sets(_board_folder(board_folder))


def board_clocks(board_folder: str) -> tuple[str, ...]:
    """Clocks that a board's firmware can be built for; none where there is no choice."""
    return board_sources.clocks(_board_folder(board_folder))


def core_number(board_folder: str) -> str:
    """The board's Cortex-M core, as "7" or "55"; "" for the host's library, which uses no library of ST's."""
    return board_sources.core_number(_board_folder(board_folder)) if board_folder else ""


def _board_folder(board_folder: str) -> Path:
    return FIRMWARE_DIR / "boards" / board_folder


def _key(network: GeneratedNetwork | None) -> str:
    return f"-{network.key}" if network else ""


def _network_definitions(network: GeneratedNetwork | None, board_folder: str) -> dict[str, str]:
    """What firmware/backends/linked.cmake is told. `board_folder` "": the host's library."""
    if network is None:
        return {}
    placement = network_placement(network, board_folder)
    areas = {"POSE_NETWORK_ROM": placement.rom, "POSE_ARENA": placement.arena}
    library = network.package.libraries.get(core_number(board_folder))
    return {
        **{key: f"0x{area.start:08x};{area.bytes}" for key, area in areas.items() if area is not None},
        **({"POSE_VENDOR_LIBRARY": str(library)} if library else {}),
        "POSE_NETWORK_RAM_DATA": ";".join(f"{each.path}@0x{each.address:08x}" for each in network.ram_data),
        "POSE_NETWORK_DATA_BYTES": str(network.data_bytes),
        "POSE_NETWORK_SOURCES": ";".join(map(str, network.sources)),
        "POSE_NETWORK_FLASHED": "ON" if network.api != "aton" and network.data_files(0) else "OFF",
        "POSE_NETWORK_DIR": str(network.folder),
        "POSE_NETWORK_FILE": network.file,
        "POSE_NETWORK_NAME": network.name,
        "POSE_NETWORK_API": network.api,
        "POSE_NETWORK_SHA256": network.sha256,
        "POSE_VENDOR_DIR": str(network.vendor),
        "POSE_VENDOR_INCLUDES": ";".join(str(path) for path in network.includes),
    }


def network_placement(network: GeneratedNetwork, board_folder: str) -> Placement:
    """Where a board takes a generated network; nothing for the host's library ("").

    Raises:
        ConfigError: its memory pools do not fit the board.
    """
    if not board_folder:
        return Placement()
    return place(network, board_sources.cmake_files(_board_folder(board_folder)), board_folder)


def _check_sources(kernels: str, backend: str, network: GeneratedNetwork | None) -> None:
    if not in_checkout():
        raise ConfigError(
            f"There are no firmware sources beside {PACKAGE_DIR}.", remedy="Build from a checkout of the project."
        )
    known = (*KERNEL_SETS, *CORE_KERNEL_SETS)
    if kernels not in known:
        raise ConfigError(f"Unknown kernel set {kernels!r}.", remedy=f"Kernel sets: {', '.join(known)}.")
    backends = sorted(path.name for path in (FIRMWARE_DIR / "backends").iterdir() if path.is_dir())
    if backend not in backends:
        raise ConfigError(f"Unknown backend {backend!r}.", remedy=f"Backends: {', '.join(backends)}.")
    if (network is not None) != (backend in LINKED_BACKENDS) or (network is not None and network.backend != backend):
        raise ConfigError(
            f"Backend {backend} {'runs no generated network' if network else 'needs a generated network'}.",
            remedy="Backends stedgeai and aton link one in: --network DIR names its folder.",
        )


def _find_tool(name: str) -> str | None:
    """Full path of a tool, on PATH or beside the Python interpreter (pip's cmake and ninja live there)."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def _tool(name: str) -> str:
    """Full path of a tool. Raises ConfigError: it is missing."""
    path = _find_tool(name)
    if path is None:
        package = TOOL_PACKAGES.get(name, name)
        raise ConfigError(f"{name} is missing.", remedy=f"Install it (Debian, Ubuntu: apt-get install {package}).")
    return path


def _generator() -> tuple[str, list[str]]:
    """CMake's generator and its extra definitions: Ninja where it is installed, else make."""
    ninja = _find_tool("ninja")
    if ninja is not None:
        return "Ninja", [f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    return "Unix Makefiles", [f"-DCMAKE_MAKE_PROGRAM={_tool('make')}"]


def _build(folder: Path, definitions: dict[str, str], target: str, what: str, progress: Progress | None) -> None:
    from filelock import FileLock, Timeout

    cmake = _tool("cmake")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{folder}.lock", timeout=LOCK_TIMEOUT_S):
            _configure(cmake, folder, definitions, what)
            command = [cmake, "--build", str(folder), "--target", target, "--parallel", str(os.cpu_count() or 1)]
            lacks = "" if "POSE_VENDOR_LIBRARY" in definitions else definitions.get("POSE_VENDOR_DIR", "")
            _run(command, what, progress, f"{lacks}/Lib" if lacks else "")
    except Timeout as error:
        raise ConfigError(
            f"Another process has been building {what} for {LOCK_TIMEOUT_S:.0f} s.", remedy="Wait for it, or end it."
        ) from error


def _configure(cmake: str, folder: Path, definitions: dict[str, str], what: str) -> None:
    """Configures once; starts over when the folder belongs to another generator, source folder or definition."""
    generator, extra = _generator()
    arguments = [f"-D{key}={value}" for key, value in definitions.items()]
    wanted = "\n".join([str(FIRMWARE_DIR), generator, *extra, *arguments])
    stamp = folder / "configured.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    _run([cmake, "-S", str(FIRMWARE_DIR), "-B", str(folder), "-G", generator, *extra, *arguments], what, None)
    stamp.write_text(wanted, encoding="utf-8")


def _run(command: list[str], what: str, progress: Progress | None, lacks_library: str = "") -> None:
    """Runs a build step quietly; its reason or its last lines are in the error when it fails.

    `lacks_library`: ST's folder of libraries when it has none for the core.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if progress is not None and "Building" in line:
                progress(f"building {what} ...")
                progress = None
            lines.append(line.rstrip())
    if process.returncode == 0:
        return
    if short := build_output.overflow(lines):
        raise ConfigError(f"The {what} does not fit: {short}.", remedy=_SMALLER)
    if (symbols := build_output.undefined(lines)) and lacks_library:
        raise ConfigError(
            f"The {what} lacks {build_output.undefined_sentence(symbols)} of ST's runtime library.",
            remedy=f"{lacks_library} has no library for its core: copy it there from ST Edge AI Core.",
        )
    output = "\n".join(build_output.interesting(lines))
    raise ConfigError(f"Building the {what} failed ({' '.join(command[:2])}, exit {process.returncode}):\n{output}")
