"""Records of thousands of pictures, with every figure that a run of this version keeps of each: for tests of scale.

Numbers are random where a run's are; what a run computes over all pictures is computed by its own code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from pytest_stm32pose.entries.model import GoldenEntry, KeypointSetEntry
from pytest_stm32pose.entries.picture import (
    ErrorEntry,
    ImageEntry,
    LabelsEntry,
    MatchesEntry,
    TensorEntry,
    TimingEntry,
)
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.metrics.skeleton import COCO_17
from pytest_stm32pose.record.parts import MeasuredNetwork, MeasuredPicture, RunPart, record_of
from pytest_stm32pose.record.plain import network_entry, persons
from pytest_stm32pose.types import NetworkDescription
from tests.support.report_sample import board

#: "emulated": instructions, one person a picture. "hardware": ten timings of a picture. "persons": as emulated, with
#: several persons and mAP.
Kind = Literal["emulated", "hardware", "persons"]
KINDS: tuple[Kind, ...] = ("emulated", "hardware", "persons")
KEYPOINTS, WIDTH_PX, HEIGHT_PX = 17, 640, 480
HARDWARE_REPEAT, PERSONS = 10, 3
CLOCK_HZ = 800_000_000


def part(pictures: int, kind: Kind = "emulated", *, seed: int = 0, network: str = "ab", worse: float = 0.0) -> RunPart:
    """What a process measured of `pictures`.

    Args:
        seed: of what is another in another run: timings, and with another network keypoints and scores.
        network: two hexadecimal digits of the network's SHA-256.
        worse: by how much OKS is lower, and by which share timings are longer.
    """
    run, of_pictures = np.random.default_rng([seed, 1]), np.random.default_rng(int(network, 16))
    measured = tuple(
        MeasuredPicture(_picture(number, kind, of_pictures, run, worse), CLOCK_HZ, ()) for number in range(pictures)
    )
    sizes = (853_000_000, 2_330_000, 1_100_000, 2_400_000)
    description = NetworkDescription(
        "pose_192_int8", network * 32, "single_pose", KEYPOINTS, (192, 192, 3), "int8", *sizes
    )
    described = network_entry(
        "n6" if kind == "hardware" else "qemu-m55",
        description,
        GoldenEntry("LiteRT", "2.3.0", "BUILTIN_REF", "live"),
        "letterbox",
        "small",
    )
    known = KeypointSetEntry(COCO_17.name, COCO_17.names, COCO_17.limbs, COCO_17.sigmas, COCO_17.sigmas_from)
    on = board("n6", "hardware", "STM32N657") if kind == "hardware" else board("qemu-m55", "virtual", "MPS3-AN547")
    return RunPart(
        started="2026-01-02T03:04:05+00:00",
        commit="0123456789abcdef",
        boards=(on,),
        networks=(
            MeasuredNetwork(
                network=replace(described, keypoint_set=known),
                pictures=measured,
                operators=(),
                budgets=(),
                own_budgets=(),
                device_model=None,
                memory=None,
            ),
        ),
        outcomes=(("passed", ""),),
        zoo=(),
        reruns=(),
        notes=(),
        ran=True,
        skipped=(),
    )


def record(
    pictures: int, kind: Kind = "emulated", *, seed: int = 0, network: str = "ab", worse: float = 0.0
) -> RunEntry:
    """The record of such a run; see `part`."""
    return record_of([part(pictures, kind, seed=seed, network=network, worse=worse)])


def _picture(
    number: int, kind: Kind, of_pictures: np.random.Generator, run: np.random.Generator, worse: float
) -> ImageEntry:
    labels = np.random.default_rng([number, 2])
    count = PERSONS if kind == "persons" else 1
    truth = labels.uniform(0, HEIGHT_PX, (count, KEYPOINTS, 3))
    truth[..., 2] = 2
    found = truth + of_pictures.normal(0, 8, truth.shape)
    found[..., 2] = of_pictures.random((count, KEYPOINTS))
    oks = np.sort(of_pictures.beta(2.5, 1.2, count) - worse)[::-1].clip(0, 1)
    corners = truth[..., :2].min(axis=1), np.ptp(truth[..., :2], axis=1)
    boxes = np.concatenate(corners, axis=1)
    is_hardware = kind == "hardware"
    ticks = run.normal(32_000_000 * (1 + worse), 30_000, HARDWARE_REPEAT).astype(int) if is_hardware else (65_900_000,)
    source, unit = ("dwt", "cycles") if is_hardware else ("icount", "instructions")
    matches = MatchesEntry(tuple(map(float, found[:, 0, 2])), tuple(map(float, oks)), count)
    of_device = persons(found)
    return ImageEntry(
        id=f"{number:012}.jpg",
        sha256=f"{number:064x}",
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        keypoints_device=of_device,
        keypoints_golden=of_device,
        keypoints_truth=persons(truth),
        oks_vs_golden=1.0,
        oks_vs_truth=float(oks[0]) if count == 1 else None,
        keypoint_error_px=ErrorEntry(0.0, 0.0),
        tensors=(TensorEntry("StatefulPartitionedCall:0", 29_376, 0, 0),),
        timing=TimingEntry(source, unit, tuple(map(int, ticks)), 0.0123, 0.01),
        matches=matches if count > 1 else None,
        input_crc32=number,
        deterministic=True if is_hardware else None,
        pck=float(of_pictures.random()) if count == 1 else None,
        labels=LabelsEntry(
            "single" if count == 1 else "several", (True,) * count, tuple((x, y, w, h) for x, y, w, h in boxes.tolist())
        ),
    )
