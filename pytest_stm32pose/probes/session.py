"""A pyOCD session on one probe: halt, reset, memory, registers, programming with verification.

The one place where pyOCD's exceptions become ours. Works the same on hardware and on emulated boards.
"""

from __future__ import annotations

import array
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.core.target import Target
from pyocd.probe.aggregator import DebugProbeAggregator

from pytest_stm32pose.errors import FlashError, ProbeError
from pytest_stm32pose.probes.base import TargetSpec
from pytest_stm32pose.probes.flash_algorithms import maps_memory
from pytest_stm32pose.probes.flashing import map_chip, write_sectors
from pytest_stm32pose.probes.image import Image, Segment, read_image
from pytest_stm32pose.probes.programming import changed_sectors, check_segments, first_difference
from pytest_stm32pose.probes.quiet import quiet
from pytest_stm32pose.probes.targets import register_target
from pytest_stm32pose.types import FlashReport

_VTOR = 0xE000ED08
_DHCSR = 0xE000EDF0
_CFSR, _HFSR = 0xE000ED28, 0xE000ED2C
_OPTIONS: dict[str, object] = {
    "no_config": True,
    "hide_programming_progress": True,
    "resume_on_disconnect": True,
    "warning.cortex_m_default": False,
}


class ProbeSession:
    """Use as a context manager, or call open() and close().

    Args:
        probe: unique id of the debug probe; `type:id` restricts the search to one kind of probe.
        target: what is behind the probe.
        options: pyOCD session options beyond the target's own.
    """

    def __init__(self, probe: str, target: TargetSpec, options: dict[str, object] | None = None) -> None:
        self._probe_id = probe
        self._spec = target
        self._options = {**_OPTIONS, **dict(target.options), **(options or {})}
        self._session: Session | None = None

    def __enter__(self) -> ProbeSession:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connects. Raises ProbeError when there is no such probe, it is in use, or no core answers behind it."""
        with self._translated("connect"):
            probe = DebugProbeAggregator.get_probe_with_id(self._probe_id)
            if probe is None:
                raise ProbeError(
                    f"No debug probe has the unique id {self._probe_id}.", remedy="`pyocd list` shows those connected."
                )
            session = Session(probe, options={**self._options, "target_override": register_target(self._spec)})
            try:
                session.open()
            except BaseException:
                session.close()
                raise
            self._session = session

    def close(self) -> None:
        """Disconnects; the core runs on, without breakpoints. A probe that is gone already is no error here."""
        session, self._session = self._session, None
        if session is not None:
            with quiet():
                try:
                    _forget_breakpoints(session)
                except exceptions.Error:
                    logging.getLogger(__name__).debug("removing breakpoints of %s", self._probe_id, exc_info=True)
                try:
                    session.close()
                except exceptions.Error:
                    logging.getLogger(__name__).debug("closing %s", self._probe_id, exc_info=True)

    @property
    def pyocd(self) -> Session:
        """The pyOCD session, for what this class does not cover. Its exceptions are pyOCD's."""
        if self._session is None:
            raise ProbeError(f"The session with probe {self._probe_id} is not open.")
        return self._session

    @property
    def _target(self) -> Any:
        return self.pyocd.target

    @property
    def _port(self) -> Any:
        """The access port: memory without pyOCD's breakpoint filter, which walks over every word in Python."""
        return self._target.selected_core_or_raise.ap

    @property
    def core_port(self) -> int:
        """Number of the access port through which the core is reached."""
        return int(self._port.address.nominal_address)

    # --- memory ---

    def read(self, address: int, length: int) -> bytes:
        """Reads memory; the core may run."""
        with self._translated(f"read {length} bytes at 0x{address:08x}"):
            if address % 4 == 0 and length % 4 == 0 and length:
                return array.array("I", self._port.read_memory_block32(address, length // 4)).tobytes()
            return bytes(self._port.read_memory_block8(address, length)) if length else b""

    def write(self, address: int, data: bytes) -> None:
        """Writes RAM or device registers; the core may run."""
        with self._translated(f"write {len(data)} bytes at 0x{address:08x}"):
            if address % 4 == 0 and len(data) % 4 == 0:
                self._port.write_memory_block32(address, array.array("I", data))
            else:
                self._port.write_memory_block8(address, data)

    def read32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def write32(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(4, "little"))

    # --- execution ---

    def halt(self) -> None:
        self._run("halt", lambda: self._target.halt())

    def resume(self) -> None:
        self._run("resume", lambda: self._target.resume())

    def step(self) -> None:
        self._run("step", lambda: self._target.step())

    def reset(self) -> None:
        """System reset; the core runs from its vectors."""
        self._run("reset", lambda: self._target.reset())

    def reset_and_halt(self) -> None:
        """System reset; the core is halted before its first instruction."""
        self._run("reset", lambda: self._target.reset_and_halt())

    def state(self) -> str:
        """ "halted", "running", "sleeping", "lockup" or "reset"."""
        state: Target.State = self._run("read the state of", lambda: self._target.get_state())
        return str(state.name).lower()

    def catch_hard_faults(self) -> None:
        """Lets a HardFault halt the core, so that fault_report() can tell where."""
        self._run("prepare", lambda: self._target.set_vector_catch(Target.VectorCatch.HARD_FAULT))

    def fault_report(self) -> str:
        """Why the core does not run as it should, one clause; "" when nothing is wrong with it."""
        state = self.state()
        if state == "lockup":
            return "the core is locked up (a fault inside the HardFault handler)"
        if state != "halted":
            return ""
        registers = self.read_registers("pc", "lr", "xpsr")
        if registers["xpsr"] & 0x1FF != 3:
            return f"the core is halted at 0x{registers['pc']:08x}"
        return (
            f"HardFault, CFSR 0x{self.read32(_CFSR):08x}, HFSR 0x{self.read32(_HFSR):08x}, "
            f"stacked pc 0x{self._stacked_pc(registers['lr']):08x}"
        )

    def _stacked_pc(self, exc_return: int) -> int:
        name = "psp" if exc_return & 4 else "msp"
        return self.read32(self.read_registers(name)[name] + 0x18)

    def read_registers(self, *names: str) -> dict[str, int]:
        """Raw values by pyOCD's register names ("r0", "sp", "pc", "xpsr", "msp", "s0", "fpscr", ...). Core halted."""
        values = self._run("read registers of", lambda: self._target.read_core_registers_raw(list(names)))
        return dict(zip(names, values, strict=True))

    def write_registers(self, **values: int) -> None:
        self._run(
            "write registers of",
            lambda: self._target.write_core_registers_raw(list(values), list(values.values())),
        )

    # --- programming ---

    def program(self, address: int, data: bytes) -> FlashReport:
        """Programs flash or RAM and verifies it; sectors that hold the wanted bytes already are left alone.

        The core is reset and halted when flash has to be written or must be mapped to be read, and untouched otherwise.

        Raises:
            FlashError: outside every region (nothing is written), refused by the flash, or wrong on reading back.
        """
        return self._program([Segment(address, data)], f"{len(data)} bytes")

    def program_file(self, path: Path, *, binary_address: int | None = None) -> FlashReport:
        """As program(), for an ELF, HEX or BIN file."""
        image = read_image(path, binary_address=binary_address)
        return self._program(image.segments, image.path.name)

    def load_ram_image(self, path: Path, *, binary_address: int | None = None) -> tuple[FlashReport, Image]:
        """Loads an image into RAM, after a reset when something has to be written; run it with start_image()."""
        image = read_image(path, binary_address=binary_address)
        check_segments(self._spec, image.segments, image.path.name)
        started = time.perf_counter()
        if self._holds(image.segments):
            return FlashReport(0, True, time.perf_counter() - started), image
        self.reset_and_halt()
        return self._program(image.segments, image.path.name), image

    def restore_ram_image(self, image: Image) -> None:
        """Resets and halts the core and puts back what the reset took from RAM, so that start_image() can follow."""
        self.reset_and_halt()
        self._program(image.segments, image.path.name)

    def _holds(self, segments: Sequence[Segment]) -> bool:
        """A core that is locked up or RAM that does not answer holds nothing: a reset helps."""
        try:
            return all(self.read(segment.address, len(segment.data)) == segment.data for segment in segments)
        except ProbeError:
            return False

    def map_flash(self, address: int) -> None:
        """Makes flash at `address` readable that is a chip behind a controller. The core is reset and halted for it.

        Does nothing to other memory. Raises FlashError when the chip does not answer or is not a known one.
        """
        region = self._spec.region_at(address, 1)
        if region is None or not maps_memory(region):
            return
        self.reset_and_halt()
        with self._translated(f"map {region.name} of"):
            map_chip(self.pyocd, address)

    def start_image(self, vectors: int) -> None:
        """Starts the image whose vector table is at `vectors`, as a reset would. The core must be halted."""
        stack, entry = self.read32(vectors), self.read32(vectors + 4)
        self.write32(_VTOR, vectors)
        self.write_registers(sp=stack, pc=entry & ~1, xpsr=1 << 24, lr=0xFFFFFFFF)
        self.resume()

    def _program(self, segments: Sequence[Segment], what: str) -> FlashReport:
        started = time.perf_counter()
        flash, ram = check_segments(self._spec, segments, what)
        for segment in flash:
            self.map_flash(segment.address)
        wanted = changed_sectors(self._spec, flash, self.read)
        if wanted:
            self.reset_and_halt()
            with self._translated(f"program {what} into"):
                write_sectors(self.pyocd, wanted, what)
        # Only now: a reset may take what RAM held, and the flash algorithm uses some.
        wanted_ram = [segment for segment in ram if self.read(segment.address, len(segment.data)) != segment.data]
        for segment in wanted_ram:
            self.write(segment.address, segment.data)
        for segment in (*wanted, *wanted_ram):
            self._verify(segment, what)
        written = sum(len(segment.data) for segment in (*wanted, *wanted_ram))
        return FlashReport(written, written == 0, time.perf_counter() - started)

    def _verify(self, segment: Segment, what: str) -> None:
        got = self.read(segment.address, len(segment.data))
        at = first_difference(segment.data, got)
        if at is not None:
            raise FlashError(
                f"Verification of {what} failed at 0x{segment.address + at:08x}: "
                f"expected 0x{segment.data[at]:02x}, got 0x{got[at]:02x}."
            )

    # --- errors ---

    def _run(self, doing: str, action: Callable[[], object]) -> Any:
        with self._translated(doing):
            return action()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except exceptions.Error as error:
            raise self._probe_error(doing, error) from error

    def _probe_error(self, doing: str, error: Exception) -> ProbeError:
        return ProbeError(f"Cannot {doing} {self._spec.name} through probe {self._probe_id}: {error}.")


def _forget_breakpoints(session: Session) -> None:
    """pyOCD removes those of its breakpoints that the core has, and puts the others there when it lets the core run."""
    for core in session.target.cores.values():
        core.bp_manager.flush()
        for address in core.bp_manager.get_breakpoints():
            core.bp_manager.remove_breakpoint(address)
