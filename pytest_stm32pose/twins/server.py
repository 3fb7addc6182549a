"""The process of one twin: `python -m pytest_stm32pose.twins.server DIRECTORY`.

The directory's twin.json says what to be. A debug probe connects to the socket `probe` there (probes/twin/wire.py), a
host to the serial line, whose address ready.json tells. The process ends with its owner, with its directory, or when
the model refuses to go on; the last line of its log then says why.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.twin import wire
from pytest_stm32pose.probes.twin.process import ENDED, REFUSED
from pytest_stm32pose.twins.core import Core
from pytest_stm32pose.twins.debug import Debug
from pytest_stm32pose.twins.device import Device, Fault, PowerLost, maker
from pytest_stm32pose.twins.planting import plant

_LOOK_S = 0.05
_ALIVE_S = 1.0
_GATHER_S = 0.001  # bytes that the program sends one after the other go to the host together
_ROOM = 1 << 16  # bytes that the host may let pile up until the USART takes no more
_CHUNK_BYTES = 65536
_SWITCH_S = 0.0005  # the core's thread waits for Python this long at most


class Server:
    """One twin and what is connected to it."""

    def __init__(self, directory: Path, device: Device, clock_hz: int, owner: Process | None) -> None:
        self._directory, self._owner = directory, owner
        self._told, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        self.core = Core(device, clock_hz, self._notify)
        self._debug = Debug(self.core)
        device.serial.room = _ROOM
        self._probes = _listener(directory / "probe")
        self._line = _listener(directory / "uart") if owner is None else socket.create_server(("127.0.0.1", 0))
        self._clients: set[socket.socket] = set()
        self._host: socket.socket | None = None
        self._to_host = bytearray()

    @property
    def serial_url(self) -> str:
        if self._owner is None:
            return f"unix:{self._directory / 'uart'}"
        return f"socket://127.0.0.1:{self._line.getsockname()[1]}"

    def run(self) -> str:
        """Until there is nothing left to do. Returns why, one clause."""
        thread = threading.Thread(target=self.core.run, name="core", daemon=True)
        thread.start()
        look = alive = time.monotonic()
        while not self.core.failure:
            self._turn()
            now = time.monotonic()
            if now - look >= _LOOK_S:
                look = now
                self.core.look()
            if now - alive >= _ALIVE_S:
                alive = now
                if self._is_abandoned():
                    return "nobody needs it any more"
        return self.core.failure

    def _is_abandoned(self) -> bool:
        return not self._directory.is_dir() or (self._owner is not None and not self._owner.is_alive())

    def _notify(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._tell, b"\0")

    def _turn(self) -> None:
        readers: list[Any] = [self._told, self._probes, self._line, *self._clients]
        if self._host is not None and len(self.core.inbox) < _ROOM:
            readers.append(self._host)
        writers = [self._host] if self._host is not None and self._to_host else []
        readable, writable, _ = select.select(readers, writers, [], _LOOK_S)
        for item in readable:
            if item is self._told:
                os.read(self._told, _CHUNK_BYTES)
                time.sleep(_GATHER_S)
                self._collect()
            elif item is self._probes:
                self._clients.add(self._probes.accept()[0])
            elif item is self._line:
                self._accept_host()
            elif item is self._host:
                self._hear()
            elif item in self._clients:
                self._serve(item)
        if writable:
            self._send()

    # --- serial line ---

    def _accept_host(self) -> None:
        """The last one to come has the line; a host that died may leave its connection behind."""
        if self._host is not None:
            self._host.close()
        self._host, _ = self._line.accept()
        self._host.setblocking(False)
        self._to_host.clear()
        if self._owner is not None:
            self._host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _hear(self) -> None:
        assert self._host is not None
        try:
            data = self._host.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        if data:
            self.core.receive(data)
        else:
            self._host.close()
            self._host = None
            self._collect()

    def _collect(self) -> None:
        """What the USART has sent goes to the host; without one it is lost, as on a line that nobody listens to."""
        with self.core.lock:
            sent = self.core.collect()
            if self._host is not None:
                self._to_host += sent
            else:
                self._to_host.clear()
            self.core.device.serial.room = max(0, _ROOM - len(self._to_host))
        self._send()

    def _send(self) -> None:
        if self._host is None or not self._to_host:
            return
        try:
            del self._to_host[: self._host.send(self._to_host)]
        except BlockingIOError:
            return
        except OSError:
            self._host.close()
            self._host = None
            self._to_host.clear()
        with self.core.lock:
            self.core.device.serial.room = _ROOM - len(self._to_host)

    # --- probe ---

    def _serve(self, client: socket.socket) -> None:
        try:
            operation, port, address, length = wire.REQUEST.unpack(wire.receive(client, wire.REQUEST.size))
            data = wire.receive(client, min(length, wire.MOST_BYTES)) if operation == wire.WRITE else b""
            status, number, answer = self._answer(operation, port, address, min(length, wire.MOST_BYTES), data)
            client.sendall(wire.ANSWER.pack(status, number, len(answer)) + answer)
        except OSError:
            self._clients.discard(client)
            client.close()

    def _answer(self, operation: int, port: int, address: int, length: int, data: bytes) -> tuple[int, int, bytes]:
        core = self.core
        try:
            if core.failure:
                return wire.GONE, 0, core.failure.encode()
            if operation == wire.READ:
                return wire.OK, 0, self._debug.read(port, address, length)
            if operation == wire.WRITE:
                self._debug.write(port, address, data)
            elif operation == wire.RESET:
                self._debug.reset()
        except Fault as error:
            return wire.FAULT, error.address, b""
        except PowerLost:
            core.fail("its supply went away")
            return wire.GONE, 0, core.failure.encode()
        return wire.OK, core.device.core_port, b""


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener


def main(directory: Path) -> int:
    settings = json.loads((directory / "twin.json").read_text(encoding="utf-8"))
    sys.setswitchinterval(_SWITCH_S)
    device = maker(settings["machine"])()
    try:
        for fault in settings["faults"]:
            plant(device, fault)
    except ValueError as error:
        print(REFUSED + str(error), flush=True)
        return 2
    server = Server(
        directory, device, settings["clock_hz"], Process(**settings["owner"]) if settings["owner"] else None
    )
    ready = directory / "ready.json.new"
    ready.write_text(json.dumps({"serial_url": server.serial_url}), encoding="utf-8")
    ready.replace(directory / "ready.json")
    print(ENDED + server.run(), flush=True)
    return 1


if __name__ == "__main__":
    status = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(status)  # the core's thread may be in the middle of something
