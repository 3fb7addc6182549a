"""firmware/postproc on arrays, through ctypes: what the device would make of a network's outputs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import byref, c_uint32
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.families import Meaning, decode_raw
from pytest_stm32pose.families.persons import MAX_ROWS
from pytest_stm32pose.network.image import DTYPES, MAX_RANK, pack_decoding
from tests.firmware.found_persons import FoundPersons
from tests.firmware.host_device import host_library
from tests.firmware.runtime_host import ImageTensor, NetTensor

PARAM, MEMORY = -3, -11
Quantisation = tuple[float, int]
NONE: Quantisation = (0.0, 0)
Found = tuple[NDArray[np.float32], NDArray[np.float32] | None]


@cache
def firmware() -> ctypes.CDLL:
    return ctypes.CDLL(str(host_library()))


def on_device(
    meaning: Meaning, outputs: Sequence[NDArray[np.generic]], quantisation: Sequence[Quantisation] = ()
) -> Found | int:
    """pose_decode: keypoints and scores, or the negative status, before which nothing is reported."""
    room = max(1, min(100, MAX_ROWS // meaning.keypoints, meaning.decoding.max_persons))
    found = FoundPersons(room)
    status = reported(found, meaning, outputs, quantisation)
    if status:
        assert found.reports == 0
        return status
    rows, scores = found.arrays(meaning.keypoints)
    assert len(rows) <= room
    has_scores = meaning.family in ("yolo", "yolo_end_to_end", "multipose")
    assert has_scores or (scores == 0).all()
    return rows, scores if has_scores else None


def reported(
    found: FoundPersons,
    meaning: Meaning,
    outputs: Sequence[NDArray[np.generic]],
    quantisation: Sequence[Quantisation] = (),
) -> int:
    """pose_decode reports to `found`; returns its status."""
    data = [np.ascontiguousarray(each) for each in outputs]
    descs = [_describe(each, how) for each, how in zip(data, quantisation or [NONE] * len(data), strict=True)]
    tensors = (NetTensor * max(len(data), 1))(
        *(NetTensor(each.ctypes.data, ctypes.pointer(desc)) for each, desc in zip(data, descs, strict=True))
    )
    return int(firmware().pose_decode(pack_decoding(*meaning), tensors, c_uint32(len(data)), byref(found.struct)))


def on_host(
    meaning: Meaning, outputs: Sequence[NDArray[np.generic]], quantisation: Sequence[Quantisation] = ()
) -> Found:
    rows, scores = decode_raw(meaning, outputs, quantisation or [NONE] * len(outputs))
    assert rows is not None
    return rows, scores


def same_bits(
    meaning: Meaning, outputs: Sequence[NDArray[np.generic]], quantisation: Sequence[Quantisation] = ()
) -> Found:
    """Asserts that device and host agree to the last bit; returns what both say."""
    device, host = on_device(meaning, outputs, quantisation), on_host(meaning, outputs, quantisation)
    assert not isinstance(device, int), device
    assert device[0].shape == host[0].shape
    assert device[0].tobytes() == host[0].astype(np.float32).tobytes()
    assert (device[1] is None) == (host[1] is None)
    if device[1] is not None and host[1] is not None:
        assert device[1].tobytes() == host[1].tobytes()
    return host


def _describe(array: NDArray[np.generic], how: Quantisation) -> ImageTensor:
    return ImageTensor(
        dtype=DTYPES[str(array.dtype)], rank=array.ndim, bytes=array.nbytes,
        dims=(*array.shape, *[1] * (MAX_RANK - array.ndim)), scale=how[0], zero_point=how[1],
    )  # fmt: skip
