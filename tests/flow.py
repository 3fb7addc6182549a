"""What a picture costs around its inference: `python -m tests.flow [MODEL...]` prints the rows of `make bench`.

Inferences and uploads are counted in runs as users start them; the time on the line is that of the bytes which the real
client and the real firmware exchange; how much faster two workers are is told in seconds and in processor time, since
seconds are those of this machine and of whatever else it does.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytest_stm32pose.families import meaning_of_description
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.golden.store import GoldenStore
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.measure.slots import Slots
from pytest_stm32pose.models.zoo import default_model, default_pictures, find_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command
from tests.firmware.host_device import running, serial_transport
from tests.support.counted import Counted
from tests.support.requests_made import run_noted

BAUD = 921_600
REPEAT = 10
#: Pictures of the run that two workers share.
MANY = 200
MODELS = ("", "st_movenet_lightning_heatmaps_192", "yolov8n_pose_256_pc")
TIMEOUT_S = 60.0


def inference_row() -> None:
    """Of the suite over 8 pictures."""
    with tempfile.TemporaryDirectory() as folder:
        made = run_noted(Path(folder), "--board=qemu-m55", "--pose-max-images=8")
    uploads = made["UPLOAD"] + made["UPLOAD-WHILE-RUNNING"]
    print(f"the suite over 8 pictures                        {made['INFER']} inferences, {uploads} uploads")


def line_row(path: Path) -> None:
    """Bytes of one picture that is timed ten times, over the time of its upload alone."""
    network = compile_model(path)
    with running(network.image) as host:
        line = Counted(serial_transport(host))
        with closing(line):
            line.open(TIMEOUT_S)
            client = PoseClient(line)
            hello = client.hello()
            spec = SimpleNamespace(name="host", icount_ns=0, clock_hz=hello.clock_hz, is_twin=False, slowness=10.0)
            board: Any = SimpleNamespace(spec=spec)
            device = Device(board, client, network, hello.tick_hz, slots=Slots(hello.slot_count))
            golden = GoldenStore(
                "live",
                None,
                network.description,
                lambda: GoldenEngine(path, meaning_of_description(network.description)),
            )
            line.clear()
            picture = replace(load_pictures(default_pictures(), 1)[0], truth=None)  # labels are of another network
            measure(device, golden, picture, repeat=REPEAT, profile=False)
    upload, back = line.sent.total(), line.received.total()
    alone = line.sent[Command.UPLOAD] * 10 / BAUD
    print(
        f"{network.description.name[:34]:34} {REPEAT + 1} inferences: {upload} bytes there, {back} back, "
        f"{line.seconds(BAUD):.2f} s at {BAUD} baud, {line.seconds(BAUD) / alone:.2f} times one upload"
    )


def workers_row(pictures: int = MANY) -> None:
    """One process and two, one after the other."""
    told = []
    with tempfile.TemporaryDirectory() as name:
        folder = _many(Path(name), pictures)
        for workers in ("0", "2"):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            made = run_noted(folder, "--board=qemu-m55", f"--pose-images={folder / 'many'}", f"-n{workers}")
            taken, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            told.append(taken)
            runs = f"{pictures} pictures, -n {workers}: {made['INFER']} inferences"
            print(f"{runs:48} {taken:.1f} s, {busy:.1f} s of processor time")
    print(f"{pictures} pictures, -n 2 over one process:           {told[0] / told[1]:.2f} times as fast")


def _many(folder: Path, pictures: int) -> Path:
    """The default pictures, as many times as it takes, each of another brightness."""
    from PIL import Image

    (folder / "many").mkdir()
    files = sorted(default_pictures().glob("figure_*.png"))
    for number in range(pictures):
        with Image.open(files[number % len(files)]) as picture:
            shade = 255 - number // len(files)
            picture.convert("RGB").point(lambda value, most=shade: value * most // 255).save(
                folder / "many" / f"p{number:04}.png"
            )
    return folder


def main(names: list[str]) -> None:
    inference_row()
    for name in names or MODELS:
        path = find_model(name) if name else default_model()
        if path is None:
            print(f"{name} is not here")
            continue
        line_row(path)
    workers_row(int(os.environ.get("POSE_FLOW_PICTURES", MANY)))


if __name__ == "__main__":
    main(sys.argv[1:])
