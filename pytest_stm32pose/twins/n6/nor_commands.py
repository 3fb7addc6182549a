"""What the wires of a serial memory carry between chip select low and high, and which commands the Macronix NOR has.

Sources: ST's public component driver stm32-mx66uw1g45g (opcodes, address bytes, dummy cycles, CR2); Linux spi-nor for
Macronix (dummy cycles of register reads, the id's doubled bytes); data sheets MX66UW1G45G and MX25UM51245G.
"""

from __future__ import annotations

from dataclasses import dataclass

SPI, OPI, DTR = "spi", "opi", "dtr"
#: Number in CR2's register 0 -> mode.
MODES = (SPI, OPI, DTR)


@dataclass(frozen=True)
class Command:
    """What the wires carried. `opcode` has one byte in 1-line mode, two in octal; `address` may be absent.

    Attributes:
        address_lines, data_lines: 0: as many as the opcode's.
        opcode_bytes: 0: as many as the opcode should have.
        address_double, data_double: bytes on both edges; None: as the opcode.
        strobe: the controller takes read data with DQS.
        held: outputs are held a quarter of a clock longer (DHQC).
        hz: clock on the wires; 0: slow.
    """

    opcode: int
    lines: int = 1
    double_rate: bool = False
    address: int | None = None
    address_bytes: int = 0
    dummy_cycles: int = 0
    data: bytes = b""
    read_bytes: int = 0
    address_lines: int = 0
    data_lines: int = 0
    address_double: bool | None = None
    data_double: bool | None = None
    strobe: bool | None = None
    held: bool = True
    hz: int = 0
    opcode_bytes: int = 0

    @property
    def is_data_double(self) -> bool:
        return self.double_rate if self.data_double is None else self.data_double

    @property
    def is_address_double(self) -> bool:
        return self.double_rate if self.address_double is None else self.address_double


@dataclass(frozen=True)
class Shape:
    """Of one command: bytes of its address and dummy cycles in SPI and in octal mode (None: not there in that mode).

    `octal_dummies` -1: as many as CR2's dummy code says.
    """

    spi_address: int | None = None
    spi_dummies: int = 0
    octal_address: int | None = None
    octal_dummies: int = 0
    writes: bool = False
    reads: bool = False
    modes: tuple[str, ...] = MODES


BY_CODE = -1
_REGISTER = Shape(0, 0, 4, 4, reads=True)
_PLAIN = Shape(0, 0, 0, 0)
SHAPES = {
    0x9F: _REGISTER,  # identification
    0x05: _REGISTER,  # status
    0x15: _REGISTER,  # configuration
    0x2B: _REGISTER,  # security
    0x71: Shape(4, 0, 4, 4, reads=True),  # configuration 2
    0x72: Shape(4, 0, 4, 0, writes=True),
    0x01: Shape(0, 0, 4, 0, writes=True),  # status (address 0), configuration (address 1)
    0x06: _PLAIN,
    0x04: _PLAIN,
    0x03: Shape(3, 0, reads=True),
    0x0B: Shape(3, 8, reads=True),
    0x13: Shape(4, 0, reads=True),
    0x0C: Shape(4, 8, reads=True),
    0xEC: Shape(None, 0, 4, BY_CODE, reads=True, modes=(OPI,)),
    0xEE: Shape(None, 0, 4, BY_CODE, reads=True, modes=(DTR,)),
    0x5A: Shape(3, 8, 4, 20, reads=True),  # SFDP; in octal after JESD216, not in ST's driver
    0x02: Shape(3, 0, writes=True),
    0x12: Shape(4, 0, 4, 0, writes=True),
    0x20: Shape(3, 0),
    0xD8: Shape(3, 0),
    0x21: Shape(4, 0, 4, 0),
    0xDC: Shape(4, 0, 4, 0),
    0x60: _PLAIN,
}
#: Dummy cycles by CR2's code, and up to which clock they do. Codes 1 and 4: no figure; that of fewer cycles.
DUMMY_CYCLES = (20, 18, 16, 14, 12, 10, 8, 6)
DUMMY_MAX_HZ = tuple(1_000_000 * mhz for mhz in (200, 166, 166, 133, 104, 104, 84, 66))


def sfdp(size: int) -> bytes:
    """The header, one parameter header, and of its table the density: enough to recognise the chip, no more."""
    header = b"SFDP" + bytes((6, 1, 0, 0xFF)) + bytes((0x00, 6, 1, 2, 0x30, 0, 0, 0xFF))
    table = bytes((0xE5, 0x20, 0xFB, 0xFF)) + (size * 8 - 1).to_bytes(4, "little")
    return header.ljust(0x30, b"\xff") + table
