"""Runs one operator on an emulated core: its network image is put into the machine's memory, the firmware starts again,
takes the input and sends the outputs. For kernel sets that this host cannot execute."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.firmware.build import build_firmware
from pytest_stm32pose.network.image import DECODING
from pytest_stm32pose.network.memory import plan_memory
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.network.rules import rule_module
from pytest_stm32pose.network.writer import ImageConsts, ImageParts, Placed, write_image
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import InferOption
from pytest_stm32pose.transports.serial import SerialTransport
from pytest_stm32pose.transports.swd import MailboxTransport
from tests.firmware.case_tools import Case, make_case
from tests.firmware.qemu_machine import Machine, Qemu

TIMEOUT_S = 60.0
MAILBOX = 0x60000000


def with_one_input(case: Case) -> Case:
    """The same operator with all inputs but the first made constants: a network has one input."""
    if len(case.inputs) == 1:
        return case
    variable = [i for i in dict.fromkeys(case.op.inputs) if i >= 0 and case.tensors[i].data is None]
    tensors = list(case.tensors)
    for index, values in zip(variable[1:], case.inputs[1:], strict=True):
        tensors[index] = dataclasses.replace(tensors[index], data=values)
    return make_case(tensors, case.op, case.inputs[0])


def operator_image(case: Case, change: Callable[[Prepared], Prepared] = lambda prepared: prepared) -> bytes:
    """The network image of a case with one input; `change` may alter what the rule prepared."""
    graph = parse_model(case.model, "case")
    [op] = graph.ops
    module = rule_module(op.name)
    assert module is not None
    consts = ImageConsts()
    prepared = change(module.prepare(op, graph, consts))
    memory = plan_memory(graph, [prepared])
    placed = [Placed(op, prepared, memory.scratch_offset(0), 0 in memory.needs.in_place)]
    total = memory.plan.total_bytes
    return write_image(
        ImageParts(graph, placed, consts, memory.tensor_offsets(), memory.windows(), total, 0, bytes(DECODING.size))
    )


class DeviceKernels:
    """A running machine with the kernels of one set; a context manager."""

    def __init__(self, machine: Machine, kernels: str) -> None:
        self._machine = machine
        self._qemu = Qemu(machine, build_firmware(machine.board, kernels))
        serial = SerialTransport(self._qemu.url)
        serial.open(TIMEOUT_S)
        mailbox = MailboxTransport(self._qemu, MAILBOX, lambda: serial.port.write(b"\0", TIMEOUT_S))
        mailbox.open(TIMEOUT_S)
        self.client = PoseClient(mailbox)
        assert self.client.hello().kernels == kernels

    def __enter__(self) -> DeviceKernels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._qemu.__exit__(kind, error, trace)

    def load(self, image: bytes) -> int:
        """Starts the firmware with the network. Returns the status of its checks, 0 when it took the network."""
        self._qemu.write(self._machine.network, image)
        self.client.reset()
        return int(self.client.network_info().status)

    def run(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """The loaded network's outputs, in its order."""
        data = np.ascontiguousarray(values).tobytes()
        self.client.upload(0, data)
        self.client.start_infer(0, zlib.crc32(data), len(data), InferOption.OUTPUTS)
        return [tensor.data for tensor in self.client.finish_infer(TIMEOUT_S).outputs]
