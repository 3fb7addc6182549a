"""What a picture costs the memories: bytes that kernels read of the weights and of the RAM, through a data cache.

    python -m tests.traffic [--board=n6|h747] [--operators=N] [MODEL...]

The firmware runs on an emulated core with a plugin of QEMU beside it that sees every access and keeps a cache
(tests/support/cache_plugin.c). The kernels are those of the named hardware board; the emulated one only has its
memories elsewhere. Counted is the second picture: what of the first one is left in the cache counts as on the board.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.models.zoo import find_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_model
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.network.ops import convolution
from pytest_stm32pose.network.schema import OPERATORS
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.transports.serial import SerialTransport
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.qemu_machine import MACHINES, Machine, Qemu
from tests.support.elf import symbol_of, symbol_table

PLUGIN = Path(__file__).parent / "support" / "cache_plugin.c"
MAILBOX = 0x60000000
TIMEOUT_S = 600.0
LINE_BYTES = 32
#: struct counters of the plugin: bytes loaded of the weights, lines fetched of them, then bytes accessed in other
#: cached memories, lines fetched of them and lines written back, then how often what is counted began.
COUNTERS = struct.Struct("<6Q")
COUNTERS_FILE = "counters"
#: The networks of the table, by their names in the zoo.
NETWORKS = ("st_movenet_lightning_heatmaps_192", "yolov8n_pose_256_pc", "movenet_thunder_256")


@dataclass(frozen=True)
class Core:
    """A hardware board's core and data cache, and where it is emulated.

    Attributes:
        cached: what lies behind the hardware board's cache beside the weights, as addresses of the emulated one: arena
            and slots.
    """

    kernels: str
    cache_bytes: int
    ways: int
    machine: Machine
    cached: tuple[tuple[int, int], ...]


#: Cortex-M55 of the STM32N6 (RM0486: 32 KiB data cache) and Cortex-M7 of the STM32H747 (RM0399: 16 KiB), four ways.
CORES = {
    "n6": Core("mve", 32 << 10, 4, MACHINES[0], ((0x21000000, 4 << 20), (0x60000000, 0x11000000))),
    "h747": Core("dsp", 16 << 10, 4, MACHINES[1], ((0x20040000, (4 << 20) - (256 << 10)), (0x60000000, 4 << 20))),
}


@dataclass(frozen=True)
class Traffic:
    """Of one picture. Bytes; whole cache lines where the cache fetched them.

    Attributes:
        loaded: what instructions loaded of the network image.
        once: its lines that were accessed at all.
        fetched: of the network image into the cache.
        ram_fetched, ram_written: into and out of the cache, of arena and slots.
        by_line: how often each line of the image was fetched.
    """

    loaded: int
    once: int
    fetched: int
    ram_fetched: int
    ram_written: int
    instructions: int
    by_line: NDArray[np.uint32]

    @property
    def factor(self) -> float:
        """How many times as much was fetched as there is."""
        return self.fetched / self.once


def build_plugin(folder: Path) -> Path:
    """Compiles the plugin for this host."""
    path = folder / "cache_plugin.so"
    command = [
        "gcc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-std=gnu11",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-o",
    ]
    subprocess.run([*command, str(path), str(PLUGIN)], check=True)
    return path


def traffic(core: Core, network: CompiledNetwork, *, seed: int = 5) -> Traffic:
    """One picture of random pixels through a network on a core; deterministic."""
    elf = build_firmware(core.machine.board, core.kernels)
    with tempfile.TemporaryDirectory(prefix="pose-traffic-") as name:
        folder = Path(name)
        weights = core.machine.network, len(network.image)
        option = plugin_option(folder, (core.cache_bytes, core.ways), weights, core.cached, _timed_part(elf))
        with Qemu(core.machine, elf, network.image, ("-plugin", option)) as qemu:
            client = _client(qemu)
            description = network.description
            data = np.random.default_rng(seed).integers(0, 256, description.input_shape, dtype=np.uint8).tobytes()
            client.upload(0, data)
            client.infer(0, zlib.crc32(data), len(data), timeout_s=TIMEOUT_S)
            before = read_counters(folder)
            ticks = client.infer(0, zlib.crc32(data), len(data), timeout_s=TIMEOUT_S).ticks
            after = read_counters(folder)
    figures = [now - then for now, then in zip(after[0], before[0], strict=True)]
    fetched, accessed = after[1] - before[1], after[2] - before[2]
    return Traffic(
        loaded=figures[0], fetched=figures[1] * LINE_BYTES, once=int(np.count_nonzero(accessed)) * LINE_BYTES,
        ram_fetched=figures[3] * LINE_BYTES, ram_written=figures[4] * LINE_BYTES, instructions=ticks, by_line=fetched,
    )  # fmt: skip


def plugin_option(
    folder: Path,
    cache: tuple[int, int],
    weights: tuple[int, int],
    cached: Sequence[tuple[int, int]],
    counted: tuple[int, int],
) -> str:
    """QEMU's `-plugin` with the plugin built in `folder`, which gets its file `counters`, too.

    Args:
        cache: bytes, ways.
        weights: address and bytes.
        cached: the same of other memories behind the cache.
        counted: addresses between which accesses count.
    """
    words = [str(build_plugin(folder)), f"out={folder / COUNTERS_FILE}"]
    words += [f"size={cache[0]}", f"ways={cache[1]}", f"line={LINE_BYTES}", f"weights={weights[0]}+{weights[1]}"]
    words += [f"ram={start}+{size}" for start, size in cached]
    return ",".join([*words, f"begin={counted[0]}", f"end={counted[1]}"])


def _timed_part(elf: Path) -> tuple[int, int]:
    """Addresses of what firmware calls at the beginning and the end of what is timed."""
    with elf.open("rb") as file:
        symbols = symbol_table(ELFFile(file))
        begin, end = (symbol_of(symbols, f"pose_board_timing_{edge}")["st_value"] & ~1 for edge in ("begin", "end"))
    return begin, end


def _client(qemu: Qemu) -> PoseClient:
    """Through the mailbox; the serial port is the doorbell."""
    serial = SerialTransport(qemu.url)
    serial.open(TIMEOUT_S)
    mailbox = MailboxTransport(qemu, MAILBOX, lambda: serial.port.write(b"\0", TIMEOUT_S))
    mailbox.open(TIMEOUT_S)
    client = PoseClient(mailbox)
    client.hello()
    return client


def read_counters(folder: Path) -> tuple[tuple[int, ...], NDArray[np.uint32], NDArray[np.uint32]]:
    """The plugin's COUNTERS, how often each line of the weights was fetched, and how often accessed."""
    data = (folder / COUNTERS_FILE).read_bytes()
    lines = np.frombuffer(data, "<u4", offset=COUNTERS.size).copy()
    half = len(lines) // 2
    return COUNTERS.unpack_from(data), lines[:half], lines[half:]


