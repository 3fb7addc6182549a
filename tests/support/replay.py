"""Records what goes over a transport, and plays it back without a device. A recording is a text file of JSON lines:

    {"schema": "stm32pose/wire/1", "name": "serial", "max_message": 8192, "window": 2}
    {"to": "device", "message": "<base64>"}
    {"to": "host", "message": "<base64>"}

Requests differ from run to run in their nonce (offset 4) and so in their CRC: playing back compares everything else and
puts the nonce of the request into its answers.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import struct
import tempfile
import zlib
from pathlib import Path
from typing import IO

from pytest_stm32pose.errors import TransportError, TransportTimeout
from pytest_stm32pose.transports.base import Transport

SCHEMA = "stm32pose/wire/1"
MAX_RECORDING_BYTES = 256 << 20
NONCE = slice(4, 8)
CRC_BYTES = 4
MIN_MESSAGE = 16


class RecordingTransport:
    """Passes everything through to `inner` and writes it to a file, which appears when the transport is closed.

    Args:
        inner: the transport that is recorded.
        file: where the recording goes; replaced if it exists.
        max_bytes: the recording may not become longer; then sending and receiving fail.
    """

    def __init__(self, inner: Transport, file: Path, *, max_bytes: int = MAX_RECORDING_BYTES) -> None:
        self._inner = inner
        self._file = file
        self._max_bytes = max_bytes
        self._bytes = 0
        self._out: IO[str] | None = None

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def max_message(self) -> int:
        return self._inner.max_message

    @property
    def window(self) -> int:
        return self._inner.window

    def open(self, timeout_s: float) -> None:
        self._inner.open(timeout_s)
        if self._out is None:
            try:
                # Beside the target, so that the rename at the end stays within one file system.
                self._out = tempfile.NamedTemporaryFile(  # noqa: SIM115 - lives until close()
                    "w", encoding="utf-8", dir=self._file.parent, prefix=f".{self._file.name}.", delete=False
                )
            except OSError as error:
                self._inner.close()
                raise TransportError(f"The recording {self._file} cannot be written: {error}.") from error
            self._write({"schema": SCHEMA, "name": self.name, "max_message": self.max_message, "window": self.window})

    def close(self) -> None:
        self._inner.close()
        out, self._out = self._out, None
        if out is not None:
            with contextlib.suppress(OSError):
                out.close()
                Path(out.name).replace(self._file)

    def send(self, message: bytes, timeout_s: float) -> None:
        self._inner.send(message, timeout_s)
        self._record("device", message)

    def receive(self, timeout_s: float) -> bytes:
        message = self._inner.receive(timeout_s)
        self._record("host", message)
        return message

    def _record(self, to: str, message: bytes) -> None:
        self._write({"to": to, "message": base64.b64encode(message).decode("ascii")})

    def _write(self, entry: dict[str, object]) -> None:
        line = json.dumps(entry) + "\n"
        self._bytes += len(line)
        if self._out is None:
            raise TransportError(f"The recording {self._file} is not open.", remedy="Call open() first.")
        if self._bytes > self._max_bytes:
            raise TransportError(
                f"The recording {self._file} would become longer than {self._max_bytes} bytes.",
                remedy="Record fewer pictures or fewer tensors.",
            )
        self._out.write(line)


class ReplayTransport:
    """Plays a recording back.

    Args:
        file: written by `RecordingTransport`.
    """

    name = "replay"

    def __init__(self, file: Path) -> None:
        self._file = file
        self.max_message, self.window, self._entries = _load(file)
        self._used = [False] * len(self._entries)
        self._nonces: dict[bytes, bytes] = {}
        self._open = False

    def open(self, timeout_s: float) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def send(self, message: bytes, timeout_s: float) -> None:
        self._check_open()
        index = next((i for i, (to, _) in enumerate(self._entries) if to == "device" and not self._used[i]), None)
        if index is None:
            raise TransportError(f"The recording {self._file} has no further request.")
        recorded = self._entries[index][1]
        if _without_nonce(message) != _without_nonce(recorded):
            raise TransportError(
                f"Line {index + 2} of the recording {self._file} has another request: {recorded[:16].hex()}..., "
                f"asked was {message[:16].hex()}...",
                remedy="Record again.",
            )
        self._used[index] = True
        self._nonces[recorded[NONCE]] = message[NONCE]

    def receive(self, timeout_s: float) -> bytes:
        self._check_open()
        for index, (to, message) in enumerate(self._entries):
            if to == "device" and not self._used[index]:
                break  # what follows came after a request that has not been sent yet
            if to == "host" and not self._used[index]:
                self._used[index] = True
                return self._with_nonce(message)
        raise TransportTimeout(f"The recording {self._file} has no answer here.")

    def _with_nonce(self, message: bytes) -> bytes:
        nonce = self._nonces.get(message[NONCE])
        if nonce is None or len(message) < MIN_MESSAGE:
            return message
        body = message[: NONCE.start] + nonce + message[NONCE.stop : -CRC_BYTES]
        damaged = struct.pack("<I", zlib.crc32(message[:-CRC_BYTES])) != message[-CRC_BYTES:]
        return body + (message[-CRC_BYTES:] if damaged else struct.pack("<I", zlib.crc32(body)))

    def _check_open(self) -> None:
        if not self._open:
            raise TransportError(f"The recording {self._file} is not open.", remedy="Call open() first.")


def _without_nonce(message: bytes) -> bytes:
    return message[: NONCE.start] + message[NONCE.stop : -CRC_BYTES]


def _load(file: Path) -> tuple[int, int, list[tuple[str, bytes]]]:
    try:
        if file.stat().st_size > MAX_RECORDING_BYTES:
            raise TransportError(f"The recording {file} is longer than {MAX_RECORDING_BYTES} bytes.")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TransportError(f"The recording {file} cannot be read: {error}.") from error
    entries: list[tuple[str, bytes]] = []
    try:
        head = json.loads(lines[0])
        if head["schema"] != SCHEMA:
            raise ValueError(f"schema is {head['schema']!r}, expected {SCHEMA!r}")
        for line in lines[1:]:
            entry = json.loads(line)
            if entry["to"] not in ("device", "host"):
                raise ValueError(f"unknown direction {entry['to']!r}")
            entries.append((str(entry["to"]), base64.b64decode(entry["message"], validate=True)))
        return int(head["max_message"]), int(head["window"]), entries
    except (LookupError, TypeError, ValueError, binascii.Error) as error:
        raise TransportError(f"Line {len(entries) + 2} of the recording {file} is wrong: {error}.") from error
