"""Files with a defect, as a user's run is given them (mutations_of_use.py): labels, networks, goldens, firmware.

Each function writes into the folder of the run.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from intelhex import IntelHex
from PIL import Image

from tests.support.guest import assemble
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "images"
#: What the options of a run call them.
NETWORK, LABELLED, FIRMWARE = "net.tflite", "labelled", "blinky.hex"

Prepare = Callable[[Path], None]
Content = dict[str, Any]


def labelled(change: Callable[[Path, Content], None]) -> Prepare:
    """The first two default pictures with their labels, changed."""

    def write(folder: Path) -> None:
        pictures = folder / LABELLED
        pictures.mkdir()
        content: Content = json.loads((FIXTURES / "keypoints.json").read_text())
        content["images"] = content["images"][:2]
        chosen = [image["id"] for image in content["images"]]
        content["annotations"] = [each for each in content["annotations"] if each["image_id"] in chosen]
        for image in content["images"]:
            (pictures / image["file_name"]).write_bytes((FIXTURES / image["file_name"]).read_bytes())
        change(pictures, content)
        (pictures / "keypoints.json").write_text(json.dumps(content))

    return write


def _points(label: Content) -> np.ndarray:
    return np.array(label["keypoints"], dtype=float).reshape(-1, 3)


def as_stored(pictures: Path, content: Content) -> None:
    """Every picture lies on its side with EXIF orientation 6; labels are those of what is stored."""
    for image in content["images"]:
        path, width = pictures / image["file_name"], image["width"]
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.rot90(np.asarray(Image.open(path).convert("RGB")))).save(path, exif=exif)
        for label in (each for each in content["annotations"] if each["image_id"] == image["id"]):
            points, (x, y, across, down) = _points(label), label["bbox"]
            label["keypoints"] = np.column_stack([points[:, 1], width - points[:, 0], points[:, 2]]).ravel().tolist()
            label["bbox"] = [y, width - x - across, down, across]
        image["width"], image["height"] = image["height"], width


def other_order(pictures: Path, content: Content) -> None:
    """Keypoints from the feet to the head, and named so."""
    content["categories"][0]["keypoints"].reverse()
    for label in content["annotations"]:
        label["keypoints"] = _points(label)[::-1].ravel().tolist()


def other_name(pictures: Path, content: Content) -> None:
    content["categories"][0]["keypoints"][0] = "nose"


def empty_box(pictures: Path, content: Content) -> None:
    """The first person has no area."""
    content["annotations"][0]["bbox"][2:] = [0, 0]
    content["annotations"][0]["area"] = 0


def other_size(pictures: Path, content: Content) -> None:
    content["images"][0]["width"] += 60


def some_fractions(pictures: Path, content: Content) -> None:
    """Keypoints of the first picture are 0..1."""
    image = content["images"][0]
    for label in (each for each in content["annotations"] if each["image_id"] == image["id"]):
        label["keypoints"] = (_points(label) / [image["width"], image["height"], 1]).ravel().tolist()


def two_corners(pictures: Path, content: Content) -> None:
    """Of the first picture alone: where all are, they are read as such."""
    first = content["images"][0]["id"]
    for label in (each for each in content["annotations"] if each["image_id"] == first):
        x, y, width, height = label["bbox"]
        label["bbox"] = [x, y, x + width, y + height]


def network(
    output: tuple[int, ...] = (1, 16, 16, 13), *, dtype: str = "uint8", shape: tuple[int, ...] = (1, 64, 64, 3)
) -> Prepare:
    """A .tflite of one picture and one output, with nothing between them that would compute it."""
    quantised = ((1 / 255,), (0,))
    tensors = (
        TensorSpec("picture", dtype, shape, *quantised),
        TensorSpec("maps", "int8", output, (1 / 256,), (-128,)),
        TensorSpec("output", "float32", output),
    )
    content = build_model(tensors, [OpSpec("COS", (0,), (1,)), OpSpec("DEQUANTIZE", (1,), (2,))], [0], [2])
    return lambda folder: _write(folder / NETWORK, content)


def large_network(folder: Path) -> None:
    """A picture of 840 x 840 pixels, whose rows are turned into heat maps."""
    tensors = (
        TensorSpec("picture", "uint8", (1, 840, 840, 3), (1 / 255,), (0,)),
        TensorSpec("maps", "int8", (1, 840, 840, 3), (1 / 256,), (-128,)),
    )
    _write(folder / NETWORK, build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1]))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def firmware_without_protocol(folder: Path) -> None:
    """It spins; a file without symbols."""
    image = IntelHex()
    image.frombytes(assemble("spin: b spin")[0], 0)
    image.tofile(str(folder / FIRMWARE), "hex")


def one_golden_less(folder: Path) -> None:
    sorted((folder / "goldens").rglob("*.npz"))[0].unlink()


def goldens_with(**fields: object) -> Prepare:
    """Stored goldens say something else in their provenance."""

    def change(folder: Path) -> None:
        for path in (folder / "goldens").rglob("*.npz"):
            members = {}
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old:
                members = {name: old.read(name) for name in old.namelist()}
            members["provenance.json"] = json.dumps({**json.loads(members["provenance.json"]), **fields}).encode()
            with zipfile.ZipFile(path, "w") as new:
                for name, content in members.items():
                    new.writestr(name, content)

    return change