def by_operator(network: CompiledNetwork, measured: Traffic) -> list[tuple[str, int, int]]:
    """(operator, bytes of its constants, bytes fetched) of all convolutions, the most superfluous bytes first."""
    image = parse_image(network.image)
    rows = []
    for op in image.ops:
        name = OPERATORS[op.opcode]
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weights, stride, bias, multipliers, shifts, kernel_h, kernel_w = convolution.PARAMS.unpack(op.params)[:7]
            channels = image.tensors[op.outputs[0]].shape[3]
            taps = (channels if name == "CONV_2D" else kernel_h * kernel_w) * stride
            parts = ((weights, taps), (bias, 4 * channels), (multipliers, 4 * channels), (shifts, channels))
            fetched = sum(int(measured.by_line[_lines(*part)].sum()) for part in parts) * LINE_BYTES
            rows.append((f"{op.source} {name}", sum(size for _, size in parts), fetched))
    return sorted(rows, key=lambda row: row[1] - row[2])


def _lines(first: int, size: int) -> slice:
    """Cache lines of a part of the image, which begins at a line."""
    return slice(first // LINE_BYTES, -(-(first + size) // LINE_BYTES))


def row(core_name: str, network: CompiledNetwork, measured: Traffic) -> str:
    """One row of the table in docs/kernels.md."""
    core = CORES[core_name]
    megabytes = " | ".join(
        f"{size / 1e6:.2f}" for size in (measured.fetched, measured.once, measured.ram_fetched + measured.ram_written)
    )
    cache = f"{core.kernels}, {core.cache_bytes >> 10} KiB"
    return f"| {core_name} ({cache}) | {network.description.name} | {megabytes} | {measured.factor:.2f} |"


HEAD = """| board (kernels, data cache) | network | image fetched, MB | once | arena and slots, MB | factor |
|---|---|---|---|---|---|"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 when a network is not here."""
    parser = argparse.ArgumentParser(prog="python -m tests.traffic", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=NETWORKS, metavar="MODEL", help="names of the zoo or files")
    parser.add_argument("--board", action="append", choices=list(CORES), help="default: all")
    parser.add_argument(
        "--operators", type=int, default=0, metavar="N", help="also the N convolutions that fetch most in vain"
    )
    args = parser.parse_args(arguments)
    missing = False
    print(HEAD)
    for model in args.models:
        path = Path(model) if Path(model).is_file() else find_model(model)
        if path is None:
            print(f"{model} is not here (STM32POSE_DATA names a folder that has it in models/).", file=sys.stderr)
            missing = True
            continue
        network = compile_model(path)
        for board in args.board or CORES:
            measured = traffic(CORES[board], network)
            print(row(board, network, measured), flush=True)
            for name, size, fetched in by_operator(network, measured)[: args.operators]:
                print(f"    {name}: {fetched} bytes fetched of {size}")
    return int(missing)


if __name__ == "__main__":
    sys.exit(main())
