"""Client of QEMU's machine protocol (QEMU manual, "QEMU Machine Protocol specification"): JSON lines on a socket."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pytest_stm32pose.probes.qemu.faults import LinkProtocol
from pytest_stm32pose.probes.qemu.instances import Process
from pytest_stm32pose.probes.qemu.stream import Stream


class QmpClient:
    """One connection; a QMP socket serves one client at a time.

    Args:
        path: unix socket.
        process: QEMU.
        timeout_s: longest wait for one answer.
    """

    def __init__(self, path: Path, process: Process, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._events: list[dict[str, object]] = []
        self._commands = 0
        self._stream = Stream(path, "control", process, timeout_s)
        try:
            self._next_message(time.monotonic() + timeout_s)
            self.command("qmp_capabilities")
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        self._stream.close()

    def command(self, name: str, **arguments: object) -> Any:
        """Runs one command and returns its `return` value."""
        self._commands += 1
        request: dict[str, object] = {"execute": name, "id": self._commands}
        if arguments:
            request["arguments"] = arguments
        self._stream.send(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + self._timeout_s
        while True:
            message = self._next_message(deadline)
            if "event" in message:
                self._events.append(message)
            elif message.get("id") != self._commands:
                continue  # the answer to a command that was given up
            elif "return" in message:
                return message["return"]
            elif "error" in message:
                raise LinkProtocol(f"QEMU refused {name}: {message['error'].get('desc', message['error'])}")

    def clear_events(self) -> None:
        self._events.clear()

    def wait_event(self, name: str, timeout_s: float) -> dict[str, object]:
        """The next event of that name, those received since clear_events() included."""
        deadline = time.monotonic() + timeout_s
        while True:
            while self._events:
                event = self._events.pop(0)
                if event["event"] == name:
                    return event
            message = self._next_message(deadline)
            if "event" in message:
                self._events.append(message)

    def _next_message(self, deadline: float) -> dict[str, Any]:
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                if line.strip():
                    message: dict[str, object] = json.loads(line)
                    return message
                continue
            self._buffer += self._stream.receive(deadline)
