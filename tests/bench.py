"""`make bench`: the figures of one run. Bytes and instructions are exact; seconds are medians of this machine.

Each of PARTS is a command of its own, too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.models.zoo import default_model, find_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from tests.support.calibration import LOOP_INSTRUCTIONS, counted_instructions

BOARDS = ("qemu-m55-mve", "qemu-m55", "qemu-m55-ref", "qemu-m7", "qemu-m7-ref")
#: The network of the published figures; without it only the default network is measured.
LARGE = "st_movenet_lightning_heatmaps_192"
#: What else is measured: arguments of this Python, and what the rows are.
PARTS = (
    (("tests.traffic",), "bytes that a picture costs the memories"),
    (("tests.line", "st_movenet_lightning_heatmaps_192", "yolov8n_pose_256_pc"), "bytes on the line"),
    (("tests.link_figures",), "use of a line, RAM, the virtual UART"),
    (("tests.flow",), "inferences, uploads, two workers"),
    (("tests.start",), "before the first verdict"),
    (("tests.scale",), "thousands of pictures"),
)
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


def inference_figures(model: Path) -> dict[str, float]:
    """Instructions, arena and host time of one network on every board. Returns board -> seconds of a whole picture."""
    pictures_s = {}
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
            pictures_s[name] = whole = time.perf_counter() - began
            instructions, macs = result.timing.values[0], device.network.description.macc
            print(
                f"{name:13} {device.network.description.name[:34]:34} {instructions / 1e6:9.3f} M instructions "
                f"({instructions / macs:.2f} per MAC), arena {device.network.description.activation_bytes} bytes, "
                f"{taken:.2f} s a picture, {whole:.2f} s with golden and comparison"
            )
        finally:
            run.close()
    return pictures_s


@dataclass(frozen=True)
class Goal:
    """One figure to reach: millions of instructions where a board is named, else KiB."""

    what: str
    network: str
    board: str
    must: float
    aim: float | None = None


GOALS = (
    Goal("ST MoveNet 192, M55 Helium, M instructions", LARGE, "qemu-m55-mve", 57, 50),
    Goal("ST MoveNet 192, M7 DSP, M instructions", LARGE, "qemu-m7", 385),
    Goal("ST MoveNet 192, M55 portable C, M instructions", LARGE, "qemu-m55-ref", 1300),
    Goal("YOLOv8n 256 pc, M55 Helium, M instructions", "yolov8n_pose_256_pc", "qemu-m55-mve", 108, 100),
    Goal("YOLOv8n 256 pc, M7 DSP, M instructions", "yolov8n_pose_256_pc", "qemu-m7", 840),
    Goal("ST MoveNet 192, arena KiB", LARGE, "", 1080, 700),
    Goal("MoveNet heat maps 192, arena KiB", "movenet_lightning_heatmaps_192", "", 1080, 700),
    Goal("MoveNet heat maps 224, arena KiB", "movenet_lightning_heatmaps_224", "", 1470, 950),
    Goal("MoveNet heat maps 256, arena KiB", "movenet_lightning_heatmaps_256", "", 1920, 1250),
    Goal("YOLOv8n 256 pc, arena KiB", "yolov8n_pose_256_pc", "", 768, 600),
)
#: One picture on qemu-m55: upload, inference, download, golden and comparison.
PICTURE_MUST_S = 2.5
IMAGE_MUST_KIB, IMAGE_AIM_KIB, CODE_MUST_KIB, CODE_AIM_KIB = 2400, 2320, 140, 124


def goal_figures() -> bool:
    """What is to be reached, and whether it is; "aim" is told where it is missed."""
    good = True
    for goal in GOALS:
        path = find_model(goal.network)
        if path is None:
            print(f"{goal.what:50} {goal.network} is not here")
            continue
        measured = instructions(goal.board, path) / 1e6 if goal.board else compile_model(path).plan.total_bytes / 1024
        good &= told(goal.what, measured, goal.must, goal.aim)
    large = find_model(LARGE)
    if large is not None:
        size = len(compile_model(large).image) / 1024
        good &= told("ST MoveNet 192, network image KiB", size, IMAGE_MUST_KIB, IMAGE_AIM_KIB)
    for name in BOARDS:
        run = PoseRun(Settings(), Path.cwd())
        try:
            code = run.board(name).client.memory().flash_bytes / 1024
        finally:
            run.close()
        good &= told(f"firmware of {name}, code and constants KiB", code, CODE_MUST_KIB, CODE_AIM_KIB)
    return good


def instructions(board: str, model: Path) -> float:
    """Of one inference on one picture; exact."""
    run = PoseRun(Settings(models=(str(model),), max_images=1), Path.cwd())
    try:
        device = run.device(run.board(board), str(model))
        return run.measure(device, run.golden(str(model)), run.pictures[0]).timing.values[0]
    finally:
        run.close()


def told(what: str, measured: float, must: float, aim: float | None) -> bool:
    missed = "" if aim is None or measured <= aim else f", aim {aim} missed"
    print(
        f"{what:50} {measured:9.2f}  must {must:5}  {'reached' if measured <= must else 'MISSED'}{missed}", flush=True
    )
    return measured <= must


def main() -> int:
    """Prints all figures; 1 when one that must be reached is not."""
    counter_figures()
    flash_figures()
    upload_figures()
    inference_figures(default_model())
    large, good = find_model(LARGE), True
    if large is None:
        print(f"{LARGE}: not found (STM32POSE_DATA names a folder that has it in models/)")
    else:
        taken_s = inference_figures(large)["qemu-m55"]
        good = told("ST MoveNet 192, M55, s a picture", taken_s, PICTURE_MUST_S, None)
    good &= goal_figures()
    for arguments, what in PARTS:
        print(f"\n{what}: python -m {' '.join(arguments)}", flush=True)
        good &= subprocess.run([sys.executable, "-m", *arguments], check=False).returncode == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
