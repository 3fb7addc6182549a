"""What a device with ST's validation firmware can be asked, and what it answers: sequences of versions 3.1 and 3.2."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.errors import DeviceError, ProtocolError
from pytest_stm32pose.protocol.st_validation import messages
from pytest_stm32pose.protocol.st_validation.exchange import Exchange
from pytest_stm32pose.protocol.st_validation.framing import PAYLOAD_BYTES
from pytest_stm32pose.protocol.st_validation.link import Link
from pytest_stm32pose.protocol.st_validation.messages import (
    Ack,
    Command,
    Data,
    ModelInfo,
    Operator,
    OperatorFlag,
    Run,
    State,
    Sync,
    SysInfo,
    Tensor,
    TensorFlag,
)
from pytest_stm32pose.protocol.st_validation.search import Found

MAX_MODELS = 16
#: Bringing a device back before the port is closed: how long it may be silent, and how long it may be at work.
LEAVE_PATIENCE_S, LEAVE_LIMIT_S = 1.0, 5.0
MAX_ITEMS = 65536  #: operators of a run, tensors of an operator: more cannot be meant
#: The data of one MEMORY_WRITE message, when the device names a larger chunk or none.
MAX_CHUNK = 4096


@dataclass(frozen=True)
class LayerRun:
    """One operator of a per-layer run, with its tensors (data only in PER_LAYER_WITH_DATA)."""

    operator: Operator
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class RunAnswer:
    """One inference: the whole model as an operator, its outputs, and its layers in execution order."""

    total: Operator
    outputs: tuple[Tensor, ...]
    layers: tuple[LayerRun, ...]
    receive_s: float  #: from the first message of the answer to its last


class StClient:
    """One device behind one link. Not thread-safe.

    Args:
        timeout_s: how long an answer is waited for, unless a method says otherwise.
    """

    def __init__(self, link: Link, *, timeout_s: float = 5.0) -> None:
        self._exchange = Exchange(link, timeout_s)
        self._running: ModelInfo | None = None
        self.version = messages.VERSION_MAJOR << 8 | messages.VERSION_MINOR  #: by the last answer to SYNC

    # --- who is there ---

    def adopt(self, found: Found) -> None:
        """The device is the one that was found at the far end of the link (find.py)."""
        self._exchange.adopt(found)
        self._note(found.sync)

    def resync(self) -> None:
        """Ends whatever an earlier host left the device in. Raises TransportTimeout: it does not answer."""
        self._note(self._exchange.resync())

    def leave(self) -> None:
        """Says goodbye to a device of generation C, which then takes packets of the smallest size again.

        A device that is in the middle of something is brought back first, so that any next host finds it waiting.
        Raises as `resync`.
        """
        if self._running is not None:  # its answer was not taken
            self._exchange.out_of_step()
        if not self._exchange.in_step:
            self._note(self._exchange.resync(LEAVE_PATIENCE_S, LEAVE_LIMIT_S, keep_large=False))
        if self.version >= messages.VERSION_DISCONNECT:
            self._exchange.disconnect()

    @property
    def payload_bytes(self) -> int:
        """Of a packet, at present."""
        return self._exchange.framing.payload_bytes

    def _note(self, sync: Sync) -> Sync:
        self.version = sync.version
        return sync

    def sync(self, timeout_s: float | None = None) -> Sync:
        """Version and abilities of the firmware; see `check_version`.

        Raises:
            TransportError, TransportTimeout, ProtocolError, DeviceError: as every request.
        """
        if not self._exchange.generation_known or self.payload_bytes > PAYLOAD_BYTES:
            return self._note(self._exchange.resync(keep_large=False))
        found = self._exchange.ask(Command.SYNC, timeout_s=timeout_s).sync
        if found is None:
            raise self._exchange.unexpected("SYNC", "sync")
        return self._note(found)

    def sys_info(self) -> SysInfo:
        """Chip and clocks. A device of generation B or C may use larger packets from then on, until the next SYNC."""
        return self._exchange.sys_info()

    def models(self) -> list[ModelInfo]:
        """Every network in the firmware.

        Raises:
            DeviceError: there is none, or the first could not be initialised.
        """
        found: list[ModelInfo] = []
        while len(found) < MAX_MODELS:
            answer = self._exchange.ask(Command.NETWORK_INFO, param=len(found), refusal_is_an_answer=True)
            if answer.minfo is not None:
                found.append(answer.minfo)
                continue
            if answer.ack is None:
                raise self._exchange.unexpected("NETWORK_INFO", "minfo")
            if not found:
                why = messages.error_name(answer.ack.error)
                raise DeviceError(f"The firmware has no network that works ({why}).", status=answer.ack.error)
            break
        return found

    def request_unknown(self) -> int:
        """Sends a command that no firmware knows; returns the error it answers with."""
        answer = self._exchange.ask(Command.TEST_UNSUPPORTED, refusal_is_an_answer=True)
        if answer.ack is None:
            raise self._exchange.unexpected("TEST_UNSUPPORTED", "ack")
        return answer.ack.error

    # --- inference ---

    def run(
        self, model: ModelInfo, inputs: Sequence[bytes], mode: Run = Run.IO_ONLY, *, timeout_s: float = 60.0
    ) -> RunAnswer:
        """One inference; `inputs` in the device's order and layout (tensors.to_device). Raises as `start_run`."""
        self.start_run(model, inputs, mode)
        return self.finish_run(timeout_s)

    def start_run(self, model: ModelInfo, inputs: Sequence[bytes], mode: Run = Run.IO_ONLY) -> None:
        """Sends the inputs; the device then runs, and `finish_run` takes the answer.

        Raises:
            DeviceError: the device refuses the network's name or an input's size.
            TransportTimeout: it stopped asking for packets.
        """
        if len(inputs) != model.n_inputs:
            raise ProtocolError(f"{model.name} has {model.n_inputs} inputs, {len(inputs)} were given.")
        if self._running is not None:  # its answer was not taken
            self._running = None
            self._exchange.out_of_step()
        what = f"NETWORK_RUN of {model.name}"
        self._exchange.expect(
            self._exchange.ask(Command.NETWORK_RUN, param=int(mode), name=model.name, opt=1), what, State.WAITING
        )
        for number, data in enumerate(inputs, 1):
            self._exchange.send(Data(0, len(data), 0, data))
            state = State.PROCESSING if number == len(inputs) else State.WAITING
            self._exchange.expect(self._exchange.answer(what), f"{what}, input {number}", state)
            self._exchange.send(Ack(0, 0))
        self._running = model

    def finish_run(self, timeout_s: float = 60.0) -> RunAnswer:
        """Waits for the run that `start_run` began.

        Raises:
            DeviceError: the run failed on the device.
            TransportTimeout: no answer within `timeout_s`.
        """
        model, self._running = self._running, None
        if model is None:
            raise ProtocolError("No inference is under way on this link.", remedy="Call start_run() first.")
        what = f"NETWORK_RUN of {model.name}"
        layers: list[LayerRun] = []
        began: float | None = None
        while len(layers) < MAX_ITEMS:
            operator = self._operator(what, timeout_s)
            began = time.perf_counter() if began is None else began
            if not operator.type >> messages.OPERATOR_FLAG_SHIFT & OperatorFlag.INTERNAL:
                outputs = tuple(self._outputs(model, what))
                return RunAnswer(operator, outputs, tuple(layers), time.perf_counter() - began)
            layers.append(LayerRun(operator, tuple(self._tensors_of(operator, what))))
        raise self._exchange.lost(ProtocolError(f"{what}: more than {MAX_ITEMS} operators came."))

    def _operator(self, what: str, timeout_s: float) -> Operator:
        answer = self._exchange.answer(what, timeout_s)
        if answer.op is None:
            self._exchange.refuse(answer, what)
            raise self._exchange.unexpected(what, "op")
        return answer.op

    def _tensors_of(self, operator: Operator, what: str) -> list[Tensor]:
        if operator.type >> messages.OPERATOR_FLAG_SHIFT & OperatorFlag.WITHOUT_TENSOR:
            return []
        found: list[Tensor] = []
        while len(found) < MAX_ITEMS:
            found.append(self._tensor(what)[0])
            if found[-1].desc.flags & TensorFlag.LAST:
                return found
        raise self._exchange.lost(ProtocolError(f"{what}: more than {MAX_ITEMS} tensors of one operator came."))

    def _outputs(self, model: ModelInfo, what: str) -> list[Tensor]:
        found = []
        for number in range(1, model.n_outputs + 1):
            tensor, state = self._tensor(what)
            is_last = number == model.n_outputs
            if bool(tensor.desc.flags & TensorFlag.LAST) != is_last or (state == State.DONE) != is_last:
                raise self._exchange.lost(
                    ProtocolError(
                        f"{what}: output {number} of {model.n_outputs} came with {messages.state_name(state)}."
                    )
                )
            found.append(tensor)
        return found

    def _tensor(self, what: str) -> tuple[Tensor, int]:
        answer = self._exchange.answer(what)
        if answer.tensor is None:
            self._exchange.refuse(answer, what)
            raise self._exchange.unexpected(what, "tensor")
        return answer.tensor, answer.state

    # --- memory ---

    def checksum(self, address: int, size: int) -> int:
        """BSD checksum of the device's memory. Raises DeviceError: the device does not let it be read."""
        answer = self._exchange.ask(Command.MEMORY_CHECKSUM, param=address, opt=size)
        return self._exchange.expect(answer, "MEMORY_CHECKSUM", State.DONE).param

    def read_memory(self, address: int, size: int) -> bytes:
        """`size` bytes of the device's memory. Raises DeviceError: the device does not let it be read."""
        self._exchange.expect(
            self._exchange.ask(Command.MEMORY_READ, param=address, opt=size), "MEMORY_READ", State.PROCESSING
        )
        got = bytearray()
        while True:
            answer = self._exchange.answer("MEMORY_READ")
            if answer.data is None:
                self._exchange.refuse(answer, "MEMORY_READ")
                raise self._exchange.unexpected("MEMORY_READ", "data")
            got += answer.data.datas
            if len(got) > size or (answer.state == State.DONE) != (len(got) == size) or not answer.data.datas:
                raise self._exchange.lost(ProtocolError(f"MEMORY_READ: {len(got)} bytes of {size} came."))
            if answer.state == State.DONE:
                return bytes(got)
            self._exchange.send(Ack(0, 0))

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes to the device's memory; every chunk is answered with its checksum.

        Raises:
            DeviceError: the device does not let it be written.
            ProtocolError: a checksum differs.
        """
        answer = self._exchange.ask(Command.MEMORY_WRITE, param=address, opt=len(data))
        chunk = min(self._exchange.expect(answer, "MEMORY_WRITE", State.WAITING).param or MAX_CHUNK, MAX_CHUNK)
        for at in range(0, len(data), chunk):
            part = data[at : at + chunk]
            self._exchange.send(Data(0, len(part), address + at, part))
            is_last = at + chunk >= len(data)
            state = State.DONE if is_last else State.WAITING
            ack = self._exchange.expect(self._exchange.answer("MEMORY_WRITE"), "MEMORY_WRITE", state)
            if ack.param != bsd_checksum(part):
                raise self._exchange.lost(
                    ProtocolError(f"MEMORY_WRITE: the bytes at 0x{address + at:08x} arrived damaged.")
                )


def check_version(sync: Sync) -> None:
    """Raises ProtocolError: the firmware speaks another major version than 3."""
    if sync.version >> 8 != messages.VERSION_MAJOR:
        raise ProtocolError(
            f"The firmware speaks version {sync.version >> 8}.{sync.version & 0xFF} of ST's protocol, expected "
            f"{messages.VERSION_MAJOR}.{messages.VERSION_MINOR}.",
            remedy="Build the validation firmware with ST Edge AI 2 or newer.",
        )


def bsd_checksum(data: bytes) -> int:
    """16 bits: rotate right by one, add a byte."""
    value = 0
    for byte in data:
        value = ((value >> 1 | (value & 1) << 15) + byte) & 0xFFFF
    return value
