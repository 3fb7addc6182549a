"""The debug probes on this host, as pyOCD lists them. Emulated ones are left out: they are their boards' own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.probes.quiet import quiet

_EMULATED = ("stm32pose_qemu", "stm32pose_twin")


@dataclass(frozen=True)
class Identity:
    """What a probe tells when it is opened: the id of the board that it is part of ("0836"), the name that pyOCD has
    for that id, its own firmware version; "" for what it does not tell. `problem`: why it could not be opened."""

    board_id: str = ""
    board: str = ""
    firmware: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ConnectedProbe:
    """A probe that is there. `identify` opens it for a moment: not while a session uses it."""

    uid: str
    product: str
    identify: Callable[[], Identity]


def connected_probes() -> list[ConnectedProbe]:
    """All of them. A kind of probe that cannot be listed (no libusb, no driver, no permission) has none."""
    from pyocd.probe.aggregator import PROBE_CLASSES

    found = []
    with quiet():
        for name, kind in PROBE_CLASSES.items():
            if name in _EMULATED:
                continue
            try:
                probes = kind.get_all_connected_probes()
            except Exception:  # of whatever library stands behind this kind of probe
                logging.getLogger(__name__).debug("listing %s probes", name, exc_info=True)
                continue
            found += [ConnectedProbe(str(p.unique_id), str(p.product_name), _identifier(p)) for p in probes]
    return found


def _identifier(probe: Any) -> Callable[[], Identity]:
    def identify() -> Identity:
        problem = ""
        with quiet():
            try:
                board_id = getattr(probe, "board_id", None) or ""
                info = probe.associated_board_info if board_id else None
            except Exception as error:  # libusb's or pyOCD's, e.g. too old a firmware of the probe
                board_id, info, problem = "", None, str(error)
        # pyOCD has no public way to an ST-LINK's firmware version; it knows it after asking for the board's id.
        firmware = getattr(getattr(probe, "_link", None), "version_str", None) or ""
        return Identity(board_id, getattr(info, "name", None) or "", firmware, problem)

    return identify
