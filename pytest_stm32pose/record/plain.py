"""What was measured, as entries of the record: arrays become numbers, NaN and infinity become None."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.entries.model import (
    BudgetEntry,
    DeviceModelEntry,
    GoldenEntry,
    KeypointSetEntry,
    LatencyEntry,
    MemoryEntry,
    NetworkEntry,
    PlacesEntry,
)
from pytest_stm32pose.entries.picture import (
    DivergenceEntry,
    ErrorEntry,
    ImageEntry,
    LabelsEntry,
    MatchesEntry,
    Persons,
    TensorEntry,
    TimingEntry,
    WhereEntry,
)
from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.measure.divergence import Divergence
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.metrics.detection import Matches
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.types import (
    Decoding,
    DeviceModel,
    Keypoints,
    MemoryStats,
    NetworkDescription,
    Places,
    Skeleton,
    Timing,
)


def number(value: float | None) -> float | None:
    """As JSON has it: no infinity."""
    return value if value is not None and math.isfinite(value) else None


def image_entry(result: PictureResult) -> ImageEntry:
    """One picture."""
    device = persons(result.device_px)
    # Of most pictures they are equal: a record of thousands keeps them once in memory.
    is_equal = _same(result.device_px, result.golden_px)
    return ImageEntry(
        id=result.picture_id,
        sha256=result.picture_sha256,
        width_px=result.width_px,
        height_px=result.height_px,
        keypoints_device=device,
        keypoints_golden=device if is_equal else persons(result.golden_px),
        keypoints_truth=persons(result.truth_px),
        oks_vs_golden=number(result.oks_vs_golden),
        oks_vs_truth=number(result.oks_vs_truth),
        keypoint_error_px=ErrorEntry(number(result.error_px_mean), number(result.error_px_max)),
        tensors=tuple(
            TensorEntry(t.name, t.difference.elements, t.difference.differing, t.difference.max_lsb)
            for t in result.tensors
        ),
        timing=timing_entry(result.timing),
        divergence=result.divergence.describe() if result.divergence else None,
        first_divergence=_divergence(result.divergence) if result.divergence else None,
        matches=matches_entry(result.matches),
        input_crc32=result.input_crc32,
        deterministic=result.deterministic,
        pck=number(result.pck),
        labels=LabelsEntry(result.labels, result.counted, _boxes(result.boxes_px)),
    )


def _same(one: Keypoints | None, other: Keypoints | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape and one.tobytes() == other.tobytes()


def persons(keypoints: Keypoints | None) -> Persons | None:
    """Keypoints [persons, K, 3] as numbers."""
    if keypoints is None:
        return None
    rows: list[list[list[float]]] = np.asarray(keypoints, np.float64).tolist()
    return tuple(tuple((number(x), number(y), number(score)) for x, y, score in person) for person in rows)


def timing_entry(timing: Timing) -> TimingEntry:
    return TimingEntry(timing.source, timing.unit, timing.values, timing.upload_s, timing.download_s)


def latency_entry(latency: LatencySummary | None) -> LatencyEntry | None:
    return None if latency is None else LatencyEntry(**asdict(latency), ms_p50=latency.ms_p50)


def budget_entry(result: BudgetResult) -> BudgetEntry:
    found: dict[str, object] = {**asdict(result), "measured": number(result.measured)}
    return BudgetEntry(**found)  # type: ignore[arg-type]


def network_entry(
    board: str,
    description: NetworkDescription,
    golden: GoldenEntry,
    preprocessing: str,
    plan: str | None,
    decoder: str | None = None,
    places: Places | None = None,
) -> NetworkEntry:
    """A network on a board, before any picture."""
    score = description.decoding.keypoint_score
    return NetworkEntry(
        board=board,
        name=description.name,
        sha256=description.sha256,
        family=description.family,
        keypoints=description.keypoints,
        input_shape=description.input_shape,
        macc=description.macc,
        weights_bytes=description.weights_bytes,
        activation_bytes=description.activation_bytes,
        network_image_bytes=description.network_image_bytes,
        preprocessing=preprocessing,
        plan=plan,
        decoding=description.decoding_text or None,
        keypoint_score=None if score == Decoding().keypoint_score else score,
        golden=golden,
        keypoint_set=_keypoint_set(description.skeleton),
        decoder=decoder,
        places=places_entry(places),
    )


def _keypoint_set(skeleton: Skeleton | None) -> KeypointSetEntry | None:
    if skeleton is None:
        return None
    return KeypointSetEntry(skeleton.name, skeleton.names, skeleton.limbs, skeleton.sigmas, skeleton.sigmas_from)


def device_model_entry(model: DeviceModel | None) -> DeviceModelEntry | None:
    return None if model is None else DeviceModelEntry(**asdict(model))


def memory_entry(memory: MemoryStats | None) -> MemoryEntry | None:
    return None if memory is None else MemoryEntry(**asdict(memory))


def places_entry(places: Places | None) -> PlacesEntry | None:
    if places is None:
        return None
    is_measured = places.read_bytes > 0 and places.read_us > 0
    return PlacesEntry(
        places.weights,
        places.arena,
        places.read_bytes if is_measured else None,
        places.read_us if is_measured else None,
    )


def _divergence(found: Divergence) -> DivergenceEntry:
    where = found.where
    return DivergenceEntry(
        stage=found.stage,
        op_index=found.op_index,
        op_name=found.op_name,
        tensor=found.tensor,
        elements=found.elements,
        differing=found.differing,
        max_lsb=found.max_lsb,
        detail=found.detail,
        where=None if where is None else WhereEntry(_counts(where.counts), where.height, where.width, where.channels),
        keypoints_equal=found.keypoints_equal,
        seen_at=found.seen_at,
    )


def _counts(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, row)) for row in counts)


def matches_entry(found: Matches | None) -> MatchesEntry | None:
    return None if found is None else MatchesEntry(found.scores, found.oks, found.targets)


def _boxes(boxes_px: NDArray[np.float64] | None) -> tuple[tuple[float, float, float, float], ...] | None:
    if boxes_px is None:
        return None
    return tuple((float(x), float(y), float(width), float(height)) for x, y, width, height in boxes_px)
