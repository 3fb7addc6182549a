"""QEMU with a firmware image and nothing else: no probe, no pyOCD. For tests of the firmware itself.

The machine's big RAM is a file that is mapped here too, so that mailbox and network image can be reached while it runs.
"""

from __future__ import annotations

import json
import mmap
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

RAM_BASE = 0x60000000
MAPPED_BYTES = 0x20000000
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Machine:
    """A QEMU machine that firmware/boards/qemu has a board for."""

    name: str
    board: str
    ram_bytes: int
    network: int


MACHINES = (
    Machine("mps3-an547", "qemu/mps3_an547", 2 << 30, 0x71000000),
    Machine("mps2-an500", "qemu/mps2_an500", 16 << 20, 0x60400000),
)


class Qemu:
    """A running machine; a context manager.

    Args:
        machine: which.
        elf: the image.
        network: a network image, put where the board expects one.
        options: of QEMU, beside the usual ones.
    """

    def __init__(self, machine: Machine, elf: Path, network: bytes = b"", options: Sequence[str] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pose-qemu-"))
        ram = self._folder / "ram"
        with ram.open("wb") as file:
            file.truncate(machine.ram_bytes)
        with ram.open("r+b") as file:
            self._ram = mmap.mmap(file.fileno(), min(machine.ram_bytes, MAPPED_BYTES))
        self.write(machine.network, network)
        size = f"{machine.ram_bytes >> 20}M"
        command = [
            "qemu-system-arm", "-M", f"{machine.name},memory-backend=ram0", "-m", size,
            "-object", f"memory-backend-file,id=ram0,size={size},share=on,mem-path={ram}",
            "-nodefaults", "-display", "none", "-icount", "shift=5,sleep=off", "-kernel", str(elf),
            "-serial", "tcp:127.0.0.1:0,server=on,wait=off,nodelay=on",
            "-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off", *options,
        ]  # fmt: skip
        self._log = (self._folder / "log").open("w+")
        self.process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._qmp = self._connect()
        self.url = f"socket://127.0.0.1:{self._serial_port()}"

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._qmp.close()
        self._ram.close()
        self._log.close()
        shutil.rmtree(self._folder)

    def read(self, address: int, size: int) -> bytes:
        return self._ram[address - RAM_BASE : address - RAM_BASE + size]

    def write(self, address: int, data: bytes) -> None:
        self._ram[address - RAM_BASE : address - RAM_BASE + len(data)] = data

    def _connect(self) -> Any:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._folder / "qmp"))
                break
            except OSError:
                connection.close()
                assert self.process.poll() is None and time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.02)
        stream = connection.makefile("rw")
        connection.close()
        stream.readline()
        self._ask(stream, "qmp_capabilities")
        return stream

    def _ask(self, stream: Any, command: str) -> Any:
        stream.write(json.dumps({"execute": command}) + "\n")
        stream.flush()
        while True:
            answer = json.loads(stream.readline())
            if "return" in answer:
                return answer["return"]

    def _serial_port(self) -> int:
        names = [entry["filename"] for entry in self._ask(self._qmp, "query-chardev")]
        serial = next(name for name in names if "tcp:127.0.0.1:" in name)
        return int(serial.split("tcp:127.0.0.1:")[1].split(",")[0])
