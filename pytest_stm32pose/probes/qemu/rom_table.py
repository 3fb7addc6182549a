"""CoreSight identification of the emulated debug components (Arm CoreSight Architecture Specification, B2 and D5)."""

from __future__ import annotations

ROM_TABLE = 0xE00FF000
_SCS, _DWT, _FPB = 0xE000E000, 0xE0001000, 0xE0002000
_ARM_PIDR = 0x00000004_000BB000  # JEP106 continuation 4, identity 0x3B; the part number is added
_GENERIC, _CORESIGHT, _ROM = 0xE, 0x9, 0x1
_V8_PART, _V8_ARCH = 0xD22, {_SCS: 0x2A04, _DWT: 0x1A02, _FPB: 0x1A03}
_V7_PART = {_SCS: 0x00C, _DWT: 0x002, _FPB: 0x00E}
_ROM_PART = {"cortex-m4": 0x4C4, "cortex-m7": 0x4C8, "cortex-m55": 0x4C9}
_ENTRIES = tuple((base - ROM_TABLE) & 0xFFFFF000 | 3 for base in (_SCS, _DWT, _FPB))


class RomTable:
    """Answers reads of the ROM table and of the components' identification registers."""

    def __init__(self, core: str) -> None:
        self._v8m = core == "cortex-m55"
        self._part = _ROM_PART[core]

    def read(self, address: int) -> int | None:
        """The register's value, or None when `address` is no identification register."""
        base, offset = address & ~0xFFF, address & 0xFFF
        if base == ROM_TABLE:
            if offset < 0xFB0:
                index = offset // 4
                return _ENTRIES[index] if index < len(_ENTRIES) else 0
            return _identification(offset, self._part, _ROM, 0)
        if offset < 0xFB0 or base not in _V7_PART:
            return None
        if self._v8m:
            return _identification(offset, _V8_PART, _CORESIGHT, 0x47700000 | _V8_ARCH[base])
        return _identification(offset, _V7_PART[base], _GENERIC, 0)


def _identification(offset: int, part: int, component_class: int, devarch: int) -> int:
    if offset == 0xFBC:
        return devarch
    if offset >= 0xFF0:
        cidr = 0xB105000D | component_class << 12
        return cidr >> (8 * ((offset - 0xFF0) // 4)) & 0xFF
    if offset >= 0xFD0:
        pidr = _ARM_PIDR | part
        index = (offset - 0xFE0) // 4 if offset >= 0xFE0 else 4 + (offset - 0xFD0) // 4
        return pidr >> (8 * index) & 0xFF
    return 0
