"""A device with ST's validation firmware, of any of its three generations, as strict as that: bytes in, bytes out.

It waits for whole packets, in blocking reads; reads a message as the length in front of it says, however long; asks for
the next packet with 0xAA, also after a packet that holds nothing; pads its own packets with what was there before; goes
on with a command when an acknowledgement is no acknowledgement. Messages are those of google.protobuf. No time, no I/O:
st_ports.py puts it behind a port.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.support.st_reference import GENERATIONS, reference

CREDIT = 0xAA
IDLE, WAITING, PROCESSING, DONE, ERROR = range(5)
INVALID_SIZE, INVALID_PARAM, UNINITIALIZED, GENERIC = 1, 4, 7, 10
INPUT, OUTPUT, INTERNAL, LAST, NO_DATA = 1, 2, 4, 256, 512
STALE = 0xEE
MEMORY_BASE = 0x20000000
CHUNK = 256

#: A step of the device: it waits for so many bytes.
Reading = Generator[int, bytes, Any]

VERSIONS = {"A": 0x301, "B": 0x301, "C": 0x302}


@dataclass(frozen=True)
class Tensor:
    """As the firmware describes it: format word, shape with its kind (n_dims bits 31..24), quantisation."""

    name: str
    format: int
    dims: tuple[int, ...]
    order: int = 2
    scale: float = 0.0
    zero_point: int = 0
    item_bytes: int = 1

    @property
    def elements(self) -> int:
        return int(np.prod(self.dims))


@dataclass(frozen=True)
class Model:
    """A network: what it computes from the bytes of its inputs."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    compute: Callable[[Sequence[bytes]], Sequence[bytes]]
    layers: int = 2


U8 = 0x00040440
PICTURE = Tensor("picture", 0x08000000 | U8, (1, 4, 6, 3))
ONE_MORE = Model("network", (PICTURE,), (PICTURE,), lambda inputs: [bytes(byte + 1 & 0xFF for byte in inputs[0])])


