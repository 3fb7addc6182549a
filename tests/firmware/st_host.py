"""A host of ST's validation protocol, with google.protobuf as encoder and decoder: messages, packets, credits.

It speaks generation A, B or C, and takes nothing that another one would send: headers of its own length, messages with
all that its generation requires and nothing that it does not know.

Written from the numbers of the protocol (proto2), independently of the package's own driver.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from tests.support.st_reference import SCHEMA, reference

PAYLOAD = 32
CREDIT = 0xAA
LAST = 0x80
IDLE, WAITING, PROCESSING, DONE, ERROR = range(5)
SYNC, SYS_INFO, DISCONNECT, NETWORK_INFO, NETWORK_RUN = 0, 1, 2, 10, 11
MEMORY_READ, MEMORY_WRITE, MEMORY_CHECKSUM = 20, 21, 22
INVALID_SIZE, INVALID_FORMAT, INVALID_STATE, INVALID_PARAM, UNINITIALIZED, MEM_OVERFLOW = 1, 2, 3, 4, 7, 8
IO_ONLY, PER_LAYER, WITH_DATA, PERF, CONST_VALUE, DIRECT_WRITE = 1, 2, 4, 8, 512, 1024
#: syncMsg.version: a host takes its own and older ones.
VERSIONS = {"A": 0x301, "B": 0x301, "C": 0x302}

MESSAGES = {line.partition(":")[0]: reference(line.partition(":")[0]) for line in SCHEMA.strip().splitlines()}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def packets(message: bytes, generation: str = "A") -> list[bytes]:
    """The wire's packets of one serialized message."""
    data = varint(len(message)) + message
    parts = [data[start : start + PAYLOAD] for start in range(0, len(data), PAYLOAD)]
    header_bytes = 1 if generation == "A" else 2
    return [len(part).to_bytes(header_bytes, "big") + part.ljust(PAYLOAD, b"\0") for part in parts]


def request(reqid: int, cmd: int, param: int = 0, name: str = "", opt: int = 0) -> bytes:
    return bytes(MESSAGES["reqMsg"](reqid=reqid, cmd=cmd, param=param, name=name, opt=opt).SerializeToString())


def data_message(data: bytes, size: int | None = None) -> bytes:
    size = len(data) if size is None else size
    return bytes(MESSAGES["aiDataMsg"](type=0, size=size, addr=0, datas=data).SerializeToString())


def ack_message(param: int = 0, error: int = 0) -> bytes:
    return bytes(MESSAGES["ackMsg"](param=param, error=error).SerializeToString())


def bsd(data: bytes) -> int:
    """The BSD checksum."""
    total = 0
    for byte in data:
        total = ((total >> 1 | (total & 1) << 15) + byte) & 0xFFFF
    return total


