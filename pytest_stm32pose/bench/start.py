"""From the start of a firmware to its first answer; and what is known of one that gives none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_stm32pose.errors import ProtocolError, TransportTimeout

if TYPE_CHECKING:
    from pytest_stm32pose.boards.base import Board
    from pytest_stm32pose.protocol.client import PoseClient
    from pytest_stm32pose.transports.base import Transport
    from pytest_stm32pose.types import Hello

#: Seconds from the start of the firmware to its first answer (it checks the network's CRC first).
START_S = 15.0
#: It is asked this often meanwhile: a USART loses what comes before it is on.
HELLO_S = 0.5
#: A user's firmware that gave no answer for so long is looked at: one that sleeps, stands or spins will give none.
LOOK_S = 3.0
#: Looks at a core that seems to spin in place, and the pause between them.
LOOKS, LOOK_PAUSE_S = 8, 0.02
#: A function of every pose runner: an ELF with symbols and without it is something else.
RUNNER_SYMBOL = "pose_app_init"

Kind = Literal["runner", "other", "unknown"]


def await_firmware(
    board: Board,
    transport: Transport,
    client: PoseClient,
    firmware: Path,
    *,
    is_given: bool,
) -> Hello:
    """Opens the link and asks HELLO until it is answered.

    Args:
        client: of the transport, which is not open yet.
        firmware: the file that was started.
        is_given: it is the user's, and may be something else than a pose runner. Then nobody waits for an answer that
            cannot come.

    Raises:
        TransportTimeout: no answer within START_S (a twin has longer); says what the core is at instead.
        TransportError, ProtocolError, DeviceError: the link is dead, or what answers is no pose runner of this version.
    """
    kind = _kind(firmware) if is_given else "runner"
    began, opened = time.monotonic(), False
    while True:
        try:
            if not opened:
                transport.open(LOOK_S)
                opened = True
            return client.hello(attempts=round(LOOK_S / HELLO_S), timeout_s=HELLO_S)
        except (TransportTimeout, ProtocolError) as error:
            waited_s = time.monotonic() - began
            if board.why_dead() or (isinstance(error, ProtocolError) and error.remedy):
                raise
            if waited_s < START_S * board.spec.slowness and kind != "other" and (kind == "runner" or not _stays(board)):
                continue
            raise _silent(board, firmware, transport.name, waited_s, kind, is_given=is_given) from error


def _kind(firmware: Path) -> Kind:
    """What a firmware is, by its symbols."""
    from pytest_stm32pose.probes.image import elf_symbols

    names = elf_symbols(firmware)
    return "unknown" if not names else "runner" if RUNNER_SYMBOL in names else "other"


def _stays(board: Board) -> bool:
    """Whether the core sleeps, stands or spins in place."""
    before = board.whereabouts()
    for _ in range(LOOKS):
        time.sleep(LOOK_PAUSE_S)
        if board.whereabouts() != before:
            return False
    return True


def _silent(
    board: Board, firmware: Path, link: str, waited_s: float, kind: Kind, *, is_given: bool
) -> TransportTimeout:
    """The firmware was started, and its HELLO did not come."""
    name, (state, pc) = board.spec.name, board.whereabouts()
    at = "" if pc is None else f" at pc 0x{pc:08x}"
    message = (
        f"{firmware.name} was flashed to {name} and started (the core is {state}{at}), but did not answer HELLO over "
        f"{link} within {waited_s:.0f} s"
    )
    if not is_given:
        remedy = "Check the serial port and the probe: `stm32pose boards` lists them."
        return TransportTimeout(f"{message}.", remedy=remedy)
    what = {
        "other": "by its symbols it is no pose runner",
        "unknown": "it may be no pose runner, or one for another board",
        "runner": "it is a pose runner, maybe one for another board",
    }[kind]
    return TransportTimeout(
        f"{message}: {what}.",
        remedy=f"Leave --pose-firmware out, or name what `stm32pose build --board={name}` wrote; ST's validation "
        "firmware is asked with --pose-backend=st-validation, another link with --pose-transport.",
    )
