"""A device that speaks ST's validation protocol, as far as tests of the host need one: it can be made to go wrong.

Messages are read and written by google.protobuf, not by the code under test. The network adds one to every byte.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.support.st_reference import reference

S8 = 0x00840440
SHAPE = (1, 4, 6, 3)
BYTES = 72
MEMORY = bytes(range(256)) * 40
MEMORY_BASE = 0x20000000
CHUNK = 256


class Gone(Exception):
    """The host closed the port."""


class StDevice:
    """Serves one connection after the other on `url`.

    Attributes:
        lose_packets: packets from the host still to be dropped, by their count from now on (0 the next).
        lose_bytes: so many bytes of the next packet from the host are dropped.
        behaviour: "", "mute" (answers nothing), "no-credit", "early-error" (refuses an input after one packet),
            "log" (logs before every answer), "slow" (0.05 s between packets), "half" (stops in the middle of an
            answer), "noise", "version", "no-model", "bad-model", "two-inputs", "wrong-last", "wrong-sum",
            "no-clock".
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self.behaviour = ""
        self.lose_packets: set[int] = set()
        self.lose_bytes = 0
        self.credits = 0
        self.memory = bytearray(MEMORY)
        self._port: socket.socket | None = None
        self._buffer = bytearray()
        self._reqid = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.unplug()

    def unplug(self) -> None:
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.shutdown(socket.SHUT_RDWR)
            self._port.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._port, _ = self._listener.accept()
                self._port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._buffer.clear()
                with contextlib.suppress(Gone, OSError):
                    while True:
                        self._request()

    # --- link ---

    def _packet(self) -> bytes:
        while True:
            wanted = 33 + self.lose_bytes
            while len(self._buffer) < wanted:
                assert self._port is not None
                got = self._port.recv(4096)
                if not got:
                    raise Gone
                self._buffer += got
            del self._buffer[: self.lose_bytes]
            self.lose_bytes = 0
            packet = bytes(self._buffer[:33])
            del self._buffer[:33]
            lost = 0 in self.lose_packets
            self.lose_packets = {number - 1 for number in self.lose_packets if number}
            if not lost:
                return packet

    def _message(self, kind: str, limit: int = 1 << 16) -> Any:
        """The next whole message, credits sent; None when it is not of this kind, or longer than `limit` bytes."""
        stream = bytearray()
        while True:
            packet = self._packet()
            stream += packet[1 : 1 + packet[0]]
            size = shift = used = 0
            for byte in stream:
                size |= (byte & 0x7F) << shift
                shift, used = shift + 7, used + 1
                if byte < 0x80:
                    break
            if len(stream) >= used + size:
                break
            if size > limit:  # no message of this protocol is that long: torn packets
                return None
            if self.behaviour != "no-credit":
                self.credits += 1
                self._send_raw(b"\xaa")
        found = reference(kind)()
        try:
            found.ParseFromString(bytes(stream[used : used + size]))
        except Exception:
            return None
        return found if found.IsInitialized() else None

    def _send_raw(self, data: bytes) -> None:
        assert self._port is not None
        self._port.sendall(data)

    def _send(self, message: Any) -> None:
        if self.behaviour == "log" and message.WhichOneof("payload") != "log":
            log = reference("respMsg")(reqid=self._reqid, state=2)
            log.log.level, log.log.text = 1, "still here"
            self._send(log)
            assert self._message("ackMsg") is not None
        data = message.SerializeToString()
        full, rest = divmod(len(data), 32)
        for at in range(full):
            self._send_raw(bytes([32]) + data[32 * at : 32 * at + 32])
            time.sleep(0.05 if self.behaviour == "slow" else 0)
        if self.behaviour == "half":
            return
        if self.behaviour == "noise":
            self._send_raw(b"\x55" * 33)
            return
        self._send_raw(bytes([0x80 | rest]) + data[32 * full :].ljust(32, b"\0"))

    def _answer(self, state: int, **payload: Any) -> None:
        answer = reference("respMsg")(reqid=self._reqid, state=state)
        for name, fields in payload.items():
            getattr(answer, name).MergeFrom(fields)
        self._send(answer)

    def _ack(self, state: int, param: int = 0, error: int = 0) -> None:
        self._answer(state, ack=reference("ackMsg")(param=param, error=error))

    # --- commands ---

    def _request(self) -> None:
        request = self._message("reqMsg")
        if request is None or self.behaviour == "mute":
            return
        self._reqid = request.reqid
        names = {0: "sync", 1: "sys_info", 10: "info", 11: "run", 20: "read", 21: "write", 22: "checksum"}
        if request.cmd not in names:
            self._ack(4, 6, 6)
            return
        getattr(self, f"_{names[request.cmd]}")(request)

    def _sync(self, _: Any) -> None:
        version = 2 << 8 if self.behaviour == "version" else 0x301
        self._answer(0, sync=reference("syncMsg")(version=version, capability=9, rtid=1 | 1 << 16))

    def _sys_info(self, _: Any) -> None:
        sclock = 0 if self.behaviour == "no-clock" else 800_000_000
        info = reference("sysinfoMsg")(devid=0x486, sclock=sclock, hclock=400_000_000, cache=3)
        info.extra[:] = [1, 1_000_000_000, 900_000_000]
        self._answer(0, sinfo=info)

    def _info(self, request: Any) -> None:
        if self.behaviour == "no-model":
            self._ack(4, 10, 7)
        elif request.param > 0:
            self._ack(4, 4, 4)
        else:
            self._answer(0, minfo=self._model())

    def _model(self) -> Any:
        inputs = 2 if self.behaviour == "two-inputs" else 1
        model = reference("aiModelInfoMsg")(
            name="network",
            rtid=1,
            signature="0xabc",
            compile_datetime="now",
            runtime_version=10 << 24,
            tool_version=2 << 24,
            n_macc=1234,
            n_nodes=2,
            n_inputs=inputs,
            n_outputs=1,
            n_activations=0,
            n_params=0,
            runtime_desc="double",
        )
        for _ in range(inputs):
            model.inputs.append(self._desc("input", 1))
        model.outputs.append(self._desc("output", 2))
        if self.behaviour == "bad-model":
            model.inputs[0].format = 0x12345678
        return model

    @staticmethod
    def _desc(name: str, flags: int) -> Any:
        desc = reference("aiTensorDescMsg")(
            name=name, format=S8, size=BYTES, n_dims=2 << 24 | 4, scale=0.5, zeropoint=-3, addr=0, flags=flags
        )
        desc.dims[:] = SHAPE
        return desc

    def _run(self, request: Any) -> None:
        if request.name != "network":
            self._ack(4, 4, 4)
            return
        self._ack(1)
        count = 2 if self.behaviour == "two-inputs" else 1
        for number in range(1, count + 1):
            data = self._message("aiDataMsg", 0 if self.behaviour == "early-error" else 1 << 16)
            if data is None or len(data.datas) not in (BYTES, 1):
                self._ack(4, 1, 1)
                return
            self._ack(2 if number == count else 1, len(data.datas))
            self._message("ackMsg")
        filled = data.datas if len(data.datas) == BYTES else data.datas * BYTES
        output = bytes(byte + 1 & 0xFF for byte in filled)
        if request.param & 6:
            for number in range(2):
                last = 2 if number else 0
                self._operator(f"op{number}", (1 | last) << 24 | 7, number, 1000 * (number + 1))
                self._tensor(2, 4 | 256, output if request.param & 4 else b"")
        self._operator("network", 0, 0, 80_000)
        last = 0 if self.behaviour == "wrong-last" else 256
        self._tensor(3, 2 | last, b"" if request.param & 8 else output)

    def _operator(self, name: str, kind: int, index: int, cycles: int) -> None:
        operator = reference("aiOperatorMsg")(
            name=name, type=kind, id=index, duration=cycles / 800_000, counter_type=0, stack_used=-1, heap_used=-1
        )
        operator.counters[:] = [cycles, 0]
        self._answer(2, op=operator)

    def _tensor(self, state: int, flags: int, output: bytes) -> None:
        tensor = reference("aiTensorMsg")()
        tensor.desc.MergeFrom(self._desc("output", flags if output else flags | 512))
        data = reference("aiDataMsg")(type=0, size=len(output), addr=0, datas=output)
        tensor.data.MergeFrom(data)
        self._answer(state, tensor=tensor)

    def _window(self, request: Any) -> slice | None:
        at = request.param - MEMORY_BASE
        if at < 0 or request.opt == 0 or at + request.opt > len(self.memory):
            self._ack(4, 4, 4)
            return None
        return slice(at, at + request.opt)

    def _checksum(self, request: Any) -> None:
        window = self._window(request)
        if window is not None:
            self._ack(3, bsd(bytes(self.memory[window])))

    def _read(self, request: Any) -> None:
        window = self._window(request)
        if window is None:
            return
        self._ack(2)
        for at in range(window.start, window.stop, CHUNK):
            part = bytes(self.memory[at : min(at + CHUNK, window.stop)])
            done = at + CHUNK >= window.stop
            data = reference("aiDataMsg")(type=0, size=len(part), addr=MEMORY_BASE + at, datas=part)
            self._answer(3 if done else 2, data=data)
            if not done:
                self._message("ackMsg")

    def _write(self, request: Any) -> None:
        window = self._window(request)
        if window is None:
            return
        self._ack(1, CHUNK)
        at = window.start
        while at < window.stop:
            data = self._message("aiDataMsg")
            self.memory[at : at + len(data.datas)] = data.datas
            at += len(data.datas)
            wrong = 1 if self.behaviour == "wrong-sum" else 0
            self._ack(3 if at >= window.stop else 1, bsd(data.datas) ^ wrong)


def bsd(data: bytes) -> int:
    """BSD checksum as `sum -r` computes it."""
    value = 0
    for (byte,) in struct.iter_unpack("B", data):
        value = (value >> 1) + ((value & 1) << 15)
        value = (value + byte) & 0xFFFF
    return value


@contextlib.contextmanager
def running() -> Iterator[StDevice]:
    device = StDevice()
    try:
        yield device
    finally:
        device.close()
