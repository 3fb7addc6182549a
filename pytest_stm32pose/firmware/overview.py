"""What a generated folder is, in lines for people: versions, memory pools, data, what is missing, where it goes."""

from __future__ import annotations

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.generated import GeneratedNetwork
from pytest_stm32pose.firmware.package import WHAT
from pytest_stm32pose.firmware.placement import Placement

_KIB = 1 << 10


def overview(network: GeneratedNetwork, core: str, default_address: int) -> list[str]:
    """The network and its package.

    Args:
        network: see read_generated.
        core: of the board, "7" or "55"; "" where it is not known.
        default_address: the board's, of data that nothing gives one.
    """
    lines = [
        f"network   {network.folder / network.file}.c: {network.name}, for {WHAT[network.api]} ({network.backend})",
        f"tool      ST Edge AI Core {network.tool_version or '(not said)'}",
        f"package   {network.vendor}: {_package(network, core)}",
        f"sources   {', '.join(path.name for path in network.sources)}",
    ]
    if network.api == "aton":
        lines += _pools(network)
        lines.append(f"epochs    {network.blobs} blobs of the epoch controller, {-(-network.blob_bytes // _KIB)} KiB")
    info = network.c_info
    if info is None:
        lines.append(f"report    no {network.file}_c_info.json: no budgets from it")
    else:
        sizes = (
            ("weights", info.weights_bytes),
            ("activations", info.activations_bytes),
            ("kernels", info.kernel_flash_bytes),
        )
        said = ", ".join(f"{what} {'not said' if size is None else f'{size} bytes'}" for what, size in sizes)
        lines.append(f"report    {info.path.name}: {said}")
    return lines + _library(network, core) + _data(network, default_address)


def placed(board: str, placement: Placement) -> list[str]:
    """Where a board takes it."""
    lines = []
    if placement.rom:
        lines.append(f"{board:<9} constants of the network: {placement.rom}")
    if placement.arena:
        lines.append(f"{board:<9} buffers: {placement.arena}")
    return lines or [f"{board:<9} the board's own layout"]


def _package(network: GeneratedNetwork, core: str) -> str:
    package = network.package
    parts = [f"runtime {package.runtime}" if package.runtime else "no runtime library for GCC"]
    if network.api == "aton":
        parts.append(f"NPU runtime {'.'.join(map(str, package.npu_version)) or 'of an unknown version'}")
    if core and package.libraries and core not in package.libraries:
        parts.append(f"none for Cortex-M{core}")
    return ", ".join(parts)


def _library(network: GeneratedNetwork, core: str) -> list[str]:
    """What the classic runtime cannot do without; the NPU's can, where its epochs need no operator of it."""
    package = network.package
    if network.api == "aton" or not core or core in package.libraries or not (package.folder / "Lib").is_dir():
        return []
    return [
        f"missing   {package.folder}/Lib has no runtime library for Cortex-M{core} and GCC "
        f"(NetworkRuntime*_CM{core}_GCC.a): copy it there from ST Edge AI Core."
    ]


def _pools(network: GeneratedNetwork) -> list[str]:
    used = [pool for pool in network.pools if pool.used_bytes]
    return [
        f"pool      {pool.name} at 0x{pool.address:08x}: {-(-pool.used_bytes // _KIB)} KiB"
        f"{' of weights' if pool.read_only else ''}"
        for pool in used
        if not pool.is_view
    ] or ["pool      none is used, or the files do not say"]


def _data(network: GeneratedNetwork, default_address: int) -> list[str]:
    try:
        files = network.data_files(default_address)
    except ConfigError as error:
        return [f"missing   {error}"]
    if not files:
        return ["data      none beside the C files"]
    return [
        f"data      {file.path.name} to {'its own addresses' if file.address is None else f'0x{file.address:08x}'}"
        f"{', linked in' if file.in_ram else ''}"
        for file in files
    ]
