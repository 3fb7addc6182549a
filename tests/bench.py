"""`make bench`: the figures of one run. Bytes and instructions are exact; seconds are medians of this machine."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.config import Settings
from pytest_stm32pose.models.zoo import default_model, find_model
from pytest_stm32pose.run import PoseRun
from tests.calibration import LOOP_INSTRUCTIONS, counted_instructions

BOARDS = ("qemu-m55-mve", "qemu-m55", "qemu-m55-ref", "qemu-m7", "qemu-m7-ref")
#: The network of the published figures; without it only the default network is measured.
LARGE = "st_movenet_lightning_heatmaps_192"
FLASH_BYTES = 3 << 20
REPEAT = 3


def seconds(work: Callable[[], object]) -> float:
    """Median wall time of REPEAT calls."""
    taken = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def counter_figures() -> None:
    """What the instruction counter says of a loop whose length is known."""
    for name in ("qemu-m55", "qemu-m7"):
        counted = counted_instructions(board_spec(name))
        parts = (counted / LOOP_INSTRUCTIONS - 1) * 1e6
        print(f"counter of {name:9} {counted:.0f} for a loop of {LOOP_INSTRUCTIONS} instructions ({parts:+.1f} ppm)")


def flash_figures() -> None:
    """Programming and verifying 3 MiB of random bytes, then the same again."""
    run = PoseRun(Settings(), Path.cwd())
    try:
        board = run.board("qemu-m55").board
        taken = seconds(lambda: board.flash_network(os.urandom(FLASH_BYTES)))
        data = os.urandom(FLASH_BYTES)
        board.flash_network(data)
        again = board.flash_network(data)
        print(f"flash 3 MiB, programmed and verified   {taken:.2f} s, {FLASH_BYTES / taken / 1e6:.1f} MB/s")
        print(f"flash 3 MiB again                      {again.seconds:.2f} s, {again.bytes_written} bytes written")
    finally:
        run.close()


def upload_figures() -> None:
    """One picture of 192 x 192 x 3 bytes by both links."""
    data = bytes(192 * 192 * 3)
    for transport in ("serial", "swd"):
        run = PoseRun(Settings(transport=transport), Path.cwd())
        try:
            client = run.board("qemu-m55").client
            taken = seconds(partial(client.upload, 0, data))
            print(f"upload by {transport:6}                       {len(data) / taken / 1e6:.3f} MB/s")
        finally:
            run.close()


def inference_figures(model: Path) -> None:
    """Instructions, arena and host time of one network on every board."""
    for name in BOARDS:
        run = PoseRun(Settings(models=(str(model),), max_images=2), Path.cwd())
        try:
            device = run.device(run.board(name), str(model))
            golden = run.golden(str(model))
            first, second = run.pictures[0], run.pictures[1]
            result = run.measure(device, golden, first)
            taken = seconds(partial(device.infer, second))
            began = time.perf_counter()
            run.measure(device, golden, second)
            whole = time.perf_counter() - began
            instructions, macs = result.timing.values[0], device.network.description.macc
            print(
                f"{name:13} {device.network.description.name[:34]:34} {instructions / 1e6:9.3f} M instructions "
                f"({instructions / macs:.2f} per MAC), arena {device.network.description.activation_bytes} bytes, "
                f"{taken:.2f} s a picture, {whole:.2f} s with golden and comparison"
            )
        finally:
            run.close()


def main() -> int:
    """Prints all figures."""
    counter_figures()
    flash_figures()
    upload_figures()
    inference_figures(default_model())
    large = find_model(LARGE)
    if large is None:
        print(f"{LARGE}: not found (STM32POSE_DATA names a folder that has it in models/)")
    else:
        inference_figures(large)
    return 0


if __name__ == "__main__":
    sys.exit(main())
