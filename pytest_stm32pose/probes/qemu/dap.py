"""Debug port and access port registers: one DPv2 with one AHB-AP (Arm Debug Interface Specification v5.2)."""

from __future__ import annotations

_DP_IDR = 0x6BA02477
_AP_IDR, _AP_BASE, _AP_CSW = 0x84770001, 0xE00FF003, 0x03800052
_DEVICE_ENABLED = 1 << 6  # read-only in the CSW
_POWER_REQUESTS = 0x50000000


class DebugAccessPort:
    """Only what is asked for outside memory accesses: identification, power handshake, CSW."""

    def __init__(self) -> None:
        self._ctrl_stat = 0
        self._csw = _AP_CSW

    def read_dp(self, address: int) -> int:
        if address == 0x0:
            return _DP_IDR
        if address == 0x4:
            return self._ctrl_stat | (self._ctrl_stat & _POWER_REQUESTS) << 1
        return 0

    def write_dp(self, address: int, value: int) -> None:
        if address == 0x4:
            self._ctrl_stat = value & _POWER_REQUESTS

    def read_ap(self, address: int) -> int:
        if address >> 24:
            return 0
        return {0xFC: _AP_IDR, 0xF8: _AP_BASE, 0x00: self._csw}.get(address & 0xFC, 0)

    def write_ap(self, address: int, value: int) -> None:
        if address == 0x00:
            self._csw = value | _DEVICE_ENABLED
