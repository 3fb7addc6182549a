"""pyOCD's DebugProbe for a twin. What goes wrong on the socket becomes pyOCD's exceptions here and nowhere else."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from pyocd.board.board import Board
from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe

from pytest_stm32pose.probes.bytes_memory import BytesMemory
from pytest_stm32pose.probes.qemu import instances
from pytest_stm32pose.probes.qemu.dap import DebugAccessPort
from pytest_stm32pose.probes.qemu.instances import Instance
from pytest_stm32pose.probes.targets import register_target
from pytest_stm32pose.probes.twin import process, wire

_ANSWER_TIMEOUT_S = 30.0

_TAR, _DRW = 0x04, 0x0C


class _Link:
    """The socket to a twin."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._name = f"{instance.board} ({instance.unique_id})"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        try:
            self._socket.connect(str(instance.probe_socket))
        except OSError as error:
            self._socket.close()
            raise self._gone(str(error)) from error

    def ask(self, operation: int, port: int = 0, address: int = 0, length: int = 0, data: bytes = b"") -> Any:
        """(number, bytes) of the answer. Raises pyOCD's exceptions."""
        if self._instance.qemu.is_stopped():
            raise exceptions.ProbeError(f"{self._name} is silent: {process.death_reason(self._instance)}")
        try:
            self._socket.sendall(wire.REQUEST.pack(operation, port, address, length) + data)
            status, number, size = wire.ANSWER.unpack(wire.receive(self._socket, wire.ANSWER.size))
            text = wire.receive(self._socket, min(size, wire.MOST_BYTES))
        except TimeoutError as error:
            reason = process.death_reason(self._instance) or f"no answer for {_ANSWER_TIMEOUT_S:g} s"
            raise exceptions.ProbeError(f"{self._name} is silent: {reason}") from error
        except OSError as error:
            raise self._gone(str(error)) from error
        if status == wire.FAULT:
            raise exceptions.TransferFaultError(fault_address=number, length=max(length, len(data)))
        if status == wire.GONE:
            raise exceptions.ProbeDisconnected(f"{self._name} is gone: {text.decode()}")
        return number, text

    def close(self) -> None:
        self._socket.close()

    def _gone(self, why: str) -> exceptions.ProbeDisconnected:
        process.await_end(self._instance)
        return exceptions.ProbeDisconnected(f"{self._name} is gone: {process.death_reason(self._instance) or why}")


class TwinMemory(BytesMemory):
    """The memory behind one access port."""

    def __init__(self, link: _Link, port: int) -> None:
        self._link, self._port = link, port

    def _read(self, address: int, length: int) -> bytes:
        data: bytes = self._link.ask(wire.READ, self._port, address & 0xFFFFFFFF, length)[1] if length else b""
        return data

    def _write(self, address: int, data: bytes) -> None:
        if data:
            self._link.ask(wire.WRITE, self._port, address & 0xFFFFFFFF, len(data), data)


class TwinProbe(DebugProbe):  # type: ignore[misc]
    """One twin, found by its unique id in the user's runtime directory."""

    vendor_name = "pytest-stm32pose"
    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._link: _Link | None = None
        self._ports: dict[int, DebugAccessPort] = {}
        self._targets: dict[int, int] = {}  # TAR of each port
        self._connected = self._reset_asserted = False

    @classmethod
    def get_all_connected_probes(cls, unique_id: str | None = None, is_explicit: bool = False) -> list[TwinProbe]:
        return [cls(instance) for instance in instances.all_instances() if instance.is_twin]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> TwinProbe | None:
        instance = instances.find(unique_id)
        return cls(instance) if instance and instance.is_twin else None

    @property
    def product_name(self) -> str:
        return f"{self._instance.machine} ({self._instance.board})"

    @property
    def description(self) -> str:
        return f"twin {self.product_name}"

    @property
    def unique_id(self) -> str:
        return self._instance.unique_id

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._connected else None

    @property
    def is_open(self) -> bool:
        return self._link is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        kinds = DebugProbe.Capability
        return {kinds.MANAGED_AP_SELECTION, kinds.MANAGED_DPBANKSEL, kinds.BANKED_DP_REGISTERS}

    @property
    def associated_board_info(self) -> BoardInfo:
        return BoardInfo(name=self._instance.board, target=register_target(self._instance.target), vendor="twin")

    def create_associated_board(self) -> Board:
        assert self.session is not None
        return Board(self.session, board_info=self.associated_board_info)

    def open(self) -> None:
        self._link = _Link(self._instance)
        core_port, _ = self._link.ask(wire.STATUS)
        self._ports = {number: DebugAccessPort() for number in {0, core_port}}

    def close(self) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.close()
        self._link, self._connected = None, False

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def set_clock(self, frequency: float) -> None:
        """A socket has no clock."""

    def reset(self) -> None:
        assert self._link is not None
        self._link.ask(wire.RESET)

    def assert_reset(self, asserted: bool) -> None:
        if self._reset_asserted and not asserted:
            self.reset()
        self._reset_asserted = asserted

    def is_reset_asserted(self) -> bool:
        return self._reset_asserted

    def read_dp(self, addr: int, now: bool = True) -> object:
        value = self._ports[0].read_dp(addr)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        self._ports[0].write_dp(addr, data)

    def read_ap(self, addr: int, now: bool = True) -> object:
        number, register = addr >> 24, addr & 0xFFFFFF
        port = self._ports.get(number)
        if port and register == _DRW:  # before pyOCD knows its access ports: the STM32H7's connection under reset
            return self._memory(number).read_memory(self._targets.get(number, 0), now=now)
        value = port.read_ap(register) if port else 0
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        number, register = addr >> 24, addr & 0xFFFFFF
        port = self._ports.get(number)
        if port and register == _TAR:
            self._targets[number] = data
        elif port and register == _DRW:
            self._memory(number).write_memory(self._targets.get(number, 0), data)
        elif port:
            port.write_ap(register, data)

    def get_memory_interface_for_ap(self, ap_address: Any) -> TwinMemory:
        return self._memory(ap_address.apsel)

    def _memory(self, number: int) -> TwinMemory:
        assert self._link is not None
        return TwinMemory(self._link, number)
