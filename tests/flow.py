"""What a run asks of the board, and what two workers gain: `python -m tests.flow`, in part of `make bench`.

Inferences and uploads are counted in runs as users start them; how much faster two workers are is told in seconds and
in processor time, since seconds are those of this machine and of whatever else it does.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

from pytest_stm32pose.models.zoo import default_pictures
from tests.support.requests_made import run_noted

#: Pictures of the run that two workers share.
MANY = 200


def inference_row() -> None:
    """Of the suite over 8 pictures."""
    with tempfile.TemporaryDirectory() as folder:
        made = run_noted(Path(folder), "--board=qemu-m55", "--pose-max-images=8")
    uploads = made["UPLOAD"] + made["UPLOAD-WHILE-RUNNING"]
    print(f"the suite over 8 pictures                        {made['INFER']} inferences, {uploads} uploads")


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


def main() -> None:
    inference_row()
    workers_row(int(os.environ.get("POSE_FLOW_PICTURES", MANY)))


if __name__ == "__main__":
    main()
