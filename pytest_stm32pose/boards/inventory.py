"""What is connected, and which of it is the board that was asked for.

A debug probe's unique id is its USB serial number, which pyserial gives for the serial ports of the same device too
(an ST-LINK V3 with two of them has the product id 0x3753). On a board of ST's the probe knows the board's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.boards.locks import BoardLock, Holder, holder_of
from pytest_stm32pose.errors import ConfigError, ProbeError

if TYPE_CHECKING:
    from pytest_stm32pose.probes.listing import ConnectedProbe, Identity

ST_VENDOR = 0x0483
#: USB product ids of ST-LINKs (V2, V2-1, V3), as pyOCD knows them.
STLINK_PRODUCTS = frozenset([0x3748, 0x374A, 0x374B, 0x374E, 0x374F, 0x3752, 0x3753, 0x3754, 0x3755, 0x3757])
_PORTS_SHOWN = 8
_CHOOSE = "Choose one with --pose-probe=ID, or give it a name in boards.toml (docs/benches.md)."
_PERMISSION = "ST-LINK probes need udev rules: 'stm32pose doctor' says how."


@dataclass(frozen=True)
class SerialPort:
    """A serial port on USB, as far as it matters here."""

    device: str
    serial_number: str
    location: str
    vendor: int
    product: int

    @property
    def is_stlink(self) -> bool:
        return self.vendor == ST_VENDOR and self.product in STLINK_PRODUCTS


@dataclass(frozen=True)
class AttachedProbe:
    """A probe with what belongs to it. `identity` is None while somebody holds the board: it is not disturbed then."""

    probe: ConnectedProbe
    ports: tuple[SerialPort, ...]
    holder: Holder | None
    identity: Identity | None

    @property
    def uid(self) -> str:
        return self.probe.uid

    def describe(self) -> str:
        """One clause for people: product, unique id, board, ports, holder."""
        notes = []
        if self.identity is not None and self.identity.board_id:
            notes.append(f"board {self.identity.board or self.identity.board_id}")
        if self.identity is not None and self.identity.problem:
            notes.append(f"cannot be opened: {self.identity.problem}")
        notes += [port.device for port in self.ports]
        if self.holder is not None:
            notes.append(f"in use by {self.holder}")
        return f"{self.probe.product} {self.uid}" + (f" ({', '.join(notes)})" if notes else "")


class Inventory:
    """Probes and serial ports of this host at one moment; asked for when first needed.

    Args:
        probes: lists the debug probes; pyOCD does unless told otherwise.
        ports: lists the serial ports; pyserial does unless told otherwise.
    """

    def __init__(
        self,
        probes: Callable[[], Sequence[ConnectedProbe]] | None = None,
        ports: Callable[[], Iterable[Any]] | None = None,
    ) -> None:
        self._list_probes = probes or _pyocd_probes
        self._list_ports = ports or _pyserial_ports
        self._attached: dict[str, AttachedProbe] = {}

    @cached_property
    def probes(self) -> list[ConnectedProbe]:
        return list(self._list_probes())

    @cached_property
    def ports(self) -> list[SerialPort]:
        """Those on USB, in the order of their interfaces (which is that of VCP1, VCP2)."""
        ports = [
            SerialPort(
                str(port.device), str(port.serial_number), str(port.location or ""), port.vid or 0, port.pid or 0
            )
            for port in self._list_ports()
            if port.serial_number
        ]
        return sorted(ports, key=lambda port: (_natural(port.location), _natural(port.device)))

    def ports_of(self, uid: str) -> tuple[SerialPort, ...]:
        return tuple(port for port in self.ports if port.serial_number.casefold() == uid.casefold())

    def attached(self, probe: ConnectedProbe) -> AttachedProbe:
        """A probe with its ports, its holder, and what it says of itself."""
        if probe.uid not in self._attached:
            identity = _identity(probe)
            holder = holder_of(probe.uid) if identity is None else None
            self._attached[probe.uid] = AttachedProbe(probe, self.ports_of(probe.uid), holder, identity)
        return self._attached[probe.uid]

    def all(self) -> list[AttachedProbe]:
        return [self.attached(probe) for probe in self.probes]

    def unopened(self) -> list[SerialPort]:
        """First ports of ST-LINKs that are on USB, but that pyOCD does not list: nobody may open them."""
        listed = {probe.uid.casefold() for probe in self.probes}
        missing = {p.serial_number: p for p in reversed(self.ports) if p.serial_number.casefold() not in listed}
        return [port for port in missing.values() if port.is_stlink]

    # --- which one is the board ---

    def probe_of(self, spec: BoardSpec, wanted: str, known: Iterable[BoardSpec] = ()) -> str:
        """Unique id of the probe of a hardware board.

        Args:
            wanted: unique id or a part of it, as pyOCD takes it ("type:" before it is dropped); "" to find one.
            known: all boards, to tell a probe that is another one's.

        Raises:
            ProbeError: there is none; says what was looked for, what was found, and what can be done.
            ConfigError: there are several; lists them.
        """
        if wanted:
            return self._named(spec, wanted.rpartition(":")[2])
        candidates = self._candidates(spec, list(known))
        if len(candidates) == 1:
            return candidates[0].uid
        if candidates:
            raise ConfigError(
                f"{len(candidates)} probes may be {spec.name}: {'; '.join(probe.describe() for probe in candidates)}.",
                remedy=_CHOOSE,
            )
        ids = f" with the board id {' or '.join(spec.board_ids)}, or one without an id" if spec.board_ids else ""
        raise self._absent(spec, f"a debug probe{ids}")

    def _named(self, spec: BoardSpec, wanted: str) -> str:
        part = wanted.casefold()
        matching = [probe.uid for probe in self.probes if part in probe.uid.casefold()]
        exact = [uid for uid in matching if uid.casefold() == part]
        if len(exact or matching) > 1:
            raise ConfigError(f"Several probes match {wanted!r}: {', '.join(matching)}.", remedy="Give the whole id.")
        if not matching:
            raise self._absent(spec, f"the debug probe {wanted}")
        return (exact or matching)[0]

    def _candidates(self, spec: BoardSpec, known: list[BoardSpec]) -> list[AttachedProbe]:
        """Probes that say they are this board; when none does, those that do not say, nor are known to be another."""
        everything = [probe for probe in self.all() if not _is_others(probe, spec, known)]
        sure = [probe for probe in everything if _board_id(probe) in spec.board_ids]
        return sure or [probe for probe in everything if not _is_known_id(probe, known)]

    def _absent(self, spec: BoardSpec, wanted: str) -> ProbeError:
        shown = [probe.describe() for probe in self.all()] or ["no debug probe"]
        closed = [f"{port.serial_number} ({port.device})" for port in self.unopened()]
        message = f"Board {spec.name} is not connected: looked for {wanted}, found {'; '.join(shown)}."
        if closed:
            return ProbeError(
                f"{message} On USB, but not to be opened by this user: ST-LINK {', '.join(closed)}.", remedy=_PERMISSION
            )
        return ProbeError(message, remedy="Check cable, hub and power; 'stm32pose boards' shows what is connected.")

    def serial_of(self, spec: BoardSpec, uid: str) -> str:
        """Device of the board's serial port: that of its probe.

        Raises:
            ProbeError: the probe has none, or fewer than `usb_serial_interface` asks for.
        """
        ports = self.ports_of(uid)
        if len(ports) <= spec.usb_serial_interface:
            names = ", ".join(port.device for port in ports) or "none"
            raise ProbeError(
                f"Serial port {spec.usb_serial_interface + 1} of probe {uid}, which {spec.name} needs, is not there "
                f"(found: {names}). Tried: ports on USB whose serial number is that of the probe{self._others(uid)}.",
                remedy="Check the cable, or name the port with --pose-serial.",
            )
        return ports[spec.usb_serial_interface].device

    def _others(self, uid: str) -> str:
        """Ports that were seen and belong to something else, as a clause."""
        others = [f"{port.device} ({port.serial_number})" for port in self.ports if port not in self.ports_of(uid)]
        more = f" and {len(others) - _PORTS_SHOWN} more" if len(others) > _PORTS_SHOWN else ""
        return f"; others have {', '.join(others[:_PORTS_SHOWN])}{more}" if others else "; there are no others"


def _identity(probe: ConnectedProbe) -> Identity | None:
    """Asks the probe, under its lock: opening it would break the session that somebody has. None while it is used."""
    lock = BoardLock(probe.uid, "", wait_s=0, say=lambda text: None)
    try:
        lock.acquire()
    except ProbeError:
        return None
    try:
        return probe.identify()
    finally:
        lock.release()


def _board_id(probe: AttachedProbe) -> str:
    return probe.identity.board_id if probe.identity is not None else ""


def _is_known_id(probe: AttachedProbe, known: list[BoardSpec]) -> bool:
    """The probe's board id is that of some board, of pyOCD's list or of ours."""
    board_id = _board_id(probe)
    name = probe.identity.board if probe.identity is not None else ""
    return bool(board_id) and (bool(name) or any(board_id in spec.board_ids for spec in known))


def _is_others(probe: AttachedProbe, spec: BoardSpec, known: list[BoardSpec]) -> bool:
    """A bench of another microcontroller names this probe, or its holder runs such a board behind it."""
    owners = [other for other in known if other.probe and other.probe.casefold() in probe.uid.casefold()]
    if probe.holder is not None:
        owners += [other for other in known if other.name == probe.holder.board]
    return any(other.mcu != spec.mcu for other in owners)


def _natural(text: str) -> list[tuple[int, str]]:
    """Sorts ttyACM10 after ttyACM2."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def _pyocd_probes() -> list[ConnectedProbe]:
    from pytest_stm32pose.probes.listing import connected_probes

    return connected_probes()


def _pyserial_ports() -> list[Any]:
    from serial.tools import list_ports

    return list(list_ports.comports())
