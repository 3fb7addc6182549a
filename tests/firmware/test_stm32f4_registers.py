"""Clock tree and USART of the STM32F4 against a register model: every write, its value and its order (RM0090)."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator

import pytest

from tests.firmware.register_model import Registers, build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

CR, PLLCFGR, CFGR, APB1ENR = 0x40023800, 0x40023804, 0x40023808, 0x40023840
PWR_CR, ACR = 0x40007000, 0x40023C00
USART1, GPIOB = 0x40011000, 0x40020400
SR, DR, BRR, CR1, CR2, CR3 = (USART1 + 4 * i for i in range(6))
#: Values after a reset (RM0090 chapters 3.9, 5.4, 7.3, 30.6).
RESET = {CR: 0x00000083, PLLCFGR: 0x24003010, CFGR: 0, APB1ENR: 0, PWR_CR: 0x00004000, ACR: 0, SR: 0x00C0}
HSIRDY, PLLON, PLLRDY = 1 << 1, 1 << 24, 1 << 25
#: What 168 MHz from the 16 MHz oscillator takes, in this order.
FULL_SPEED = [
    (CR, 0x00000083),  # HSION
    (APB1ENR, 0x10000000),  # PWREN
    (PWR_CR, 0x00004000),  # VOS: scale 1
    (CR, 0x00000083),  # PLLON off
    (PLLCFGR, 0x27002A08),  # M 8, N 168, P 2, Q 7, source HSI; bit 29 is reserved and kept
    (CR, 0x01000083),  # PLLON
    (ACR, 0x00001805),  # 5 wait states, caches off and reset
    (ACR, 0x00000005),
    (ACR, 0x00000705),  # prefetch, both caches
    (CFGR, 0x00009400),  # APB1 / 4 = 42 MHz, APB2 / 2 = 84 MHz
    (CFGR, 0x00009402),  # SW: PLL
]
POLLS_MAX = 100_000


class Clocks(ctypes.Structure):
    _fields_ = (("core_hz", ctypes.c_uint32), ("apb2_hz", ctypes.c_uint32))


class Usart(ctypes.Structure):
    _fields_ = (("base", ctypes.c_uint32), ("clock_hz", ctypes.c_uint32), ("baudrate", ctypes.c_uint32))


class Silicon(Registers):
    """What the hardware answers by itself. `stuck`: (address, bits) that read 0 whatever is written."""

    def __init__(self, stuck: dict[int, int] | None = None) -> None:
        super().__init__(RESET, self._answer)
        self.reads = 0
        self.received: list[int] = []
        self._stuck = stuck or {}

    def _answer(self, values: dict[int, int], address: int, value: int) -> int:
        self.reads += 1
        if address == CR:
            value |= HSIRDY if value & 1 else 0
            value |= PLLRDY if value & PLLON else 0
        if address == CFGR:
            value |= (value & 3) << 2
        if address == SR:
            value |= 1 << 5 if self.received else 0
        if address == DR:
            values[SR] &= ~0xF
            return self.received.pop(0) if self.received else 0
        return value & ~self._stuck.get(address, 0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    own = tuple(f"boards/stm32f4/{name}.c" for name in ("clock", "system", "usart"))
    found = build(tmp_path_factory.mktemp("f4"), (*own, "boards/stm32/usart_divider.c"))
    for name in ("stm32f4_clock_hsi", "stm32f4_clock_max"):
        getattr(found, name).restype = Clocks
    found.stm32_usart_init.restype = ctypes.c_bool
    found.stm32_usart_read.restype = found.stm32_usart_write.restype = ctypes.c_size_t
    return found


def connected(library: ctypes.CDLL, stuck: dict[int, int] | None = None) -> Silicon:
    registers = Silicon(stuck)
    connect(library, registers)
    return registers


def clocks(library: ctypes.CDLL, name: str, stuck: dict[int, int] | None = None) -> tuple[tuple[int, int], Silicon]:
    registers = connected(library, stuck)
    result = getattr(library, name)()
    return (result.core_hz, result.apb2_hz), registers


def test_168_mhz_takes_these_writes_in_this_order(library: ctypes.CDLL) -> None:
    hertz, registers = clocks(library, "stm32f4_clock_max")
    assert hertz == (168_000_000, 84_000_000)
    assert registers.writes == FULL_SPEED


def test_the_pll_gives_168_mhz_within_its_limits() -> None:
    value = dict(FULL_SPEED)[PLLCFGR]
    m, n, p, q = value & 0x3F, value >> 6 & 0x1FF, 2 * ((value >> 16 & 3) + 1), value >> 24 & 0xF
    assert not value >> 22 & 1, "the source is the crystal"
    vco = 16_000_000 // m * n
    assert 1_000_000 <= 16_000_000 // m <= 2_000_000
    assert 100_000_000 <= vco <= 432_000_000
    assert (vco // p, vco // q) == (168_000_000, 48_000_000)


def test_the_safe_clock_writes_nothing(library: ctypes.CDLL) -> None:
    hertz, registers = clocks(library, "stm32f4_clock_hsi")
    assert hertz == (16_000_000, 16_000_000)
    assert not registers.writes


@pytest.mark.parametrize(
    ("stuck", "steps"),
    [({CR: HSIRDY}, 1), ({CR: PLLRDY}, 6), ({ACR: 7}, 9), ({CFGR: 0xC}, 11)],
    ids=["no oscillator", "no PLL", "wait states not taken", "no switch"],
)
def test_what_does_not_become_ready_leaves_16_mhz(library: ctypes.CDLL, stuck: dict[int, int], steps: int) -> None:
    hertz, registers = clocks(library, "stm32f4_clock_max", stuck)
    assert hertz == (16_000_000, 16_000_000)
    assert [address for address, _ in registers.writes[:steps]] == [address for address, _ in FULL_SPEED[:steps]]
    assert registers.values[CFGR] == 0, "the core is not on its own oscillator, or the buses are divided"
    assert not registers.values[CR] & PLLON
    assert registers.reads <= POLLS_MAX + 30


def test_registers_that_all_read_0_leave_16_mhz(library: ctypes.CDLL) -> None:
    """QEMU's netduinoplus2."""
    hertz, registers = clocks(library, "stm32f4_clock_max", dict.fromkeys(RESET, 0xFFFFFFFF))
    assert hertz == (16_000_000, 16_000_000)
    assert CFGR not in dict(registers.writes)
    assert registers.reads <= POLLS_MAX + 30


