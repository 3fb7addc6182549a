"""What has to be written to make a target hold an image: pure decisions on bytes, no probe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pytest_stm32pose.errors import FlashError
from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.image import Segment


def check_segments(spec: TargetSpec, segments: Iterable[Segment], what: str) -> tuple[list[Segment], list[Segment]]:
    """Splits segments into those for flash and those for RAM, and where two regions meet.

    Raises FlashError for the first one that is not inside the regions.
    """
    flash: list[Segment] = []
    ram: list[Segment] = []
    for segment in (part for each in segments for part in _by_region(spec, each)):
        region = spec.region_at(segment.address, len(segment.data))
        if region is None:
            known = ", ".join(f"{item.name} 0x{item.start:08x}-0x{item.end - 1:08x}" for item in spec.regions)
            raise FlashError(
                f"{what}: 0x{segment.address:08x}-0x{segment.end - 1:08x} is outside the memory of {spec.name} "
                f"({known})."
            )
        (flash if region.kind == "flash" else ram).append(segment)
    return flash, ram


def _by_region(spec: TargetSpec, segment: Segment) -> list[Segment]:
    """The segment's parts, one a region; what lies in no region is left to the last part."""
    parts = []
    region = spec.region_at(segment.address, 1)
    while region is not None and segment.end > region.end and spec.region_at(region.end, 1) is not None:
        size = region.end - segment.address
        parts.append(Segment(segment.address, segment.data[:size]))
        segment = Segment(region.end, segment.data[size:])
        region = spec.region_at(segment.address, 1)
    return [*parts, segment]


def changed_sectors(spec: TargetSpec, segments: Sequence[Segment], read: Callable[[int, int], bytes]) -> list[Segment]:
    """Whole sectors that differ from what `segments` want; bytes that no segment covers keep the target's value."""
    changed: list[Segment] = []
    for start, length, parts in _sector_spans(spec, segments):
        sector_bytes = _sector_bytes(spec, start)
        current = read(start, length)
        wanted = bytearray(current)
        for part in parts:
            wanted[part.address - start : part.end - start] = part.data
        for offset in range(0, length, sector_bytes):
            new = bytes(wanted[offset : offset + sector_bytes])
            if new != current[offset : offset + sector_bytes]:
                changed.append(Segment(start + offset, new))
    return changed


def first_difference(expected: bytes, got: bytes) -> int | None:
    """Offset of the first byte that differs, or None."""
    if expected == got:
        return None
    if len(expected) != len(got):
        return min(len(expected), len(got))
    return int(np.argmax(np.frombuffer(expected, np.uint8) != np.frombuffer(got, np.uint8)))


def _sector_bytes(spec: TargetSpec, address: int) -> int:
    region = spec.region_at(address, 1)
    assert region is not None, "checked by check_segments"
    return region.sector_bytes


def _sector_spans(spec: TargetSpec, segments: Sequence[Segment]) -> list[tuple[int, int, list[Segment]]]:
    """(start, length, segments) of runs of whole sectors; segments that share a sector are in the same run."""
    spans: list[tuple[int, int, list[Segment]]] = []
    for segment in sorted(segments, key=lambda item: item.address):
        size = _sector_bytes(spec, segment.address)
        start = segment.address - segment.address % size
        end = -(-segment.end // size) * size
        if spans and start < spans[-1][0] + spans[-1][1]:
            first, length, parts = spans[-1]
            spans[-1] = (first, max(length, end - first), [*parts, segment])
        else:
            spans.append((start, end - start, [segment]))
    return spans