class StHost:
    """One connection to a device's serial port."""

    def __init__(self, url: str, timeout_s: float = 5.0, generation: str = "A") -> None:
        host, port = url.removeprefix("socket://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(timeout_s)
        self.reqid = 0
        self.credits = 0
        self.speak(generation)

    def speak(self, generation: str) -> None:
        """From now on this one."""
        self.generation = generation
        self.answers = reference("respMsg", generation)

    def close(self) -> None:
        self.socket.close()

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the device has gone"
            data += more
        return data

    def silent(self, seconds: float = 0.15) -> bool:
        """Nothing comes for so long."""
        patience = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(patience)

    def send(self, message: bytes, before: bytes = b"") -> None:
        """All packets, each after the credit for it; the first right behind `before`, without a pause."""
        first, *others = self.packets(message)
        self.socket.sendall(before + first)
        for packet in others:
            assert self.read(1) == bytes([CREDIT])
            self.credits += 1
            self.socket.sendall(packet)

    def packets(self, message: bytes) -> list[bytes]:
        return packets(message, self.generation)

    def receive(self) -> Any:
        """One respMsg, of the request under way."""
        data = self.receive_bytes()
        answer = self.answers.FromString(data)
        assert answer.IsInitialized()
        if self.generation != "B":  # C's two times are B's unknown fields
            known = type(answer)()
            known.CopyFrom(answer)
            known.DiscardUnknownFields()
            assert known.SerializeToString() == answer.SerializeToString(), "fields of another generation"
        assert answer.reqid == self.reqid
        return answer

    def receive_bytes(self) -> bytes:
        """One message, not decoded."""
        header_bytes = 1 if self.generation == "A" else 2
        data = b""
        while True:
            packet = self.read(header_bytes + PAYLOAD)
            useful = int.from_bytes(packet[:header_bytes], "big") & ~(LAST << 8 * (header_bytes - 1))
            assert 1 <= useful <= PAYLOAD
            payload = packet[header_bytes:]
            assert payload[useful:] == bytes(PAYLOAD - useful)
            data += payload[:useful]
            if packet[0] & LAST:
                return data
            assert useful == PAYLOAD, "a packet in the middle is full: ST's runner takes all of it"

    def ask(self, cmd: int, param: int = 0, name: str = "", opt: int = 0, *, before: bytes = b"") -> Any:
        self.reqid += 1
        self.send(request(self.reqid, cmd, param, name, opt), before)
        return self.receive()

    def refused(self, answer: Any) -> int:
        """The error of an ERROR answer."""
        assert (answer.state, answer.WhichOneof("payload")) == (ERROR, "ack")
        return int(answer.ack.error)

    def info(self) -> Any:
        answer = self.ask(NETWORK_INFO)
        assert (answer.state, answer.WhichOneof("payload")) == (IDLE, "minfo")
        return answer.minfo

    def start_run(self, name: str, mode: int, opt: int = 0) -> Any:
        answer = self.ask(NETWORK_RUN, mode, name, opt)
        assert (answer.state, answer.WhichOneof("payload")) == (WAITING, "ack")
        return answer.ack

    def run(self, name: str, data: bytes, mode: int = IO_ONLY, opt: int = 0) -> tuple[list[Any], Any, list[Any]]:
        """(operators, each with its tensors; the whole model's operator; outputs)."""
        self.start_run(name, mode, opt)
        self.send(data_message(data))
        answer = self.receive()
        assert (answer.state, answer.ack.param, answer.ack.error) == (PROCESSING, len(data), 0)
        self.send(ack_message())
        layers: list[Any] = []
        while True:
            answer = self.receive()
            if answer.state == PROCESSING and answer.WhichOneof("payload") == "op":
                if answer.op.type >> 24 == 0:
                    break
                layers.append((answer.op, []))
            else:
                assert (answer.state, answer.WhichOneof("payload")) == (PROCESSING, "tensor")
                layers[-1][1].append(answer.tensor)
        whole, outputs = answer.op, []
        while answer.state != DONE:
            answer = self.receive()
            assert answer.WhichOneof("payload") == "tensor"
            outputs.append(answer.tensor)
        return layers, whole, outputs

    def read_memory(self, address: int, size: int) -> bytes:
        answer = self.ask(MEMORY_READ, address, opt=size)
        assert (answer.state, answer.ack.error) == (PROCESSING, 0)
        data = b""
        while answer.state != DONE:
            if data:
                self.send(ack_message())
            answer = self.receive()
            assert answer.data.addr == (address + len(data)) & 0xFFFFFFFF
            assert len(answer.data.datas) == answer.data.size
            data += answer.data.datas
        return data

    def write_memory(self, address: int, data: bytes) -> None:
        answer = self.ask(MEMORY_WRITE, address, opt=len(data))
        assert (answer.state, answer.ack.error) == (WAITING, 0)
        chunk = answer.ack.param
        for start in range(0, len(data), chunk):
            part = data[start : start + chunk]
            self.send(data_message(part))
            answer = self.receive()
            assert answer.ack.param == bsd(part)
            assert answer.state == (DONE if start + chunk >= len(data) else WAITING)


def quiet_line(host: StHost, seconds: float) -> None:
    """Lets the device lose its patience."""
    time.sleep(seconds)
    assert host.silent()