@dataclass
class StDouble:
    """One device.

    Args:
        generation: A, B or C.
        com_param: of SYS_INFO (B and C): bytes of a packet from then on, until the next SYNC or DISCONNECT.
        short_reads: a USB transfer that ends early ends a read, as some USB stacks have it.
        logs: log messages before NETWORK_INFO's answer, after an input, and before the outputs.
        counters: u64 counters of an inference; an NPU has five.
    """

    generation: str
    models: tuple[Model, ...] = (ONE_MORE,)
    com_param: int = 0
    short_reads: bool = False
    logs: int = 0
    counters: int = 1
    devid: int = 0x486
    clock_hz: int = 800_000_000
    cache: int = 5 << 24 | 1 << 16 | 1 << 11 | 1 << 10
    memory: bytearray = field(default_factory=lambda: bytearray(range(256)) * 8)
    commands: list[int] = field(default_factory=list)  #: that were understood

    def __post_init__(self) -> None:
        names = [line.partition(":")[0] for line in GENERATIONS[self.generation].strip().splitlines()]
        self._message = {name: reference(name, self.generation) for name in names}
        self._header_bytes = 1 if self.generation == "A" else 2
        self.reset()

    def reset(self) -> None:
        """Switched off and on."""
        self._payload = 32
        self._sent = bytearray()
        self._buffer = bytearray()
        self._packet = b""  # what is left of the packet that is being read
        self._has_packet = False
        self._stale = bytearray([STALE] * 4096)
        self._reqid = 0
        self._device = self._main()
        self._wanted = next(self._device)

    def feed(self, data: bytes, *, transfer_ends: bool = False) -> bytes:
        """What the device sends when these bytes come."""
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            self._step(self._wanted)
        if transfer_ends and self.short_reads and self._buffer:
            self._step(len(self._buffer))
        sent, self._sent = bytes(self._sent), bytearray()
        return sent

    @property
    def is_between_messages(self) -> bool:
        """It waits for the first byte of a request."""
        return not self._buffer and not self._has_packet and self._idle

    def _step(self, count: int) -> None:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._wanted = self._device.send(data)

    # --- packets ---

    def _next_packet(self) -> Reading:
        data = yield self._header_bytes + self._payload
        useful = int.from_bytes(data[: self._header_bytes], "big")
        self._packet = data[self._header_bytes :].ljust(useful, b"\0")[:useful]  # too much: whatever lies behind it
        self._has_packet = True

    def _read(self, count: int) -> Reading:
        if not self._has_packet:
            yield from self._next_packet()
        data = bytearray()
        while len(data) < count:
            if not self._packet:
                self._sent.append(CREDIT)
                yield from self._next_packet()
            taken = self._packet[: count - len(data)]
            self._packet = self._packet[len(taken) :]
            data += taken
        return bytes(data)

    def _receive(self, kind: str) -> Reading:
        """The next message; None when what came is none of this kind."""
        length = shift = 0
        while True:
            [byte] = yield from self._read(1)
            self._idle = False
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 28:
                break
        data = (yield from self._read(length)) if length and byte < 0x80 else b""
        self._flush()
        message = self._message[kind]()
        try:
            message.ParseFromString(data)
        except Exception:
            return None
        return message if message.IsInitialized() else None

    def _flush(self) -> None:
        self._packet, self._has_packet = b"", False

    def _send(self, message: Any) -> None:
        data = message.SerializeToString()
        full, rest = divmod(len(data), self._payload)
        for at in range(full):
            self._send_packet(data[at * self._payload :][: self._payload], 0)
        self._send_packet(data[full * self._payload :] if rest else b"", 1 << 8 * self._header_bytes - 1)

    def _send_packet(self, useful: bytes, flag: int) -> None:
        self._stale[: len(useful)] = useful
        self._sent += (len(useful) | flag).to_bytes(self._header_bytes, "big") + self._stale[: self._payload]

    # --- commands ---

    def _main(self) -> Reading:
        commands = {0: self._sync, 1: self._sys_info, 10: self._info, 11: self._run}
        commands |= {20: self._read_memory, 21: self._write_memory, 22: self._checksum}
        if self.generation == "C":
            commands[2] = self._disconnect
        while True:
            self._idle = True
            self._flush()
            request = yield from self._receive("reqMsg")
            if request is None:
                continue
            self._reqid = request.reqid
            self.commands.append(request.cmd)
            command = commands.get(request.cmd)
            if command is None:
                self._ack(ERROR, INVALID_PARAM, INVALID_PARAM)
                continue
            yield from command(request)

    def _answer(self, state: int, **payload: Any) -> None:
        answer = self._message["respMsg"](reqid=self._reqid, state=state)
        for name, message in payload.items():
            getattr(answer, name).CopyFrom(message)
        self._send(answer)

    def _ack(self, state: int, param: int = 0, error: int = 0) -> None:
        self._answer(state, ack=self._message["ackMsg"](param=param, error=error))

    def _log(self) -> Reading:
        for number in range(self.logs):
            self._answer(WAITING, log=self._message["logMsg"](level=1, text=f"s:config:npu_freq:{number}\r\n"))
            yield from self._receive("ackMsg")

    def _sync(self, _: Any) -> Reading:
        self._payload = 32
        self._answer(
            IDLE, sync=self._message["syncMsg"](version=VERSIONS[self.generation], capability=9, rtid=4 | 1 << 16)
        )
        yield from ()

    def _disconnect(self, _: Any) -> Reading:
        self._payload = 32
        yield from ()

    def _sys_info(self, _: Any) -> Reading:
        info = self._message["sysinfoMsg"](
            devid=self.devid,
            sclock=self.clock_hz,
            hclock=400_000_000,
            cache=self.cache,
            extra=[1, 1_000_000_000, 900_000_000],
        )
        if self.generation != "A":
            info.com_param = self.com_param
        self._answer(IDLE, sinfo=info)
        if self.generation != "A":
            self._payload = self.com_param or self._payload
        yield from ()

    def _info(self, request: Any) -> Reading:
        if request.param >= len(self.models):
            self._ack(ERROR, INVALID_PARAM, INVALID_PARAM)
            return
        yield from self._log()
        model = self.models[request.param]
        info = self._message["aiModelInfoMsg"](
            name=model.name, rtid=4 | 1 << 16, signature="UNDEFINED", compile_datetime="now", runtime_version=11 << 24,
            tool_version=3 << 24, n_macc=1234, n_nodes=model.layers, n_inputs=len(model.inputs),
            n_outputs=len(model.outputs), n_activations=1, n_params=1, runtime_desc="double 1f",
        )  # fmt: skip
        info.inputs.extend(self._desc(each, INPUT) for each in model.inputs)
        info.outputs.extend(self._desc(each, OUTPUT) for each in model.outputs)
        info.activations.append(self._desc(Tensor("", U8, (5000,), order=0), 8))
        info.params.append(self._desc(Tensor("", U8, (7000,), order=0), 8))
        if self.generation == "C":
            info.n_install_time, info.n_init_time = 0.5, 1.5
        self._answer(IDLE, minfo=info)

    def _desc(self, tensor: Tensor, flags: int) -> Any:
        return self._message["aiTensorDescMsg"](
            name=tensor.name, format=tensor.format, size=tensor.elements, n_dims=tensor.order << 24 | len(tensor.dims),
            dims=tensor.dims, scale=tensor.scale, zeropoint=tensor.zero_point, addr=MEMORY_BASE, flags=flags,
        )  # fmt: skip

    def _run(self, request: Any) -> Reading:
        model = next((each for each in self.models if each.name == request.name), None)
        if model is None:
            self._ack(ERROR, INVALID_PARAM, INVALID_PARAM)
            return
        sizes = [tensor.elements * tensor.item_bytes for tensor in model.inputs]
        self._ack(WAITING, sizes[0])
        inputs = []
        for number, (tensor, size) in enumerate(zip(model.inputs, sizes, strict=True), 1):
            wanted = tensor.item_bytes if request.param & 512 else size
            data = yield from self._receive("aiDataMsg")
            datas = data.datas if data is not None else b""
            if len(datas) != wanted:
                self._ack(ERROR, len(datas), INVALID_SIZE)
                return
            inputs.append(datas * (size // wanted))
            self._ack(PROCESSING if number == len(sizes) else WAITING, wanted)
            yield from self._receive("ackMsg")
        yield from self._log()
        self._outputs(request, model, model.compute(inputs))

    def _outputs(self, request: Any, model: Model, outputs: Sequence[bytes]) -> None:
        if request.param & 6:
            for number in range(model.layers):
                flags = 1 | (2 if number == model.layers - 1 else 0)
                self._operator("", flags << 24 | 2, number, 1000 * (number + 1))
                self._tensor(PROCESSING, model.outputs[0], INTERNAL | LAST, outputs[0] if request.param & 4 else b"")
        self._operator(model.name, 0, 0, 80_000)
        for number, (tensor, data) in enumerate(zip(model.outputs, outputs, strict=True), 1):
            is_last = number == len(outputs)
            flags = OUTPUT | (LAST if is_last else 0)
            self._tensor(DONE if is_last else PROCESSING, tensor, flags, b"" if request.param & 8 else data)

    def _operator(self, name: str, kind: int, index: int, cycles: int) -> None:
        counters = [word for number in range(self.counters) for word in (cycles + number, 0)]
        operator = self._message["aiOperatorMsg"](
            name=name, type=kind, id=index, duration=cycles * 1000 / self.clock_hz, counter_type=0, counters=counters,
            stack_used=-1, heap_used=-1,
        )  # fmt: skip
        self._answer(PROCESSING, op=operator)

    def _tensor(self, state: int, tensor: Tensor, flags: int, data: bytes) -> None:
        sent = self._message["aiTensorMsg"]()
        sent.desc.CopyFrom(self._desc(tensor, flags if data else flags | NO_DATA))
        sent.data.CopyFrom(self._message["aiDataMsg"](type=0, size=len(data), addr=MEMORY_BASE, datas=data))
        self._answer(state, tensor=sent)

    # --- memory ---

    def _window(self, request: Any) -> slice | None:
        at = request.param - MEMORY_BASE
        if at < 0 or request.opt == 0 or at + request.opt > len(self.memory):
            self._ack(ERROR, INVALID_PARAM, INVALID_PARAM)
            return None
        return slice(at, at + request.opt)

    def _checksum(self, request: Any) -> Reading:
        window = self._window(request)
        if window is not None:
            self._ack(DONE, bsd(bytes(self.memory[window])))
        yield from ()

    def _read_memory(self, request: Any) -> Reading:
        window = self._window(request)
        if window is None:
            return
        self._ack(PROCESSING)
        for at in range(window.start, window.stop, CHUNK):
            part = bytes(self.memory[at : min(at + CHUNK, window.stop)])
            is_last = at + CHUNK >= window.stop
            data = self._message["aiDataMsg"](type=0, size=len(part), addr=MEMORY_BASE + at, datas=part)
            self._answer(DONE if is_last else PROCESSING, data=data)
            if not is_last:
                yield from self._receive("ackMsg")

    def _write_memory(self, request: Any) -> Reading:
        window = self._window(request)
        if window is None:
            return
        self._ack(WAITING, CHUNK)
        at = window.start
        while at < window.stop:
            data = yield from self._receive("aiDataMsg")
            part = data.datas if data is not None else b""
            if not part:
                self._ack(ERROR, 0, INVALID_SIZE)
                return
            self.memory[at : at + len(part)] = part
            at += len(part)
            self._ack(DONE if at >= window.stop else WAITING, bsd(part))


def bsd(data: bytes) -> int:
    """The BSD checksum: rotate right by one, add a byte."""
    value = 0
    for byte in data:
        value = ((value >> 1 | (value & 1) << 15) + byte) & 0xFFFF
    return value
