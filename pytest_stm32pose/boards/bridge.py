"""The serial port of a virtual board that stays up: one UART, offered as a pseudo terminal and on a TCP port.

Runs as a process of its own (`python -m pytest_stm32pose.boards.bridge DIRECTORY`) beside the emulator. What the UART
sends goes to everyone connected; what anyone sends goes to the UART. Ends with the board's directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import termios
import time
import tty
from dataclasses import asdict, dataclass
from pathlib import Path

_CHUNK_BYTES = 65536
_BUFFER_MAX = 4 << 20  #: a client that lets more than this pile up is dropped (a terminal loses the rest)
_TICK_S = 0.1


@dataclass(frozen=True)
class Ends:
    """Where people reach the UART."""

    pty: str
    port: int


def read_ends(directory: Path) -> Ends | None:
    """What the bridge of `directory` has opened; None while it has not."""
    try:
        return Ends(**json.loads((directory / "bridge.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Bridge:
    """Moves bytes until the board's directory is gone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._terminal, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        self._pty = os.ttyname(slave)
        os.close(slave)  # with no other end open, poll() says whether somebody uses the terminal
        os.set_blocking(self._terminal, False)
        self._uart: socket.socket | None = None
        self._to_uart = bytearray()
        self._to_terminal = bytearray()
        self._clients: dict[socket.socket, bytearray] = {}

    def run(self) -> None:
        temporary = self._directory / "bridge.json.new"
        ends = Ends(self._pty, self._listener.getsockname()[1])
        temporary.write_text(json.dumps(asdict(ends)), encoding="utf-8")
        temporary.replace(self._directory / "bridge.json")
        while self._directory.is_dir():
            if self._uart is None:
                self._connect_uart()
            self._turn()

    def _connect_uart(self) -> None:
        """The emulator may be restarted under the bridge; its socket then comes back."""
        uart = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            uart.connect(str(self._directory / "uart"))
        except OSError:
            uart.close()
            return
        uart.setblocking(False)
        self._uart = uart

    def _turn(self) -> None:
        used = self._terminal_is_used()
        if not used:
            self._to_terminal.clear()
        readers: list[socket.socket | int] = [self._listener]
        if self._uart is not None:
            readers.append(self._uart)
        if len(self._to_uart) < _CHUNK_BYTES:
            readers += [*self._clients, *([self._terminal] if used else [])]
        writers: list[socket.socket | int] = [client for client, data in self._clients.items() if data]
        if self._uart is not None and self._to_uart:
            writers.append(self._uart)
        if used and self._to_terminal:
            writers.append(self._terminal)
        readable, writable, _ = select.select(readers, writers, [], _TICK_S)
        for item in readable:
            self._read(item)
        for item in writable:
            self._write(item)

    def _terminal_is_used(self) -> bool:
        poller = select.poll()
        poller.register(self._terminal, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poller.poll(0))

    def _read(self, item: socket.socket | int) -> None:
        if item is self._listener:
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients[client] = bytearray()
        elif isinstance(item, int):
            with contextlib.suppress(OSError):
                self._to_uart += os.read(item, _CHUNK_BYTES)
        elif item is self._uart:
            self._read_uart(item)
        elif item in self._clients:
            self._read_client(item)

    def _read_uart(self, uart: socket.socket) -> None:
        try:
            data = uart.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            uart.close()
            self._uart = None
            time.sleep(_TICK_S)
            return
        self._to_terminal += data[: max(0, _BUFFER_MAX - len(self._to_terminal))]
        for client, waiting in list(self._clients.items()):
            waiting += data
            if len(waiting) > _BUFFER_MAX:
                self._drop(client)

    def _read_client(self, client: socket.socket) -> None:
        try:
            data = client.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._to_uart += data
        else:
            self._drop(client)

    def _write(self, item: socket.socket | int) -> None:
        try:
            if isinstance(item, int):
                del self._to_terminal[: os.write(item, self._to_terminal)]
            elif item is self._uart:
                del self._to_uart[: item.send(self._to_uart)]
            elif item in self._clients:
                waiting = self._clients[item]
                del waiting[: item.send(waiting)]
        except BlockingIOError:
            return
        except OSError:
            if isinstance(item, socket.socket) and item in self._clients:
                self._drop(item)

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client]
        client.close()


if __name__ == "__main__":
    Bridge(Path(sys.argv[1])).run()
