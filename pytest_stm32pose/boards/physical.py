"""The rig of a hardware board: a debug probe on USB, and the serial port that belongs to the same probe.

A probe's unique id is its USB serial number, which pyserial gives for its serial ports too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError
from .catalog import BoardSpec


class ProbeRig:
    """Nothing to start or stop: the board is on the desk."""

    def __init__(self, spec: BoardSpec, probe: str | None) -> None:
        if not probe:
            raise ConfigError(
                f"Board {spec.name} needs the unique id of its debug probe.",
                remedy="Give it with --pose-probe; `pyocd list` shows the probes connected.",
            )
        self._spec = spec
        self.probe = probe
        self.probe_uid = probe.rpartition(":")[2]

    def open(self) -> None:
        """The session connects; there is nothing before that."""

    def close(self) -> None:
        """The board stays on the desk."""

    @property
    def session_options(self) -> dict[str, Any]:
        return {}

    @property
    def serial_url(self) -> str:
        from serial.tools import list_ports

        return serial_port_of(self._spec, self.probe_uid, list_ports.comports())

    def nudge(self) -> None:
        """A real UART holds nothing back."""

    def emulator_pid(self) -> int:
        return 0

    def death_reason(self) -> str:
        return ""


def serial_port_of(spec: BoardSpec, probe_uid: str, ports: Iterable[Any]) -> str:
    """Device of the serial port on the probe's USB serial number.

    `ports`: objects with `device` and `serial_number`, as pyserial's comports() gives them.

    Raises ConfigError when the probe has none, or fewer than the board's `usb_serial_interface` asks for.
    """
    found = sorted(port.device for port in ports if port.serial_number == probe_uid)
    if len(found) <= spec.usb_serial_interface:
        raise ConfigError(
            f"Probe {probe_uid} of board {spec.name} has {len(found)} serial ports, number "
            f"{spec.usb_serial_interface} is needed.",
            remedy="Check the cable, or name the port with --pose-serial.",
        )
    return str(found[spec.usb_serial_interface])
