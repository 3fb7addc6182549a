"""What a debug probe over a model of a board must say to pyOCD, whatever the model is."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

from pyocd.core.memory_interface import MemoryInterface
from pyocd.probe.debug_probe import DebugProbe


class PlainProbe(DebugProbe):  # type: ignore[misc]
    """SWD, nothing to set; access ports are chosen by the probe, as an ST-LINK does."""

    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)

    def __init__(self) -> None:
        super().__init__()
        self._open = False

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._open else None

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        kinds = DebugProbe.Capability
        return {kinds.MANAGED_AP_SELECTION, kinds.MANAGED_DPBANKSEL, kinds.BANKED_DP_REGISTERS}

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def set_clock(self, frequency: float) -> None:
        pass


class BytesMemory(MemoryInterface):  # type: ignore[misc]
    """pyOCD's memory accesses as reads and writes of bytes, which a subclass has."""

    def _read(self, address: int, length: int) -> bytes:
        raise NotImplementedError

    def _write(self, address: int, data: bytes) -> None:
        raise NotImplementedError

    def read_memory(self, addr: int, transfer_size: int = 32, now: bool = True, **attrs: Any) -> Any:
        value = int.from_bytes(self._read(addr, transfer_size // 8), "little")
        return value if now else lambda: value

    def read_memory_block32(self, addr: int, size: int, **attrs: Any) -> Sequence[int]:
        return array.array("I", self._read(addr, size * 4)).tolist()

    def write_memory_block32(self, addr: int, data: Sequence[int], **attrs: Any) -> None:
        self._write(addr, array.array("I", data).tobytes())

    def read_memory_block8(self, addr: int, size: int, **attrs: Any) -> Sequence[int]:
        return list(self._read(addr, size))

    def write_memory_block8(self, addr: int, data: Sequence[int], **attrs: Any) -> None:
        self._write(addr, bytes(data))
