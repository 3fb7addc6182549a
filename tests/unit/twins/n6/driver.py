"""Register writes in the order of ST's public drivers, with the values of their header: no code of the firmware's."""

from __future__ import annotations

from pytest_stm32pose.twins.n6.device import Twin, device

RCC, PWR, SYSCFG, XSPIM = 0x56028000, 0x56024800, 0x56008000, 0x5802B400
XSPI1, XSPI2, GPION, GPIOO, GPIOP = 0x58025000, 0x5802A000, 0x56023400, 0x56023800, 0x56023C00
SVMCR3 = PWR + 0x3C
CR, DCR1, DCR2, DCR3, DCR4, SR, FCR, DLR, AR, DR, PSMKR, PSMAR, PIR = (
    0x00, 0x08, 0x0C, 0x10, 0x14, 0x20, 0x24, 0x40, 0x48, 0x50, 0x80, 0x88, 0x90,
)  # fmt: skip
CCR, TCR, IR, WCCR, WTCR, WIR = 0x100, 0x108, 0x110, 0x180, 0x188, 0x190
TEF, TCF, FTF, SMF, BUSY = 1, 2, 4, 8, 1 << 5
WRITE, READ, POLL, MAPPED = 0, 1, 2, 3
SPI_COMMAND, SPI_READ, SPI_ADDRESSED, SPI_ADDRESS_ONLY = 0x00000001, 0x01000001, 0x01003101, 0x00003101
STR_COMMAND, STR_ADDRESSED = 0x00000014, 0x04003414
DTR_COMMAND, DTR_READ, DTR_WRITE, DTR_ADDRESS_ONLY = 0x0800001C, 0x2C003C1C, 0x0C003C1C, 0x08003C1C
DHQC = 1 << 28
MAP_DTR = (0x2C003C1C, 0x10000014, 0xEE11)
MAP_STR = (0x04003414, 0x00000014, 0xEC13)
MAP_SPI = (0x01003101, 0x00000008, 0x0C)


class Driver:
    """One XSPI of a twin. `polls` bounds every wait."""

    polls = 50

    def __init__(self, board: str = "n6", base: int = XSPI2) -> None:
        self.twin: Twin = device(board)
        self.base = base

    def read32(self, address: int) -> int:
        return self.twin.read(address, 4)

    def write32(self, address: int, value: int) -> None:
        self.twin.write(address, 4, value)

    def __getitem__(self, offset: int) -> int:
        return self.read32(self.base + offset)

    def __setitem__(self, offset: int, value: int) -> None:
        self.write32(self.base + offset, value)

    def wait(self, mask: int, wanted: int) -> bool:
        return any(self[SR] & mask == wanted for _ in range(self.polls))

    # --- board ---

    def pll1_1200(self, divider: int) -> None:
        """PLL1 at 1200 MHz, IC3 a part of it, XSPI2 on IC3."""
        self.write32(RCC + 0x1000, 0x100)
        for offset, value in ((0x080, 0x00404B00), (0x084, 0), (0x088, 0x49000005), (0x800, 0x100)):
            self.write32(RCC + offset, value)
        assert self.read32(RCC + 0x004) & 0x100
        self.write32(RCC + 0x0CC, divider - 1 << 16)
        self.write32(RCC + 0xA40, 1 << 2)
        self.write32(RCC + 0x158, 2 << 4)

    def connect(self) -> None:
        """Supplies, pins, clocks and reset of XSPI2 and the NOR's port."""
        self.write32(RCC + 0xA5C, 1 << 13 | 1 << 18)
        self.write32(RCC + 0xA60, 3 << 12)
        self.write32(SVMCR3, 1 << 9 | 1 << 26)
        self.write32(GPION + 0x0C, 1 << 2 | 1)
        self.write32(GPION + 0x08, 0x00FF3FFF)
        self.write32(GPION + 0x20, 0x09999999)
        self.write32(GPION + 0x24, 0x00009999)
        self.write32(GPION, 0xFFAA2AAA)
        self.write32(RCC + 0xA20, 1 << 12)
        self.write32(RCC + 0x1220, 1 << 12)

    def controller(self, prescaler: int, dcr1: int = 0x011A0100) -> None:
        self[DCR1], self[DCR3], self[DCR4] = dcr1, 0, 0
        self[DCR2] = prescaler
        assert self.wait(BUSY, 0)
        self[CR] = 1

    # --- one transfer ---

    def command(
        self,
        ccr: int,
        tcr: int,
        ir: int,
        address: int | None = None,
        data: bytes = b"",
        read: int = 0,
    ) -> bytes | None:
        """What was read; None: it did not complete."""
        assert self.wait(BUSY, 0)
        self[FCR] = 0x1B
        self[CR] = 1 | (READ if read else WRITE) << 28
        if data or read:
            self[DLR] = max(len(data), read) - 1
        self[TCR], self[CCR], self[IR] = tcr, ccr, ir
        if address is not None:
            self[AR] = address
        for value in data:
            assert self.wait(FTF, FTF)
            self.twin.write(self.base + DR, 1, value)
        if not self.wait(TCF, TCF):
            return None
        taken = bytes(self.twin.read(self.base + DR, 1) for _ in range(read))
        self[FCR] = TCF
        return taken

    def abort(self) -> None:
        """As ST leaves whatever runs: only what is busy is aborted."""
        if self[SR] & BUSY:
            self[CR] = self[CR] | 2
            assert self.wait(TCF, TCF)
            self[FCR] = TCF
        assert self.wait(BUSY, 0)

    # --- the NOR ---

    def reset_chip(self) -> None:
        """In SPI, then octal STR, then octal DTR: it may be in any mode."""
        for ccr, tcr, codes in (
            (SPI_COMMAND, 0, (0x66, 0x99)),
            (STR_COMMAND, 0, (0x6699, 0x9966)),
            (DTR_COMMAND, DHQC, (0x6699, 0x9966)),
        ):
            for code in codes:
                assert self.command(ccr, tcr, code) == b""

    def enable_writing(self) -> None:
        self.command(SPI_COMMAND, 0, 0x06)

    def enter_dtr(self, code: int = 0, mode: int = 2) -> None:
        """From SPI: dummy code, then mode."""
        for address, value in ((0x300, code), (0, mode)):
            self.enable_writing()
            assert self.command(SPI_ADDRESSED, 0, 0x72, address, data=bytes([value])) == b""

    def start_dtr(self, code: int = 0) -> None:
        """50 MHz, octal DTR."""
        self.connect()
        self.pll1_1200(24)
        self.controller(3)
        self.reset_chip()
        assert self.command(SPI_READ, 0, 0x05, read=1) == b"\0"
        self.enter_dtr(code)
        self[DCR2] = 0
        assert self.wait(BUSY, 0)

    def map(self, read: tuple[int, int, int], cr: int = 0) -> None:
        self[CCR], self[TCR], self[IR] = read
        self[CR] = 1 | MAPPED << 28 | cr

    def shown(self, address: int, count: int = 8) -> bytes:
        return b"".join(self.read32(address + at).to_bytes(4, "little") for at in range(0, count, 4))
