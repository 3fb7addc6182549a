"""The firmware's runtime on the host: net.h and postproc.h of the host library, called through ctypes.

The library is a device: one network, static state, so one `HostNet` per loaded library at a time.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.image import DECODING, DTYPE_NAMES, MAX_RANK
from tests.firmware.found_persons import FoundPersons

ALIGN = 64
GUARD = 64
MAX_PERSONS = 100
_libc = ctypes.CDLL(None)


class ImageTensor(ctypes.Structure):
    """struct pose_image_tensor."""

    _fields_ = (
        ("dtype", c_uint8), ("rank", c_uint8), ("storage", c_uint8), ("flags", c_uint8),
        ("offset", c_uint32), ("bytes", c_uint32), ("dims", c_uint32 * MAX_RANK),
        ("scale", c_float), ("zero_point", c_int), ("source", c_uint32),
    )  # fmt: skip


class ImageOp(ctypes.Structure):
    """struct pose_image_op."""

    _fields_ = (
        ("opcode", c_uint16), ("source", c_uint16), ("input_count", c_uint16), ("output_count", c_uint16),
        ("flags", c_uint16), ("params_bytes", c_uint16), ("operands", c_uint32), ("params_off", c_uint32),
        ("scratch_off", c_uint32), ("scratch_bytes", c_uint32), ("macs", c_uint32),
    )  # fmt: skip


class NetTensor(ctypes.Structure):
    """struct pose_net_tensor."""

    _fields_ = (("data", c_void_p), ("tensor", POINTER(ImageTensor)))


class Decoding(ctypes.Structure):
    """struct pose_decoding."""

    _fields_ = (
        ("family", c_uint8), ("values", c_uint8), ("keypoints", c_uint16), ("classes", c_uint8), ("flags", c_uint8),
        ("step", c_uint8), ("outputs", c_uint8 * 2), ("reserved", c_uint8), ("max_persons", c_uint16),
        ("input_height", c_uint16), ("input_width", c_uint16), ("score", c_float), ("nms_iou", c_float),
    )  # fmt: skip


assert ctypes.sizeof(Decoding) == DECODING.size


class NetInfo(ctypes.Structure):
    """struct pose_net_info."""

    _fields_ = (
        ("name", c_char_p), ("model_sha256", POINTER(c_uint8)), ("image_bytes", c_uint32), ("image_crc32", c_uint32),
        ("arena_bytes", c_uint32), ("arena_available", c_uint32), ("op_count", c_uint32), ("tensor_count", c_uint32),
        ("macc", c_uint64), ("how", POINTER(Decoding)), ("input", POINTER(ImageTensor)),
        ("output_count", c_uint32),
    )  # fmt: skip

    @property
    def family(self) -> int:
        return int(self.how.contents.family)

    @property
    def keypoints(self) -> int:
        return int(self.how.contents.keypoints)


class NetEvent(ctypes.Structure):
    """struct pose_net_event."""

    _fields_ = (
        ("op_index", c_uint32), ("op_count", c_uint32), ("op", POINTER(ImageOp)), ("ticks", c_uint64),
        ("outputs", POINTER(NetTensor)), ("output_count", c_uint32),
    )  # fmt: skip


HOOK = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(NetEvent))


@dataclass
class Run:
    """One inference. `tensors`: .tflite tensor index -> (operator's .tflite index, value)."""

    status: int
    ticks: int
    tensors: dict[int, tuple[int, NDArray[Any]]] = field(default_factory=dict)
    op_ticks: list[tuple[int, int]] = field(default_factory=list)


def aligned_buffer(size: int) -> NDArray[np.uint8]:
    """Zeroed bytes at a 64-byte boundary; a block of its own, for AddressSanitizer to see its end."""
    address = c_void_p()
    assert _libc.posix_memalign(byref(address), ctypes.c_size_t(ALIGN), ctypes.c_size_t(max(size, 1))) == 0
    assert address.value is not None
    array = np.ctypeslib.as_array((c_uint8 * size).from_address(address.value))
    weakref.finalize(array.base, _libc.free, c_void_p(address.value))
    array[:] = 0
    return array


def value(tensor: NetTensor) -> NDArray[Any]:
    """A copy of a tensor on the device, in its own shape."""
    desc = tensor.tensor.contents
    raw = ctypes.string_at(tensor.data, desc.bytes)
    return np.frombuffer(raw, DTYPE_NAMES[desc.dtype]).reshape(tuple(desc.dims[: desc.rank]))


class HostNet:
    """net.h of a host library. `guard` bytes lie behind the arena, which nothing may touch."""

    def __init__(self, library: Path, arena_bytes: int = 4 << 20, guard: int = GUARD) -> None:
        self._lib = ctypes.CDLL(str(library))
        self._lib.pose_net_arena_high_water.restype = c_uint32
        self._whole_arena = aligned_buffer(arena_bytes + guard)
        self._whole_arena[arena_bytes:] = 0x5A
        self.arena_bytes = arena_bytes
        self._image = aligned_buffer(0)

    def open(self, image: bytes, max_bytes: int | None = None) -> int:
        """Status of pose_net_open on a copy of the image that has exactly its bytes."""
        self._image = aligned_buffer(len(image))
        self._image[:] = np.frombuffer(image, np.uint8)
        limit = len(image) if max_bytes is None else max_bytes
        return int(
            self._lib.pose_net_open(
                c_void_p(self._image.ctypes.data),
                c_uint32(limit),
                c_void_p(self._whole_arena.ctypes.data),
                c_uint32(self.arena_bytes),
            )
        )

    @property
    def arena_address(self) -> int:
        """Where the arena lies in this process."""
        return int(self._whole_arena.ctypes.data)

    @property
    def failed_op(self) -> int:
        """pose_net_failed_op()."""
        return int(self._lib.pose_net_failed_op())

    @property
    def high_water(self) -> int:
        """pose_net_arena_high_water()."""
        return int(self._lib.pose_net_arena_high_water())

    @property
    def guard_intact(self) -> bool:
        """Whether nothing wrote behind the arena."""
        return bool(np.all(self._whole_arena[self.arena_bytes :] == 0x5A))

    def set_decoding(self, decoding: bytes) -> int:
        """Status of pose_net_set_decoding."""
        return int(self._lib.pose_net_set_decoding(decoding))

    def info(self) -> NetInfo:
        """pose_net_info; raises RuntimeError with the status when there is no network."""
        info = NetInfo()
        status = self._lib.pose_net_info(byref(info))
        if status != 0:
            raise RuntimeError(f"pose_net_info: {status}")
        return info

    def run(self, picture: NDArray[Any], *, keep: bool = True, stop: Callable[[int], int] = lambda op_index: 0) -> Run:
        """One inference; keeps every operator's outputs. `stop` is asked after each operator and ends the run."""
        slot = aligned_buffer(picture.nbytes)
        slot[:] = np.frombuffer(np.ascontiguousarray(picture).tobytes(), np.uint8)
        before = slot.copy()
        result = Run(0, 0)

        def hook(_: Any, event: Any) -> int:
            e = event.contents
            result.op_ticks.append((e.op.contents.source, e.ticks))
            for i in range(e.output_count if keep else 0):
                tensor = e.outputs[i]
                result.tensors[tensor.tensor.contents.source] = (e.op.contents.source, value(tensor))
            return stop(e.op_index)

        ticks = c_uint64()
        result.status = self._lib.pose_net_run(c_void_p(slot.ctypes.data), HOOK(hook), None, byref(ticks))
        result.ticks = ticks.value
        assert np.array_equal(slot, before), "the input slot was written"
        return result

    def output(self, index: int) -> NDArray[Any] | int:
        """Output `index` of the last run, or the negative status."""
        tensor = NetTensor()
        status = int(self._lib.pose_net_output(c_uint32(index), byref(tensor)))
        return status if status != 0 else value(tensor)

    def decode(self, max_persons: int = MAX_PERSONS) -> NDArray[np.float32] | int:
        """pose_postproc on the last run: [persons, K, 3], or the negative status, before which nothing is reported."""
        info, found = self.info(), FoundPersons(max_persons)
        status = self._lib.pose_postproc(byref(info), byref(found.struct))
        assert status == 0 or not found.reports
        return int(status) if status != 0 else found.arrays(info.keypoints)[0]
