"""Where every byte lies on a board with a network: firmware, stack, mailbox, slots, arena, network, what is free.

Made from the catalog's memories, the firmware image's own sections and its board's areas, and the network image. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.boards.fit import input_bytes, misfits
from pytest_stm32pose.boards.rooms import COPY_ALIGNMENT, choose
from pytest_stm32pose.firmware.layout import Area, FirmwareLayout
from pytest_stm32pose.network.compile import CompiledNetwork
from pytest_stm32pose.network.image import image_parts
from pytest_stm32pose.network.memory import Block
from pytest_stm32pose.probes.base import Region
from pytest_stm32pose.tell.columns import aligned

#: Of an input slot (firmware/app/state.h).
SLOT_ALIGNMENT = 32
#: What a row is a part of.
FIRMWARE, MAILBOX, SLOTS, ARENA, NETWORK, FREE = "firmware", "mailbox", "input slots", "arena", "network", "free"


@dataclass(frozen=True)
class Row:
    """`bytes` from `start` on; `part` is one of the words above, also for the unused rest of an area."""

    start: int
    bytes: int
    what: str
    part: str

    @property
    def end(self) -> int:
        return self.start + self.bytes


@dataclass(frozen=True)
class Memory:
    """One memory of the catalog, or several of a kind that follow each other; every byte of it is in a row."""

    name: str
    kind: str
    start: int
    bytes: int
    rows: tuple[Row, ...]

    @property
    def free_bytes(self) -> int:
        return sum(row.bytes for row in self.rows if row.part == FREE)

    @property
    def title(self) -> str:
        return f"{self.name} ({self.kind}) at 0x{self.start:08x}: {self.bytes:,} bytes, {self.free_bytes:,} free"


@dataclass(frozen=True)
class Layout:
    """A board with a network. `outside`: what lies in no memory of the catalog; nothing should."""

    board: str
    mcu: str
    network: str
    misfits: tuple[str, ...]
    memories: tuple[Memory, ...]
    outside: tuple[Row, ...]


def board_layout(spec: BoardSpec, firmware: FirmwareLayout, network: CompiledNetwork) -> Layout:
    """The table of every byte. What is larger than its area is one row of it, and among `misfits`."""
    rows = sorted(_used(firmware, network, spec), key=lambda row: (row.start, row.end))
    memories, placed = [], set[Row]()
    for name, regions in _joined(spec.regions):
        start, end = regions[0].start, regions[-1].end
        here = [row for row in rows if start <= row.start < end]
        placed.update(here)
        with_gaps = tuple(_with_gaps(here, start, end))
        memories.append(Memory(name, regions[0].kind, start, end - start, with_gaps))
    outside = tuple(row for row in rows if row not in placed)
    said = tuple(misfits(spec, network.description))
    return Layout(spec.name, spec.mcu, network.description.name, said, tuple(memories), outside)


def _joined(regions: Iterable[Region]) -> Iterator[tuple[str, list[Region]]]:
    """Memories: regions of one kind that follow each other are one, since what the firmware has may lie across them."""
    joined: list[list[Region]] = []
    for region in sorted(regions, key=lambda each: each.start):
        if joined and joined[-1][-1].end == region.start and joined[-1][-1].kind == region.kind:
            joined[-1].append(region)
        else:
            joined.append([region])
    for group in joined:
        yield "+".join(region.name for region in group), group


def _used(firmware: FirmwareLayout, network: CompiledNetwork, spec: BoardSpec) -> Iterator[Row]:
    for area in firmware.parts:
        yield Row(area.start, area.bytes, area.what, FIRMWARE)
    if firmware.mailbox.bytes:
        yield Row(firmware.mailbox.start, firmware.mailbox.bytes, "mailbox", MAILBOX)
    yield from _slots(firmware.slots, input_bytes(network.description))
    operators = f"tensors and scratch of {len(network.report)} operators"
    yield from _in_area(firmware.arena, [(operators, 0, _arena(network)), *_copy(spec, firmware, network)], ARENA)
    flashed = spec.network  # a bench may leave less of what the firmware would take
    area = Area("network area", flashed.address, min(flashed.bytes, firmware.network.bytes or flashed.bytes))
    parts = [(f"network image: {what}", offset, size) for what, offset, size in image_parts(network.image)]
    yield from _in_area(area, parts, NETWORK)


def _arena(network: CompiledNetwork) -> int:
    return network.description.activation_bytes


def _copy(spec: BoardSpec, firmware: FirmwareLayout, network: CompiledNetwork) -> list[tuple[str, int, int]]:
    """The copy of the network image behind the arena, of boards that make one without --pose-weights."""
    size = network.description.network_image_bytes
    external = spec.external_ram.bytes if spec.external_ram else 0
    found = choose(_arena(network), size, firmware.arena.bytes, external, spec.weights)
    if found is None or found.weights != "internal":
        return []
    return [("copy of the network image", -(-_arena(network) // COPY_ALIGNMENT) * COPY_ALIGNMENT, size)]


def _slots(block: Area, wanted: int) -> Iterator[Row]:
    """The slots as the firmware carves them for this input (firmware/app/state.c): two halves, or one."""
    half = block.bytes // 2 // SLOT_ALIGNMENT * SLOT_ALIGNMENT
    size, count = (half, 2) if wanted <= half else (block.bytes, 1)
    for number in range(count):
        slot = Area("", block.start + number * size, size)
        yield from _in_area(slot, [(f"input slot {number + 1} of {count}: one picture", 0, wanted)], SLOTS)
    if rest := block.bytes - count * size:
        yield Row(block.start + count * size, rest, f"unused: the rest of the {SLOTS}", SLOTS)


def _in_area(area: Area, parts: Sequence[tuple[str, int, int]], part: str) -> Iterator[Row]:
    """What takes an area from its beginning, and its rest; one row where it is too small."""
    used = max(offset + size for _, offset, size in parts)
    if used > area.bytes:
        yield Row(area.start, area.bytes, f"too small for {parts[0][0].partition(':')[0]}: {used:,} bytes", part)
        return
    for what, offset, size in parts:
        yield Row(area.start + offset, size, what, part)
    if used < area.bytes:
        yield Row(area.start + used, area.bytes - used, f"unused: the rest of the {_named(part)}", part)


def _named(part: str) -> str:
    return {SLOTS: "slot", NETWORK: "network area"}.get(part, part)


def _with_gaps(rows: Sequence[Row], start: int, end: int) -> Iterator[Row]:
    """The rows of [start, end) with those of what nothing has."""
    at = start
    for row in rows:
        if row.start > at:
            yield Row(at, row.start - at, FREE, FREE)
        yield row
        at = max(at, row.end)
    if at < end:
        yield Row(at, end - at, FREE, FREE)


def lines(layout: Layout) -> list[str]:
    """For the terminal."""
    said = [f"{layout.board} ({layout.mcu}) with {layout.network}"]
    for memory in layout.memories:
        cells = [(f"0x{row.start:08x}", f"{row.bytes:,}".rjust(13), row.what) for row in memory.rows]
        said += ["", memory.title, *(f"  {line}" for line in aligned(cells))]
    said += [f"in no memory of the catalog: {row.what}, 0x{row.start:08x}" for row in layout.outside]
    return [*said, "", _verdict(layout)]


def _verdict(layout: Layout) -> str:
    if layout.misfits:
        return f"does not fit: {'; '.join(layout.misfits)}."
    if layout.outside:
        return f"does not fit: of this firmware, {len(layout.outside)} parts lie in no memory of {layout.board}."
    return "everything fits"


def markdown(layout: Layout) -> str:
    """One table, for documents."""
    rows = [
        f"| {memory.name} | {memory.kind} | 0x{row.start:08x} | {row.bytes:,} | {row.what} |\n"
        for memory in layout.memories
        for row in memory.rows
    ]
    head = "| memory | kind | address | bytes | what |\n|---|---|---|---:|---|\n"
    note = f"\n{layout.board}: {_verdict(layout)}\n" if layout.misfits else ""
    return head + "".join(rows) + note


def to_json(layout: Layout, network: CompiledNetwork) -> dict[str, Any]:
    """The same for programs, with what shares the arena's bytes. Sizes in bytes, addresses as numbers."""
    return {
        "board": layout.board,
        "mcu": layout.mcu,
        "network": {"name": layout.network, "sha256": network.description.sha256},
        "misfits": list(layout.misfits),
        "memories": [
            {
                "name": memory.name, "kind": memory.kind, "start": memory.start, "bytes": memory.bytes,
                "free_bytes": memory.free_bytes, "rows": [_row_json(row) for row in memory.rows],
            }
            for memory in layout.memories
        ],
        "outside": [_row_json(row) for row in layout.outside],
        "arena": [_block_json(block, network) for block in network.blocks],
    }  # fmt: skip


def _row_json(row: Row) -> dict[str, Any]:
    return {"start": row.start, "bytes": row.bytes, "what": row.what, "part": row.part}


def _block_json(block: Block, network: CompiledNetwork) -> dict[str, Any]:
    return {
        "offset": block.offset,
        "bytes": block.size,
        "first": block.first,
        "last": block.last,
        "tensors": [network.program.tensors[tensor].name for tensor in block.tensors],
        "window": block.is_window,
    }
