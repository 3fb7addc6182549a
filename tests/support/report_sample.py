"""A run record as the report's tests need it, made by the record's own builders: two boards, good and bad values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.judge.gate import Comparison
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.record import entries as rec
from pytest_stm32pose.record.plain import latency_entry, network_entry, persons
from pytest_stm32pose.record.write import build_record
from pytest_stm32pose.types import NetworkDescription, Timing

WIDTH_PX, HEIGHT_PX = 320, 240
CLOCK_HZ = 25_000_000

#: One standing person, 13 keypoints (head, then shoulders, elbows, wrists, hips, knees, ankles; left before right);
#: the left ankle is not labelled.
TRUTH = np.array(
    [
        [160, 40, 2],
        [185, 70, 2],
        [135, 70, 2],
        [205, 105, 2],
        [115, 105, 2],
        [215, 140, 1],
        [105, 140, 2],
        [175, 140, 2],
        [145, 140, 2],
        [180, 180, 2],
        [140, 180, 2],
        [0, 0, 0],
        [137, 222, 2],
    ],
    dtype=np.float64,
)

#: Every budget of the interface; two are not met.
BUDGETS = (
    rec.BudgetEntry("oks_vs_golden_min", 0.99, 0.998765, "oks", True),
    rec.BudgetEntry("oks_vs_truth_min", 0.8, 0.799996, "oks", False),
    rec.BudgetEntry("map50_vs_truth_min", 0.5, 0.61, "ap", True),
    rec.BudgetEntry("keypoint_error_px_max", 4.0, 2.25, "px", True),
    rec.BudgetEntry("tensor_lsb_max", 0.0, 3.0, "LSB", False),
    rec.BudgetEntry("latency_ms_p95_max", 40.0, 31.25, "ms", True),
    rec.BudgetEntry("cycles_p95_max", 30e6, 25e6, "cycles", True),
    rec.BudgetEntry("instructions_p95_max", 9e6, 8_123_456.0, "instructions", True),
    rec.BudgetEntry("activation_kib_max", 1400.0, 1394.5, "KiB", True),
    rec.BudgetEntry("weights_kib_max", 2301.0, 2300.69, "KiB", True),
    rec.BudgetEntry("firmware_flash_kib_max", 128.0, 96.0, "KiB", True),
    rec.BudgetEntry("firmware_ram_kib_max", 64.0, 48.5, "KiB", True),
)


def pixels(seed: int = 0) -> NDArray[np.uint8]:
    """A picture of the record's size: a slope with texture, uint8 [240, 320, 3]."""
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    noise = np.random.default_rng(seed).integers(0, 24, (HEIGHT_PX, WIDTH_PX, 3))
    planes = np.stack([80 + rows // 3, 110 + columns // 5, 150 - rows // 4], axis=-1)
    return (planes + noise).clip(0, 255).astype(np.uint8)


def golden_keypoints() -> NDArray[np.float64]:
    """Three pixels off the truth in all directions; the right wrist has a low score."""
    angles = np.arange(len(TRUTH)) * 2.4
    golden = TRUTH.copy()
    golden[11] = 184, 222, 0
    golden[:, 0] += 3 * np.cos(angles)
    golden[:, 1] += 3 * np.sin(angles)
    golden[:, 2] = 0.85
    golden[6, 2] = 0.12
    return golden


def image(number: int, *, source: str, unit: str, exact: bool) -> rec.ImageEntry:
    """One picture; when not `exact`, the device left the golden at the right elbow."""
    golden, device = golden_keypoints(), golden_keypoints()
    if not exact:
        device[4, :2] = 60, 200
    tensors = (
        rec.TensorEntry("serving_default_input:0", 12_288, 0, 0),
        rec.TensorEntry("StatefulPartitionedCall:0", 3328, 0 if exact else 17, 0 if exact else 3),
    )
    return rec.ImageEntry(
        id=f"picture-{number:03}.png",
        sha256=f"{number:064x}",
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        keypoints_device=persons(device[None]),
        keypoints_golden=persons(golden[None]),
        keypoints_truth=persons(TRUTH[None]),
        oks_vs_golden=1.0 if exact else 0.93,
        oks_vs_truth=0.8125 - number / 100,
        keypoint_error_px=rec.ErrorEntry(0.0 if exact else 8.5, 0.0 if exact else 110.0),
        tensors=tensors,
        timing=rec.TimingEntry(source, unit, (8_123_456 + number,) * 3, 0.0123, 1.5),
        divergence=None if exact else "First divergence: operator 12 CONV_2D, 17 of 3328 elements, up to 3 LSB.",
        first_divergence=None if exact else divergence(),
        pck=1.0 - number / 100,
        labels=rec.LabelsEntry("single", (True,), ((100.0, 30.0, 120.0, 200.0),)),
    )


def divergence() -> rec.DivergenceEntry:
    """17 elements of a 16 x 16 tensor in two channels: a run of five cells, one cell of ten, two single ones."""
    counts = np.zeros((16, 16), dtype=np.int64)
    counts[3, 4:9] = 1
    counts[7, 2], counts[15, 0], counts[15, 15] = 10, 1, 1
    where = rec.WhereEntry(tuple(tuple(map(int, row)) for row in counts), 16, 16, ((5, 12), (0, 5)))
    return rec.DivergenceEntry("operator", 12, "CONV_2D", 40, 3328, 17, 3, "first at element 30", where)


def model(board: str, *, source: str, unit: str, exact: bool, pictures: int = 4) -> rec.ModelEntry:
    """A network on a board; when not `exact`, picture 1 differs and budgets are missed."""
    images = tuple(image(number, source=source, unit=unit, exact=exact or number != 1) for number in range(pictures))
    description = NetworkDescription(
        "stick_heatmaps_64", "ab" * 32, "heatmap", 13, (64, 64, 3), "uint8", 7_654_321, 150_000, 98_304, 161_792
    )
    golden = rec.GoldenEntry("LiteRT", "2.3.0", "BUILTIN_REF", "live")
    timed = [Timing(source, unit, CLOCK_HZ, each.timing.values) for each in images if each.timing]
    return rec.ModelEntry(
        **network_entry(board, description, golden, "letterbox", "small").fields,
        images=images,
        accuracy=rec.AccuracyEntry(1.0 if exact else 0.9825, 0.7975, 0.9167, None, (0.7812, 0.8125)),
        latency=latency_entry(summarise(timed)),
        budgets=BUDGETS[:1] if exact else BUDGETS,
        operators=()
        if exact
        else (
            rec.OperatorEntry(0, "QUANTIZE", 61_440, 0.0076, 0, None, 24_576),
            rec.OperatorEntry(1, "CONV_2D", 8_062_016, 0.9924, 7_600_000, 1.0608, 98_304),
        ),
    )


def board(name: str, kind: Any, mcu: str) -> rec.BoardEntry:
    """A board whose firmware was just programmed."""
    firmware = rec.FirmwareEntry("pose_runner.elf", "cd" * 32, "0.1.0", "runtime", 98_304, 49_664, "dsp")
    flash = rec.FlashEntry(260_096, False, 0.4)
    return rec.BoardEntry(name, mcu, "Cortex-M55", kind, f"{name}-0001", CLOCK_HZ, firmware, flash, "I and D on")


def comparison() -> dict[str, Any]:
    """Against a baseline: a regression, a figure with noise that is as it was, and a network that was not compared."""
    said = "tensor_differing went from 0 to 17 elements; allowed is 0 elements more"
    metrics = (
        rec.MetricEntry(
            "tensor_differing", "elements", 0, 17, 17, 17, 17, 0, "0 elements", None, None, 4, "regression", said
        ),
        rec.MetricEntry(
            "oks_vs_truth", "OKS", 0.8, 0.7975, -0.0025, -0.004, 0.001, 0.005, "0.005 OKS", 0.31, -0.4, 4, "same"
        ),
    )
    models = (
        rec.ComparedEntry("qemu-m55", "stick_heatmaps_64", metrics, notes=("other firmware: 12, now 34",)),
        rec.ComparedEntry("n6", "stick_heatmaps_64", refusals=("the clock was 600 MHz and is 25 MHz",)),
    )
    return dict(Comparison("release-1.json", models).entry.to_json())


def zoo() -> list[rec.ZooEntry]:
    """A published table of two rows: the sample's network, and one that did not run."""
    row = {
        "name": "stick_64",
        "metric": "oks",
        "accuracy": 79.5,
        "family": "heatmap",
        "category": "single pose",
        "implementation": "stick",
        "dataset": "drawn figures",
        "keypoints": 13,
        "resolution": 64,
        "format": "int8",
        "origin": "converted",
        "licence": "Apache-2.0",
        "source": "https://example.org/stick",
        "macc_m": 7.654,
        "activation_kib": 100.0,
        "weights_kib": 146.0,
        "tool": "STM32Cube.AI 9.1.0",
        "note": "quantised again",
        "file_sha256": "ab" * 32,
        "not_run": [],
    }
    absent = {**row, "name": "absent_64", "metric": "map50", "macc_m": None, "file_sha256": None}
    absent["not_run"] = [{"board": "qemu-m55", "reason": "its file is not here."}]
    return [rec.ZooEntry.from_json(each, "the table") for each in (row, absent)]


def record(pictures: int = 4) -> dict[str, Any]:
    """A failed run over a zoo on an emulated and a real board, with a baseline."""
    built = build_record(
        started="2026-01-02T03:04:05+00:00",
        commit="0123456789abcdef",
        host={"system": "Linux", "python": "3.11.2"},
        boards=[board("qemu-m55", "virtual", "MPS3-AN547"), board("n6", "hardware", "STM32N657")],
        models=[
            model("qemu-m55", source="icount", unit="instructions", exact=False, pictures=pictures),
            model("n6", source="dwt", unit="cycles", exact=True, pictures=pictures),
        ],
        verdict="failed",
        reasons=[
            "picture-001.png: First divergence: operator 12 CONV_2D, 17 of 3328 elements, up to 3 LSB.",
            "budget oks_vs_truth_min: 0.799996 is below 0.8",
        ],
        zoo=zoo(),
    )
    return {**built.to_json(), "comparison": comparison()}
