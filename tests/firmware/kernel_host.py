"""Runs one operator of a network through a kernel of the host library, with ctypes.

Every buffer is a malloc() of its own and exactly as long as the kernel may touch, so that AddressSanitizer sees the
first byte beyond it. The structs mirror firmware/include/pose/{image,kernels}.h.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import build_host_library
from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.image import DTYPES, FEW_OPERANDS
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.rules import rule_module
from pytest_stm32pose.network.writer import ImageConsts

IN_ARENA, IN_IMAGE = 0, 1
MAX_RANK = 6


class ImageTensor(ctypes.Structure):
    """struct pose_image_tensor"""

    _fields_ = (
        ("dtype", ctypes.c_uint8), ("rank", ctypes.c_uint8), ("storage", ctypes.c_uint8), ("flags", ctypes.c_uint8),
        ("offset", ctypes.c_uint32), ("bytes", ctypes.c_uint32), ("dims", ctypes.c_uint32 * MAX_RANK),
        ("scale", ctypes.c_float), ("zero_point", ctypes.c_int32), ("source", ctypes.c_uint32),
    )  # fmt: skip


class ImageOp(ctypes.Structure):
    """struct pose_image_op"""

    _fields_ = (
        ("opcode", ctypes.c_uint16), ("source", ctypes.c_uint16),
        ("input_count", ctypes.c_uint16), ("output_count", ctypes.c_uint16), ("flags", ctypes.c_uint16),
        ("params_bytes", ctypes.c_uint16), ("operands", ctypes.c_uint32), ("params_off", ctypes.c_uint32),
        ("scratch_off", ctypes.c_uint32), ("scratch_bytes", ctypes.c_uint32), ("macs", ctypes.c_uint32),
    )  # fmt: skip


class _Operand(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("tensor", ctypes.POINTER(ImageTensor)))


class _Op(ctypes.Structure):
    _fields_ = (
        ("desc", ctypes.POINTER(ImageOp)), ("params", ctypes.c_void_p),
        ("inputs", ctypes.POINTER(_Operand)), ("outputs", ctypes.POINTER(_Operand)),
        ("scratch", ctypes.c_void_p), ("image", ctypes.c_void_p), ("image_bytes", ctypes.c_uint32),
    )  # fmt: skip


_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Op))


class _Kernel(ctypes.Structure):
    _fields_ = (
        ("opcode", ctypes.c_uint16), ("flags", ctypes.c_uint16), ("check", _FUNCTION), ("run", _FUNCTION),
    )  # fmt: skip


_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = (ctypes.c_size_t,)
_libc.free.argtypes = (ctypes.c_void_p,)


class _Memory:
    """Buffers of one call; free() returns them all."""

    def __init__(self) -> None:
        self._blocks: list[int] = []

    def put(self, data: bytes) -> int:
        address = int(_libc.malloc(max(len(data), 1)))
        ctypes.memmove(address, data, len(data))
        self._blocks.append(address)
        return address

    def free(self) -> None:
        for address in self._blocks:
            _libc.free(address)


@dataclasses.dataclass
class OperatorCall:
    """One operator with all that its kernel sees; tests may change any field before they call."""

    desc: ImageOp
    params: bytes
    image: bytes
    tensors: list[ImageTensor]  #: inputs, then outputs
    contents: list[bytes]  #: of the tensors; outputs are overwritten
    inputs: int  #: so many of them are inputs, whatever desc says
    outputs: list[tuple[str, tuple[int, ...]]]  #: dtypes and shapes to read the outputs' bytes as


def prepare_call(graph: Graph, op: Op, inputs: Sequence[NDArray[Any]]) -> OperatorCall:
    """Applies the operator's rule. `inputs`: values of the network's inputs, in order. Raises ModelError."""
    module = rule_module(op.name)
    assert module is not None, op.name
    consts = ImageConsts()
    prepared: Prepared = module.prepare(op, graph, consts)
    values = dict(zip(graph.inputs, inputs, strict=True))
    sources = [t for t in prepared.inputs if t >= 0]
    contents = [(values[t] if t in values else graph.tensors[t].data).tobytes() for t in sources]  # type: ignore[union-attr]
    contents += [bytes(b"\xcc" * graph.tensors[t].nbytes) for t in prepared.outputs]
    desc = ImageOp(
        opcode=op.opcode, input_count=len(sources), output_count=len(prepared.outputs),
        params_bytes=len(prepared.params), scratch_bytes=prepared.scratch_bytes, macs=prepared.macs,
    )  # fmt: skip
    tensors = [_descriptor(graph, t, t in sources and t not in values) for t in (*sources, *prepared.outputs)]
    outputs = [(graph.tensors[t].dtype, graph.tensors[t].shape) for t in prepared.outputs]
    image = bytes(consts.start) + consts.tobytes()
    return OperatorCall(desc, prepared.params, image, tensors, contents, len(sources), outputs)


def _descriptor(graph: Graph, index: int, constant: bool) -> ImageTensor:
    tensor = graph.tensors[index]
    dims = (*tensor.shape, *[1] * (MAX_RANK - len(tensor.shape)))
    return ImageTensor(
        dtype=DTYPES[tensor.dtype], rank=len(tensor.shape), storage=IN_IMAGE if constant else IN_ARENA,
        bytes=tensor.nbytes, dims=(ctypes.c_uint32 * MAX_RANK)(*dims), source=index,
    )  # fmt: skip


class KernelHost:
    """The kernels of one host library (pytest_stm32pose.firmware.build.build_host_library)."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.pose_runtime_kernel.restype = ctypes.POINTER(_Kernel)
        self._library.pose_runtime_kernel.argtypes = (ctypes.c_uint16,)

    def flags(self, opcode: int) -> int:
        """What the kernel announces, such as OP_IN_PLACE."""
        return int(self._kernel(opcode).contents.flags)

    def call(self, call: OperatorCall, *, run: bool = True, in_place: bool = False) -> tuple[int, list[NDArray[Any]]]:
        """check() and, where it passes and `run` is set, run(); `in_place` puts output 0 where input 0 is.

        Returns:
            The first non-zero status, and the outputs.
        """
        kernel = self._kernel(call.desc.opcode)
        memory = _Memory()
        try:
            addresses = self._place(call, memory, in_place)
            operands = (_Operand * (len(addresses) + FEW_OPERANDS))(  # what follows is absent, should desc name it
                *[_Operand(a, ctypes.pointer(t)) for a, t in zip(addresses, call.tensors, strict=True)]
            )
            op = _Op(
                ctypes.pointer(call.desc), memory.put(call.params), operands, ctypes.pointer(operands[call.inputs]),
                memory.put(b"\xcc" * call.desc.scratch_bytes), memory.put(call.image), len(call.image),
            )  # fmt: skip
            status = int(kernel.contents.check(ctypes.byref(op)))
            if status == 0 and run:
                status = int(kernel.contents.run(ctypes.byref(op)))
            written = zip(addresses[call.inputs :], call.contents[call.inputs :], call.outputs, strict=True)
            outputs = [
                np.frombuffer(ctypes.string_at(address, len(content)), dtype).reshape(shape)
                for address, content, (dtype, shape) in written
            ]
        finally:
            memory.free()
        return status, outputs

    def _kernel(self, opcode: int) -> Any:
        kernel = self._library.pose_runtime_kernel(opcode)
        assert kernel, f"no kernel for operator code {opcode}"
        return kernel

    @staticmethod
    def _place(call: OperatorCall, memory: _Memory, in_place: bool) -> list[int]:
        """Addresses of the tensors."""
        if not in_place:
            return [memory.put(content) for content in call.contents]
        first, out = call.contents[0], call.contents[call.inputs]
        shared = memory.put(first.ljust(len(out), b"\xcc"))
        own = {0: shared, call.inputs: shared}
        return [own[i] if i in own else memory.put(content) for i, content in enumerate(call.contents)]


@cache
def kernel_host(kernels: str) -> KernelHost:
    """The kernels of one set, built as a plain host library."""
    return KernelHost(build_host_library(kernels))
