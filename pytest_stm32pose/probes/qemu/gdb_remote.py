"""Client of QEMU's gdb stub (GDB manual, appendix "GDB Remote Serial Protocol").

Every wait has a deadline. Traps of the stub that shape this file: registers answer only after the target description
was read; there is no QStartNoAck and no binary write; 2048 data bytes in one `M` packet hang it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from pytest_stm32pose.probes.qemu.faults import AccessFault, LinkProtocol, LinkStopped, LinkTimeout
from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.qemu.stream import Stream

MAX_DATA_BYTES = 2040
#: A connection that answers nothing for so long is given up for another one.
FIRST_ANSWER_S = 10.0
_REGISTER = re.compile(r"<reg\s[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_INCLUDE = re.compile(r'<xi:include\s+href="([^"]+)"')


class GdbRemote:
    """One connection. Opening it stops the machine; closing it leaves the machine as it is.

    Args:
        path: the stub's unix socket.
        process: QEMU.
        reply_timeout_s: longest wait for the answer to one packet.
    """

    def __init__(self, path: Path, process: Process, reply_timeout_s: float) -> None:
        self.reply_timeout_s = reply_timeout_s
        self._buffer = bytearray()
        self._stops: list[str] = []
        self.registers = self._connect(path, process)

    def _connect(self, path: Path, process: Process) -> dict[str, tuple[int, int]]:
        """Opens the connection and reads the target description.

        What reaches the stub while the machine still runs is taken for a wish to stop it, and is lost: a connection
        that was made while QEMU's process stood still may never answer. Another one does.
        """
        deadline = time.monotonic() + self.reply_timeout_s
        while True:
            self._stream = Stream(path, "debug", process, self.reply_timeout_s)
            self._buffer.clear()
            try:
                return self._read_target_description(min(deadline, time.monotonic() + FIRST_ANSWER_S))
            except LinkTimeout as error:
                self.close()
                if isinstance(error, LinkStopped) or time.monotonic() >= deadline:
                    raise
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        self._stream.close()

    # --- memory ---

    def read_memory(self, address: int, length: int) -> bytes:
        """Reads `length` bytes. Raises AccessFault where nothing is mapped."""
        data = bytearray()
        while len(data) < length:
            count = min(MAX_DATA_BYTES, length - len(data))
            at = address + len(data)
            answer = self.request(f"m{at:x},{count:x}")
            chunk = b"" if answer.startswith("E") else bytes.fromhex(answer)
            if len(chunk) != count:
                raise AccessFault(at, count)
            data += chunk
        return bytes(data)

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes into RAM. Raises AccessFault where nothing is mapped: the stub itself drops such a write silently.

        (It drops writes to device registers too: see inject.py.)
        """
        for at in {address, address + len(data) - 1}:
            self.read_memory(at, 1)
        for offset in range(0, len(data), MAX_DATA_BYTES):
            chunk = data[offset : offset + MAX_DATA_BYTES]
            if self.request(f"M{address + offset:x},{len(chunk):x}:{chunk.hex()}") != "OK":
                raise AccessFault(address + offset, len(chunk))

    # --- registers ---

    def read_register(self, name: str) -> int:
        number, size = self.registers[name]
        answer = self.request(f"p{number:x}")
        if len(answer) != size * 2:
            raise LinkProtocol(f"register {name} answered {answer!r}")
        return int.from_bytes(bytes.fromhex(answer), "little")

    def write_register(self, name: str, value: int) -> None:
        number, size = self.registers[name]
        data = value.to_bytes(size, "little").hex()
        if self.request(f"P{number:x}={data}") != "OK":
            raise LinkProtocol(f"register {name} refused 0x{value:x}")

    # --- break- and watchpoints ---

    def insert_point(self, kind: int, address: int, length: int) -> bool:
        """`kind` 0 software breakpoint, 2 write, 3 read, 4 access watchpoint. False: refused."""
        return self.request(f"Z{kind},{address:x},{length:x}") == "OK"

    def remove_point(self, kind: int, address: int, length: int) -> bool:
        return self.request(f"z{kind},{address:x},{length:x}") == "OK"

    # --- execution ---

    def resume(self) -> None:
        """Lets the machine run. The stop, when it comes, is fetched by poll_stop(); older ones are forgotten."""
        self._stops.clear()
        self._send("c")

    def step(self, mask_interrupts: bool) -> str:
        """Executes one instruction; returns the stop reply."""
        self.request("Qqemu.sstep=0x7" if mask_interrupts else "Qqemu.sstep=0x1")
        self._send("s")
        return self.wait_stop(self.reply_timeout_s)

    def interrupt(self) -> str:
        """Stops the machine; returns the stop reply (T02 for this interrupt, T05 for a stop that came first)."""
        self._stream.send(b"\x03")
        return self.wait_stop(self.reply_timeout_s)

    def poll_stop(self, timeout_s: float) -> str | None:
        """The stop reply that has arrived, or None after `timeout_s`."""
        if self._stops:
            return self._stops.pop(0)
        try:
            packet = self._receive(time.monotonic() + timeout_s)
        except LinkStopped:
            raise
        except LinkTimeout:
            return None
        if packet[:1] in "TS":
            return packet
        raise LinkProtocol(f"expected a stop reply, got {packet!r}")

    def wait_stop(self, timeout_s: float) -> str:
        stop = self.poll_stop(timeout_s)
        if stop is None:
            raise LinkTimeout(f"the core did not stop within {timeout_s:g} s")
        return stop

    # --- packets ---

    def request(self, payload: str, deadline: float | None = None) -> str:
        """Sends one packet and returns its answer; stop replies in between are kept for poll_stop().

        `deadline` by time.monotonic(); None: `reply_timeout_s` from now.
        """
        self._send(payload)
        deadline = time.monotonic() + self.reply_timeout_s if deadline is None else deadline
        while True:
            answer = self._receive(deadline)
            if re.match(r"[TS][0-9a-f]{2}", answer) and not payload.startswith("?"):
                self._stops.append(answer)
                continue
            return answer

    def _read_target_description(self, deadline: float) -> dict[str, tuple[int, int]]:
        """Register name -> (number, bytes), counted as gdb does: one up from the previous, or `regnum`."""
        registers: dict[str, tuple[int, int]] = {}
        number = 0
        for href in _INCLUDE.findall(self._read_xfer("target.xml", deadline)):
            for element in _REGISTER.findall(self._read_xfer(href, deadline)):
                attributes = dict(_ATTRIBUTE.findall(element))
                number = int(attributes.get("regnum", number))
                registers[attributes["name"].lower()] = (number, int(attributes["bitsize"]) // 8)
                number += 1
        if not {"r0", "sp", "lr", "pc", "xpsr"} <= registers.keys():
            raise LinkProtocol(f"QEMU's target description lists no Cortex-M core: {sorted(registers)}")
        return registers

    def _read_xfer(self, name: str, deadline: float) -> str:
        text = ""
        while True:
            answer = self.request(f"qXfer:features:read:{name}:{len(text):x},7fb", deadline)
            if answer[:1] not in ("m", "l"):
                raise LinkProtocol(f"QEMU has no target description {name}: {answer!r}")
            text += answer[1:]
            if answer[0] == "l":
                return text

    def _send(self, payload: str) -> None:
        data = payload.encode("ascii")
        self._stream.send(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def _receive(self, deadline: float) -> str:
        """The next packet's payload. Acknowledges it; the stub's own acknowledgements are skipped."""
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start + 1) if start >= 0 else -1
            if end >= 0 and len(self._buffer) >= end + 3:
                payload = bytes(self._buffer[start + 1 : end])
                checksum = int(self._buffer[end + 1 : end + 3], 16)
                del self._buffer[: end + 3]
                if sum(payload) & 0xFF != checksum:
                    raise LinkProtocol("packet with a wrong checksum from QEMU")
                self._stream.send(b"+")
                return payload.decode("latin-1")
            self._buffer += self._stream.receive(deadline)
