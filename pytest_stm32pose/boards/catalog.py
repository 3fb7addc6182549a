"""The board catalog: catalog.toml of this package, and the benches of the user's boards.toml (docs/benches.md)."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_stm32pose.boards.rooms import WISHES, Wish
from pytest_stm32pose.boards.tables import make
from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.probes.base import Region, TargetSpec
from pytest_stm32pose.probes.qemu.instances import TWIN
from pytest_stm32pose.settings import TRANSPORTS, split_serial

_EMULATOR = "qemu-system-arm"
_KINDS = ("virtual", "hardware")
_LOADS = ("ram", "flash")
#: pyOCD's; an ST-LINK that is slower takes the next lower frequency.
_SESSION_OPTIONS = {"virtual": (("reset.post_delay", 0.0),), "hardware": (("frequency", 8_000_000),)}
_TAG = "tag:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
USER_FILE = "boards.toml"


@dataclass(frozen=True)
class Mailbox:
    """RAM window for bulk data over SWD, in bytes; writing interrupt `doorbell_irq` pending wakes the firmware."""

    address: int
    bytes: int
    doorbell_irq: int


@dataclass(frozen=True)
class NetworkArea:
    """Where the network image is flashed."""

    address: int
    bytes: int


@dataclass(frozen=True)
class ExternalRam:
    """RAM behind pins that the firmware may use for an arena, or for weights, beside the RAM of its own arena; of 0
    bytes where a board that is otherwise like another one has none."""

    name: str
    address: int
    bytes: int


@dataclass(frozen=True)
class DeviceId:
    """Where a microcontroller says what it is: the low 12 bits at `address` (DBGMCU_IDCODE) are `device`."""

    address: int
    device: int


@dataclass(frozen=True)
class BoardSpec:
    """One board of the catalog, or a bench: a board on somebody's desk.

    Attributes:
        kind: "virtual" (QEMU, or a twin) or "hardware".
        machine: QEMU's machine name; "twin:" and the board that it is the twin of; "" for hardware.
        clock_hz: of the core.
        tick_hz: of the tick counter, where the machine's own is not what the firmware can know; else 0: HELLO says it.
        icount_ns: virtual nanoseconds per instruction, a power of two; 0 for hardware.
        firmware: folder under firmware/boards/.
        kernels: kernel set of the firmware, "ref", "dsp" or "mve".
        load: "ram" (reset and halt, load, set registers, run) or "flash" (program, reset).
        transport: default transport, "serial" or "swd".
        slot_bytes: of the block that the firmware carves its input slots from, one or two: the largest input; 0 when
            it is not known.
        linked_slot_bytes: the same with a generated network linked in, where that takes a part of it; else 0.
        arena_bytes: of the firmware's arena; 0 when it is not known.
        external_ram: for arenas that are larger; None for none.
        weights: where networks' weights are read from unless --pose-weights says it.
        persons: that an answer of the firmware has room for (POSE_MAX_PERSONS), with 17 keypoints each.
        message_bytes: of the firmware's longest message.
        baud: of the serial port (an emulated one ignores it).
        usb_serial_interface: which VCP of a probe with several (0 the first).
        pyocd_target: pyOCD's own target type; "" makes one from `regions`.
        board_ids: what an ST-LINK on this board answers when asked for its board's id ("0836"); () when not known.
        device_id: checked before anything is written; None where it is not known.
        probe: unique id, or a part of it, of the bench's debug probe; "" for discovery.
        serial: serial port or pyserial URL; "" for discovery.
        power_cycle: command (program and arguments) that switches the board off and on; () for none.
        power_timeout_s: the command must end within this time.
        tags: `--board=tag:NAME` runs on every board that has the tag.
    """

    name: str
    kind: str
    mcu: str
    core: str
    clock_hz: int
    firmware: str
    kernels: str
    load: str
    transport: str
    network: NetworkArea
    regions: tuple[Region, ...]
    mailbox: Mailbox | None = None
    external_ram: ExternalRam | None = None
    weights: Wish = "flash"
    machine: str = ""
    tick_hz: int = 0
    icount_ns: int = 0
    slot_bytes: int = 0
    linked_slot_bytes: int = 0
    arena_bytes: int = 0
    persons: int = 100
    message_bytes: int = 8192
    baud: int = 921_600
    usb_serial_interface: int = 0
    pyocd_target: str = ""
    board_ids: tuple[str, ...] = ()
    device_id: DeviceId | None = None
    probe: str = ""
    serial: str = ""
    power_cycle: tuple[str, ...] = ()
    power_timeout_s: float = 30.0
    tags: tuple[str, ...] = ()

    @property
    def exists_once(self) -> bool:
        """Whether there is one of it, which one process at a time may use. Emulators are started as needed."""
        return self.kind == "hardware" or self.probe != ""

    @property
    def is_twin(self) -> bool:
        """A model of a hardware board that runs the board's own image (twins/)."""
        return self.machine.startswith(TWIN)

    @property
    def slowness(self) -> float:
        """How much longer than another board it may take to start, to take a message, to answer and to compute. A
        firmware that waits for a chip reads registers by the million, each of which costs a twin microseconds; between
        two operators it hears nothing, and the core of a twin that shares a busy host is slow at them."""
        return 4.0 if self.is_twin else 1.0

    def unavailable_reason(self) -> str:
        """Why this host cannot run the board, one sentence; "" when nothing is known to be missing."""
        if self.is_twin:
            missing = importlib.util.find_spec("unicorn") is None
            return f"{self.name} needs unicorn: pip install 'pytest-stm32pose[sim]'." if missing else ""
        if self.kind == "virtual" and shutil.which(_EMULATOR) is None:
            return f"{_EMULATOR} not found: install it (apt-get install {_EMULATOR})."
        return ""

    @property
    def target(self) -> TargetSpec:
        return TargetSpec(
            name=self.name,
            vendor="QEMU" if self.kind == "virtual" and not self.is_twin else "STMicroelectronics",
            core=self.core,
            regions=self.regions,
            pyocd_target=self.pyocd_target,
            options=_SESSION_OPTIONS[self.kind],
            mcu=self.mcu,
        )


