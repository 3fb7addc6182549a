"""A board behind a debug probe that pyOCD drives. Hardware and virtual boards differ only in their Rig."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.boards.base import Memory, Rig
from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.boards.identity import check_identity
from pytest_stm32pose.errors import ConfigError, FlashError, ModelError, ProbeError
from pytest_stm32pose.types import FlashReport

if TYPE_CHECKING:
    from pytest_stm32pose.network.image import NetworkImage
    from pytest_stm32pose.probes.image import Image
    from pytest_stm32pose.probes.session import ProbeSession
    from pytest_stm32pose.transports.base import Transport

_NVIC_ISPR = 0xE000E200
_RETRY_S = 0.5


class PyOcdBoard:
    """See boards.base.Board for the methods.

    Args:
        spec: catalog entry.
        rig: where probe and serial port come from; opened and closed with the board.
        serial: serial URL that replaces the rig's.
    """

    def __init__(self, spec: BoardSpec, rig: Rig, serial: str | None = None) -> None:
        self.spec = spec
        self._rig = rig
        self._serial = serial
        self._session: ProbeSession | None = None
        self._image: Image | None = None
        self._patience_s = 0.0  #: since its power came back it may not be there for so long

    def open(self, *, debug: bool = True) -> None:
        """Takes the board, switches its power off and on where its bench can, connects, and asks it what it is.

        Without `debug` the board is only taken: nothing connects to its core.
        """
        if self._session is not None:
            return
        importing = threading.Thread(target=_import_session, daemon=True)
        if debug:
            importing.start()
        self._rig.open()
        try:
            if debug:
                importing.join()
            self._patience_s = self._rig.power_cycle()
            if debug:
                self._connect(self._patience_s)
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        """Connects to the core of a board that was only taken. Another core or device leaves the connection open."""
        if self._session is None:
            self._connect(self._patience_s)

    def _connect(self, patience_s: float) -> None:
        """Opens the debug session; for `patience_s` after its power came back a board may not be there yet."""
        from pytest_stm32pose.probes.session import ProbeSession

        deadline = time.monotonic() + patience_s
        while True:
            session = ProbeSession(self._rig.probe, self.spec.target, self._rig.session_options)
            try:
                session.open()
                break
            except ProbeError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_S)
        self._session = session
        check_identity(self.spec, session, self._rig.probe_uid)

    def _disconnect(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def close(self) -> None:
        try:
            self._disconnect()
        finally:
            self._rig.close()

    @property
    def session(self) -> ProbeSession:
        """The debug session, for what a Board does not offer (registers, breakpoints)."""
        if self._session is None:
            raise ProbeError(f"Board {self.spec.name} is not open.")
        return self._session

    @property
    def probe_uid(self) -> str:
        return self._rig.probe_uid

    @property
    def memory(self) -> Memory:
        return _TargetMemory(self.session, self.spec)

    # --- programming ---

    def flash_firmware(self, path: Path) -> FlashReport:
        if self.spec.load == "ram":
            report, image = self.session.load_ram_image(path, binary_address=self._boot_address())
            self._image = image
            return report
        return self.session.program_file(path, binary_address=self._boot_address())

    def flash_network(self, data: bytes) -> FlashReport:
        area = self.spec.network
        if len(data) > area.bytes:
            raise FlashError(
                f"A network image of {len(data)} bytes does not fit into the {area.bytes} bytes at "
                f"0x{area.address:08x} of {self.spec.name}."
            )
        return self.flash_data(area.address, data)

    def flash_data(self, address: int, data: bytes) -> FlashReport:
        report = self.session.program(address, data)
        self.session.reset_and_halt()
        return report

    def verify_firmware(self, path: Path) -> str:
        from pytest_stm32pose.probes.image import read_image
        from pytest_stm32pose.probes.programming import first_difference

        for segment in read_image(path, binary_address=self._boot_address()).segments:
            got = self.session.read(segment.address, len(segment.data))
            at = first_difference(segment.data, got)
            if at is not None:
                address, want = segment.address + at, segment.data[at]
                return f"0x{address:08x} holds 0x{got[at]:02x}, {path.name} has 0x{want:02x} there"
        return ""

    def network_on_board(self) -> NetworkImage | None:
        """The network that the board holds, read from it and checked by its CRC; None without a whole one.

        Flash that the firmware has not mapped is mapped first, which stops the firmware.
        """
        from pytest_stm32pose.network.image import HEADER, image_length, parse_image

        area = self.spec.network
        try:
            header = self.session.read(area.address, HEADER.size)
        except ProbeError:
            self.session.map_flash(area.address)
            header = self.session.read(area.address, HEADER.size)
        length = image_length(header)
        if not HEADER.size <= length <= area.bytes:
            return None
        try:
            return parse_image(self.session.read(area.address, length))
        except ModelError:
            return None

    def _boot_address(self) -> int:
        return next(region.start for region in self.spec.regions if region.boot)

    # --- execution ---

    def start(self) -> None:
        try:
            self._start()
        except ProbeError:
            patience_s = self._rig.power_cycle()
            if not patience_s:
                raise
            self._disconnect()
            self._connect(patience_s)
            self._start()  # a firmware that was in RAM is loaded again

    def _start(self) -> None:
        if self._image is not None:
            self.session.restore_ram_image(self._image)
        else:
            self.session.reset_and_halt()
        if self.spec.mailbox is not None:
            # RAM survives a reset: a host that came first would talk to the mailbox of the run before.
            self.session.write32(self.spec.mailbox.address, 0)
        if self.spec.load == "flash":
            self.session.resume()
        else:
            self.session.start_image(self._boot_address() if self._image is None else self._image.vectors)
        self._rig.nudge()

    def reset(self) -> None:
        self.start()

    def is_alive(self) -> bool:
        return not self.why_dead()

    def why_dead(self) -> str:
        if reason := self._rig.death_reason():
            return reason
        try:
            return self.session.fault_report() or self._recorded_fault()
        except ProbeError as error:
            return self._rig.death_reason() or error.message

    def whereabouts(self) -> tuple[str, int | None]:
        session = self.session
        state = session.state()
        if state in ("lockup", "reset"):
            return state, None
        was_halted = state == "halted"
        try:
            if not was_halted:
                session.halt()
            return state, session.read_registers("pc")["pc"]
        finally:
            if not was_halted:
                session.resume()

    def why_gone(self) -> str:
        return self._rig.death_reason()

    def _recorded_fault(self) -> str:
        """What the firmware's fault handler wrote into the mailbox's header (PROTOCOL.md, "SWD mailbox")."""
        if self.spec.mailbox is None:
            return ""
        from pytest_stm32pose.transports.swd import MailboxHeader

        header = MailboxHeader.read(self.session, self.spec.mailbox.address)
        if not header.tells_fault:
            return ""
        where = f"pc 0x{header.fault_pc:08x}, lr 0x{header.fault_lr:08x}, CFSR 0x{header.fault_cfsr:08x}"
        return f"the firmware stopped in exception {header.fault_exception} at {where}"

    def emulator_pid(self) -> int:
        return self._rig.emulator_pid()

    # --- memory and links ---

    def read(self, address: int, size: int) -> bytes:
        return self.session.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        self.session.write(address, data)

    def serial_url(self) -> str:
        return self._serial or self._rig.serial_url

    def transport(self, kind: str, *, baud: int | None = None) -> Transport:
        if kind == "serial":
            from pytest_stm32pose.transports.serial import SerialTransport

            return SerialTransport(self.serial_url(), baud or self.spec.baud, nudge=self._rig.nudge)
        if kind == "swd" and self.spec.mailbox is not None:
            from pytest_stm32pose.transports.swd import MailboxTransport

            memory = self.memory
            return MailboxTransport(memory, self.spec.mailbox.address, memory.doorbell)
        raise ConfigError(f"Board {self.spec.name} has no transport {kind!r}.", remedy="It has serial and, maybe, swd.")


def _import_session() -> None:
    """pyOCD, which takes longer than an emulator needs to start. Who imports it next is told what is wrong with it."""
    with contextlib.suppress(ImportError):
        from pytest_stm32pose.probes import session as session


class _TargetMemory:
    """Memory through the debug session."""

    def __init__(self, session: ProbeSession, spec: BoardSpec) -> None:
        self._session = session
        self._spec = spec

    def read(self, address: int, size: int) -> bytes:
        return self._session.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        self._session.write(address, data)

    def doorbell(self) -> None:
        if self._spec.mailbox is None:
            raise ConfigError(f"Board {self._spec.name} has no mailbox.")
        number = self._spec.mailbox.doorbell_irq
        self._session.write32(_NVIC_ISPR + 4 * (number // 32), 1 << number % 32)
