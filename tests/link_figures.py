"""`python -m tests.link_figures`: how much of a line uploads use, and what RAM and a virtual UART's speed that takes.

The line is modelled (tests/support/line_model.py) and the images are read: these figures are exact. The UART's is of
this machine, and of what else runs on it.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings
from tests.firmware.host_device import running, serial_transport
from tests.firmware.image_facts import read_facts
from tests.firmware.sizes import Sizes, Variant
from tests.support.line_model import Clock, Line, efficiency

PICTURE = random.Random(1).randbytes(192 * 192 * 3)
OPEN_TIMEOUT_S = 60.0
#: Baud, latency each way in seconds, longest message (None: the firmware's).
LINES = ((921_600, 0.004, 1024), (921_600, 0.004, None), (921_600, 0.016, None), (3_000_000, 0.004, None))
LINE_MUST = 0.95
IMAGES = (
    Variant("qemu/mps3_an547", "dsp"),
    Variant("stm32h7/nucleo_h743zi2", "dsp"),
    Variant("stm32n6/n6570_dk", "mve"),
)
DATA_MUST, STACK_MUST = 40_000, 8192
UPLOADS = 5


def line_efficiency(baud: int, latency_s: float, max_message: int | None = None) -> float:
    """Bytes of a picture as a share of what the line could carry meanwhile."""
    clock = Clock()
    with (
        pytest.MonkeyPatch.context() as patch,
        running() as device,
        closing(serial_transport(device)) as link,
    ):
        link.open(OPEN_TIMEOUT_S)
        clock.rule(patch)
        client = PoseClient(Line(link, clock, baud=baud, latency_s=latency_s, max_message=max_message))
        client.hello()
        began_s = clock.now_s
        client.upload(0, PICTURE)
        return efficiency(len(PICTURE), clock.now_s - began_s, baud)


def upload_rate(board: str) -> float:
    """Bytes a second by the serial port of a virtual board, median."""
    run = PoseRun(Settings(transport="serial"), Path.cwd())
    try:
        client, rates = run.board(board).client, []
        for _ in range(UPLOADS):
            began_s = time.perf_counter()
            client.upload(0, PICTURE)
            rates.append(len(PICTURE) / (time.perf_counter() - began_s))
        return statistics.median(rates)
    finally:
        run.close()


def main() -> int:
    """Prints the rows; 1 when one of the exact ones misses what it must be."""
    missed = 0
    for baud, latency_s, longest in LINES:
        share = line_efficiency(baud, latency_s, longest)
        missed += share < LINE_MUST
        what = f"{baud} baud, {latency_s * 1000:g} ms, messages of {longest or 'the usual'} bytes"
        print(f"{what:60} {100 * share:.1f} % of the line  must {100 * LINE_MUST:g}", flush=True)
    for variant in IMAGES:
        sizes = Sizes.of(read_facts(variant.build()))
        missed += sizes.data > DATA_MUST or sizes.stack > STACK_MUST
        print(f"{variant!s:60} {sizes.data} bytes of data, {sizes.stack} of stack  must {DATA_MUST}, {STACK_MUST}")
    print(f"{'upload by the UART of qemu-m55':60} {upload_rate('qemu-m55') / 1000:.1f} KB/s", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