@cache
def boards(user_file: Path | None = None) -> dict[str, BoardSpec]:
    """Every board by name: the catalog's in its order, then the user's. Raises ConfigError for a wrong file."""
    text = resources.files(__package__).joinpath("catalog.toml").read_text(encoding="utf-8")
    known = parse_catalog(text, "catalog.toml")
    return known if user_file is None else {**known, **parse_catalog(_read(user_file), str(user_file), base=text)}


def find_user_file(named: Path | None, *folders: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The user's boards.toml: the one named (there, or by STM32POSE_BOARDS_FILE), else that of a folder (pytest's
    rootdir, where a command runs), else stm32pose/boards.toml in the user's configuration folder; None without any.
    The first one found counts alone.
    """
    if named is not None:
        return named
    if text := environ.get("STM32POSE_BOARDS_FILE"):
        return Path(text).expanduser()
    configuration = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    places = (*(folder / USER_FILE for folder in folders), Path(configuration) / "stm32pose" / USER_FILE)
    return next((path for path in places if path.is_file()), None)


def board_spec(name: str, user_file: Path | None = None) -> BoardSpec:
    """Raises ConfigError, listing the known boards."""
    known = boards(user_file)
    if name not in known:
        raise ConfigError(
            f"There is no board named {name!r}.", remedy=f"{did_you_mean(name, known)}Known boards: {', '.join(known)}."
        )
    return known[name]


def expand_tags(names: Iterable[str], user_file: Path | None) -> tuple[str, ...]:
    """Board names, where "tag:x" stands for every board that has the tag x, each once.

    Raises:
        ConfigError: no board has the tag.
    """
    chosen_names: dict[str, None] = {}
    for name in names:
        tag = name.removeprefix(_TAG)
        if tag == name:
            chosen_names[name] = None
            continue
        chosen = [spec.name for spec in boards(user_file).values() if tag in spec.tags]
        if not chosen:
            tags = sorted({known_tag for spec in boards(user_file).values() for known_tag in spec.tags})
            raise ConfigError(f"No board has the tag {tag!r}.", remedy=f"Known tags: {', '.join(tags) or 'none'}.")
        chosen_names.update(dict.fromkeys(chosen))
    return tuple(chosen_names)


def parse_catalog(text: str, where: str, *, base: str = "") -> dict[str, BoardSpec]:
    """Reads a catalog; its boards may be `like` complete ones of the catalog `base`, whose names they may not take.

    Raises:
        ConfigError: names file, board and key.
    """
    tables, known = _tables(text, where), _tables(base, "catalog.toml")
    specs = {}
    for name, table in tables.items():
        place = f"{where}: board {name}"
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: {name} must be a table: [{name}].")
        if name in known or not _NAME.fullmatch(name):
            why = "is a board of the catalog" if name in known else "is no name of letters, digits, '.', '_' and '-'"
            raise ConfigError(f"{place}: {name!r} {why}.", remedy="Give the bench a name of its own.")
        specs[name] = _board(name, _inherit(table, {**known, **tables}, place), place)
    return specs


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {why}.") from error


def _tables(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: digits by the thousand, brackets too
        raise ConfigError(f"{where} is not valid TOML: {error}.") from error


def _inherit(table: dict[str, Any], tables: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The board's own keys over those of the board it is `like`, which may itself be like another one."""
    seen: list[dict[str, Any]] = [table]
    while (like := seen[-1].get("like")) is not None:
        other = tables.get(like) if isinstance(like, str) else None
        if not isinstance(other, dict) or other in seen:
            known = [name for name in tables if tables[name] is not table]
            raise ConfigError(
                f"{place} is like {like!r}, which is no other board.",
                remedy=f"{did_you_mean(str(like), known)}Known boards: {', '.join(known)}.",
            )
        seen.append(other)
    merged: dict[str, Any] = {}
    for ancestor in reversed(seen):
        merged.update(ancestor)
    merged.pop("like", None)
    return merged


def _board(name: str, table: dict[str, Any], place: str) -> BoardSpec:
    for key, choices in (("kind", _KINDS), ("load", _LOADS), ("transport", TRANSPORTS)):
        if table.get(key) not in choices:
            raise ConfigError(f"{place}: {key} must be one of {', '.join(choices)}.")
    if isinstance(table.get("serial"), str):
        url, baud = split_serial(table["serial"])
        table = {**table, "serial": url, **({} if baud is None else {"baud": baud})}
    if table.get("weights", BoardSpec.weights) not in WISHES:
        raise ConfigError(f"{place}: weights must be one of {', '.join(WISHES)}.")
    spec = make(BoardSpec, table, place, given={"name": name})
    if min(spec.slot_bytes, spec.linked_slot_bytes, spec.arena_bytes) < 0:
        raise ConfigError(f"{place}: slot_bytes, linked_slot_bytes and arena_bytes must be at least 0.")
    if spec.persons < 1 or spec.message_bytes < 1024:
        raise ConfigError(f"{place}: persons must be at least 1, message_bytes at least 1024.")
    if spec.kind == "virtual" and spec.power_cycle:
        raise ConfigError(f"{place}: power_cycle is for hardware; an emulator is started anew for every run.")
    if spec.power_timeout_s <= 0:
        raise ConfigError(f"{place}: power_timeout_s must be more than 0.")
    return spec