def test_pins_and_sleep(library: ctypes.CDLL) -> None:
    """PB6 and PB7: alternate function 7, push-pull, fastest; only RX is pulled up; other pins keep what they have."""
    registers = connected(library)
    registers.values |= {GPIOB: 0x00000280, GPIOB + 0x0C: 0x00000100, GPIOB + 0x08: 0x000000C0}
    library.stm32f4_usart1_pins()
    library.stm32f4_debug_in_sleep()
    values = registers.values
    assert registers.writes[:2] == [(0x40023830, 1 << 1), (0x40023844, 1 << 4)], "clocks come first"
    assert (values[GPIOB], values[GPIOB + 0x04]) == (0x0000A280, 0)
    assert (values[GPIOB + 0x08], values[GPIOB + 0x0C], values[GPIOB + 0x20]) == (0x0000F0C0, 0x00004100, 0x77000000)
    assert registers.writes[-1] == (0xE0042004, 1)


@pytest.fixture
def port(library: ctypes.CDLL) -> Iterator[tuple[Usart, Silicon]]:
    yield Usart(USART1, 84_000_000, 1_000_000), connected(library)
    read_all(library)


def read_all(library: ctypes.CDLL) -> bytes:
    buffer = ctypes.create_string_buffer(65536)
    got = library.stm32_usart_read(buffer, ctypes.c_size_t(len(buffer)))
    return buffer.raw[:got]


@pytest.mark.parametrize(
    ("clock_hz", "baud", "divider"),
    [(84_000_000, 1_000_000, 84), (16_000_000, 1_000_000, 16), (84_000_000, 921_600, 91), (16_000_000, 115_200, 139)],
)
def test_the_port_takes_these_writes(library: ctypes.CDLL, clock_hz: int, baud: int, divider: int) -> None:
    registers = connected(library)
    assert library.stm32_usart_init(ctypes.byref(Usart(USART1, clock_hz, baud)))
    # Off, one stop bit, no flow control, divider, then UE, RXNEIE, TE, RE at once.
    assert registers.writes == [(CR1, 0), (CR2, 0), (CR3, 0), (BRR, divider), (CR1, 0x202C)]


def test_a_baud_rate_out_of_reach_leaves_the_port_off(library: ctypes.CDLL) -> None:
    registers = connected(library)
    assert not library.stm32_usart_init(ctypes.byref(Usart(USART1, 16_000_000, 921_600)))  # 2.1 % off at best
    assert registers.writes == [(CR1, 0)]


def test_received_bytes_come_out_and_errors_are_cleared(library: ctypes.CDLL, port: tuple[Usart, Silicon]) -> None:
    uart, registers = port
    for byte in b"ab":
        registers.received.append(byte)
        library.stm32_usart_irq(ctypes.byref(uart))
    registers.values[SR] |= 1 << 3  # overrun, nothing else: the interrupt would come for ever
    library.stm32_usart_irq(ctypes.byref(uart))
    assert not registers.values[SR] & 0xF
    library.stm32_usart_irq(ctypes.byref(uart))  # spurious
    assert read_all(library) == b"ab"


def test_sending_stops_when_the_register_is_full(library: ctypes.CDLL, port: tuple[Usart, Silicon]) -> None:
    uart, registers = port
    assert library.stm32_usart_write(ctypes.byref(uart), b"xyz", ctypes.c_size_t(3)) == 3
    assert registers.writes == [(DR, ord(letter)) for letter in "xyz"]
    registers.values[SR] &= ~(1 << 7)
    assert library.stm32_usart_write(ctypes.byref(uart), b"xyz", ctypes.c_size_t(3)) == 0
